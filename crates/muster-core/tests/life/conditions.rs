//! What there is to say of an integration beside its status.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::integration::{create, disable};
use muster_core::health::{Condition, Conditions};
use muster_core::words::{IntegrationId, Principal, Warning};

use crate::model::{Model, data_type, definition, finish, intervals, organization};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An integration that collects one data type every hour, and a runner if so.
fn hourly(with_runner: bool) -> (Model, IntegrationId) {
    let mut model = Model::new(1);
    if with_runner {
        model.check_in(0, false);
    }
    model.create(create::Create {
        organization: organization(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    });
    let id = model.state.everywhere().integrations().next().expect("it is there").id;
    (model, id)
}

fn said(model: &Model, id: IntegrationId) -> Vec<Condition> {
    let integration = model.state.everywhere().integration(id).expect("it is there");
    Conditions::new(&model.state, model.now).of(integration)
}

/// What is open ends well, with so many records.
fn complete(model: &mut Model, records: u64) {
    model.check_in(0, false);
    model.dispatch();
    for work in model.runners[0].work.clone() {
        model.report(0, work, 1, |report| Command::Finish(finish(report, records)), true);
    }
    model.publish(false);
}

#[test]
fn what_nobody_could_collect_waits_for_a_runner() {
    let (mut model, id) = hourly(false);
    let [waiting, never] = &said(&model, id)[..] else {
        panic!("{:?}", said(&model, id))
    };
    assert_eq!(waiting.to_string(), "no runner of pool `hq` has ever checked in");
    assert_eq!(never, &Condition::NeverCollected);
    model.check_in(0, false);
    assert_eq!(said(&model, id), [Condition::NeverCollected]);
    complete(&mut model, 7);
    assert_eq!(said(&model, id), []);
}

#[test]
fn what_was_not_collected_for_two_intervals_is_stale() {
    let (mut model, id) = hourly(true);
    complete(&mut model, 7);
    let since = model.now.stamp;
    model.pass(2 * HOUR - Duration::from_millis(1));
    assert!(
        !said(&model, id)
            .iter()
            .any(|one| matches!(one, Condition::Stale { .. }))
    );
    model.pass(Duration::from_millis(1));
    let data_type = data_type(0);
    assert_eq!(said(&model, id), [Condition::Stale { data_type, since }]);
    let disable = disable::Disable {
        organization: organization(),
        integration: id,
    };
    model
        .ask(&Principal::local(), Command::DisableIntegration(disable))
        .expect("it is there");
    assert_eq!(said(&model, id), [], "one that is switched off owes nothing");
}

/// More than half must be gone.
#[test]
fn a_fall_of_the_records_is_warned_of() {
    let (mut model, id) = hourly(true);
    for (records, before, warns) in [(5, 0, false), (3, 5, false), (1, 3, true), (1, 1, false), (0, 1, true)] {
        complete(&mut model, records);
        let warning = match records {
            0 => Warning::ZeroRecords { before },
            _some => Warning::FewerRecords { before },
        };
        let data_type = data_type(0);
        let wanted = warns.then_some(Condition::Warning { data_type, warning });
        assert_eq!(said(&model, id), Vec::from_iter(wanted), "{records} after {before}");
        model.pass(HOUR);
        model.tick();
    }
}
