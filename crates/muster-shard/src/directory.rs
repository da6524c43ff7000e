//! The directory: what every call must know before it comes to the writer. A copy of a few entities that change seldom, kept up with what is durable, so
//! that to look something up takes no turn.
//!
//! Whoever adds a kind of entity adds a map, its arm in [`Directory::take`] and [`is_listed`], and a way to ask.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use muster_core::entity::{EntityKey, Organization, OrganizationState, Person, Token};
use muster_core::ledger::{Entity, Ledger};
use muster_core::time::Stamp;
use muster_core::words::{OrganizationId, PersonId, RetentionDays, TokenId};
use tokio::sync::watch;

/// What is durable of a few kinds of entities. What it tells may be told to anybody.
#[derive(Default)]
pub struct Directory {
    listed: RwLock<Listed>,
    /// Counts the batches that have changed something here.
    changes: watch::Sender<u64>,
}

/// Before which time the history of each organization goes.
pub(crate) struct OldestKept {
    of: BTreeMap<OrganizationId, Stamp>,
    otherwise: Stamp,
}

impl OldestKept {
    /// That of one.
    pub(crate) fn of(&self, organization: &OrganizationId) -> Stamp {
        self.of.get(organization).copied().unwrap_or(self.otherwise)
    }

    /// The latest of all.
    pub(crate) fn latest(&self) -> Stamp {
        self.of.values().copied().fold(self.otherwise, Stamp::max)
    }
}

/// For how long the history of an organization that was deleted is looked for.
const GOES_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Default)]
struct Listed {
    organizations: BTreeMap<OrganizationId, Arc<Organization>>,
    people: BTreeMap<PersonId, Arc<Person>>,
    tokens: BTreeMap<TokenId, Arc<Token>>,
}

/// What has become of an entity.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) key: EntityKey,
    /// `None` when it is gone.
    pub(crate) now: Option<Entity>,
}

/// Whether the directory has this kind of entity.
pub(crate) fn is_listed(key: &EntityKey) -> bool {
    match key {
        EntityKey::Organization(_) | EntityKey::Person(_) | EntityKey::Token(_) => true,
        EntityKey::Integration(_)
        | EntityKey::Execution(_)
        | EntityKey::Runner(_)
        | EntityKey::Connector(_)
        | EntityKey::Incident(_)
        | EntityKey::Authority(_)
        | EntityKey::EnrollmentToken(_)
        | EntityKey::RunnerIdentity(_)
        | EntityKey::AuditLog(_) => false,
    }
}

