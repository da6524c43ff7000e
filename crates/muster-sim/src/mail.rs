//! Mails: the outbox is looked through as `notifier.rs` of the coordinator does it, and a made-up mail server takes mails, refuses them, puts them off,
//! is gone for hours, and takes some of which nobody hears that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_core::decide::incident::deliver::{Deliver, Tried};
use muster_core::entity::{Channel, DeliveryState, NoticeKind};
use muster_core::index::Outgoing;
use muster_core::time::Stamp;
use muster_core::words::{IncidentId, Sequence};
use muster_shard::Turn;

use crate::agenda::Millis;
use crate::jobs::Work;
use crate::trace::{broken, say};
use crate::world::{Due, World};

/// The name of a mailbox that is not there any more.
pub const MOVED_AWAY: &str = "moved-away";

/// How many mails are sent at the same time, and how long the notifier sleeps at the most while something waits; as in the coordinator.
const SENDING_MAX: usize = 8;
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// After how long what is deferred is given up.
const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A delivery: its incident, its notice, its place.
type Key = (IncidentId, u32, u32);

/// The mail server, and what it has seen.
#[derive(Default)]
pub struct Mail {
    /// Until when it is not there.
    pub down_until: Millis,
    under_way: BTreeMap<u64, UnderWay>,
    next: u64,
    /// The mails that it has taken.
    taken: BTreeSet<Key>,
    /// What the coordinator was told of each try.
    heard: BTreeMap<(Key, u32), Tried>,
}

/// A mail on its way.
struct UnderWay {
    letter: Letter,
    /// When the process that sends it began.
    sender: Millis,
}

/// What is to be sent.
pub struct Letter {
    outgoing: Outgoing,
    tries: u32,
    kind: NoticeKind,
    to: Channel,
}

/// What was found in the outbox.
pub struct Outbox {
    due: Vec<Letter>,
    /// How long there is nothing more; `None` when nothing more waits.
    sleep: Option<Duration>,
    sequence: Sequence,
}

/// What is sent just now.
#[derive(Default)]
pub struct Notifier {
    pub in_hand: BTreeSet<Outgoing>,
    is_looking: bool,
    again: bool,
}

/// What is due in the outbox, as much as there is place for.
pub fn look(turn: &mut Turn<'_>, in_hand: &BTreeSet<Outgoing>) -> Outbox {
    let (state, now) = (turn.state(), turn.now().stamp);
    let mut outbox = Outbox {
        due: Vec::new(),
        sleep: None,
        sequence: turn.sequence(),
    };
    for outgoing in state.index().alerts().outbox() {
        let is_full = in_hand.len() + outbox.due.len() == SENDING_MAX;
        if outgoing.at > now || is_full {
            // Where nothing has place the end of what is in hand wakes.
            let until = outgoing.at.since(now).min(SLEEP_MAX);
            outbox.sleep = Some(if is_full { SLEEP_MAX } else { until });
            break;
        }
        let incident = state.everywhere().incident(outgoing.incident);
        let Some(notice) = incident.and_then(|incident| incident.notice(outgoing.notice)) else {
            broken!("{outgoing:?} is in the outbox, and there is no such notice");
        };
        let delivery = &notice.deliveries[outgoing.delivery as usize];
        let DeliveryState::Waiting { tries, .. } = delivery.state else {
            broken!("{outgoing:?} is in the outbox, and {delivery:?}");
        };
        if !in_hand.contains(outgoing) {
            outbox.due.push(Letter {
                outgoing: *outgoing,
                tries,
                kind: notice.kind,
                to: delivery.channel.clone(),
            });
        }
    }
    outbox
}

impl World {
    pub(crate) fn look_through_outbox(&mut self) {
        if !self.is_coordinator_awake() {
            return self.wake(Due::Notify, 500);
        }
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        let notifier = &mut coordinator.notifier;
        notifier.again |= notifier.is_looking;
        if !std::mem::replace(&mut notifier.is_looking, true) {
            self.start(Work::LookThroughOutbox);
        }
    }

    /// Sends what is due.
    pub(crate) fn send_mails(&mut self, outbox: Outbox) {
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        coordinator.notifier.is_looking = false;
        let again = std::mem::take(&mut coordinator.notifier.again);
        let sender = coordinator.began;
        if !outbox.due.is_empty() {
            self.check_told(outbox.sequence, "a mail");
        }
        for letter in outbox.due {
            self.check_letter(&letter);
            if let Some(coordinator) = &mut self.coordinator {
                coordinator.notifier.in_hand.insert(letter.outgoing);
            }
            let id = self.mail.next;
            self.mail.next += 1;
            self.mail.under_way.insert(id, UnderWay { letter, sender });
            let delay = match self.chance.u32(0..20) {
                0 if !self.healed => self.chance.u64(10_000..120_000),
                _ => self.chance.u64(5..2_000),
            };
            self.wake(Due::Mail(id), delay);
        }
        let sleep = if again { Some(Duration::ZERO) } else { outbox.sleep };
        if let Some(sleep) = sleep {
            let wait = self.clock.wait(sleep).max(1);
            self.wake(Due::Notify, wait);
        }
    }

