//! The coordinator's end by itself: what it is told, and what it does then.

use std::time::Duration;

use muster_core::decide::execution::Report;
use muster_core::decide::{Answer, CloseReason, Command, Message, Rejection, Welcome, Work};
use muster_core::words::{Attempt, Claim, Counts, ExecutionId, RunnerId, SessionId, Staged, StagedId};
use muster_proto::v1;
use muster_session::ProtocolError;
use muster_session::coordinator::{CoordinatorEnd, CoordinatorOutput, Ended, Ending};
use v1::coordinator_message::Kind;
use v1::runner_message::Kind as FromRunner;

use crate::messages::{accepted, assignment, at, completed, from_runner, held, hello, report, reports, started, work};

const RUNNER: RunnerId = RunnerId(7);

fn new() -> CoordinatorEnd {
    CoordinatorEnd::new(SessionId(1), at(0))
}

fn outputs(end: &mut CoordinatorEnd) -> Vec<CoordinatorOutput> {
    std::iter::from_fn(|| end.poll_output()).collect()
}

fn sent(end: &mut CoordinatorEnd, millis: u64) -> Vec<Kind> {
    std::iter::from_fn(|| end.poll_send(at(millis)))
        .filter_map(|message| message.kind)
        .collect()
}

fn asked(end: &mut CoordinatorEnd) -> Vec<Command> {
    let outputs = outputs(end).into_iter().map(|output| match output {
        CoordinatorOutput::Ask(commands) => commands,
        other => panic!("it only asks: {other:?}"),
    });
    outputs.flatten().collect()
}

/// An end whose runner is checked in.
fn welcomed() -> CoordinatorEnd {
    let mut end = new();
    end.receive(from_runner(FromRunner::Hello(hello(RUNNER.0))), at(0))
        .expect("a good hello");
    assert_eq!(asked(&mut end).len(), 1);
    let lease = Duration::from_secs(60);
    let welcome = Welcome {
        lease,
        resumed: Vec::new(),
        fenced: Vec::new(),
        required: None,
    };
    end.answered(Ok(Answer::Welcome(welcome)), at(0));
    assert!(matches!(sent(&mut end, 0)[..], [Kind::Welcome(_)]));
    end
}

fn fenced(work: Work) -> Rejection {
    let (execution, attempt) = work;
    let claim = Claim {
        runner: RUNNER,
        attempt,
    };
    Rejection::Fenced { execution, claim }
}

fn acks(kinds: &[Kind]) -> Vec<(Work, v1::ReportKind)> {
    let acks = kinds.iter().filter_map(|kind| match kind {
        Kind::Acks(acks) => Some(&acks.acks),
        _ => None,
    });
    let acks = acks.flatten();
    acks.map(|ack| (work_of(&ack.execution_id, ack.attempt), ack.kind()))
        .collect()
}

fn fences(kinds: &[Kind]) -> Vec<(Work, v1::FenceReason)> {
    let fences = kinds.iter().filter_map(|kind| match kind {
        Kind::Fences(fences) => Some(&fences.fences),
        _ => None,
    });
    let fences = fences.flatten();
    fences
        .map(|fence| (work_of(&fence.execution_id, fence.attempt), fence.reason()))
        .collect()
}

fn work_of(id: &[u8], attempt: u32) -> Work {
    let id = id.try_into().expect("16 bytes");
    (ExecutionId::from_bytes(id), Attempt(attempt))
}

#[test]
fn a_hello_becomes_a_check_in_and_its_answer_the_welcome() {
    let mut end = new();
    let mut said = hello(RUNNER.0);
    said.running = vec![held(work(1, 1)), held(work(2, 3))];
    said.finished = vec![held(work(3, 1))];
    end.receive(from_runner(FromRunner::Hello(said)), at(0))
        .expect("a good hello");
    let commands = asked(&mut end);
    let [Command::CheckIn(check_in)] = &commands[..] else {
        panic!("one check-in: {commands:?}")
    };
    assert_eq!((check_in.runner, check_in.session), (RUNNER, SessionId(1)));
    assert_eq!(check_in.running, [work(1, 1), work(2, 3)]);
    assert_eq!(check_in.finished, [work(3, 1)]);
    assert_eq!(check_in.profile.platform, "linux/x86_64");
    assert!(sent(&mut end, 0).is_empty(), "nothing before the answer");

    let welcome = Welcome {
        lease: Duration::from_secs(60),
        resumed: vec![work(1, 1)],
        fenced: vec![work(2, 3)],
        required: "1.4.0".parse().ok(),
    };
    end.answered(Ok(Answer::Welcome(welcome)), at(5));
    let sent = sent(&mut end, 5);
    let [Kind::Welcome(welcome), Kind::Fences(_)] = &sent[..] else {
        panic!("the welcome, then what is fenced: {sent:?}")
    };
    assert_eq!(welcome.version_required, "1.4.0");
    assert_eq!(welcome.resumed, [held(work(1, 1))]);
    assert_eq!(welcome.lease.expect("set").seconds, 60);
    assert_eq!(welcome.heartbeat_interval.expect("set").seconds, 15);
    assert_eq!(fences(&sent), [(work(2, 3), v1::FenceReason::NotHeld)]);
}

