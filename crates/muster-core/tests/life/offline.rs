//! When people hear that a pool has lost its last runner, and when they do not.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::integration::{create, delete, disable, enable, update};
use muster_core::decide::session::presence;
use muster_core::entity::{Closing, Evidence, Incident, NoticeKind, PoolEvidence};
use muster_core::words::{IntegrationId, Pool, PoolName, Principal};

use crate::model::{Model, definition, intervals, organization, runner_id};

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);
/// A lease with its grace.
const LEASE: Duration = Duration::from_secs(65);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

use NoticeKind::{Closed, Opened, Reminder};

/// A model with an integration that nobody wants to hear of, and the runner of its pool.
fn served() -> Model {
    let mut model = Model::new(5);
    model.check_in(0, false);
    add(&mut model, 1);
    model
}

fn add(model: &mut Model, name: u32) {
    let mut definition = definition(name);
    definition.notifications.enabled = false;
    model.create(create::Create {
        organization: organization(),
        definition,
        intervals: intervals(1, 1_000),
        draft: false,
        request: None,
    });
}

fn pass(model: &mut Model, span: Duration) {
    model.pass(span);
    model.tick();
}

/// The lease of whoever was there ends.
fn lapse(model: &mut Model) {
    pass(model, LEASE);
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

fn evidence(incident: &Incident) -> &PoolEvidence {
    match &incident.notices.back().expect("it was told").evidence {
        Evidence::PoolOffline(evidence) => evidence,
        other => panic!("it is no pool's: {other:?}"),
    }
}

fn integration(model: &Model) -> IntegrationId {
    model.state.everywhere().integrations().next().expect("it is there").id
}

fn ask(model: &mut Model, command: Command) {
    model.ask(&Principal::local(), command).expect("it is allowed");
    model.tick();
}

fn disable(model: &mut Model) {
    let command = disable::Disable {
        organization: organization(),
        integration: integration(model),
    };
    ask(model, Command::DisableIntegration(command));
}

fn enable(model: &mut Model) {
    let command = enable::Enable {
        organization: organization(),
        integration: integration(model),
    };
    ask(model, Command::EnableIntegration(command));
}

#[test]
fn an_incident_opens_five_minutes_after_the_last_runner_is_gone() {
    let mut model = served();
    let heard = model.now.stamp;
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE - MILLISECOND);
    assert_eq!(told(&model), [], "not yet");
    pass(&mut model, MILLISECOND);
    let [incident] = incidents(&model)[..] else {
        panic!("it is time")
    };
    let evidence = evidence(incident);
    let last = evidence.last.as_ref().expect("it had one");
    assert_eq!((last.display_name.as_str(), last.heard), ("hq-0", heard));
    assert_eq!((evidence.integrations, evidence.executions), (1, 1));
    assert_eq!(incident.notices[0].deliveries.len(), 1, "the operator is told");
}

#[test]
fn a_runner_that_says_good_bye_is_gone_at_once() {
    let mut model = served();
    // What it would still do it has not been given.
    let session = model.runners[0].session.expect("it is there");
    let runner = runner_id(0);
    let drain = presence::Drain { runner, session };
    model
        .ask(&Principal::Runner(runner), Command::Drain(drain))
        .expect("its session");
    let leave = presence::Disconnect { runner, session };
    model
        .ask(&Principal::Coordinator, Command::Disconnect(leave))
        .expect("never refused");
    pass(&mut model, 5 * MINUTE - MILLISECOND);
    assert_eq!(told(&model), []);
    pass(&mut model, MILLISECOND);
    assert_eq!(told(&model), [Opened]);
}

#[test]
fn while_another_runner_is_there_nobody_is_told() {
    let mut model = served();
    for _ in 0..20 {
        model.check_in(1, false);
        pass(&mut model, MINUTE);
    }
    assert!(model.state.roster().presence(runner_id(0)).is_none(), "one is gone");
    assert_eq!(told(&model), []);
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE);
    assert_eq!(told(&model), [Opened], "the other is, too");
}

