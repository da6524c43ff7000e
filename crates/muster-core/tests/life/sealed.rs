//! Secrets that only some runners can open: who gets the executions, and what is said of those that wait.

use muster_core::decide::Command;
use muster_core::decide::integration::{create, update};
use muster_core::decide::session::presence;
use muster_core::explain::explain;
use muster_core::words::Principal;

use crate::model::{Model, definition, intervals, organization, runner_id, sealed_to};

fn sealed(which: &[usize]) -> Model {
    let mut model = Model::new(1);
    let mut definition = definition(1);
    definition.sealed_to = sealed_to(which);
    let create = create::Create {
        organization: organization(),
        definition,
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    let created = model.ask(&Principal::local(), Command::CreateIntegration(create));
    created.expect("it is new");
    model
}

fn holder(model: &Model) -> Option<usize> {
    let execution = model.state.everywhere().executions().next().expect("one is open");
    let claim = execution.holder()?;
    (0..2).find(|which| runner_id(*which) == claim.runner)
}

fn said(model: &Model) -> (String, Option<String>) {
    let execution = model.state.everywhere().executions().next().expect("one is open");
    let explanation = explain(&model.state, execution, model.now, None);
    (explanation.state, explanation.next_step)
}

#[test]
fn a_runner_that_came_later_gets_nothing_of_it_and_the_explanation_says_how_to_seal_anew() {
    let mut model = sealed(&[1]);
    model.check_in(0, false);
    model.dispatch();
    assert_eq!(holder(&model), None);
    let (why, next) = said(&model);
    assert_eq!(
        why,
        "Created for 0 s: its secrets are sealed, and of the runners of pool `hq` the one that is online cannot open them; \
         they were sealed to runners that nobody knows here"
    );
    let anew = "seal them anew for the runners that are there: `muster seal --pool hq`";
    assert_eq!(next.as_deref(), Some(anew));

    model.check_in(1, false);
    model.dispatch();
    assert_eq!(holder(&model), Some(1));
}

#[test]
fn the_runner_that_could_open_them_is_named_when_it_is_away() {
    let mut model = sealed(&[1]);
    model.check_in(1, false);
    let gone = presence::Disconnect {
        runner: runner_id(1),
        session: model.runners[1].session.expect("it is there"),
    };
    let gone = model.ask(&Principal::Coordinator, Command::Disconnect(gone));
    gone.expect("never refused");
    model.check_in(0, false);
    model.dispatch();
    assert_eq!(holder(&model), None);
    let (why, next) = said(&model);
    assert!(why.ends_with("`hq-1` could, and was last seen 22:13 UTC"), "{why}");
    let next = next.expect("something to do");
    assert!(
        next.starts_with("start the runner `hq-1` again, or seal them anew"),
        "{next}"
    );
}

#[test]
fn what_waits_goes_to_those_to_whom_it_was_sealed_anew() {
    let mut model = sealed(&[1]);
    model.check_in(0, false);
    let mut anew = definition(1);
    anew.sealed_to = sealed_to(&[0, 1]);
    let update = update::Update {
        organization: organization(),
        integration: model.state.everywhere().integrations().next().expect("it is there").id,
        definition: anew,
        intervals: intervals(1, 60),
        version: None,
    };
    let updated = model.ask(&Principal::local(), Command::UpdateIntegration(update));
    updated.expect("it is there");
    model.dispatch();
    assert_eq!(holder(&model), Some(0));
}

#[test]
fn who_waits_for_a_key_holds_up_nobody_else_of_the_pool() {
    let mut model = sealed(&[1]);
    let create = create::Create {
        organization: organization(),
        definition: definition(2),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    let created = model.ask(&Principal::local(), Command::CreateIntegration(create));
    created.expect("it is new");
    model.check_in(0, false);
    model.dispatch();
    let held = model
        .state
        .everywhere()
        .executions()
        .filter(|one| one.holder().is_some());
    assert_eq!(held.filter(|one| one.sealed_to.is_none()).count(), 1);
}
