//! The runner's end by itself: what it is told, and what it does then.

use std::time::Duration;

use muster_core::decide::Work;
use muster_core::time::Moment;
use muster_core::words::{Category, CheckId, Counts, Failure, LogLevel, LogSource, SessionId};
use muster_proto::v1;
use muster_session::ProtocolError;
use muster_session::runner::{GiveUpReason, IgnoreReason, RunnerEnd, RunnerOutput, StopReason, StreamEnd};
use v1::report::Kind as Said;
use v1::runner_message::Kind;

use crate::messages::{ack, assign, at, completed, fence, from_coordinator, held, profile, welcome, work};

const NOTHING: Counts = Counts { records: 0, bytes: 0 };

fn new(spooled: Vec<v1::Report>) -> RunnerEnd {
    let chance = fastrand::Rng::with_seed(1);
    RunnerEnd::new(profile(7), spooled, chance, at(0)).expect("its spool is its own")
}

fn outputs(end: &mut RunnerEnd) -> Vec<RunnerOutput> {
    std::iter::from_fn(|| end.poll_output()).collect()
}

fn given_up(why: GiveUpReason) -> RunnerOutput {
    RunnerOutput::Disconnect { why }
}

fn sent(end: &mut RunnerEnd, millis: u64) -> Vec<Kind> {
    std::iter::from_fn(|| end.poll_send(at(millis)))
        .filter_map(|message| message.kind)
        .collect()
}

/// The names of the reports that are sent now, which go in one message.
fn reported(end: &mut RunnerEnd, millis: u64) -> Vec<&'static str> {
    let sent = sent(end, millis);
    let reports = match &sent[..] {
        [] => return Vec::new(),
        [Kind::Reports(reports)] => reports,
        other => panic!("one message of reports: {other:?}"),
    };
    let names = reports.reports.iter().map(|report| match report.kind {
        Some(Said::Accepted(_)) => "accepted",
        Some(Said::Started(_)) => "started",
        Some(Said::Progress(_)) => "progress",
        Some(Said::Completed(_)) => "completed",
        Some(Said::Failed(_)) => "failed",
        None => "nothing",
    });
    names.collect()
}

fn greet(end: &mut RunnerEnd, millis: u64, resumed: &[Work]) -> v1::Hello {
    end.connected(at(millis));
    let mut sent = sent(end, millis);
    assert_eq!(sent.len(), 1, "the hello, and nothing else: {sent:?}");
    let Some(Kind::Hello(hello)) = sent.pop() else {
        panic!("the hello is the first")
    };
    end.receive(welcome(1, 60, 15, resumed), at(millis))
        .expect("a good welcome");
    hello
}

/// An end that is checked in at the start.
fn up() -> RunnerEnd {
    let mut end = new(Vec::new());
    assert_eq!(outputs(&mut end), [RunnerOutput::Connect]);
    greet(&mut end, 0, &[]);
    let session = SessionId(1);
    let version_required = None;
    assert_eq!(
        outputs(&mut end),
        [RunnerOutput::Welcomed {
            session,
            version_required
        }]
    );
    end
}

/// An end that runs this work.
fn running(work: &[Work]) -> RunnerEnd {
    let mut end = up();
    end.receive(assign(work), at(0)).expect("good assignments");
    let started = outputs(&mut end);
    assert!(
        started.len() == work.len() && started.iter().all(|output| matches!(output, RunnerOutput::Start(_))),
        "{started:?}"
    );
    end
}

/// Lets the end come back after its back-off, and returns when that was.
fn back(end: &mut RunnerEnd) -> u64 {
    let retry = end.next_deadline().expect("it comes back");
    let millis = u64::try_from(retry.since(Moment::default()).as_millis()).expect("soon");
    end.tick(at(millis));
    assert_eq!(outputs(end).last(), Some(&RunnerOutput::Connect));
    millis
}

#[test]
fn an_assignment_is_accepted_begun_and_reported_to_its_end() {
    let mut end = running(&[work(1, 1)]);
    assert_eq!(reported(&mut end, 0), ["accepted"]);
    end.started(work(1, 1));
    end.started(work(1, 1));
    assert_eq!(reported(&mut end, 0), ["started"]);
    assert!(end.completed(work(1, 1), NOTHING, None, false));
    assert_eq!(
        outputs(&mut end),
        [RunnerOutput::Spool(completed(work(1, 1), 0, false))]
    );
    assert_eq!(reported(&mut end, 0), ["completed"]);
    assert!(!end.completed(work(1, 1), NOTHING, None, false), "it ends once");

    end.receive(ack(work(1, 1), v1::ReportKind::Started), at(1))
        .expect("an ack");
    assert!(outputs(&mut end).is_empty(), "a result stays until its own ack");
    end.receive(ack(work(1, 1), v1::ReportKind::Finished), at(1))
        .expect("an ack");
    let (work, accepted) = (work(1, 1), true);
    assert_eq!(outputs(&mut end), [RunnerOutput::Unspool { work, accepted }]);
}

