//! The coordinator starts, and sees to it that there is an organization.

use std::collections::BTreeSet;

use crate::decide::Decision;
use crate::event::{Event, OrganizationChange};
use crate::state::State;
use crate::words::{DisplayName, OrganizationId, Quotas, RetentionDays};

/// Make the first organization, and those that a ledger from before there were any names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The first.
    pub organization: OrganizationId,
    /// For how long their history is kept.
    pub retention: RetentionDays,
}

impl Found {
    /// Nothing happens when there is, or was, any organization. None of them has limits: an upgrade takes nothing away, and who keeps a coordinator for
    /// themselves needs none.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let ledger = state.ledger();
        if ledger.organizations().next().is_some() {
            return Decision::nothing();
        }
        let of_integrations = state.index().with_integrations();
        let of_runners = ledger.runners().filter_map(|one| one.profile.organization.as_ref());
        let named: BTreeSet<&OrganizationId> = std::iter::once(&self.organization)
            .chain(of_integrations)
            .chain(of_runners)
            .collect();
        let events = named.into_iter().filter_map(|organization| {
            // A name is a display name: of fewer characters, and shorter.
            let display_name = DisplayName::new(organization.as_str()).ok()?;
            Some(Event::OrganizationChanged {
                organization: organization.clone(),
                change: OrganizationChange::Created {
                    display_name,
                    quotas: Quotas::NONE,
                    retention: self.retention,
                    audit_retention: RetentionDays::AUDIT,
                    request: None,
                },
            })
        });
        Decision {
            events: events.collect(),
            ..Decision::default()
        }
    }
}
