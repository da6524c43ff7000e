//! What a check does to an integration, and a pause to its schedule.

use std::time::Duration;

use muster_core::decide::execution::{fail, run_now};
use muster_core::decide::integration::{create, disable, enable, pause, update};
use muster_core::decide::session::presence;
use muster_core::decide::{CheckEnd, Command, Rejection};
use muster_core::health::{Condition, Conditions};
use muster_core::remedy;
use muster_core::roster::CHECKS_MAX;
use muster_core::time::Stamp;
use muster_core::words::{Category, ConfigurationStatus, Failure, IntegrationId, Principal};

use crate::model::{Model, definition, finish, intervals, organization, runner_id};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn hourly(draft: bool) -> (Model, IntegrationId) {
    let mut model = Model::new(3);
    model.create(create::Create {
        organization: organization(),
        definition: definition(0),
        intervals: intervals(1, 60),
        draft,
        request: None,
    });
    let id = model.state.everywhere().integrations().next().expect("it is there").id;
    (model, id)
}

fn status(model: &Model, id: IntegrationId) -> ConfigurationStatus {
    model.state.everywhere().integration(id).expect("it is there").status()
}

fn next(model: &Model, id: IntegrationId) -> Stamp {
    let integration = model.state.everywhere().integration(id).expect("it is there");
    let collection = integration.collections.values().next().expect("it has one");
    collection.next.expect("it is enabled")
}

fn refused() -> Option<Failure> {
    Some(Failure::new(Category::Permission, "403"))
}

fn ask(model: &mut Model, command: Command) {
    model.ask(&Principal::local(), command).expect("it may be asked");
}

/// All that is open ends well.
fn complete(model: &mut Model) {
    model.dispatch();
    for work in model.runners[0].work.clone() {
        model.report(0, work, 1, |report| Command::Finish(finish(report, 0)), true);
    }
}

fn run_now(model: &mut Model, integration: IntegrationId) {
    let (organization, data_types) = (organization(), Vec::new());
    ask(
        model,
        Command::RunNow(run_now::RunNow {
            organization,
            integration,
            data_types,
        }),
    );
}

#[test]
fn nobody_there_is_told_at_once_with_what_to_do() {
    let (mut model, id) = hourly(true);
    let refused = model.ask_check(id).expect_err("nobody is there");
    let refused = refused.to_string();
    let (what, step) = (
        "no runner of pool `hq` has ever checked in: add one: ",
        "enroll-token create --pool hq`",
    );
    assert!(refused.starts_with(what) && refused.contains(step), "{refused}");
}

#[test]
fn a_failing_check_makes_an_enabled_integration_an_error_until_a_good_one() {
    let (mut model, id) = hourly(false);
    model.check_in(0, false);
    complete(&mut model);
    assert_eq!(status(&model, id), ConfigurationStatus::Active);

    let check = model.ask_check(id).expect("somebody is there");
    model.pass(Duration::from_secs(2));
    model.report_check(0, check, refused(), 2);
    assert_eq!(status(&model, id), ConfigurationStatus::Error);
    let told = CheckEnd::Reported {
        failure: refused(),
        took: Duration::from_secs(2),
        outdated: false,
    };
    assert_eq!(model.checked, [told]);
    let since = |model: &Model| {
        model
            .state
            .everywhere()
            .integration(id)
            .expect("it is there")
            .status_since
    };
    let first = since(&model);

    model.pass(HOUR / 2);
    let again = model.ask_check(id).expect("somebody is there");
    model.report_check(0, again, refused(), 1);
    assert_eq!(since(&model), first, "it is an Error since the first of them");

    let good = model.ask_check(id).expect("somebody is there");
    model.report_check(0, good, None, 1);
    assert_eq!(status(&model, id), ConfigurationStatus::Active);
    let window = &model.state.everywhere().integration(id).expect("it is there").window;
    assert_eq!(
        window.tally(model.now.stamp, HOUR).failed,
        0,
        "no check is in the error rate"
    );
}

