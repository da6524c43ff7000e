//! What may happen to organizations.

use muster_core::event::OrganizationChange;
use muster_core::words::{OrganizationId, Principal, Quotas, Sequence};

use super::{Broken, Spec, must};

/// Where an organization stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// All goes on.
    On,
    /// It is suspended.
    Rests,
    /// It is being deleted.
    Away,
    /// It is gone.
    Gone,
}

/// An organization, also after its end.
#[derive(Debug, Clone)]
pub struct Organization {
    pub goes: Goes,
    pub quotas: Quotas,
    /// The batch in which it was suspended last; `None` when it never was.
    pub suspended: Option<Sequence>,
}

impl Spec {
    /// Whether people and time may make and change something there.
    pub fn is_active(&self, organization: &OrganizationId) -> bool {
        self.organizations
            .get(organization)
            .is_some_and(|one| one.goes == Goes::On)
    }

    /// That somebody may make and change something there.
    pub(super) fn must_go_on(&self, organization: &OrganizationId) -> Result<(), Broken> {
        must(self.is_active(organization), || {
            format!("{organization} is suspended, or not there")
        })
    }

    /// That there was room for one more when there are so many.
    pub(super) fn must_fit(
        &self,
        organization: &OrganizationId,
        quota: impl Fn(&Quotas) -> Option<u32>,
        count: usize,
    ) -> Result<(), Broken> {
        let limit = self.organizations.get(organization).and_then(|one| quota(&one.quotas));
        must(limit.is_none_or(|limit| count < limit as usize), || {
            format!("{organization} has {count} of {limit:?}, and gets another")
        })
    }

    /// How many executions of an organization are open.
    pub(super) fn open_of_organization(&self, organization: &OrganizationId) -> usize {
        let open = self
            .open_executions()
            .filter(|id| self.executions[id].organization == *organization);
        open.count()
    }

    pub(super) fn take_organization(
        &mut self,
        id: &OrganizationId,
        change: &OrganizationChange,
        by: &Principal,
        sequence: Sequence,
    ) -> Result<&'static str, Broken> {
        if let OrganizationChange::Created { quotas, .. } = change {
            must(!self.organizations.contains_key(id), || {
                "the name was another organization's".to_owned()
            })?;
            must(!matches!(by, Principal::Runner(_)), || "a runner makes none".to_owned())?;
            let made = Organization {
                goes: Goes::On,
                quotas: *quotas,
                suspended: None,
            };
            self.organizations.insert(id.clone(), made);
            return Ok("organization created");
        }
        let found = self.organizations.get_mut(id);
        let found = found.ok_or_else(|| "there is no such organization".to_owned())?;
        let is_person = matches!(by, Principal::Operator(_));
        let (goes, seen, fits) = match change {
            OrganizationChange::Created { .. } | OrganizationChange::Updated { .. } => {
                if let OrganizationChange::Updated { quotas, .. } = change {
                    found.quotas = *quotas;
                }
                let fits = matches!(found.goes, Goes::On | Goes::Rests);
                (found.goes, "organization updated", fits && is_person)
            }
            OrganizationChange::Suspended { .. } => {
                let fits = matches!(found.goes, Goes::On | Goes::Rests);
                if found.goes == Goes::On {
                    found.suspended = Some(sequence);
                }
                (Goes::Rests, "organization suspended", fits && is_person)
            }
            OrganizationChange::Resumed => (Goes::On, "organization resumed", found.goes == Goes::Rests && is_person),
            OrganizationChange::Closing => {
                let fits = matches!(found.goes, Goes::On | Goes::Rests);
                (Goes::Away, "organization closing", fits && is_person)
            }
            OrganizationChange::Deleted => (
                Goes::Gone,
                "organization deleted",
                found.goes == Goes::Away && *by == Principal::Coordinator,
            ),
        };
        must(fits, || format!("it {:?}, so {by} cannot have that done", found.goes))?;
        found.goes = goes;
        Ok(seen)
    }
}
