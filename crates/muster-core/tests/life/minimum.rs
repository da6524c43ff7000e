//! Runners that are too old to get work: they are told so, and so is whoever waits for them.

use std::time::Duration;

use muster_core::alert::runner::required;
use muster_core::decide::Command;
use muster_core::decide::integration::create::Create;
use muster_core::explain::explain;
use muster_core::words::Principal;

use crate::model::{Model, definition, intervals, organization, runner_id};

fn waiting() -> Model {
    let mut model = Model::new(3);
    let create = Create {
        organization: organization(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    let created = model.ask(&Principal::local(), Command::CreateIntegration(create));
    created.expect("it is new");
    model
}

fn said(model: &Model) -> (String, Option<String>) {
    let execution = model.state.everywhere().executions().next().expect("one is open");
    let explanation = explain(&model.state, execution, model.now, None);
    (explanation.state, explanation.next_step)
}

fn holder(model: &Model) -> Option<usize> {
    let execution = model.state.everywhere().executions().next().expect("one is open");
    let claim = execution.holder()?;
    (0..2).find(|which| runner_id(*which) == claim.runner)
}

#[test]
fn a_runner_below_the_minimum_gets_nothing_and_the_explanation_says_which_and_what_the_least_is() {
    let mut model = waiting();
    model.check_in_as(0, false, "hq", "1.9.9");
    model.dispatch();
    assert_eq!(holder(&model), None);
    let (why, next) = said(&model);
    assert_eq!(
        why,
        "Created for 0 s: the runners of pool `hq` that are online and could take it are too old: `hq-0` is of version 1.9.9, and 2.0.0 is the least \
         (`runner_version_min`)"
    );
    assert_eq!(
        next.as_deref(),
        Some("update the runner `hq-0` to 2.0.0 or later, or start another one of this pool")
    );
    let id = model.state.everywhere().integrations().next().expect("it is there").id;
    let refused = model.ask_check(id).expect_err("a check is work, too");
    assert!(refused.to_string().contains("are too old"), "{refused}");
    model.check_in_as(1, false, "hq", "2.0.0-rc.1");
    model.dispatch();
    assert_eq!(holder(&model), None, "a pre-release comes before");
    assert!(said(&model).0.ends_with(", and one more"), "{:?}", said(&model));

    // One that is new enough gets it, and so does the first once it is updated.
    model.check_in_as(1, false, "hq", "2.0.0");
    model.dispatch();
    assert_eq!(holder(&model), Some(1));
}

#[test]
fn what_a_runner_holds_when_it_turns_out_to_be_too_old_it_may_finish() {
    let mut model = waiting();
    model.check_in_as(0, false, "hq", "2.0.0");
    model.dispatch();
    assert_eq!(holder(&model), Some(0));
    model.pass(Duration::from_secs(1));
    model.check_in_as(0, false, "hq", "1.0.0");
    assert_eq!(holder(&model), Some(0), "the work is as good as that of any other");
}

#[test]
fn of_a_version_that_nobody_understands_nothing_is_held() {
    let mut model = waiting();
    model.check_in_as(0, false, "hq", "next");
    model.dispatch();
    assert_eq!(holder(&model), Some(0));
    let policy = model.state.index().policy();
    assert_eq!(required("2.0.0", policy), None);
    assert!(required("1.99.99", policy).is_some());
}
