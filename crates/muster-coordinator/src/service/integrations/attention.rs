//! Which integrations call for attention although their status does not say so: those that are stale, wait for a runner or are warned of.
//!
//! Conditions follow from time and from runners as much as from what happens, so no index has them, and whoever wants to know them of all has to look at
//! all. A thousand pages that are open want to know that every second. So what one look has found is kept for a while, and told to all of them; whoever lists
//! these integrations judges each of them anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_core::health::Conditions;
use muster_core::state::State;
use muster_core::time::Now;
use muster_core::words::{ConfigurationStatus, IntegrationId, OrganizationId};
use muster_shard::ShardError;
use tokio::time::Instant;

use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::page::PAGE_SIZE_MAX;

/// How long what was found is told at least.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// How many times as long as the look took it is told at least: so the looks at one organization take at most a twentieth of the writer's time.
const KEPT_TIMES: u32 = 20;

/// How many times as old as that it may be while it is looked anew.
const OVERDUE_TIMES: u32 = 2;

/// After how long an organization is forgotten that nobody asks for.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);

/// How many integrations of an organization are kept by their ids: about a megabyte. Where there are more, most of a list is among them, and it is found
/// by a walk through all.
const LISTED_MAX: usize = 10_000;

/// What was found in each organization that somebody has asked for lately. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub(in crate::service) struct Attention(Arc<Mutex<HashMap<OrganizationId, Asked>>>);

/// An organization that somebody has asked for.
#[derive(Debug)]
struct Asked {
    /// When, last.
    at: Instant,
    kept: Arc<Kept>,
}

/// What was found in one organization.
#[derive(Debug, Default)]
struct Kept {
    newest: Mutex<Option<Look>>,
    /// Whoever has it looks; there is one.
    looking: tokio::sync::Mutex<()>,
}

/// A look at all integrations.
#[derive(Debug, Clone)]
struct Look {
    began: Instant,
    took: Duration,
    seen: Arc<Seen>,
}

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many of them are Active.
    pub(super) active_count: u64,
    /// Which they are; `None` where they are too many.
    pub(super) listed: Option<Listed>,
}

/// Integrations in the orders that lists have.
#[derive(Debug, Default)]
pub(super) struct Listed {
    ids: Vec<IntegrationId>,
    /// By display name, in lower case.
    names: Vec<(Box<str>, IntegrationId)>,
}

impl Listed {
    fn of(mut names: Vec<(Box<str>, IntegrationId)>) -> Self {
        names.sort_unstable();
        let mut ids: Vec<_> = names.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        Self { ids, names }
    }

    /// Those after `after`, oldest first.
    pub(super) fn after(&self, after: Option<IntegrationId>) -> impl Iterator<Item = IntegrationId> {
        let from = after.map_or(0, |after| self.ids.partition_point(|id| *id <= after));
        self.ids[from..].iter().copied()
    }

    /// Those before `before`, newest first.
    pub(super) fn before(&self, before: Option<IntegrationId>) -> impl Iterator<Item = IntegrationId> {
        let to = before.map_or(self.ids.len(), |before| self.ids.partition_point(|id| *id < before));
        self.ids[..to].iter().rev().copied()
    }

    /// Those after the name `after`, by name.
    pub(super) fn by_name(&self, after: Option<&str>) -> impl Iterator<Item = (&str, IntegrationId)> {
        let from = after.map_or(0, |after| self.names.partition_point(|(name, _)| **name <= *after));
        self.names[from..].iter().map(|(name, id)| (&**name, *id))
    }
}

impl Look {
    fn kept_for(&self) -> Duration {
        KEPT_FOR.max(self.took * KEPT_TIMES)
    }

    fn is_new(&self) -> bool {
        self.began.elapsed() < self.kept_for()
    }

    fn is_overdue(&self) -> bool {
        self.began.elapsed() >= self.kept_for() * OVERDUE_TIMES
    }
}