#[test]
fn what_is_ready_goes_in_one_message() {
    let mut end = running(&[work(1, 1), work(2, 1)]);
    end.started(work(1, 1));
    assert!(end.completed(work(1, 1), NOTHING, None, false));
    assert_eq!(
        reported(&mut end, 0),
        ["accepted", "started", "completed"],
        "the first one's `accepted` is left out"
    );
}

fn ignored(work: Work, why: IgnoreReason) -> RunnerOutput {
    let integration = "organizations/acme/integrations/00000000-0000-0000-0000-000000000001".to_owned();
    RunnerOutput::Ignored { work, integration, why }
}

#[test]
fn slots_and_the_past_bound_what_is_begun() {
    let mut end = running(&[work(1, 1), work(2, 1)]);
    end.receive(assign(&[work(3, 1)]), at(0)).expect("understood");
    let why = IgnoreReason::NoSlot;
    assert_eq!(outputs(&mut end), [ignored(work(3, 1), why)]);
    sent(&mut end, 0);
    end.receive(assign(&[work(1, 1)]), at(0)).expect("understood");
    assert!(outputs(&mut end).is_empty(), "a repeated one is not begun again");
    assert_eq!(reported(&mut end, 0), ["accepted"], "but accepted again");

    end.receive(fence(work(1, 1)), at(0)).expect("understood");
    outputs(&mut end);
    end.receive(assign(&[work(1, 1)]), at(0)).expect("understood");
    let why = IgnoreReason::Past;
    assert_eq!(outputs(&mut end), [ignored(work(1, 1), why)]);
    end.receive(assign(&[work(1, 2)]), at(0)).expect("understood");
    assert!(matches!(outputs(&mut end)[..], [RunnerOutput::Start(_)]));
}

#[test]
fn an_assignment_that_is_not_understood_fails_instead_of_looping() {
    let mut end = up();
    let mut message = assign(&[work(1, 1)]);
    if let Some(v1::coordinator_message::Kind::Assignments(assignments)) = &mut message.kind {
        assignments.assignments[0].connector = "No such name".to_owned();
    }
    end.receive(message, at(0)).expect("it is answered");
    assert!(matches!(outputs(&mut end)[..], [RunnerOutput::Spool(_)]));
    assert_eq!(reported(&mut end, 0), ["failed"]);
}

#[test]
fn work_that_is_not_the_runners_any_more_is_stopped_and_its_result_dropped() {
    let mut end = running(&[work(1, 1), work(2, 1)]);
    assert!(end.completed(work(2, 1), NOTHING, None, false));
    outputs(&mut end);
    end.log(work(1, 1), LogSource::Connector, LogLevel::Info, "page 1");
    let canceled = v1::Cancels {
        cancels: vec![v1::Cancel {
            execution_id: held(work(1, 1)).execution_id,
            attempt: 1,
            reason: String::new(),
        }],
    };
    end.receive(
        from_coordinator(v1::coordinator_message::Kind::Cancels(canceled)),
        at(0),
    )
    .expect("understood");
    let why = StopReason::Canceled;
    assert_eq!(outputs(&mut end), [RunnerOutput::Stop { work: work(1, 1), why }]);
    end.receive(fence(work(2, 1)), at(0)).expect("understood");
    let (fenced, accepted) = (work(2, 1), false);
    assert_eq!(outputs(&mut end), [RunnerOutput::Unspool { work: fenced, accepted }]);
    assert!(!end.failed(work(1, 1), Failure::new(Category::Timeout, "slow")));
    assert!(sent(&mut end, 0).is_empty(), "nothing is said about either");
}

