//! An organization: the tenant to which everything else belongs.

use crate::event::OrganizationChange;
use crate::time::Stamp;
use crate::words::{DisplayName, OrganizationId, Quotas, Request, RetentionDays};

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name, which never changes.
    pub id: OrganizationId,
    /// What people call it.
    pub display_name: DisplayName,
    /// Whether anything happens in it.
    pub state: OrganizationState,
    /// How much it may have.
    pub quotas: Quotas,
    /// For how long its history is kept.
    pub retention: RetentionDays,
    /// For how long its audit log is kept.
    pub audit_retention: RetentionDays,
    /// Counts the changes that people have made.
    pub version: u32,
    /// When it was created.
    pub created: Stamp,
    /// When a person changed it last.
    pub updated: Stamp,
    /// The request that made it; `None` when its caller gave no id.
    pub request: Option<Request>,
}

/// Whether anything happens in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationState {
    /// All goes on.
    Active,
    /// Nothing new happens: nothing is created, dispatched or changed, and its runners are not let in. What there is can be read.
    Suspended {
        /// Since when.
        since: Stamp,
        /// Why.
        reason: String,
    },
    /// All that it has is being deleted, a part at a time.
    Closing {
        /// Since when.
        since: Stamp,
    },
    /// It is gone. What is kept is its name: the landing has records under it, and who got the same name again would have these, too.
    Deleted {
        /// When the last of it was deleted.
        at: Stamp,
    },
}

impl Organization {
    /// The organization that the event makes; `None` when it makes none.
    #[must_use]
    pub(crate) fn created(id: &OrganizationId, at: Stamp, change: &OrganizationChange) -> Option<Self> {
        let OrganizationChange::Created {
            display_name,
            quotas,
            retention,
            audit_retention,
            request,
        } = change
        else {
            return None;
        };
        Some(Self {
            id: id.clone(),
            display_name: display_name.clone(),
            state: OrganizationState::Active,
            quotas: *quotas,
            retention: *retention,
            audit_retention: *audit_retention,
            version: 1,
            created: at,
            updated: at,
            request: *request,
        })
    }

    pub(crate) fn apply(&mut self, at: Stamp, change: &OrganizationChange) {
        match change {
            OrganizationChange::Created { .. } => return,
            OrganizationChange::Updated {
                display_name,
                quotas,
                retention,
                audit_retention,
            } => {
                self.display_name = display_name.clone();
                self.quotas = *quotas;
                self.retention = *retention;
                self.audit_retention = *audit_retention;
            }
            OrganizationChange::Suspended { reason } => {
                let since = match self.state {
                    OrganizationState::Suspended { since, .. } => since,
                    OrganizationState::Active
                    | OrganizationState::Closing { .. }
                    | OrganizationState::Deleted { .. } => at,
                };
                self.state = OrganizationState::Suspended {
                    since,
                    reason: reason.clone(),
                };
            }
            OrganizationChange::Resumed => self.state = OrganizationState::Active,
            OrganizationChange::Closing => self.state = OrganizationState::Closing { since: at },
            OrganizationChange::Deleted => self.state = OrganizationState::Deleted { at },
        }
        self.version += 1;
        self.updated = at;
    }

    /// Whether there is still anything of it to be seen.
    #[must_use]
    pub fn exists(&self) -> bool {
        match self.state {
            OrganizationState::Active | OrganizationState::Suspended { .. } | OrganizationState::Closing { .. } => true,
            OrganizationState::Deleted { .. } => false,
        }
    }

    /// Whether new things happen in it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.state {
            OrganizationState::Active => true,
            OrganizationState::Suspended { .. }
            | OrganizationState::Closing { .. }
            | OrganizationState::Deleted { .. } => false,
        }
    }
}