impl Kept {
    fn newest(&self) -> Option<Look> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the newest look has found; where that is too old, what `look` finds. Who asks while somebody else looks gets what was found before, or waits
    /// where that is overdue.
    async fn get<E>(&self, look: impl AsyncFnOnce() -> Result<Seen, E>) -> Result<Arc<Seen>, E> {
        let newest = self.newest();
        if let Some(newest) = newest.as_ref().filter(|newest| newest.is_new()) {
            return Ok(newest.seen.clone());
        }
        let _looking = match (self.looking.try_lock(), newest.filter(|newest| !newest.is_overdue())) {
            (Ok(looking), _) => looking,
            (Err(_), Some(before)) => return Ok(before.seen),
            (Err(_), None) => self.looking.lock().await,
        };
        if let Some(newest) = self.newest().filter(Look::is_new) {
            return Ok(newest.seen);
        }
        let began = Instant::now();
        let seen = Arc::new(look().await?);
        let newest = Look {
            began,
            took: began.elapsed(),
            seen: seen.clone(),
        };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
        Ok(seen)
    }
}

impl Attention {
    /// What is kept of an organization that is asked for now. Those that nobody asks for are forgotten.
    fn of(&self, organization: &OrganizationId) -> Arc<Kept> {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(organization) {
            known.at = now;
            return known.kept.clone();
        }
        // Here only, where another one comes: so there are never more than were asked for within one such time.
        all.retain(|_, known| now.duration_since(known.at) < FORGOTTEN_AFTER);
        let kept = Arc::<Kept>::default();
        let asked = Asked {
            at: now,
            kept: kept.clone(),
        };
        all.insert(organization.clone(), asked);
        kept
    }
}

impl Services {
    /// Which integrations of an organization call for attention, as of a while ago.
    pub(super) async fn attention_of(&self, organization: &OrganizationId) -> Result<Arc<Seen>, ServiceError> {
        let kept = self.attention.of(organization);
        Ok(kept.get(async || self.look_at_all(organization).await).await?)
    }

    /// Looks at all, a part in each turn of the writer.
    async fn look_at_all(&self, organization: &OrganizationId) -> Result<Seen, ShardError> {
        let mut found = Found::default();
        let mut after = None;
        loop {
            let of = organization.clone();
            let part = self
                .shard
                .turn(move |turn| Part::read(turn.state(), turn.now(), &of, after));
            let part = part.await?;
            found.add(part.found);
            after = part.last;
            if after.is_none() {
                return Ok(found.seen());
            }
        }
    }
}

/// What a look has found so far.
#[derive(Default)]
struct Found {
    active_count: u64,
    /// Those that are kept: one more than may be tells that there are too many.
    names: Vec<(Box<str>, IntegrationId)>,
}

/// One that calls for attention.
struct One {
    id: IntegrationId,
    /// Its display name, in lower case.
    name: Box<str>,
    is_active: bool,
}

impl Found {
    fn add(&mut self, found: Vec<One>) {
        self.active_count += found.iter().filter(|one| one.is_active).count() as u64;
        let room = (LISTED_MAX + 1).saturating_sub(self.names.len());
        self.names
            .extend(found.into_iter().take(room).map(|one| (one.name, one.id)));
    }

    fn seen(self) -> Seen {
        let listed = (self.names.len() <= LISTED_MAX).then(|| Listed::of(self.names));
        Seen {
            active_count: self.active_count,
            listed,
        }
    }
}

/// What one turn has found.
struct Part {
    found: Vec<One>,
    /// Where it ends: `None` at the end of all.
    last: Option<IntegrationId>,
}

impl Part {
    fn read(state: &State, now: Now, organization: &OrganizationId, after: Option<IntegrationId>) -> Self {
        let mut conditions = Conditions::new(state, now);
        let mut later = state.index().integrations_of(organization, after);
        let mut found = Vec::new();
        let mut last = None;
        for id in later.by_ref().take(PAGE_SIZE_MAX) {
            last = Some(id);
            let Some(integration) = state.of(organization).integration(id) else {
                continue;
            };
            let said = conditions.of(integration);
            if said.iter().any(|condition| condition.kind().calls_for_attention()) {
                found.push(One {
                    id,
                    name: integration.definition.display_name.as_str().to_lowercase().into(),
                    is_active: integration.status() == ConfigurationStatus::Active,
                });
            }
        }
        Self {
            found,
            last: last.filter(|_| later.next().is_some()),
        }
    }
}

#[cfg(test)]
mod tests;
