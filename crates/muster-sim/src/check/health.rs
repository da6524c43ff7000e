//! What the ledger says of integrations is what has happened to them.

use muster_core::entity::Alert;
use muster_core::health::Window;
use muster_core::ledger::Ledger;
use muster_core::time::Stamp;
use muster_core::words::{ConfigurationStatus, Enablement};

use crate::spec::health::Alarm;
use crate::trace::broken;
use crate::world::World;

impl World {
    /// What the ledger counts of the ends of executions is what a recount of all ends gives.
    pub(super) fn check_windows(&self, ledger: &Ledger, now: Stamp) {
        for integration in ledger.integrations() {
            let Some(wanted) = self.spec.integrations.get(&integration.id) else {
                continue;
            };
            for span in [integration.definition.notifications.window, Window::LENGTH] {
                let tally = integration.window.tally(now, span);
                let is = (u64::from(tally.finished), u64::from(tally.failed));
                let was_to_be = wanted.health.recount(now, span);
                if is != was_to_be {
                    broken!(
                        "{is:?} are counted of {} within {span:?} before {now:?}, and a recount gives {was_to_be:?}: (finished, failed)",
                        integration.id
                    );
                }
            }
        }
    }

    /// What the ledger says of integrations is what happened to them.
    pub(super) fn check_health(&self) {
        let Some(coordinator) = &self.coordinator else { return };
        let ledger = coordinator.shard.state().everywhere();
        self.check_windows(ledger, self.last_stamp);
        for integration in ledger.integrations() {
            let wanted = &self.spec.integrations[&integration.id];
            let stands = match integration.alert {
                Alert::Quiet { .. } => Alarm::Quiet,
                Alert::Reached { since } => Alarm::Reached(since),
                Alert::Open { incident, told } => Alarm::Open(incident, told),
            };
            if stands != wanted.health.alarm {
                broken!(
                    "the alert of {} was to be {:?}, and is {stands:?}",
                    integration.id,
                    wanted.health.alarm
                );
            }
            if integration.version != wanted.version || integration.enablement != wanted.enablement {
                broken!("{integration:?} was to be {wanted:?}");
            }
            let fails = wanted.check_fails || wanted.collections.values().any(|one| one.trouble.is_some());
            let status = match wanted.enablement {
                Enablement::Draft | Enablement::Disabled => ConfigurationStatus::Disabled,
                Enablement::Enabled if fails => ConfigurationStatus::Error,
                Enablement::Enabled => ConfigurationStatus::Active,
            };
            if integration.status() != status {
                broken!("{integration:?} was to be {status:?}: {wanted:?}");
            }
            for (data_type, collection) in &integration.collections {
                let wanted = &wanted.collections[data_type];
                let trouble = collection.trouble.as_ref().map(|trouble| trouble.since);
                let counts = collection.completed.as_ref().map(|completion| completion.counts);
                let is = (
                    collection.next,
                    collection.schedule,
                    &collection.cursor,
                    trouble,
                    counts,
                );
                let was_to_be = (
                    wanted.next,
                    wanted.revision,
                    &wanted.cursor,
                    wanted.trouble,
                    wanted.completed,
                );
                if is != was_to_be {
                    broken!(
                        "{data_type} of {} is {is:?}, and was to be {was_to_be:?}",
                        integration.id
                    );
                }
            }
        }
    }
}