#[test]
fn a_pool_that_nobody_relies_on_or_never_had_a_runner_is_no_incident() {
    let mut model = Model::new(5);
    add(&mut model, 1);
    pass(&mut model, DAY);
    assert_eq!(told(&model), [], "it never had one");

    let mut model = served();
    disable(&mut model);
    lapse(&mut model);
    pass(&mut model, DAY);
    assert_eq!(told(&model), [], "nobody waits for it");
    enable(&mut model);
    assert_eq!(told(&model), [Opened], "now somebody does, and it is offline for long");
}

#[test]
fn it_is_over_when_a_runner_is_back_and_one_that_flaps_is_told_no_more_often() {
    let mut model = served();
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE);
    model.check_in(1, false);
    model.tick();
    assert_eq!(
        (told(&model), closing(&model)),
        (vec![Opened, Closed], Some(Closing::Recovered))
    );
    let back = evidence(incidents(&model)[0]).last.as_ref().expect("it is there");
    assert_eq!(back.display_name.as_str(), "hq-1", "who is back");
    for _ in 0..20 {
        lapse(&mut model);
        pass(&mut model, 5 * MINUTE - MILLISECOND);
        model.check_in(1, false);
        model.tick();
    }
    assert_eq!(told(&model), [Opened, Closed]);
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE);
    assert_eq!(told(&model), [Opened, Closed, Opened]);
}

#[test]
fn after_a_restart_those_who_were_there_get_a_lease_and_the_pool_its_time() {
    let mut model = served();
    model.restart();
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE - MILLISECOND);
    assert_eq!(told(&model), []);
    // The time of a pool is on a clock that ends with the process.
    model.restart();
    pass(&mut model, LEASE + 5 * MINUTE - MILLISECOND);
    assert_eq!(told(&model), []);
    pass(&mut model, MILLISECOND);
    assert_eq!(told(&model), [Opened]);
    model.restart();
    pass(&mut model, 2 * LEASE + 10 * MINUTE);
    assert_eq!(told(&model), [Opened], "the same incident is still open");
    model.check_in(0, false);
    model.tick();
    assert_eq!(told(&model), [Opened, Closed]);
}

#[test]
fn it_is_told_again_once_a_day() {
    let mut model = served();
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE);
    pass(&mut model, DAY - MILLISECOND);
    assert_eq!(told(&model), [Opened]);
    pass(&mut model, MILLISECOND);
    assert_eq!(told(&model), [Opened, Reminder]);
}

#[test]
fn it_is_over_when_nobody_relies_on_the_pool_any_more() {
    let moved = |model: &mut Model| {
        let mut definition = definition(1);
        definition.pool = Pool::named(&organization(), &PoolName::new("lab").expect("a name"));
        let command = update::Update {
            organization: organization(),
            integration: integration(model),
            definition,
            intervals: intervals(1, 1_000),
            version: None,
        };
        ask(model, Command::UpdateIntegration(command));
    };
    let deleted = |model: &mut Model| {
        let command = delete::Delete {
            organization: organization(),
            integration: integration(model),
            version: None,
        };
        ask(model, Command::DeleteIntegration(command));
    };
    let ways: [&dyn Fn(&mut Model); 3] = [&disable, &moved, &deleted];
    for way in ways {
        let mut model = served();
        lapse(&mut model);
        pass(&mut model, 5 * MINUTE);
        way(&mut model);
        assert_eq!(
            (told(&model), closing(&model)),
            (vec![Opened, Closed], Some(Closing::Unused))
        );
    }

    let mut model = served();
    add(&mut model, 4);
    lapse(&mut model);
    pass(&mut model, 5 * MINUTE);
    disable(&mut model);
    assert_eq!(told(&model), [Opened], "another one still relies on it");
}