#[test]
fn what_was_done_about_a_failure_is_to_be_tried_before_it_is_done_again() {
    let (mut model, id) = hourly(false);
    model.check_in(0, false);
    model.dispatch();
    for work in model.runners[0].work.clone() {
        let failure = refused().expect("it is one");
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
    }
    let told = |model: &Model| {
        let integration = model.state.everywhere().integration(id).expect("it is there");
        let (data_type, collection) = integration.collections.iter().next().expect("it has one");
        let trouble = collection.trouble.as_ref().expect("it has failed");
        assert_eq!(trouble.failure.message, "403", "that stays what it was");
        remedy::of_trouble(&model.state, integration, data_type, trouble)
    };
    let first = told(&model);
    assert!(!first.contains("run it now"), "{first}");

    model.pass(Duration::from_secs(60));
    let change = update::Update {
        organization: organization(),
        integration: id,
        definition: definition(3),
        intervals: intervals(1, 60),
        version: None,
    };
    ask(&mut model, Command::UpdateIntegration(change));
    let changed = told(&model);
    assert!(changed.starts_with("changed since then: run it now"), "{changed}");

    let check = model.ask_check(id).expect("somebody is there");
    model.report_check(0, check, None, 1);
    let read = told(&model);
    assert!(
        read.starts_with("a test since then could read the source: run it now"),
        "{read}"
    );

    let check = model.ask_check(id).expect("somebody is there");
    model.report_check(0, check, refused(), 1);
    assert!(
        !told(&model).contains("since then"),
        "the test says itself what is wrong"
    );
}

#[test]
fn a_completion_another_configuration_and_activation_clear_it() {
    let (mut model, id) = hourly(false);
    model.check_in(0, false);
    complete(&mut model);
    let fail = |model: &mut Model| {
        let check = model.ask_check(id).expect("somebody is there");
        model.report_check(0, check, refused(), 1);
        assert_eq!(status(model, id), ConfigurationStatus::Error);
    };

    fail(&mut model);
    run_now(&mut model, id);
    complete(&mut model);
    assert_eq!(status(&model, id), ConfigurationStatus::Active);

    fail(&mut model);
    let change = |name| update::Update {
        organization: organization(),
        integration: id,
        definition: definition(name),
        intervals: intervals(1, 60),
        version: None,
    };
    // The same configuration under another name says nothing new about the source.
    ask(&mut model, Command::UpdateIntegration(change(2)));
    assert_eq!(status(&model, id), ConfigurationStatus::Error);
    ask(&mut model, Command::UpdateIntegration(change(3)));
    assert_eq!(status(&model, id), ConfigurationStatus::Active);

    fail(&mut model);
    let (organization, integration) = (organization(), id);
    ask(
        &mut model,
        Command::DisableIntegration(disable::Disable {
            organization: organization.clone(),
            integration,
        }),
    );
    assert_eq!(status(&model, id), ConfigurationStatus::Disabled);
    ask(
        &mut model,
        Command::EnableIntegration(enable::Enable {
            organization,
            integration,
        }),
    );
    assert_eq!(status(&model, id), ConfigurationStatus::Active);
}

#[test]
fn a_draft_is_checked_and_stays_one() {
    let (mut model, id) = hourly(true);
    model.check_in(0, false);
    let check = model.ask_check(id).expect("somebody is there");
    model.report_check(0, check, refused(), 1);
    assert_eq!(status(&model, id), ConfigurationStatus::Disabled);
    assert_eq!(
        model.state.everywhere().executions().count(),
        0,
        "a check collects nothing"
    );
    let kept = model
        .state
        .everywhere()
        .integration(id)
        .expect("it is there")
        .checked
        .clone();
    assert_eq!(kept.expect("it is kept").failure, refused());
}

#[test]
fn what_was_changed_in_between_is_told_and_not_kept() {
    let (mut model, id) = hourly(false);
    model.check_in(0, false);
    let check = model.ask_check(id).expect("somebody is there");
    let command = update::Update {
        organization: organization(),
        integration: id,
        definition: definition(1),
        intervals: intervals(1, 60),
        version: None,
    };
    ask(&mut model, Command::UpdateIntegration(command));
    model.report_check(0, check, refused(), 1);
    assert_eq!(status(&model, id), ConfigurationStatus::Active);
    assert!(matches!(
        &model.checked[..],
        [CheckEnd::Reported { outdated: true, .. }]
    ));
}

#[test]
fn a_lost_silent_or_restarted_runner_says_nothing_about_the_source() {
    let end = |lose: &dyn Fn(&mut Model)| {
        let (mut model, id) = hourly(false);
        model.check_in(0, false);
        model.ask_check(id).expect("somebody is there");
        lose(&mut model);
        assert_eq!(status(&model, id), ConfigurationStatus::Active);
        assert!(
            model
                .state
                .everywhere()
                .integration(id)
                .expect("it is there")
                .checked
                .is_none()
        );
        match &model.checked[..] {
            [CheckEnd::Unanswered { why }] => why.clone(),
            other => panic!("one end: {other:?}"),
        }
    };
    let gone = end(&|model| {
        let (runner, session) = (runner_id(0), model.runners[0].session.expect("it is there"));
        let command = Command::Disconnect(presence::Disconnect { runner, session });
        ask(model, command);
    });
    assert_eq!(
        gone,
        "the runner `hq-0` lost its connection, or ended, before it had an answer"
    );
    let anew = end(&|model| model.check_in(0, false));
    assert_eq!(anew, "the runner `hq-0` has checked in anew before it had an answer");
    let silent = end(&|model| {
        for _ in 0..4 {
            model.pass(Duration::from_secs(20));
            let (runner, session) = (runner_id(0), model.runners[0].session.expect("it is there"));
            ask(model, Command::Hear(presence::Hear { runner, session }));
            model.tick();
        }
    });
    assert_eq!(silent, "the runner `hq-0` was silent for 65 s before it had an answer");
}