#[test]
fn an_ack_waits_for_the_answer() {
    let mut end = welcomed();
    let all = vec![
        accepted(work(1, 1)),
        started(work(1, 1)),
        completed(work(1, 1), 0, false),
    ];
    end.receive(reports(all), at(100)).expect("good reports");
    let commands = asked(&mut end);
    assert!(
        matches!(commands[..], [Command::Start(_), Command::Finish(_)]),
        "what the start stands for is not asked: {commands:?}"
    );
    assert!(
        sent(&mut end, 100).is_empty(),
        "nothing is acknowledged before it is durable"
    );
    end.answered(Ok(Answer::Done), at(110));
    assert_eq!(acks(&sent(&mut end, 110)), [(work(1, 1), v1::ReportKind::Started)]);
    end.answered(Ok(Answer::Done), at(120));
    assert_eq!(acks(&sent(&mut end, 120)), [(work(1, 1), v1::ReportKind::Finished)]);
}

#[test]
fn answers_are_told_in_one_message() {
    let mut end = welcomed();
    end.receive(reports((1..=3).map(|n| started(work(n, 1))).collect()), at(100))
        .expect("good reports");
    assert_eq!(asked(&mut end).len(), 3);
    end.answered(Ok(Answer::Done), at(110));
    end.answered(Err(fenced(work(2, 1))), at(110));
    end.answered(Ok(Answer::Done), at(110));
    let sent = sent(&mut end, 110);
    assert!(matches!(sent[..], [Kind::Acks(_), Kind::Fences(_)]), "{sent:?}");
    let started = v1::ReportKind::Started;
    assert_eq!(acks(&sent), [(work(1, 1), started), (work(3, 1), started)]);
    assert_eq!(fences(&sent), [(work(2, 1), v1::FenceReason::NotHeld)]);
}

#[test]
fn a_staged_end_asks_the_landing_first() {
    let mut end = welcomed();
    let twice = vec![completed(work(1, 1), 5, true), completed(work(1, 1), 5, true)];
    end.receive(reports(twice), at(100)).expect("good reports");
    let claim = Claim {
        runner: RUNNER,
        attempt: Attempt(1),
    };
    let execution = ExecutionId(1);
    let looked_up = Report { execution, claim };
    assert_eq!(outputs(&mut end), [CoordinatorOutput::LookUpStaged(looked_up)]);
    let counts = Counts { records: 5, bytes: 50 };
    let id = StagedId("a".to_owned());
    let staged = Staged {
        id,
        counts,
        cursor: None,
    };
    end.staged(work(1, 1), Some(staged.clone()));
    let commands = asked(&mut end);
    let [Command::Finish(finish)] = &commands[..] else {
        panic!("one end: {commands:?}")
    };
    assert_eq!((finish.counts, finish.staged.as_ref()), (counts, Some(&staged)));
}

#[test]
fn a_report_about_what_is_not_open_is_looked_up() {
    for (ended, told) in [
        (Ended::Accepted, None),
        (Ended::Otherwise, Some(v1::FenceReason::Ended)),
        (Ended::Unknown, Some(v1::FenceReason::Unknown)),
    ] {
        let mut end = welcomed();
        end.receive(reports(vec![completed(work(1, 1), 0, false)]), at(100))
            .expect("a good report");
        asked(&mut end);
        end.answered(Err(Rejection::NotOpen(ExecutionId(1))), at(100));
        let outputs = outputs(&mut end);
        assert!(
            matches!(outputs[..], [CoordinatorOutput::LookUpEnded(_)]),
            "{outputs:?}"
        );
        assert!(sent(&mut end, 100).is_empty());
        end.ended(work(1, 1), ended);
        let sent = sent(&mut end, 100);
        match told {
            None => assert_eq!(acks(&sent), [(work(1, 1), v1::ReportKind::Finished)]),
            Some(reason) => assert_eq!(fences(&sent), [(work(1, 1), reason)]),
        }
    }
}

#[test]
fn what_the_core_tells_is_sent_with_free_slots_first() {
    let mut end = welcomed();
    end.told(Message::Assign(Box::new(assignment(work(2, 1)))));
    end.told(Message::Cancel {
        execution: ExecutionId(1),
        attempt: Attempt(1),
    });
    let sent = sent(&mut end, 10);
    assert!(matches!(sent[..], [Kind::Cancels(_), Kind::Assignments(_)]), "{sent:?}");
}