#[test]
fn what_was_not_acknowledged_is_said_again_after_the_next_welcome() {
    let mut end = running(&[work(1, 1), work(2, 1)]);
    end.started(work(1, 1));
    end.started(work(2, 1));
    assert!(end.completed(work(2, 1), NOTHING, None, false));
    assert_eq!(reported(&mut end, 0), ["started", "started", "completed"]);
    end.receive(ack(work(1, 1), v1::ReportKind::Accepted), at(1))
        .expect("an ack");
    outputs(&mut end);
    end.disconnected(StreamEnd::Broken, at(1_000));
    let millis = back(&mut end);
    let hello = greet(&mut end, millis, &[work(1, 1)]);
    assert_eq!(hello.running, [held(work(1, 1))]);
    assert_eq!(hello.finished, [held(work(2, 1))]);
    assert_eq!(reported(&mut end, millis), ["completed", "started"]);
    end.receive(ack(work(1, 1), v1::ReportKind::Started), at(millis))
        .expect("an ack");
    end.receive(ack(work(2, 1), v1::ReportKind::Finished), at(millis))
        .expect("an ack");
    outputs(&mut end);
    end.disconnected(StreamEnd::Broken, at(millis));
    let millis = back(&mut end);
    greet(&mut end, millis, &[work(1, 1)]);
    assert!(
        reported(&mut end, millis).is_empty(),
        "what is durable is not said again"
    );
}

#[test]
fn work_that_the_welcome_does_not_resume_is_stopped() {
    let mut end = running(&[work(1, 1)]);
    end.disconnected(StreamEnd::Broken, at(0));
    let millis = back(&mut end);
    greet(&mut end, millis, &[]);
    let why = StopReason::Fenced;
    assert_eq!(
        outputs(&mut end).pop(),
        Some(RunnerOutput::Stop { work: work(1, 1), why })
    );
}

/// Else the coordinator would wait for it as long as the runner lives.
#[test]
fn work_that_is_lost_while_the_welcome_is_under_way_is_not_resumed() {
    let mut end = running(&[work(1, 1)]);
    end.disconnected(StreamEnd::Broken, at(46_000));
    let millis = back(&mut end);
    end.connected(at(millis));
    assert!(matches!(&sent(&mut end, millis)[..], [Kind::Hello(hello)] if hello.running == [held(work(1, 1))]));
    end.tick(at(48_000));
    let why = StopReason::LeaseLost;
    assert_eq!(outputs(&mut end), [RunnerOutput::Stop { work: work(1, 1), why }]);
    end.receive(welcome(1, 60, 15, &[work(1, 1)]), at(48_500))
        .expect("a good welcome");
    assert_eq!(outputs(&mut end), [given_up(GiveUpReason::WorkLost)]);
    let millis = back(&mut end);
    assert_eq!(greet(&mut end, millis, &[]).running, []);
    assert!(end.is_checked_in());
}

#[test]
fn a_spool_from_an_earlier_life_is_told_in_its_order() {
    let spooled = vec![completed(work(9, 1), 0, false), completed(work(3, 2), 0, false)];
    let mut end = new(spooled);
    let hello = greet(&mut end, 0, &[]);
    assert_eq!(hello.finished, [held(work(9, 1)), held(work(3, 2))]);
    assert_eq!(reported(&mut end, 0), ["completed", "completed"]);
}

#[test]
fn a_stream_on_which_nothing_comes_is_given_up_and_then_the_work() {
    let mut end = running(&[work(1, 1)]);
    end.tick(at(34_999));
    assert!(outputs(&mut end).is_empty());
    end.tick(at(35_000));
    assert_eq!(outputs(&mut end), [given_up(GiveUpReason::Silence)]);
    // Nobody answers the dialling.
    for millis in (35_000..48_000).step_by(100) {
        end.tick(at(millis));
        if outputs(&mut end).contains(&RunnerOutput::Connect) {
            end.disconnected(StreamEnd::Broken, at(millis));
        }
    }
    end.tick(at(48_000));
    let why = StopReason::LeaseLost;
    assert!(
        outputs(&mut end).contains(&RunnerOutput::Stop { work: work(1, 1), why }),
        "80 % of 60 s"
    );
    assert!(!end.completed(work(1, 1), NOTHING, None, false));
}

#[test]
fn any_word_of_the_coordinator_keeps_the_work_and_the_stream() {
    let mut end = running(&[work(1, 1)]);
    for seconds in (10..300).step_by(10) {
        let heartbeat = v1::coordinator_message::Kind::Heartbeat(v1::Heartbeat::default());
        end.receive(from_coordinator(heartbeat), at(seconds * 1_000))
            .expect("a heartbeat");
        end.tick(at(seconds * 1_000));
        sent(&mut end, seconds * 1_000);
    }
    assert!(outputs(&mut end).is_empty());
}