#[test]
fn checks_are_spread_and_bounded() {
    let (mut model, id) = hourly(true);
    model.check_in(0, false);
    model.check_in(1, false);
    for _ in 0..2 * CHECKS_MAX {
        model.ask_check(id).expect("there is room");
    }
    for which in 0..2 {
        assert_eq!(model.state.roster().checks().of(runner_id(which)).count(), CHECKS_MAX);
    }
    let full = model.ask_check(id).expect_err("enough is enough");
    assert!(matches!(full, Rejection::ChecksFull { .. }), "{full}");
    let one = model.runners[1].checks[0];
    model.report_check(1, one, None, 1);
    model.ask_check(id).expect("there is room again");
}

#[test]
fn a_pause_moves_what_is_upcoming_and_leaves_people_alone() {
    let (mut model, id) = hourly(false);
    model.check_in(0, false);
    complete(&mut model);
    let began = next(&model, id);
    let until = model.now.stamp.after(10 * HOUR);
    let (organization, integration) = (organization(), id);
    let paused = Command::PauseIntegration(pause::Pause {
        organization: organization.clone(),
        integration,
        until,
    });
    ask(&mut model, paused.clone());
    let resumes = next(&model, id);
    assert!(
        until <= resumes && resumes < until.after(HOUR),
        "the first time that is not before the end"
    );
    assert_eq!(
        resumes.since(began).as_millis() % HOUR.as_millis(),
        0,
        "on the same grid"
    );
    let version = model.state.everywhere().integration(id).expect("it is there").version;
    ask(&mut model, paused);
    let after = model.state.everywhere().integration(id).expect("it is there").version;
    assert_eq!(after, version, "the same pause again changes nothing");

    // Another interval keeps the pause.
    let command = update::Update {
        organization: organization.clone(),
        integration,
        definition: definition(0),
        intervals: intervals(2, 30),
        version: None,
    };
    ask(&mut model, Command::UpdateIntegration(command));
    let resumes = next(&model, id);
    assert!(until <= resumes && resumes < until.after(HOUR / 2));

    // It is not stale, though nothing was collected for long, and a person may let it collect.
    model.pass(9 * HOUR);
    model.check_in(0, false);
    model.tick();
    assert_eq!(model.state.everywhere().executions().count(), 0);
    let integration_of = |model: &Model| model.state.everywhere().integration(id).expect("it is there").clone();
    let stale = |model: &Model| {
        let conditions = Conditions::new(&model.state, model.now).of(&integration_of(model));
        conditions.iter().any(|one| matches!(one, Condition::Stale { .. }))
    };
    assert!(!stale(&model));
    run_now(&mut model, id);
    complete(&mut model);

    let command = pause::Resume {
        organization,
        integration,
    };
    ask(&mut model, Command::ResumeIntegration(command));
    assert_eq!(integration_of(&model).pause(model.now.stamp), None);
    assert!(next(&model, id) < model.now.stamp.after(HOUR / 2));
    assert!(!stale(&model));
    model.pass(2 * HOUR);
    assert!(stale(&model), "it was not collected since it goes on");
}

#[test]
fn what_cannot_rest_is_refused() {
    let (mut model, id) = hourly(true);
    let pause = |until| {
        Command::PauseIntegration(pause::Pause {
            organization: organization(),
            integration: id,
            until,
        })
    };
    let now = model.now.stamp;
    let refused = model.ask(&Principal::local(), pause(now.after(HOUR)));
    assert_eq!(refused, Err(Rejection::NotEnabled(id)));
    ask(
        &mut model,
        Command::EnableIntegration(enable::Enable {
            organization: organization(),
            integration: id,
        }),
    );
    for until in [now, Stamp::from_millis(1), now.after(pause::PAUSE_MAX + HOUR)] {
        let refused = model.ask(&Principal::local(), pause(until));
        assert!(
            matches!(refused, Err(Rejection::PauseOutOfBounds { .. })),
            "{refused:?}"
        );
    }
    ask(&mut model, pause(now.after(pause::PAUSE_MAX)));
}
