//! How many handshakes are under way: in all, and of one address. Whoever is slow at it, or never goes on, must not take the places of all others. And how
//! many connections there are after it on which nobody has shown who they are: those keep their places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Peer;

/// How many may be under way. Each takes some 10 KiB, a connection after it some 50 KiB, and an honest one a few milliseconds.
const PLACES_MAX: usize = 8_192;

/// An address may have as many under way as this times those that are free: one alone has up to three quarters of all, so that 5,000 runners behind one come
/// back at once; of several each has less, and some are always free for who comes next.
const TIMES_FREE: usize = 3;

/// How often it is told of one address that it is turned away.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The places. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    peers: HashMap<Peer, Own>,
}

/// What one peer has.
#[derive(Debug, Default)]
struct Own {
    under_way: usize,
    turned_away: u64,
    told: Option<Instant>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    peer: Peer,
}

/// There is none for this address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// What there is to tell of it: how many were turned away since it was told last, and how many it has under way. `None`: it was told just now.
    pub(super) to_tell: Option<(u64, usize)>,
}

#[cfg(test)]
impl Place {
    /// One where there is room for all.
    pub(crate) fn any() -> Self {
        let places = Places::default();
        places
            .take(IpAddr::from([127, 0, 0, 1]), Instant::now())
            .expect("there is room")
    }
}

impl Places {
    /// Takes a place for a handshake with this address.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn take(&self, address: IpAddr, now: Instant) -> Result<Place, Full> {
        let peer = Peer::of(address);
        let mut taken = self.lock();
        let free = PLACES_MAX - taken.all;
        let own = taken.peers.entry(peer).or_default();
        if own.under_way < free * TIMES_FREE {
            own.under_way += 1;
            taken.all += 1;
            drop(taken);
            let places = self.clone();
            return Ok(Place { places, peer });
        }
        own.turned_away += 1;
        let is_due = own.told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY);
        let to_tell = is_due.then(|| {
            own.told = Some(now);
            (std::mem::take(&mut own.turned_away), own.under_way)
        });
        if own.under_way == 0 {
            // All are taken by others.
            taken.peers.remove(&peer);
        }
        Err(Full { to_tell })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(own) = taken.peers.get_mut(&self.peer) {
            own.under_way -= 1;
            if own.under_way == 0 {
                taken.peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn all(places: &Places, last: u8, now: Instant) -> Vec<Place> {
        std::iter::from_fn(|| places.take(address(last), now).ok()).collect()
    }

    #[test]
    fn runners_behind_one_address_may_all_come_back_at_once_and_others_too() {
        let (places, now) = (Places::default(), Instant::now());
        let one = all(&places, 1, now);
        assert!(one.len() >= 5_000, "{}", one.len());
        // However many take all that they get, the next one gets some.
        let mut others = Vec::new();
        for last in 2..6 {
            let other = all(&places, last, now);
            assert!(!other.is_empty(), "{last}");
            others.push(other);
        }
        // An address by which nothing is under way is forgotten.
        drop((one, others));
        assert_eq!(places.lock().all, 0);
        assert!(places.lock().peers.is_empty());
        assert_eq!(all(&places, 9, now).len(), PLACES_MAX / 4 * TIMES_FREE);
    }

    #[test]
    fn it_is_told_who_is_turned_away_and_not_too_often() {
        let (places, now) = (Places::default(), Instant::now());
        let own = all(&places, 1, now);
        let full = |after| places.take(address(1), now + after).expect_err("it is full").to_tell;
        // What is told first was turned away by the last look for a place.
        assert_eq!(full(Duration::from_secs(1)), None);
        assert_eq!(full(TOLD_EVERY), Some((2, own.len())));
        assert_eq!(full(TOLD_EVERY), None);
    }
}