#[test]
fn results_outlive_the_lease() {
    let mut end = running(&[work(1, 1)]);
    assert!(end.completed(work(1, 1), NOTHING, None, false));
    end.disconnected(StreamEnd::Lapsed, at(0));
    outputs(&mut end);
    let millis = back(&mut end);
    assert_eq!(greet(&mut end, millis, &[]).finished, [held(work(1, 1))]);
}

#[test]
fn heartbeats_are_sent_when_there_is_nothing_else() {
    let mut end = up();
    assert_eq!(end.next_deadline(), Some(at(15_000).moment));
    end.tick(at(15_000));
    assert!(end.has_to_send());
    assert_eq!(
        end.next_deadline(),
        Some(at(35_000).moment),
        "a heartbeat that has no room yet wakes nobody"
    );
    let sent = sent(&mut end, 15_000);
    assert!(matches!(sent[..], [Kind::Heartbeat(_)]), "{sent:?}");
    assert_eq!(end.next_deadline(), Some(at(30_000).moment));
}

#[test]
fn a_welcome_that_does_not_come_is_not_waited_for() {
    let mut end = new(Vec::new());
    end.connected(at(0));
    assert_eq!(sent(&mut end, 0).len(), 1);
    end.tick(at(9_999));
    assert!(!outputs(&mut end).contains(&given_up(GiveUpReason::NoWelcome)));
    end.tick(at(10_000));
    assert!(outputs(&mut end).contains(&given_up(GiveUpReason::NoWelcome)));
    // Nor is a connection that does not open.
    let millis = back(&mut end);
    end.tick(at(millis + 20_000));
    assert_eq!(outputs(&mut end), [given_up(GiveUpReason::NoConnection)]);
}

#[test]
fn the_wait_grows_and_begins_anew_after_a_steady_stream() {
    let mut end = new(Vec::new());
    outputs(&mut end);
    let mut waits = Vec::new();
    let mut millis = 0;
    for _ in 0..200 {
        end.disconnected(StreamEnd::Broken, at(millis));
        let next = back(&mut end);
        waits.push(next - millis);
        millis = next;
    }
    assert!(waits.iter().all(|wait| *wait <= 20_000) && waits[0] <= 500);
    assert!(waits.iter().any(|wait| *wait > 15_000), "it grows: {waits:?}");

    greet(&mut end, millis, &[]);
    end.disconnected(StreamEnd::Broken, at(millis + 5_000));
    assert!(back(&mut end) - millis - 5_000 <= 500, "a steady stream was a success");

    for end_of_stream in [StreamEnd::Refused, StreamEnd::Superseded] {
        let mut end = up();
        end.disconnected(end_of_stream, at(10_000));
        assert!(
            back(&mut end) >= 25_000,
            "dialling at once would not help: {end_of_stream:?}"
        );
    }
}

#[test]
fn it_checks_in_anew_when_told() {
    let mut end = running(&[work(1, 1)]);
    let reconnect = v1::Reconnect {
        reason: v1::ReconnectReason::Shutdown.into(),
        delay: Some(prost_types::Duration { seconds: 3, nanos: 0 }),
    };
    end.receive(
        from_coordinator(v1::coordinator_message::Kind::Reconnect(reconnect)),
        at(10_000),
    )
    .expect("understood");
    assert_eq!(outputs(&mut end), [given_up(GiveUpReason::Asked)]);
    let millis = back(&mut end);
    assert!((13_000..=13_500).contains(&millis), "{millis}");
    assert_eq!(greet(&mut end, millis, &[work(1, 1)]).running, [held(work(1, 1))]);
}

#[test]
fn a_draining_runner_finishes_and_is_idle() {
    let mut end = running(&[work(1, 1)]);
    sent(&mut end, 0);
    end.drain();
    assert!(matches!(sent(&mut end, 0)[..], [Kind::Drain(_)]));
    end.receive(assign(&[work(2, 1)]), at(0)).expect("understood");
    let why = IgnoreReason::Draining;
    assert_eq!(outputs(&mut end), [ignored(work(2, 1), why)]);
    // It says so again on the next stream.
    end.disconnected(StreamEnd::Broken, at(0));
    let millis = back(&mut end);
    greet(&mut end, millis, &[work(1, 1)]);
    assert!(matches!(sent(&mut end, millis)[..], [Kind::Drain(_), Kind::Reports(_)]));
    assert!(!end.is_idle());
    assert!(end.completed(work(1, 1), NOTHING, None, false));
    sent(&mut end, millis);
    assert!(!end.is_idle(), "not before the result is taken over");
    end.receive(ack(work(1, 1), v1::ReportKind::Finished), at(millis))
        .expect("an ack");
    assert!(end.is_idle());
}

