//! What is counted of organizations, and which of them rest.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::{Organization, OrganizationState};
use crate::words::OrganizationId;

/// What is counted of organizations, and which of them rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Organizations {
    /// Those in which nothing new happens.
    resting: BTreeSet<OrganizationId>,
    /// Those of which all is to be deleted.
    closing: BTreeSet<OrganizationId>,
    open_executions: BTreeMap<OrganizationId, usize>,
}

impl Organizations {
    pub(super) fn rests(&self, organization: &OrganizationId) -> bool {
        !self.resting.is_empty() && self.resting.contains(organization)
    }

    pub(super) fn closing(&self) -> impl Iterator<Item = &OrganizationId> {
        self.closing.iter()
    }

    /// Takes in an organization as it is now, and returns whether it rests if that has changed.
    pub(super) fn note(&mut self, organization: &Organization) -> Option<bool> {
        let id = &organization.id;
        let (rests, closes) = match organization.state {
            OrganizationState::Active | OrganizationState::Deleted { .. } => (false, false),
            OrganizationState::Suspended { .. } => (true, false),
            OrganizationState::Closing { .. } => (true, true),
        };
        if closes {
            self.closing.insert(id.clone());
        } else {
            self.closing.remove(id);
        }
        let changed = if rests {
            self.resting.insert(id.clone())
        } else {
            self.resting.remove(id)
        };
        changed.then_some(rests)
    }

    pub(super) fn open_executions(&self, organization: &OrganizationId) -> usize {
        self.open_executions.get(organization).copied().unwrap_or(0)
    }

    pub(super) fn count_open(&mut self, organization: &OrganizationId) {
        match self.open_executions.get_mut(organization) {
            Some(count) => *count += 1,
            None => {
                self.open_executions.insert(organization.clone(), 1);
            }
        }
    }

    pub(super) fn discount_open(&mut self, organization: &OrganizationId) {
        if let Some(count) = self.open_executions.get_mut(organization) {
            *count -= 1;
            if *count == 0 {
                self.open_executions.remove(organization);
            }
        }
    }
}
