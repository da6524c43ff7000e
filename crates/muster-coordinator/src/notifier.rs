//! Sends what the ledger's outbox holds, and tells the ledger what became of it. A mail whose end is not noted is sent again: at least once, never none.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use muster_core::decide::incident::deliver::{Deliver, Tried};
use muster_core::decide::{Command, Rejection};
use muster_core::entity::{Channel, DeliveryState};
use muster_core::index::Outgoing;
use muster_core::words::Principal;
use muster_failpoint::failpoint;
use muster_shard::{ShardError, ShardHandle, Turn};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::mail::{Letter, Mailer, Reply};
use crate::metrics::Metrics;
use crate::wire::name;

/// How many mails are sent at the same time: each is a connection of its own, and mail servers bound these.
const SENDING_MAX: usize = 8;

/// How long it sleeps at most, since the wall clock, by which the next time is planned, may be put forward.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Sends until it is told to stop. What is under way then is given up, and sent again after the next start.
pub(crate) async fn run(
    shard: ShardHandle,
    mailer: Mailer,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), ShardError> {
    let mut notifier = Notifier {
        shard: shard.clone(),
        mailer,
        metrics,
        sending: JoinSet::new(),
        in_hand: HashMap::new(),
    };
    loop {
        let sleep = notifier.send_due().await?;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(done) = notifier.sending.join_next_with_id() => notifier.done(done)?,
            () = shard.outbox_filled() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

struct Notifier {
    shard: ShardHandle,
    mailer: Mailer,
    metrics: Metrics,
    sending: JoinSet<Result<(), ShardError>>,
    in_hand: HashMap<Id, Try>,
}

/// A try at an entry of the outbox.
#[derive(Debug, Clone, Copy)]
struct Try {
    outgoing: Outgoing,
    /// How often it had been tried before.
    tries: u32,
}

/// What is to be sent now, and how long nothing else is.
struct Look {
    due: Vec<(Try, Letter)>,
    sleep: Duration,
}

impl Notifier {
    /// Begins to send what is due, as much as there is place for. Returns after how long there may be more.
    async fn send_due(&mut self) -> Result<Duration, ShardError> {
        let in_hand: BTreeSet<Outgoing> = self.in_hand.values().map(|one| one.outgoing).collect();
        let places = SENDING_MAX - self.sending.len();
        let look = self.shard.turn(move |turn| look(turn, &in_hand, places)).await?;
        for (one, letter) in look.due {
            let (shard, mailer, metrics) = (self.shard.clone(), self.mailer.clone(), self.metrics.clone());
            let sending = self.sending.spawn(async move {
                let reply = send(&mailer, &letter).await;
                note(&shard, &metrics, one, reply).await
            });
            self.in_hand.insert(sending.id(), one);
        }
        Ok(look.sleep)
    }

    fn done(&mut self, done: Result<(Id, Result<(), ShardError>), JoinError>) -> Result<(), ShardError> {
        match done {
            Ok((id, result)) => {
                self.in_hand.remove(&id);
                result
            }
            Err(error) => {
                tracing::error!(%error, "a fault of the program: the sending of a mail has panicked. It is tried again; please report this");
                if let Some(one) = self.in_hand.remove(&error.id()) {
                    let (shard, metrics) = (self.shard.clone(), self.metrics.clone());
                    let reply = Reply {
                        tried: Tried::Deferred,
                        answer: "a fault of the coordinator, whose log says more".to_owned(),
                    };
                    let noting = self
                        .sending
                        .spawn(async move { note(&shard, &metrics, one, reply).await });
                    self.in_hand.insert(noting.id(), one);
                }
                Ok(())
            }
        }
    }
}

fn look(turn: &mut Turn<'_>, in_hand: &BTreeSet<Outgoing>, places: usize) -> Look {
    let (state, now) = (turn.state(), turn.now().stamp);
    let mut due = Vec::new();
    let mut sleep = SLEEP_MAX;
    // Beside what is in hand, of which there is not more than there are places in all, each step takes a place or ends this.
    for outgoing in state.index().alerts().outbox() {
        if outgoing.at > now {
            sleep = sleep.min(outgoing.at.since(now));
            break;
        }
        if due.len() == places {
            break;
        }
        if in_hand.contains(outgoing) {
            continue;
        }
        let incident = state.everywhere().incident(outgoing.incident);
        let found = incident.and_then(|incident| {
            let (notice, delivery) = incident.delivery(outgoing.notice, outgoing.delivery)?;
            let DeliveryState::Waiting { tries, .. } = delivery.state else {
                return None;
            };
            let Channel::Email(recipient) = &delivery.channel;
            let outgoing = *outgoing;
            Some((Try { outgoing, tries }, Letter::of(incident, notice, recipient)))
        });
        due.extend(found);
    }
    Look { due, sleep }
}

async fn send(mailer: &Mailer, letter: &Letter) -> Reply {
    let Some(letterhead) = mailer.letterhead() else {
        return Mailer::nowhere();
    };
    match letterhead.write(letter) {
        Ok(mail) => {
            failpoint!("mail");
            mailer.send(&mail).await
        }
        Err(error) => Reply {
            tried: Tried::Refused,
            answer: format!("no mail can be written to this address: {error}"),
        },
    }
}

/// Tells the ledger what became of a try.
async fn note(shard: &ShardHandle, metrics: &Metrics, one: Try, reply: Reply) -> Result<(), ShardError> {
    failpoint!("mailed");
    let outgoing = one.outgoing;
    let command = Command::Deliver(Deliver {
        incident: outgoing.incident,
        notice: outgoing.notice,
        delivery: outgoing.delivery,
        tries: one.tries,
        tried: reply.tried,
        answer: reply.answer.clone(),
    });
    let noted = shard.turn(move |turn| {
        turn.ask(&Principal::Coordinator, command)?;
        let incident = turn.state().everywhere().incident(outgoing.incident);
        Ok::<_, Rejection>(incident.and_then(|incident| {
            let (_, delivery) = incident.delivery(outgoing.notice, outgoing.delivery)?;
            let Channel::Email(recipient) = &delivery.channel;
            let incident = name::of_incident(&incident.organization, incident.id);
            Some((incident, recipient.clone(), delivery.state.clone()))
        }))
    });
    let noted = match noted.await? {
        Ok(noted) => noted,
        Err(rejection) => {
            tracing::warn!(%rejection, "what became of a mail was refused by the ledger");
            None
        }
    };
    let Some((incident, recipient, state)) = noted else {
        return Ok(());
    };
    let answer = reply.answer;
    match state {
        DeliveryState::Sent { .. } => tracing::info!(incident, %recipient, answer, "a mail was sent"),
        DeliveryState::Waiting { tries, .. } => {
            tracing::warn!(incident, %recipient, tries, answer, "a mail could not be sent: tried again later");
        }
        DeliveryState::Dead { .. } => {
            tracing::error!(incident, %recipient, answer, "a mail could not be sent, and is not tried any more");
        }
    }
    metrics.count_delivery(&state);
    Ok(())
}
