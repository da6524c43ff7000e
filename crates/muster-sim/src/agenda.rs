//! What happens when: one queue of times. Where several things are due in one millisecond, chance says which comes first.

use std::collections::BTreeMap;

/// Milliseconds of the true time, which no process knows.
pub type Millis = u64;

/// What is due, and when. Each thing stands in it at most once.
#[derive(Debug)]
pub struct Agenda<T> {
    queue: BTreeMap<(Millis, u64), T>,
    places: BTreeMap<T, (Millis, u64)>,
}

impl<T: Ord + Copy> Agenda<T> {
    /// Nothing is due.
    #[must_use]
    pub fn new() -> Self {
        Self {
            queue: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// Sees to it that `what` is due at `at`, or stays due earlier.
    pub fn wake(&mut self, what: T, at: Millis, chance: &mut fastrand::Rng) {
        if let Some(place) = self.places.get(&what) {
            if place.0 <= at {
                return;
            }
            self.queue.remove(place);
        }
        let mut place = (at, chance.u64(..));
        while self.queue.contains_key(&place) {
            place.1 = place.1.wrapping_add(1);
        }
        self.queue.insert(place, what);
        self.places.insert(what, place);
    }

    /// Takes the next thing out, with its time.
    pub fn next(&mut self) -> Option<(Millis, T)> {
        let ((at, _), what) = self.queue.pop_first()?;
        self.places.remove(&what);
        Some((at, what))
    }

    /// Takes a thing out before its time.
    pub fn forget(&mut self, what: T) {
        if let Some(place) = self.places.remove(&what) {
            self.queue.remove(&place);
        }
    }
}

impl<T: Ord + Copy> Default for Agenda<T> {
    fn default() -> Self {
        Self::new()
    }
}
