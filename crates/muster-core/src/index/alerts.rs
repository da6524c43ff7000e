//! The indices of incidents: when integrations are looked at for them, which are open, what waits to be sent, what will be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::alert;
use crate::entity::{Cause, Incident, Integration};
use crate::planted;
use crate::time::Stamp;
use crate::words::{IncidentId, IntegrationId, OrganizationId, RunnerId};

/// An entry of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outgoing {
    /// When it is to be sent.
    pub at: Stamp,
    /// Of which incident.
    pub incident: IncidentId,
    /// Which of its notices.
    pub notice: u32,
    /// Which of the notice's deliveries, by its place.
    pub delivery: u32,
}

/// An open incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Which.
    pub incident: IncidentId,
    /// When people were told last.
    pub told: Stamp,
}

/// The indices of incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerts {
    looks: BTreeSet<(Stamp, IntegrationId)>,
    look_of: BTreeMap<IntegrationId, Stamp>,
    /// The open incidents.
    open: BTreeMap<Cause, Open>,
    /// When to look at what is no integration's: pools and runners.
    cause_looks: BTreeSet<(Stamp, Cause)>,
    cause_look_of: BTreeMap<Cause, Stamp>,
    incidents: BTreeSet<(OrganizationId, IncidentId)>,
    open_counts: BTreeMap<OrganizationId, usize>,
    outbox: BTreeSet<Outgoing>,
    forgettable: BTreeSet<(Stamp, IncidentId)>,
}

impl Alerts {
    /// The cause that is to be looked at first, if its time has come; integrations before all else.
    #[must_use]
    pub fn first_look(&self, now: Stamp) -> Option<Cause> {
        let integration = self.looks.first().filter(|(at, _)| *at <= now);
        if let Some((_, integration)) = integration {
            let integration = *integration;
            return Some(Cause::ErrorRate { integration });
        }
        let (_, cause) = self.cause_looks.first().filter(|(at, _)| *at <= now)?;
        Some(cause.clone())
    }

    /// The open incident of this cause.
    #[must_use]
    pub fn open(&self, cause: &Cause) -> Option<Open> {
        self.open.get(cause).copied()
    }

    /// The causes of open incidents that are a pool's. They stand between those of integrations, which may be very many, and those of runners.
    pub(super) fn open_of_pools(&self) -> impl Iterator<Item = &Cause> {
        let integrations = Cause::ErrorRate {
            integration: IntegrationId(u128::MAX),
        };
        let runners = Cause::RunnerOutdated { runner: RunnerId(0) };
        let between = (Bound::Excluded(integrations), Bound::Excluded(runners));
        self.open.range(between).map(|(cause, _)| cause)
    }

    /// The open incidents by cause.
    pub fn all_open(&self) -> impl Iterator<Item = (&Cause, Open)> {
        self.open.iter().map(|(cause, open)| (cause, *open))
    }

    /// The incident that is to be forgotten first, if its time has come.
    #[must_use]
    pub fn first_forgettable(&self, now: Stamp) -> Option<IncidentId> {
        let (at, incident) = self.forgettable.first()?;
        (*at <= now).then_some(*incident)
    }

    /// When the next of these times comes; `None` when none is planned.
    #[must_use]
    pub fn next(&self) -> Option<Stamp> {
        let look = self.looks.first().map(|(at, _)| *at);
        let cause_look = self.cause_looks.first().map(|(at, _)| *at);
        let forget = self.forgettable.first().map(|(at, _)| *at);
        look.into_iter().chain(cause_look).chain(forget).min()
    }

    /// The incidents of an organization before `before`, newest first.
    pub fn incidents_before(
        &self,
        organization: &OrganizationId,
        before: Option<IncidentId>,
    ) -> impl Iterator<Item = IncidentId> {
        let end = before.unwrap_or(IncidentId(u128::MAX));
        let range = (organization.clone(), IncidentId(0))..(organization.clone(), end);
        self.incidents.range(range).rev().map(|(_, id)| *id)
    }

    /// How many incidents are open, of all organizations.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open_counts.values().sum()
    }

    /// How many incidents of an organization are open.
    #[must_use]
    pub fn open_count_of(&self, organization: &OrganizationId) -> usize {
        self.open_counts.get(organization).copied().unwrap_or(0)
    }

    /// What waits to be sent, the first due first.
    #[must_use]
    pub fn outbox(&self) -> &BTreeSet<Outgoing> {
        &self.outbox
    }

    pub(super) fn look(&mut self, integration: &Integration) {
        let id = integration.id;
        let next = alert::next_look(integration);
        if self.look_of.get(&id).copied() == next {
            return;
        }
        self.look_away(id);
        if let Some(at) = next {
            self.look_of.insert(id, at);
            self.looks.insert((at, id));
        }
    }

    pub(super) fn look_away(&mut self, id: IntegrationId) {
        if let Some(at) = self.look_of.remove(&id) {
            self.looks.remove(&(at, id));
        }
    }

    /// Plans when to look at what is no integration's; `None` for never.
    pub(super) fn look_at(&mut self, cause: Cause, next: Option<Stamp>) {
        if self.cause_look_of.get(&cause).copied() == next {
            return;
        }
        if let Some(at) = self.cause_look_of.remove(&cause) {
            self.cause_looks.remove(&(at, cause.clone()));
        }
        if let Some(at) = next {
            self.cause_look_of.insert(cause.clone(), at);
            self.cause_looks.insert((at, cause));
        }
    }

    pub(super) fn put(&mut self, incident: &Incident) {
        self.incidents.insert((incident.organization.clone(), incident.id));
        if incident.closed.is_none() {
            let open = Open {
                incident: incident.id,
                told: incident.told(),
            };
            self.open.insert(incident.cause.clone(), open);
            *self.open_counts.entry(incident.organization.clone()).or_default() += 1;
        }
        self.outbox.extend(outgoing(incident));
        if let Some(at) = incident.forgettable()
            && !planted!("incident-never-forgotten")
        {
            self.forgettable.insert((at, incident.id));
        }
    }

    pub(super) fn take(&mut self, incident: &Incident) {
        self.incidents.remove(&(incident.organization.clone(), incident.id));
        if incident.closed.is_none() {
            self.open.remove(&incident.cause);
        }
        if incident.closed.is_none()
            && let Some(count) = self.open_counts.get_mut(&incident.organization)
        {
            *count -= 1;
            if *count == 0 {
                self.open_counts.remove(&incident.organization);
            }
        }
        for one in outgoing(incident) {
            self.outbox.remove(&one);
        }
        if let Some(at) = incident.forgettable() {
            self.forgettable.remove(&(at, incident.id));
        }
    }
}

fn outgoing(incident: &Incident) -> impl Iterator<Item = Outgoing> {
    incident.waiting().map(|(at, notice, delivery)| Outgoing {
        at,
        incident: incident.id,
        notice,
        delivery,
    })
}
