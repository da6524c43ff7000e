//! The life of an execution through the threads.

use muster_core::decide::check::{begin as begin_check, report};
use muster_core::decide::execution::run_now;
use muster_core::decide::{Answer, CheckEnd, Command, Message, Rejection};
use muster_core::words::{Category, ExecutionStatus, Failure, Outcome, Principal};
use muster_shard::{AskError, ExecutionState};
use muster_store::{Location, Store};
use tokio::time::timeout;

use crate::rig::{PATIENCE, Runner, begin, create, definition, end, finished, intervals, organization};

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_goes_from_created_to_completed_and_is_watched() {
    let (handle, running) = begin(Store::open(&Location::Memory).expect("a new store"));
    let mut changes = handle.watch_executions();
    let integration = create(&handle, "here").await;
    let mut runner = Runner::check_in(&handle, 1).await;
    let assignment = runner.assigned().await;
    assert_eq!(assignment.integration, integration);
    runner.carry_out(&handle, &assignment).await;

    let ended = finished(&handle, integration).await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].status(), ExecutionStatus::Completed);
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let change = tokio::time::timeout(PATIENCE, changes.recv())
            .await
            .expect("four changes")
            .expect("no lag");
        seen.push(match change.what {
            ExecutionState::Open(open) => open.status(),
            ExecutionState::Finished(finished) => finished.status(),
        });
    }
    use ExecutionStatus::{Completed, Created, Executing, Pending};
    assert_eq!(seen, [Created, Pending, Executing, Completed]);
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_says_why_and_the_others_of_its_message_go_on() {
    let (handle, running) = begin(Store::open(&Location::Memory).expect("a new store"));
    let integration = create(&handle, "here").await;
    let again = muster_core::decide::integration::create::Create {
        organization: organization(),
        definition: definition("Here"),
        intervals: intervals(),
        draft: false,
        request: None,
    };
    let refused = handle
        .ask(Principal::local(), Command::CreateIntegration(again.clone()))
        .await;
    let taken = Rejection::NameTaken {
        display_name: again.definition.display_name.clone(),
        integration,
    };
    assert_eq!(refused, Err(AskError::Rejected(taken.clone())));
    let run = run_now::RunNow {
        organization: organization(),
        integration,
        data_types: Vec::new(),
    };
    let commands = vec![Command::CreateIntegration(again), Command::RunNow(run)];
    let answers = handle
        .ask_all(Principal::local(), commands)
        .await
        .expect("it runs")
        .await
        .expect("it runs");
    assert_eq!(answers[0], Err(taken));
    assert!(
        matches!(&answers[1], Ok(Answer::Executions(executions)) if executions.len() == 1),
        "{answers:?}"
    );
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_are_all_served_and_each_execution_completes_once() {
    const INTEGRATIONS: usize = 200;
    let (handle, running) = begin(Store::open(&Location::Memory).expect("a new store"));
    let mut creating = tokio::task::JoinSet::new();
    for n in 0..INTEGRATIONS {
        let handle = handle.clone();
        creating.spawn(async move { create(&handle, &format!("source {n}")).await });
    }
    let integrations = creating.join_all().await;
    let mut runner = Runner::check_in(&handle, 16).await;
    let mut done = 0;
    while done < INTEGRATIONS {
        for message in runner.told().await {
            let muster_core::decide::Message::Assign(assignment) = message else {
                panic!("unasked: {message:?}")
            };
            runner.carry_out(&handle, &assignment).await;
            done += 1;
        }
    }
    for integration in integrations {
        let ended = finished(&handle, integration).await;
        assert_eq!(ended.len(), 1);
        assert!(matches!(ended[0].outcome, Outcome::Completed { .. }));
    }
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_check_hears_how_it_ended_or_that_the_shard_has_stopped() {
    let (handle, running) = begin(Store::open(&Location::Memory).expect("a new store"));
    let integration = create(&handle, "source").await;
    let mut runner = Runner::check_in(&handle, 1).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let checks = handle.checks();
        let begun = handle.turn(move |turn| {
            let organization = organization();
            let command = Command::Check(begin_check::Check {
                organization,
                integration,
            });
            match turn.ask(&Principal::local(), command) {
                Ok(Answer::Checking { check, .. }) => (check, checks.wait_for(check)),
                other => panic!("a check begins: {other:?}"),
            }
        });
        asked.push(begun.await.expect("it runs"));
    }
    let (second, never) = asked.pop().expect("two");
    let (first, ending) = asked.pop().expect("two");
    let mut told = Vec::new();
    while told.len() < 2 {
        let checks = runner.told().await.into_iter().filter_map(|message| match message {
            Message::Check(order) => Some(order.check),
            _ => None,
        });
        told.extend(checks);
    }
    assert_eq!(told, [first, second]);
    let failure = Some(Failure::new(Category::Permission, "403"));
    let report = Command::ReportCheck(report::ReportCheck {
        runner: runner.id,
        session: runner.session,
        check: first,
        failure: failure.clone(),
    });
    handle
        .ask(Principal::Runner(runner.id), report)
        .await
        .expect("never refused");
    let told = timeout(PATIENCE, ending).await.expect("it is told").expect("it runs");
    assert!(
        matches!(&told, CheckEnd::Reported { failure: told, .. } if *told == failure),
        "{told:?}"
    );
    let kept = handle.turn(move |turn| turn.state().everywhere().integration(integration).cloned());
    let kept = kept.await.expect("it runs").expect("it is there");
    assert_eq!(kept.checked.expect("it is kept").failure, failure);

    drop(runner);
    end(handle, running).await;
    let stopped = timeout(PATIENCE, never).await.expect("nobody waits for ever");
    assert!(stopped.is_err(), "{stopped:?}");
}
