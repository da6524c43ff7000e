//! The sentences that say why an execution waits, in the situations that operators meet.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::{fail, progress};
use muster_core::decide::integration::create;
use muster_core::decide::session::presence;
use muster_core::explain::explain;
use muster_core::words::{Category, Failure, Principal};

use crate::model::{Model, definition, intervals, organization, runner_id};

fn one_queued() -> Model {
    let mut model = Model::new(1);
    let command = create::Create {
        organization: organization(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    model
        .ask(&Principal::local(), Command::CreateIntegration(command))
        .expect("it is new");
    model
}

fn said(model: &Model) -> (String, Option<String>) {
    let execution = model.state.everywhere().executions().next().expect("one is open");
    let explanation = explain(&model.state, execution, model.now, None);
    (explanation.state, explanation.next_step)
}

#[test]
fn nobody_has_ever_checked_in() {
    let mut model = one_queued();
    model.pass(Duration::from_secs(240));
    let (state, next) = said(&model);
    assert_eq!(state, "Created for 4 min: no runner of pool `hq` has ever checked in");
    let step = "add one: `Add runner` on the web page says how, or `muster runner enroll-token create --pool hq`; where runners need no \
                token, start `muster-runner --pool hq`";
    assert_eq!(next.as_deref(), Some(step));
}

#[test]
fn nobody_is_there_any_more() {
    let mut model = Model::new(1);
    model.check_in(0, false);
    let session = model.runners[0].session.expect("it is there");
    let gone = presence::Disconnect {
        runner: runner_id(0),
        session,
    };
    model
        .ask(&Principal::Coordinator, Command::Disconnect(gone))
        .expect("never refused");
    let command = create::Create {
        organization: organization(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    model
        .ask(&Principal::local(), Command::CreateIntegration(command))
        .expect("it is new");
    let (state, next) = said(&model);
    assert_eq!(
        state,
        "Created for 0 s: no runner of pool `hq` has checked in since 22:13 UTC"
    );
    assert_eq!(
        next.as_deref(),
        Some("start the runner `hq-0` again, or another of this pool")
    );
}

#[test]
fn the_holder_works_and_then_is_away() {
    let mut model = one_queued();
    model.check_in(0, false);
    model.dispatch();
    assert_eq!(
        said(&model).0,
        "Pending for 0 s: the runner `hq-0` has it and has not started yet"
    );
    let work = *model.runners[0].work.first().expect("it was assigned");
    model.report(0, work, 1, |report| Command::Start(progress::Start(report)), false);
    assert_eq!(
        said(&model).0,
        "Executing for 0 s: the runner `hq-0` is collecting, attempt 1"
    );
    let session = model.runners[0].session.expect("it is there");
    let gone = presence::Disconnect {
        runner: runner_id(0),
        session,
    };
    model
        .ask(&Principal::Coordinator, Command::Disconnect(gone))
        .expect("never refused");
    let away = "the runner `hq-0` is not connected; unless it is back within 1 min, its work is given to another";
    assert_eq!(said(&model).0, format!("Executing for 0 s: {away}"));
}

#[test]
fn a_failed_attempt_backs_off_and_says_why() {
    let mut model = one_queued();
    model.check_in(0, false);
    model.dispatch();
    let work = *model.runners[0].work.first().expect("it was assigned");
    let failure = Failure::new(Category::Communication, "connection refused by dc1:636");
    model.report(
        0,
        work,
        1,
        |report| {
            Command::Fail(fail::Fail {
                report,
                failure: failure.clone(),
            })
        },
        true,
    );
    let (state, next) = said(&model);
    assert!(state.starts_with("Created for 0 s: it is tried again in "), "{state}");
    assert!(
        state.ends_with("after 1 failed attempt (communication: connection refused by dc1:636)"),
        "{state}"
    );
    let next = next.expect("something to do");
    assert!(
        next.starts_with("check that the runners of pool `hq` can reach the source"),
        "{next}"
    );
}