#[test]
fn progress_is_the_newest_and_rare() {
    let mut end = running(&[work(1, 1)]);
    sent(&mut end, 0);
    let mut progress = Vec::new();
    for millis in (0..3_000).step_by(50) {
        end.progress(work(1, 1), millis);
        end.tick(at(millis));
        progress.extend(reported(&mut end, millis));
    }
    assert_eq!(progress, ["progress"; 3]);
}

#[test]
fn lines_are_bounded_and_a_report_waits_for_one_message_of_them() {
    let mut end = running(&[work(1, 1)]);
    for n in 0..5_000 {
        end.log(work(1, 1), LogSource::Connector, LogLevel::Info, &format!("line {n}"));
    }
    end.log(work(2, 1), LogSource::Connector, LogLevel::Info, "of no work in hand");
    let sent = sent(&mut end, 0);
    assert!(matches!(sent[..2], [Kind::LogLines(_), Kind::Reports(_)]), "{sent:?}");
    let lines = sent.iter().map(|kind| match kind {
        Kind::LogLines(lines) => &lines.attempts[..],
        Kind::Reports(_) => &[],
        other => panic!("lines: {other:?}"),
    });
    let attempts: Vec<_> = lines.flatten().collect();
    let kept: u64 = attempts.iter().map(|attempt| attempt.lines.len() as u64).sum();
    let dropped: u64 = attempts.iter().map(|attempt| attempt.dropped_count).sum();
    assert_eq!((kept, kept + dropped), (2_000, 5_000));
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.execution_id == held(work(1, 1)).execution_id)
    );
}

#[test]
fn lines_that_come_one_by_one_are_gathered_and_the_last_ones_wait_for_nothing_when_the_runner_leaves() {
    let mut end = running(&[work(1, 1)]);
    sent(&mut end, 0);
    let mut messages = 0;
    for millis in 0..1_000 {
        end.log(work(1, 1), LogSource::Connector, LogLevel::Info, "one more");
        end.tick(at(millis));
        messages += sent(&mut end, millis).len();
    }
    assert_eq!(messages, 10);
    // What was not sent yet has a time when it will be.
    assert_eq!(end.next_deadline(), Some(at(1_000).moment));
    end.drain();
    assert!(matches!(sent(&mut end, 999)[..], [Kind::Drain(_), Kind::LogLines(_)]));
}

/// What HTTP/2's implementation (h2) takes from the budget of a connection for a frame that nobody has read: what it has less than 256 bytes.
fn cost(message: &v1::RunnerMessage) -> usize {
    use prost::Message as _;
    // Its length and whether it is compressed go before each message.
    256_usize.saturating_sub(message.encoded_len() + 5)
}

#[test]
fn what_nobody_reads_does_not_use_up_the_connections_budget_before_the_runner_gives_up() {
    let mut end = running(&[work(1, 1), work(2, 1)]);
    let mut spent = 0;
    let mut silent = 0;
    while !outputs(&mut end).contains(&given_up(GiveUpReason::Silence)) {
        end.log(work(1, 1), LogSource::Connector, LogLevel::Info, "page");
        end.progress(work(2, 1), silent);
        end.tick(at(silent));
        while end.has_to_send() {
            spent += end.poll_send(at(silent)).as_ref().map_or(0, cost);
        }
        silent += 10;
    }
    assert!(silent >= 10_000, "it gives up after {silent} ms");
    // Half of hyper's window for a connection, 1 MiB; some is left for the reports of a thousand slots.
    assert!(spent < 512 * 1024 / 4, "{spent} bytes");
}

#[test]
fn many_large_reports_go_in_several_messages() {
    use prost::Message as _;
    let spooled = (1..=60).map(|n| {
        let completed = v1::Completed {
            cursor: Some("x".repeat(16 * 1024)),
            ..Default::default()
        };
        crate::messages::report(work(n, 1), Said::Completed(completed))
    });
    let mut end = new(spooled.collect());
    greet(&mut end, 0, &[]);
    let messages: Vec<v1::RunnerMessage> = std::iter::from_fn(|| end.poll_send(at(0))).collect();
    assert!(messages.len() > 3);
    assert!(messages.iter().all(|message| message.encoded_len() <= 256 * 1024));
}

