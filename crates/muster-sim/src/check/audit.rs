//! Whatever somebody was told is in an audit log, once and in its order, whatever has happened in between.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::event::Event;
use muster_core::words::OrganizationId;

use crate::trace::broken;
use crate::world::World;

impl World {
    /// The audit logs are the notes of the journal, each log one whole chain. To be called when the coordinator has started again after it had ended well.
    pub(crate) fn check_audit(&self) {
        let Some(coordinator) = &self.coordinator else {
            return;
        };
        let audit = coordinator.store.audit();
        let mut wanted: BTreeMap<Option<OrganizationId>, Vec<&str>> = BTreeMap::new();
        for recorded in self.journal.iter().flat_map(|(_, events)| events) {
            if let Event::Audited(note) = &recorded.event {
                wanted.entry(note.log.clone()).or_default().push(&note.resource);
            }
        }
        let mut found = BTreeSet::new();
        for (log, chain) in audit.chains() {
            let mut there = Vec::new();
            let verified = audit.verify(&log, &mut |entry| {
                there.push(entry.note.resource.clone());
                Ok(())
            });
            if let Err(error) = verified {
                broken!("an audit log is broken: {error}");
            }
            if chain.first != 1 {
                broken!(
                    "{log:?} begins with entry {}, and nothing is old enough to go",
                    chain.first
                );
            }
            let wanted = wanted.remove(&log).unwrap_or_default();
            if there != wanted {
                let first = there.iter().zip(&wanted).position(|(there, wanted)| there != wanted);
                broken!(
                    "the audit log {log:?} has {} entries, and the journal {} notes; they differ first at {first:?}",
                    there.len(),
                    wanted.len()
                );
            }
            found.extend(there);
        }
        if let Some(log) = wanted.into_keys().next() {
            broken!("there is no audit log {log:?}");
        }
        for id in &self.operators.answered {
            if !found.contains(&id.to_string()) {
                broken!("ask {id} was answered, and is in no audit log");
            }
        }
    }
}
