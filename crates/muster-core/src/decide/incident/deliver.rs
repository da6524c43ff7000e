//! Somebody was to be told of an incident, and that was tried.

use std::time::Duration;

use crate::decide::Decision;
use crate::entity::DeliveryState;
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::IncidentId;

/// How a delivery is tried again: after a minute first, then after twice as long each time, at most after an hour.
const BACKOFF_FIRST: Duration = Duration::from_secs(60);
const BACKOFF_MOST: Duration = Duration::from_secs(60 * 60);

/// After so long it is a dead letter: who has not heard by then looks elsewhere.
pub const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The most bytes of an answer that are kept.
pub const ANSWER_BYTES_MAX: usize = 512;

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It was taken.
    Accepted,
    /// It was refused for good.
    Refused,
    /// It may work later.
    Deferred,
}

/// A delivery was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// Of which incident.
    pub incident: IncidentId,
    /// Which of its notices.
    pub notice: u32,
    /// Which of the notice's deliveries, by its place.
    pub delivery: u32,
    /// How often it had been tried before: who tries twice is heard once.
    pub tries: u32,
    /// What became of it.
    pub tried: Tried,
    /// What the other side, or the way to it, said, in words for a person. Cut at [`ANSWER_BYTES_MAX`].
    pub answer: String,
}

impl Deliver {
    /// Sent, or dead, or to be tried later. What is not waiting with so many tries is left as it is.
    #[must_use]
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Decision {
        let incident = state.ledger().incident(self.incident);
        let found = incident.and_then(|incident| incident.delivery(self.notice, self.delivery));
        let waits = found.and_then(|(notice, delivery)| match delivery.state {
            DeliveryState::Waiting { tries, .. } if tries == self.tries || planted!("tries-not-compared") => {
                Some(notice.at)
            }
            DeliveryState::Waiting { .. } | DeliveryState::Sent { .. } | DeliveryState::Dead { .. } => None,
        });
        let Some(since) = waits else {
            return Decision::nothing();
        };
        let mut answer = self.answer;
        answer.truncate(answer.floor_char_boundary(ANSWER_BYTES_MAX));
        Decision::event(Event::DeliveryTried {
            incident: self.incident,
            notice: self.notice,
            delivery: self.delivery,
            state: next_state(self.tried, self.tries + 1, since, now, chance),
            answer,
        })
    }
}

fn next_state(tried: Tried, tries: u32, since: Stamp, now: Now, chance: &mut fastrand::Rng) -> DeliveryState {
    match tried {
        Tried::Accepted => DeliveryState::Sent { at: now.stamp },
        Tried::Refused => DeliveryState::Dead { at: now.stamp },
        Tried::Deferred if planted!("deferral-is-sent") => DeliveryState::Sent { at: now.stamp },
        Tried::Deferred if now.stamp.since(since) >= BACKOFF_MOST && planted!("dead-too-early") => {
            DeliveryState::Dead { at: now.stamp }
        }
        Tried::Deferred if now.stamp.since(since) >= TRIED_FOR => DeliveryState::Dead { at: now.stamp },
        Tried::Deferred => DeliveryState::Waiting {
            tries,
            next: now.stamp.after(backoff(tries, chance)),
        },
    }
}

/// Between half of the most and the most, so that many that failed together do not come back together.
fn backoff(tries: u32, chance: &mut fastrand::Rng) -> Duration {
    let most = (BACKOFF_FIRST * 2_u32.pow(tries.saturating_sub(1).min(10))).min(BACKOFF_MOST);
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(chance.u64(most / 2..=most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_less_and_less_often() {
        let mut chance = fastrand::Rng::with_seed(1);
        for (tries, most) in [(1, 60), (2, 120), (6, 1_920), (7, 3_600), (40, 3_600)] {
            let wait = backoff(tries, &mut chance).as_secs();
            assert!((most / 2..=most).contains(&wait), "{tries}: {wait}");
        }
    }
}