impl Directory {
    /// The directory of a ledger that is durable.
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let directory = Self::default();
        let organizations = ledger.organizations().cloned().map(Entity::Organization);
        let people = ledger.people().cloned().map(Entity::Person);
        let tokens = ledger.tokens().cloned().map(Entity::Token);
        let there = organizations.chain(people).chain(tokens).map(|entity| Changed {
            key: entity.key(),
            now: Some(entity),
        });
        directory.take(there.collect());
        directory
    }

    /// Takes in entities as they are after a batch that is durable now.
    pub(crate) fn take(&self, changed: Vec<Changed>) {
        if changed.is_empty() {
            return;
        }
        {
            let mut listed = self.listed.write().unwrap_or_else(PoisonError::into_inner);
            for Changed { key, now } in changed {
                match now {
                    Some(Entity::Organization(organization)) => {
                        let id = organization.id.clone();
                        listed.organizations.insert(id, Arc::new(organization));
                    }
                    Some(Entity::Person(person)) => {
                        listed.people.insert(person.id, Arc::new(person));
                    }
                    Some(Entity::Token(token)) => {
                        listed.tokens.insert(token.id, Arc::new(token));
                    }
                    Some(
                        Entity::Integration(_)
                        | Entity::Execution(_)
                        | Entity::Runner(_)
                        | Entity::Connector(_)
                        | Entity::Incident(_)
                        | Entity::Authority(_)
                        | Entity::EnrollmentToken(_)
                        | Entity::RunnerIdentity(_),
                    ) => {}
                    None => listed.remove(&key),
                }
            }
        }
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// The organization of this name; `None` when there is none, or it was deleted.
    #[must_use]
    pub fn organization(&self, id: &OrganizationId) -> Option<Arc<Organization>> {
        let found = self.read().organizations.get(id).cloned();
        found.filter(|found| found.exists())
    }

    /// The token of this id, and the person whose it is; `None` when there is none. One of a person who is gone has none.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<(Arc<Token>, Option<Arc<Person>>)> {
        let listed = self.read();
        let token = listed.tokens.get(&id).cloned()?;
        let person = token.person.and_then(|person| listed.people.get(&person).cloned());
        Some((token, person))
    }

    /// Before which time history goes, by organization, at `now`; `otherwise` is how long that of an organization is kept which is not here.
    pub(crate) fn oldest_kept(&self, now: Stamp, otherwise: Duration) -> OldestKept {
        let before = |age: Duration| {
            let since = now.since(Stamp::from_millis(0));
            Stamp::from_millis(0).after(since.saturating_sub(age))
        };
        let oldest = |organization: &Organization| match organization.state {
            // All of it goes. After a day all has been looked through, many times; to look at everything for ever costs.
            OrganizationState::Deleted { at } if now.since(at) < GOES_WITHIN => now,
            OrganizationState::Deleted { .. }
            | OrganizationState::Active
            | OrganizationState::Suspended { .. }
            | OrganizationState::Closing { .. } => before(organization.retention.span()),
        };
        let listed = self.read();
        let organizations = listed.organizations.iter();
        OldestKept {
            of: organizations.map(|(id, one)| (id.clone(), oldest(one))).collect(),
            otherwise: before(otherwise),
        }
    }

    /// Before which time each audit log goes, at `now`: those of organizations, also of such as were deleted, and the service's own.
    pub(crate) fn oldest_audited(&self, now: Stamp) -> Vec<(Option<OrganizationId>, Stamp)> {
        let before = |age: RetentionDays| {
            let since = now.since(Stamp::from_millis(0));
            Stamp::from_millis(0).after(since.saturating_sub(age.span()))
        };
        let listed = self.read();
        let organizations = listed.organizations.iter();
        let organizations = organizations.map(|(id, one)| (Some(id.clone()), before(one.audit_retention)));
        organizations.chain([(None, before(RetentionDays::AUDIT))]).collect()
    }

    /// Tells from now on when anything here has changed: for streams that outlive what they were let in by.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn read(&self) -> RwLockReadGuard<'_, Listed> {
        self.listed.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listed {
    fn remove(&mut self, key: &EntityKey) {
        match key {
            EntityKey::Organization(id) => {
                self.organizations.remove(id);
            }
            EntityKey::Person(id) => {
                self.people.remove(id);
            }
            EntityKey::Token(id) => {
                self.tokens.remove(id);
            }
            EntityKey::Integration(_)
            | EntityKey::Execution(_)
            | EntityKey::Runner(_)
            | EntityKey::Connector(_)
            | EntityKey::Incident(_)
            | EntityKey::Authority(_)
            | EntityKey::EnrollmentToken(_)
            | EntityKey::RunnerIdentity(_)
            | EntityKey::AuditLog(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_core::words::{DisplayName, Quotas};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn organization(name: &str, days: u32, state: OrganizationState) -> Entity {
        Entity::Organization(Organization {
            id: OrganizationId::new(name).expect("a name"),
            display_name: DisplayName::new(name).expect("a name"),
            state,
            quotas: Quotas::NONE,
            retention: RetentionDays::new(days).expect("not too many"),
            audit_retention: RetentionDays::new(2 * days).expect("not too many"),
            version: 1,
            created: Stamp::default(),
            updated: Stamp::default(),
            request: None,
        })
    }

    #[test]
    fn each_organization_keeps_its_history_for_its_own_time_and_one_that_is_deleted_none() {
        let at = |days: u32| Stamp::default().after(DAY * days);
        let directory = Directory::default();
        let there = vec![
            organization("week", 7, OrganizationState::Active),
            organization("year", 365, OrganizationState::Closing { since: at(1) }),
            organization("gone", 90, OrganizationState::Deleted { at: at(1_000) }),
            organization("long-gone", 90, OrganizationState::Deleted { at: at(900) }),
        ];
        let there = there.into_iter().map(|entity| Changed {
            key: entity.key(),
            now: Some(entity),
        });
        directory.take(there.collect());
        let kept = directory.oldest_kept(at(1_000), DAY * 30);
        for (name, oldest) in [
            ("week", at(993)),
            ("year", at(635)),
            ("gone", at(1_000)),
            ("long-gone", at(910)),
            ("unknown", at(970)),
        ] {
            assert_eq!(kept.of(&OrganizationId::new(name).expect("a name")), oldest, "{name}");
        }
        assert_eq!(kept.latest(), at(1_000));
        let audited = directory.oldest_audited(at(1_000));
        for (name, oldest) in [("week", at(986)), ("gone", at(820)), ("year", at(270))] {
            let log = Some(OrganizationId::new(name).expect("a name"));
            assert!(audited.contains(&(log, oldest)), "{name}: {audited:?}");
        }
        assert!(audited.contains(&(None, at(600))), "{audited:?}");
        assert_eq!(directory.oldest_kept(at(2_000), DAY * 30).latest(), at(1_993));
    }
}
