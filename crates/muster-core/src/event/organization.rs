//! What can have happened to an organization.

use crate::words::{DisplayName, Quotas, Request, RetentionDays};

/// What has happened to an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationChange {
    /// It was created.
    Created {
        /// What people call it.
        display_name: DisplayName,
        /// How much it may have.
        quotas: Quotas,
        /// For how long its history is kept.
        retention: RetentionDays,
        /// For how long its audit log is kept.
        audit_retention: RetentionDays,
        /// The request that made it; `None` when its caller gave no id.
        request: Option<Request>,
    },
    /// A person changed it.
    Updated {
        /// What people call it now.
        display_name: DisplayName,
        /// How much it may have now.
        quotas: Quotas,
        /// For how long its history is kept now.
        retention: RetentionDays,
        /// For how long its audit log is kept now.
        audit_retention: RetentionDays,
    },
    /// Nothing new happens in it any more.
    Suspended {
        /// Why, as the person wrote it.
        reason: String,
    },
    /// It goes on.
    Resumed,
    /// All that it has is being deleted. There is no way back.
    Closing,
    /// Nothing of it is left but its name, which is never given to another.
    Deleted,
}