#[test]
fn a_coordinator_that_makes_no_sense_is_left() {
    let mut end = new(Vec::new());
    end.connected(at(0));
    let early = end.receive(ack(work(1, 1), v1::ReportKind::Accepted), at(0));
    assert_eq!(early, Err(ProtocolError::WelcomeMissing));
    assert!(outputs(&mut end).contains(&given_up(GiveUpReason::Violation)));

    for (lease, heartbeat, field) in [(0, 15, "welcome.lease"), (60, 31, "welcome.heartbeat_interval")] {
        let mut end = new(Vec::new());
        end.connected(at(0));
        let error = end.receive(welcome(1, lease, heartbeat, &[]), at(0)).expect_err(field);
        assert!(
            matches!(&error, ProtocolError::Field { field: of, .. } if of == field),
            "{error}"
        );
    }

    let mut end = up();
    assert_eq!(
        end.receive(welcome(2, 60, 15, &[]), at(0)),
        Err(ProtocolError::WelcomeRepeated)
    );
    let mut end = up();
    end.receive(v1::CoordinatorMessage { kind: None }, at(0))
        .expect("what a newer coordinator says is ignored");
    assert!(end.is_checked_in());
}

#[test]
fn a_lease_is_lost_in_any_state_of_the_link() {
    let mut end = running(&[work(1, 1)]);
    end.disconnected(StreamEnd::Broken, at(47_000));
    let lost = Moment::from_start(Duration::from_secs(48));
    assert!(end.next_deadline() <= Some(lost));
    end.tick(at(48_000));
    let why = StopReason::LeaseLost;
    assert!(outputs(&mut end).contains(&RunnerOutput::Stop { work: work(1, 1), why }));
}

#[test]
fn old_messages_do_not_bring_back_the_lease_of_a_process_that_was_stopped() {
    let mut end = running(&[work(1, 1)]);
    let heartbeat = v1::coordinator_message::Kind::Heartbeat(v1::Heartbeat::default());
    end.receive(from_coordinator(heartbeat), at(70_000))
        .expect("a heartbeat");
    let why = StopReason::LeaseLost;
    let work = work(1, 1);
    assert_eq!(outputs(&mut end), [RunnerOutput::Stop { work, why }]);
}

fn check(id: u8) -> v1::CoordinatorMessage {
    from_coordinator(v1::coordinator_message::Kind::Check(v1::Check {
        check_id: vec![id; 16].into(),
        integration: "organizations/acme/integrations/00000000-0000-0000-0000-000000000003".to_owned(),
        connector: "host".to_owned(),
        configuration_revision: 1,
        time_limit: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..v1::Check::default()
    }))
}

#[test]
fn a_check_is_begun_once_and_a_fifth_not_at_all() {
    let mut end = up();
    for id in [1, 1, 2, 3, 4, 5] {
        end.receive(check(id), at(0)).expect("a good check");
    }
    let begun = outputs(&mut end);
    assert_eq!(begun.len(), 4, "{begun:?}");
    let failure = Failure::new(Category::RunnerLost, "");
    for _ in 0..2 {
        end.checked(CheckId::from_bytes([1; 16]), Some(failure.clone()));
    }
    let said = sent(&mut end, 1);
    let [Kind::CheckResult(result)] = &said[..] else {
        panic!("one result: {said:?}")
    };
    assert_eq!(result.check_id[..], [1; 16]);
    let failure = result.failure.as_ref().expect("it failed");
    assert_eq!(
        failure.category(),
        v1::ErrorCategory::Connector,
        "what is not its own to say"
    );
    assert!(!failure.message.is_empty());
}

#[test]
fn a_check_that_is_not_understood_is_answered_and_one_without_an_id_is_a_breach() {
    let mut end = up();
    let mut unclear = check(1);
    let Some(v1::coordinator_message::Kind::Check(it)) = &mut unclear.kind else {
        panic!("it is one")
    };
    it.connector = "LDAP".to_owned();
    end.receive(unclear, at(0)).expect("it says which");
    assert!(outputs(&mut end).is_empty());
    let said = sent(&mut end, 1);
    let [
        Kind::CheckResult(v1::CheckResult {
            failure: Some(failure), ..
        }),
    ] = &said[..]
    else {
        panic!("it failed: {said:?}")
    };
    assert!(failure.message.contains("check: connector: "), "{}", failure.message);
    let nameless = v1::coordinator_message::Kind::Check(v1::Check::default());
    end.receive(from_coordinator(nameless), at(0))
        .expect_err("it cannot be answered");
}