#[test]
fn a_configuration_that_cannot_be_sent_ends_the_execution() {
    let mut end = welcomed();
    let mut broken = assignment(work(1, 1));
    broken.configuration = muster_core::words::Configuration::new("[]").expect("small");
    end.told(Message::Assign(Box::new(broken)));
    let commands = asked(&mut end);
    assert!(matches!(commands[..], [Command::Fail(_)]), "{commands:?}");
    end.answered(Ok(Answer::Done), at(10));
    assert!(sent(&mut end, 10).is_empty(), "the runner knows nothing of it");
}

#[test]
fn a_silent_end_sends_heartbeats_and_a_busy_one_none() {
    let mut end = welcomed();
    assert_eq!(end.next_deadline(), Some(at(15_000).moment));
    end.tick(at(14_999)).expect("all is well");
    assert!(!end.has_to_send());
    end.told(Message::Cancel {
        execution: ExecutionId(1),
        attempt: Attempt(1),
    });
    assert_eq!(sent(&mut end, 14_999).len(), 1);
    end.tick(at(15_000)).expect("all is well");
    assert!(!end.has_to_send(), "it has just spoken");
    end.tick(at(29_999)).expect("all is well");
    assert!(end.has_to_send());
    assert_eq!(
        end.next_deadline(),
        None,
        "a heartbeat that has no room yet wakes nobody"
    );
    let sent = sent(&mut end, 30_000);
    assert!(matches!(sent[..], [Kind::Heartbeat(_)]), "{sent:?}");
    assert_eq!(end.next_deadline(), Some(at(45_000).moment));
}

#[test]
fn every_message_renews_the_lease_but_not_a_thousand_times_a_second() {
    let mut end = welcomed();
    let mut heard = 0;
    for millis in (1_000..=10_000).step_by(100) {
        let heartbeat = v1::Heartbeat { local_time: None };
        end.receive(from_runner(FromRunner::Heartbeat(heartbeat)), at(millis))
            .expect("a heartbeat");
        heard += asked(&mut end)
            .iter()
            .filter(|command| matches!(command, Command::Hear(_)))
            .count();
    }
    assert_eq!(heard, 10);
    end.answered(Err(Rejection::SessionOver(SessionId(1))), at(10_000));
    assert_eq!(outputs(&mut end), [CoordinatorOutput::Close(Ending::Lapsed)]);
}

#[test]
fn a_close_is_the_last_word() {
    for (close, ending, reason) in [
        (
            CloseReason::Superseded,
            Ending::Superseded,
            v1::ErrorReason::SessionSuperseded,
        ),
        (CloseReason::Lapsed, Ending::Lapsed, v1::ErrorReason::SessionLapsed),
    ] {
        let mut end = welcomed();
        end.told(Message::Close(close));
        assert_eq!(outputs(&mut end), [CoordinatorOutput::Close(ending)]);
        assert_eq!(ending.reason(), reason);
        end.told(Message::Assign(Box::new(assignment(work(1, 1)))));
        assert!(!end.has_to_send() && !end.wants_input());
        end.disconnected();
        assert!(matches!(asked(&mut end)[..], [Command::Disconnect(_)]));
    }
}

#[test]
fn a_stream_without_a_hello_leaves_no_trace() {
    let mut end = new();
    end.tick(at(9_999)).expect("there is time");
    assert_eq!(end.tick(at(10_000)), Err(ProtocolError::HelloLate));
    end.disconnected();
    assert!(outputs(&mut end).is_empty());
}

#[test]
fn whoever_breaks_the_protocol_is_told_how() {
    type Break = fn(&mut v1::Hello);
    let hellos: [(&str, Break); 14] = [
        ("hello.runner_id", |hello| hello.runner_id = vec![1; 15].into()),
        ("hello.display_name", |hello| hello.display_name.clear()),
        ("hello.organization", |hello| hello.organization = "acme".to_owned()),
        ("hello.organization", |hello| hello.organization.clear()),
        ("hello.pool", |hello| hello.pool = "HQ".to_owned()),
        ("hello.pool", |hello| hello.pool = "hosted".to_owned()),
        ("hello.version", |hello| hello.version = "1".repeat(65)),
        ("hello.slots", |hello| hello.slots = 0),
        ("hello.slots", |hello| hello.slots = 1_001),
        ("hello.connectors", |hello| hello.connectors.clear()),
        ("hello.connectors", |hello| {
            hello.connectors = vec![hello.connectors[0].clone(); 101]
        }),
        ("hello.connectors[1].connector", |hello| {
            hello.connectors.push(hello.connectors[0].clone());
        }),
        ("hello.running", |hello| hello.running = vec![held(work(1, 1)); 1_001]),
        ("hello.finished[1].attempt", |hello| {
            hello.finished = vec![held(work(1, 1)), held(work(1, 0))];
        }),
    ];
    for (place, spoil) in hellos {
        let mut spoiled = hello(RUNNER.0);
        spoil(&mut spoiled);
        let error = new()
            .receive(from_runner(FromRunner::Hello(spoiled)), at(0))
            .expect_err(place);
        assert!(
            matches!(&error, ProtocolError::Field { field, .. } if field == place),
            "{place}: {error}"
        );
        assert_eq!(error.reason(), v1::ErrorReason::InvalidField);
    }
}

