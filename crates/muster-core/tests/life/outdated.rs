//! When people hear that a runner is older than it should be, and when they do not.

use std::time::Duration;

use muster_core::entity::{Cause, Closing, Evidence, Incident, NoticeKind};

use crate::model::{Model, runner_id};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

use NoticeKind::{Closed, Opened};

/// The runner checks in again and again, as one does, and time passes.
fn stay(model: &mut Model, version: &str, span: Duration) {
    let mut left = span;
    while !left.is_zero() {
        let step = left.min(MINUTE);
        model.check_in_as(0, false, "hq", version);
        model.pass(step);
        model.tick();
        left -= step;
    }
}

fn incidents(model: &Model) -> Vec<&Incident> {
    model.state.everywhere().incidents().collect()
}

fn told(model: &Model) -> Vec<NoticeKind> {
    let notices = incidents(model).into_iter().flat_map(|one| &one.notices);
    notices.map(|notice| notice.kind).collect()
}

fn closing(model: &Model) -> Option<Closing> {
    Some(incidents(model).last()?.closed?.closing)
}

#[test]
fn a_runner_that_is_old_for_a_day_is_told_once_until_it_is_updated() {
    let mut model = Model::new(5);
    stay(&mut model, "2.0.9", DAY - MINUTE);
    assert_eq!(told(&model), [], "there is a day to update");
    model.restart();
    stay(&mut model, "2.0.9", MINUTE);
    let [incident] = incidents(&model)[..] else {
        panic!("the day is over")
    };
    assert_eq!(incident.cause, Cause::RunnerOutdated { runner: runner_id(0) });
    let Evidence::RunnerOutdated(evidence) = &incident.notices[0].evidence else {
        panic!("it is a runner's: {incident:?}")
    };
    assert_eq!(
        (evidence.version.as_str(), evidence.expected.to_string().as_str()),
        ("2.0.9", "2.1")
    );
    stay(&mut model, "2.0.10", 3 * DAY);
    assert_eq!(
        told(&model),
        [Opened],
        "it is no newer by that, and there are no reminders"
    );
    stay(&mut model, "2.1.0", MINUTE);
    assert_eq!(
        (told(&model), closing(&model)),
        (vec![Opened, Closed], Some(Closing::Recovered))
    );
}

#[test]
fn who_updates_within_a_day_hears_nothing_and_neither_does_who_is_newer() {
    let mut model = Model::new(5);
    stay(&mut model, "2.0.9", DAY - MINUTE);
    stay(&mut model, "2.1.0", MINUTE);
    stay(&mut model, "2.0.9", DAY - MINUTE);
    for version in ["2.1.7", "2.2.0", "3.0.0", "next"] {
        stay(&mut model, version, DAY + MINUTE);
    }
    assert_eq!(told(&model), []);
}

#[test]
fn an_old_runner_that_is_away_is_not_told_of_and_not_waited_for() {
    let mut model = Model::new(5);
    stay(&mut model, "2.0.9", MINUTE);
    for _ in 0..60 {
        model.pass(DAY / 24);
        model.tick();
    }
    assert_eq!(told(&model), [], "it is not there");
    stay(&mut model, "2.0.9", MINUTE);
    assert_eq!(told(&model), [Opened], "it is old for long, and is there again");
    model.pass(DAY - 3 * MINUTE);
    model.tick();
    assert_eq!(told(&model), [Opened]);
    model.pass(2 * MINUTE);
    model.tick();
    assert_eq!(
        (told(&model), closing(&model)),
        (vec![Opened, Closed], Some(Closing::Gone))
    );
}
