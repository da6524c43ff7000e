//! What a certificate says that its holder is: one URI in the manner of SPIFFE.

use std::fmt;

use muster_core::words::{OrganizationId, Pool, PoolName, RunnerId};

/// What all URIs begin with.
const BEGINNING: &str = "spiffe://muster/";

/// What the coordinator is called.
const COORDINATOR: &str = "coordinator";

/// The most characters of a URI: two names of 63, an id of 36, and the words between them.
const CHARS_MAX: usize = 256;

/// Whose certificate it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// The coordinator's own.
    Coordinator,
    /// A runner's.
    Runner(RunnerName),
}

/// Which runner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunnerName {
    /// The pool that it serves, and so whose it is.
    pub pool: Pool,
    /// Its id.
    pub runner: RunnerId,
}

impl Role {
    /// The role that this URI names; `None` when it names none. There is one way to write each.
    #[must_use]
    pub fn of_uri(uri: &str) -> Option<Self> {
        if uri.len() > CHARS_MAX {
            return None;
        }
        let rest = uri.strip_prefix(BEGINNING)?;
        let parts: Vec<&str> = rest.split('/').collect();
        let role = match parts.as_slice() {
            [COORDINATOR] => Self::Coordinator,
            ["organizations", organization, "pools", pool, "runners", runner] => Self::Runner(RunnerName {
                pool: Pool {
                    organization: Some(OrganizationId::new(organization).ok()?),
                    name: PoolName::new(pool).ok()?,
                },
                runner: runner.parse().ok()?,
            }),
            ["pools", pool, "runners", runner] => Self::Runner(RunnerName {
                pool: Pool {
                    organization: None,
                    name: PoolName::new(pool).ok()?,
                },
                runner: runner.parse().ok()?,
            }),
            _ => return None,
        };
        // An id can be written in several ways: only the one that we write is taken.
        (role.to_string() == uri).then_some(role)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BEGINNING)?;
        match self {
            Self::Coordinator => f.write_str(COORDINATOR),
            Self::Runner(RunnerName { pool, runner }) => {
                if let Some(organization) = &pool.organization {
                    write!(f, "organizations/{organization}/")?;
                }
                write!(f, "pools/{}/runners/{runner}", pool.name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUNNER: &str = "01936b1e-2f3a-7c4d-8e5f-0123456789ab";

    #[test]
    fn a_role_has_one_uri() {
        for uri in [
            "spiffe://muster/coordinator".to_owned(),
            format!("spiffe://muster/pools/hosted/runners/{RUNNER}"),
            format!("spiffe://muster/organizations/acme/pools/hq/runners/{RUNNER}"),
        ] {
            assert_eq!(Role::of_uri(&uri).expect("a role").to_string(), uri);
        }
        for uri in [
            String::new(),
            "spiffe://muster/".to_owned(),
            "spiffe://muster/coordinator/".to_owned(),
            "spiffe://other/coordinator".to_owned(),
            "SPIFFE://muster/coordinator".to_owned(),
            format!(
                "spiffe://muster/organizations/acme/pools/hq/runners/{}",
                RUNNER.to_uppercase()
            ),
            format!("spiffe://muster/organizations/acme/pools/hq/runners/{{{RUNNER}}}"),
            format!("spiffe://muster/organizations/acme/pools/hq/runners/{RUNNER}/more"),
            format!("spiffe://muster/organizations/../pools/hq/runners/{RUNNER}"),
            format!("spiffe://muster/organizations/acme%2f/pools/hq/runners/{RUNNER}"),
            format!("spiffe://muster/organizations//pools/hq/runners/{RUNNER}"),
        ] {
            assert_eq!(Role::of_uri(&uri), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(uri in "(spiffe://muster/)?[a-z0-9/_-]{0,80}") {
            if let Some(role) = Role::of_uri(&uri) {
                prop_assert_eq!(role.to_string(), uri);
            }
        }

        #[test]
        fn every_runner_is_read_as_itself(
            organization in proptest::option::of("[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?"),
            pool in "[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?",
            runner: u128,
        ) {
            let pool = Pool {
                organization: organization.map(|name| name.parse().expect("a name")),
                name: pool.parse().expect("a name"),
            };
            let role = Role::Runner(RunnerName { pool, runner: RunnerId(runner) });
            prop_assert_eq!(Role::of_uri(&role.to_string()), Some(role));
        }
    }
}