#[test]
fn messages_out_of_order_or_bounds_end_the_stream() {
    let heartbeat = || from_runner(FromRunner::Heartbeat(v1::Heartbeat::default()));
    assert_eq!(new().receive(heartbeat(), at(0)), Err(ProtocolError::HelloMissing));
    let again = from_runner(FromRunner::Hello(hello(RUNNER.0)));
    assert_eq!(welcomed().receive(again, at(0)), Err(ProtocolError::HelloRepeated));
    let nothing = v1::RunnerMessage { kind: None };
    assert_eq!(welcomed().receive(nothing, at(0)), Err(ProtocolError::KindUnknown));

    let long_cursor = v1::Completed {
        cursor: Some("x".repeat(16 * 1024 + 1)),
        ..Default::default()
    };
    let long_cursor = report(work(1, 1), v1::report::Kind::Completed(long_cursor));
    let lost = v1::Failure {
        category: v1::ErrorCategory::RunnerLost.into(),
        message: "I am lost".to_owned(),
        remedy: String::new(),
        reason: None,
    };
    let lost = report(work(1, 1), v1::report::Kind::Failed(lost));
    let empty = v1::Report {
        kind: None,
        ..started(work(1, 1))
    };
    for (said, place) in [
        (
            vec![started(work(1, 1)), long_cursor],
            "reports.reports[1].completed.cursor",
        ),
        (vec![lost], "reports.reports[0].failed.category"),
        (vec![empty], "reports.reports[0].kind"),
        (vec![started(work(1, 0))], "reports.reports[0].attempt"),
        (vec![started(work(1, 1)); 6_001], "reports.reports"),
    ] {
        let mut end = welcomed();
        let error = end.receive(reports(said), at(0)).expect_err(place);
        assert!(
            matches!(&error, ProtocolError::Field { field, .. } if field == place),
            "{place}: {error}"
        );
        assert!(outputs(&mut end).is_empty(), "a message that is wrong changes nothing");
    }
}

#[test]
fn a_runner_that_reports_faster_than_is_answered_has_to_wait() {
    let mut end = welcomed();
    let mut taken = 0_u32;
    while end.wants_input() {
        taken += 1;
        assert!(taken < 1_000, "it stops wanting more");
        end.receive(reports(vec![started(work(u128::from(taken), 1)); 100]), at(0))
            .expect("good reports");
    }
    assert!(end.in_hand() < 6_100);
    for _ in 0..200 {
        end.answered(Err(fenced(work(1, 1))), at(0));
    }
    assert!(end.wants_input(), "it goes on once there are answers");
}

#[test]
fn log_lines_are_stamped_and_bounded() {
    let mut end = welcomed();
    let attempt = v1::AttemptLogLines {
        execution_id: held(work(1, 1)).execution_id,
        attempt: 1,
        lines: vec![v1::RunnerLogLine {
            message: "ä".repeat(8 * 1024),
            ..Default::default()
        }],
        dropped_count: 3,
    };
    let lines = v1::RunnerLogLines {
        attempts: vec![attempt],
    };
    end.receive(from_runner(FromRunner::LogLines(lines)), at(500))
        .expect("good lines");
    let outputs = outputs(&mut end);
    let [
        CoordinatorOutput::LogLines {
            work: of,
            lines,
            dropped: 3,
        },
    ] = &outputs[..]
    else {
        panic!("lines: {outputs:?}")
    };
    assert_eq!(
        (*of, lines[0].at, lines[0].message.len()),
        (work(1, 1), at(500).stamp, 8 * 1024)
    );
}

#[test]
fn a_runner_that_does_not_read_loses_its_session() {
    let mut end = welcomed();
    for n in 1..=20_000 {
        let execution = ExecutionId(n);
        let attempt = Attempt(1);
        end.told(Message::Fence { execution, attempt });
    }
    assert_eq!(outputs(&mut end), [CoordinatorOutput::Close(Ending::Overflow)]);
    assert!(end.in_hand() < 12_100, "and costs no more memory");
}
