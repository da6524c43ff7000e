//! Whether everything that was told is still true.

use muster_core::words::{Claim, Sequence};

use crate::spec::Where;
use crate::trace::broken;
use crate::world::World;

impl World {
    /// Everything that was told is still true.
    pub(crate) fn check_facts(&mut self) {
        let (told, spec) = (&self.told, &self.spec);
        for id in &told.created {
            if !spec.integrations.contains_key(id) {
                broken!("the integration {id} was told as created, and is not there");
            }
        }
        for id in &told.deleted {
            if !spec.integrations.get(id).is_some_and(|one| one.deleted) {
                broken!("the integration {id} was told as deleted, and is there");
            }
        }
        for (id, version) in &told.versions {
            if spec.integrations.get(id).is_none_or(|one| one.version < *version) {
                broken!("the integration {id} was told as of version {version}, and is older");
            }
        }
        for id in &told.executions {
            if !spec.executions.contains_key(id) {
                broken!("the execution {id} was told, and there is none");
            }
        }
        for id in &told.canceled {
            if !spec.executions.get(id).is_some_and(|one| one.canceled) {
                broken!("the execution {id} was told as canceled, and was not");
            }
        }
        for (id, claim) in &told.accepted {
            if !spec
                .executions
                .get(id)
                .is_some_and(|one| one.accepted.contains_key(claim))
            {
                broken!("the end of {id}.{} was acknowledged, and is lost", claim.attempt);
            }
        }
        for (id, claim) in &told.started {
            if !spec
                .executions
                .get(id)
                .is_some_and(|one| one.started.contains_key(claim))
            {
                broken!("the start of {id}.{} was acknowledged, and is lost", claim.attempt);
            }
        }
        for ((id, attempt), runner) in &told.assigned {
            let claim = Claim {
                runner: *runner,
                attempt: *attempt,
            };
            if !spec
                .executions
                .get(id)
                .is_some_and(|one| one.claims.contains_key(&claim))
            {
                broken!("{id}.{attempt} was assigned, and nobody knows of it");
            }
        }
        for (id, claim) in &told.fenced {
            if spec
                .executions
                .get(id)
                .is_some_and(|one| one.accepted.contains_key(claim))
            {
                broken!("{id}.{} was fenced, and counts all the same", claim.attempt);
            }
        }
        for (id, one) in &told.finished {
            let stands = spec.executions.get(id).map(|one| one.stands);
            if stands.is_none_or(Where::is_open) {
                broken!("the end of {id} was told, and is lost: {one:?}");
            }
        }
    }

    pub(crate) fn check_told_survives(&mut self, head: Sequence) {
        if self.told.through > head {
            broken!(
                "something was told of batch {}, and the journal ends at batch {head}",
                self.told.through
            );
        }
    }
}
