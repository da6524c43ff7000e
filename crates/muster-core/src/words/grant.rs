//! What somebody may do, and where; and by what a token is known again.

use std::fmt;

use super::OrganizationId;

/// What somebody may do. Each role may do all that the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads how everything is. Records that were collected are not for viewers.
    Viewer,
    /// Changes integrations, runs and cancels them, and reads their records.
    Operator,
    /// Decides who else may do what.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        })
    }
}

/// Where somebody may do it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere: the service's own staff.
    Service,
    /// In one organization.
    Organization(OrganizationId),
}

impl Scope {
    /// Whether whoever is of this scope is also of that one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match self {
            Self::Service => true,
            Self::Organization(_) => self == other,
        }
    }

    /// The organization; `None` for the service's staff.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationId> {
        match self {
            Self::Service => None,
            Self::Organization(organization) => Some(organization),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("the service's staff"),
            Self::Organization(organization) => write!(f, "the organization {organization}"),
        }
    }
}

/// A role and where somebody has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub role: Role,
    /// Where.
    pub scope: Scope,
}

impl Grant {
    /// What nobody has more than: an admin of the staff.
    pub const MOST: Self = Self {
        role: Role::Admin,
        scope: Scope::Service,
    };

    /// Whether whoever has this may do all that whoever has that may.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.role >= other.role && self.scope.covers(&other.scope)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.role, self.scope)
    }
}

/// SHA-256 of a token's secret: the secret itself is kept nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    /// Says nothing of it: it is in no log either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: Role, scope: &Scope) -> Grant {
        Grant {
            role,
            scope: scope.clone(),
        }
    }

    #[test]
    fn nobody_covers_a_greater_role_or_another_organization() {
        let organization = |name| Scope::Organization(OrganizationId::new(name).expect("a name"));
        let (acme, other) = (organization("acme"), organization("other"));
        let admin = of(Role::Admin, &acme);
        assert!(admin.covers(&of(Role::Viewer, &acme)) && admin.covers(&admin));
        assert!(!admin.covers(&of(Role::Viewer, &other)));
        assert!(!admin.covers(&of(Role::Viewer, &Scope::Service)));
        assert!(!of(Role::Operator, &acme).covers(&admin));
        assert!(Grant::MOST.covers(&admin) && Grant::MOST.covers(&Grant::MOST));
        assert!(!of(Role::Viewer, &Scope::Service).covers(&of(Role::Operator, &acme)));
    }

    #[test]
    fn a_hash_is_in_no_log() {
        assert_eq!(format!("{:?}", TokenHash([7; 32])), "TokenHash(…)");
    }
}
