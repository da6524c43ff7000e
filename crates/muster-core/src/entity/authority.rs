//! The certificate authority of an organization, or of the service itself.

use std::sync::Arc;

use crate::time::Stamp;
use crate::words::OrganizationId;

/// An authority: what signs now, and what signed before and is still trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Whose runners it certifies; `None` for the service's own, which certifies the coordinator, too.
    pub owner: Option<OrganizationId>,
    /// Oldest first; the last one signs.
    pub generations: Vec<Generation>,
}

/// An authority between two rotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its ordinal, from 1.
    pub number: u32,
    /// Its certificate, in DER.
    pub certificate: Arc<[u8]>,
    /// Its key, encrypted: it opens with what the coordinator has outside of its store.
    pub sealed_key: Arc<[u8]>,
    /// Since when it signs.
    pub since: Stamp,
    /// Until when it is trusted although it signs no more; `None` for the one that signs.
    pub until: Option<Stamp>,
}

impl Authority {
    /// The one that signs; `None` never, but of a record that is damaged.
    #[must_use]
    pub fn signing(&self) -> Option<&Generation> {
        self.generations.last()
    }

    /// Those that are trusted at `now`, oldest first.
    pub fn trusted(&self, now: Stamp) -> impl Iterator<Item = &Generation> {
        self.generations
            .iter()
            .filter(move |one| one.until.is_none_or(|until| now < until))
    }

    /// Takes in the next generation. Those before it are trusted until `overlap`; those whose time is over go.
    pub(crate) fn rotate(&mut self, next: Generation, overlap: Stamp) {
        self.generations
            .retain(|one| one.number != next.number && one.until.is_none_or(|until| next.since < until));
        for one in &mut self.generations {
            one.until.get_or_insert(overlap);
        }
        self.generations.push(next);
    }
}