    /// It says what was decided, to whom that was to be told.
    fn check_letter(&self, letter: &Letter) {
        let Outgoing {
            incident,
            notice,
            delivery,
            ..
        } = letter.outgoing;
        // What was decided since this was read may have settled it.
        if let Some((channel, told, _)) = self.spec.waiting(incident, notice, delivery)
            && (*channel != letter.to || told.kind != letter.kind)
        {
            broken!(
                "{:?} of {incident} goes to {:?}, and {told:?} was to go to {channel:?}",
                letter.kind,
                letter.to
            );
        }
    }

    /// A mail has come to the server. Whoever has sent it may be gone by then.
    pub(crate) fn take_mail(&mut self, id: u64) {
        let Some(UnderWay { letter, sender }) = self.mail.under_way.remove(&id) else {
            return;
        };
        let Outgoing {
            incident,
            notice,
            delivery,
            ..
        } = letter.outgoing;
        let key = (incident, notice, delivery);
        let Channel::Email(address) = &letter.to;
        let is_there = self.now >= self.mail.down_until;
        let (taken, tried) = match self.chance.u32(0..100) {
            _ if !is_there => (false, Tried::Deferred),
            _ if address.as_str().starts_with(MOVED_AWAY) => (false, Tried::Refused),
            0..20 if !self.healed => (false, Tried::Deferred),
            20..24 if !self.healed => (false, Tried::Refused),
            24..32 if !self.healed => (true, Tried::Deferred),
            _ => (true, Tried::Accepted),
        };
        let alive = self
            .coordinator
            .as_ref()
            .is_some_and(|coordinator| coordinator.began == sender);
        if taken {
            if !self.mail.taken.insert(key) {
                self.trace.count("a mail is taken twice");
            }
            if !alive || tried != Tried::Accepted {
                self.trace.count("a mail is taken, and nobody hears of it");
            }
        }
        let name = self.trace.name("n", incident.0);
        say!(
            self,
            "mail server: {name}.{notice} {:?} to {address}: {tried:?}, taken: {taken}",
            letter.kind
        );
        if !alive {
            return;
        }
        self.mail.heard.insert((key, letter.tries), tried);
        let deliver = Deliver {
            incident,
            notice,
            delivery,
            tries: letter.tries,
            tried,
            answer: format!("{tried:?}"),
        };
        if self.chance.u32(0..10) == 0 {
            self.trace.count("what became of a mail is said twice");
            self.start(Work::Deliver(letter.outgoing, deliver.clone()));
        }
        self.start(Work::Deliver(letter.outgoing, deliver));
    }

    /// The ledger has taken in what became of a mail.
    pub(crate) fn delivered(&mut self, outgoing: Outgoing) {
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.notifier.in_hand.remove(&outgoing);
        }
        self.wake(Due::Notify, 0);
    }

    /// What the ledger says has become of a mail is what the mail server has said.
    pub(crate) fn check_delivery(&self, key: Key, state: &DeliveryState, now: Stamp) {
        let Some((channel, notice, before)) = self.spec.waiting(key.0, key.1, key.2) else {
            return;
        };
        let before = match state {
            DeliveryState::Waiting { tries, .. } => tries.saturating_sub(1),
            DeliveryState::Sent { .. } | DeliveryState::Dead { .. } => before,
        };
        let heard = self.mail.heard.get(&(key, before)).copied();
        let holds = match state {
            DeliveryState::Sent { .. } => heard == Some(Tried::Accepted) && self.mail.taken.contains(&key),
            DeliveryState::Waiting { .. } => heard == Some(Tried::Deferred),
            DeliveryState::Dead { .. } => match heard {
                Some(Tried::Refused) => true,
                Some(Tried::Deferred) => now.since(notice.at) >= TRIED_FOR,
                Some(Tried::Accepted) | None => false,
            },
        };
        if !holds {
            broken!(
                "the mail {key:?} of {:?} to {channel:?} is {state:?}, and {heard:?} was heard of try {before}",
                notice.at
            );
        }
    }

    /// Every mail that is said to be sent was taken by the mail server.
    pub(crate) fn check_sent(&self) {
        for (id, incident) in &self.spec.incidents {
            for (ordinal, notice) in (0..).zip(&incident.notices) {
                for (place, (channel, state)) in (0..).zip(&notice.deliveries) {
                    if matches!(state, DeliveryState::Sent { .. }) && !self.mail.taken.contains(&(*id, ordinal, place))
                    {
                        broken!("the mail {ordinal} of {id} to {channel:?} is {state:?}, and no mail server has it");
                    }
                }
            }
        }
    }
}
