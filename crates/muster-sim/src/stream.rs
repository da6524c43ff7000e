//! The coordinator's driver of one stream: what `service/check_in.rs` does with tonic, done with the simulator's network.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use muster_core::decide::{Command, Message};
use muster_core::words::{Principal, Sequence, SessionId};
use muster_proto::v1;
use muster_session::coordinator::{CoordinatorEnd, CoordinatorOutput, Ended};
use muster_session::runner::StreamEnd;
use muster_shard::{Answered, Outbox, ShardError};

use crate::agenda::Millis;
use crate::jobs::Work as Job;
use crate::network::Item;
use crate::spec::Spec;
use crate::trace::{broken, say};
use crate::world::{Due, World};

/// What was asked of the shard, and its answers with the batch that they depend on.
type Asking = Pin<Box<dyn Future<Output = Result<(Vec<Answered>, Sequence), ShardError>> + Send>>;

/// The most that a stream may ever have in hand here: nothing in these worlds justifies more.
const IN_HAND_MAX: usize = 2_200;

/// How long a stream stays open after its runner was told to check in anew.
const LEAVE_WITHIN: Millis = 2_000;

/// The coordinator's end of a stream, with all that its driver holds.
pub struct Side {
    pub end: CoordinatorEnd,
    outbox: Outbox,
    asked: VecDeque<Asking>,
    leave: Option<Millis>,
    /// The newest batch of which an assignment was told.
    assigned: Sequence,
}

/// The batch in which the claim was made that a message assigns.
fn claimed_in(spec: &Spec, message: &Message) -> Option<Sequence> {
    let Message::Assign(assignment) = message else {
        return None;
    };
    let one = spec.executions.get(&assignment.execution)?;
    let mut claims = one.claims.iter();
    let found = claims.find(|(claim, _)| claim.attempt == assignment.attempt);
    found.map(|(_, sequence)| *sequence)
}

impl World {
    pub(crate) fn open_side(&mut self) -> Option<Side> {
        let now = self.coordinator_now()?;
        let session = SessionId(self.chance.u128(..));
        let coordinator = self.coordinator.as_ref()?;
        Some(Side {
            end: CoordinatorEnd::new(session, now),
            outbox: coordinator.shard.handle().open_outbox(session),
            asked: VecDeque::new(),
            leave: None,
            assigned: Sequence(0),
        })
    }

    /// Tells a stream's runner to check in anew, as the age of its connection demands.
    pub(crate) fn reconnect(&mut self, id: u64) {
        let leave = self.now + LEAVE_WITHIN;
        if let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut()) {
            side.end.reconnect(v1::ReconnectReason::ConnectionAge, None);
            side.leave = Some(leave);
        }
        self.wake(Due::Side(id), 0);
    }

    /// What the runner has said arrives.
    pub(crate) fn arrive_up(&mut self, id: u64) {
        let (Some(now), true) = (self.coordinator_now(), self.is_coordinator_awake()) else {
            return self.wake(Due::Up(id), 500);
        };
        let true_now = self.now;
        loop {
            let Some(link) = self.links.get_mut(&id) else { return };
            let Some(side) = &mut link.side else {
                // Nobody is there any more: whoever sends is told so, if anything gets through.
                if link.up.arrived(true_now).is_some() {
                    self.send_down(id, Item::End(StreamEnd::Broken));
                }
                return self.bury(id);
            };
            if !side.end.wants_input() {
                return self.wake(Due::Up(id), 20);
            }
            match link.up.arrived(true_now) {
                Some(Item::Message(message)) => {
                    self.trace_up(id, &message);
                    self.note_confirmed(&message);
                    self.hear(id, message, now);
                }
                Some(Item::End(_)) => {
                    say!(self, "stream {id}: the coordinator sees its end");
                    return self.end_side(id, None);
                }
                None => break,
            }
        }
        if let Some(at) = self.links.get(&id).and_then(|link| link.up.next()) {
            self.wake_at(Due::Up(id), at);
        }
        self.wake(Due::Side(id), 0);
    }

    fn hear(&mut self, id: u64, message: v1::RunnerMessage, now: muster_core::time::Now) {
        let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut()) else {
            return;
        };
        if let Err(error) = side.end.receive(message, now) {
            broken!("no end of ours breaks the protocol: {error}");
        }
        let (runner, session) = (side.end.runner(), side.end.session());
        if let Some(runner) = runner {
            self.note_heard(runner, session);
        }
    }

    /// All that a stream's driver can do now.
    pub(crate) fn serve(&mut self, id: u64) {
        let (Some(now), true) = (self.coordinator_now(), self.is_coordinator_awake()) else {
            return self.wake(Due::Side(id), 500);
        };
        loop {
            self.carry_out(id);
            let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut()) else {
                return self.bury(id);
            };
            let mut context = Context::from_waker(Waker::noop());
            let answered = side.asked.front_mut().map(|asking| asking.as_mut().poll(&mut context));
            if let Some(Poll::Ready(answers)) = answered {
                side.asked.pop_front();
                let Ok((answers, sequence)) = answers else {
                    // The shard has stopped, and with it the process.
                    return;
                };
                for answer in answers {
                    side.end.answered(answer, now);
                }
                self.check_told(sequence, "answers of a stream");
                continue;
            }
            match side.outbox.try_recv() {
                Ok(messages) => {
                    let claimed = messages
                        .iter()
                        .filter_map(|message| claimed_in(&self.spec, message))
                        .max();
                    if claimed.is_some_and(|sequence| sequence < side.assigned) {
                        broken!(
                            "what batch {claimed:?} assigns is told after what batch {} does",
                            side.assigned
                        );
                    }
                    side.assigned = side.assigned.max(claimed.unwrap_or_default());
                    messages.into_iter().for_each(|message| side.end.told(message));
                    continue;
                }
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => {}
                Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => {
                    return self.end_side(id, Some(v1::ErrorReason::SessionOverflow));
                }
            }
            let in_hand = side.end.in_hand();
            if in_hand > IN_HAND_MAX {
                broken!("a stream has {in_hand} in hand");
            }
            if side.end.next_deadline().is_some_and(|at| at <= now.moment) && side.end.tick(now).is_err() {
                return self.end_side(id, Some(v1::ErrorReason::ProtocolViolation));
            }
            if !self.send_one(id, now) {
                break;
            }
        }
        self.sleep_side(id);
    }

    fn send_one(&mut self, id: u64, now: muster_core::time::Now) -> bool {
        let Some(link) = self.links.get_mut(&id) else {
            return false;
        };
        let Some(side) = &mut link.side else { return false };
        if !side.end.has_to_send() || !link.down.has_room() {
            return false;
        }
        let Some(message) = side.end.poll_send(now) else {
            return false;
        };
        let which = link.runner;
        let is_copy = link.is_copy;
        self.check_message(which, &message, is_copy);
        self.trace_down(id, &message);
        self.send_down(id, Item::Message(message));
        true
    }

    fn sleep_side(&mut self, id: u64) {
        let now = self.now;
        let Some(side) = self.links.get(&id).and_then(|link| link.side.as_ref()) else {
            return;
        };
        if side.leave.is_some_and(|leave| leave <= now) {
            return self.end_side(id, Some(v1::ErrorReason::Unspecified));
        }
        let deadline = side.end.next_deadline().map(|at| self.clock.when(at));
        let held_up = side.end.has_to_send().then_some(now + 20);
        let next = deadline.into_iter().chain(side.leave).chain(held_up).min();
        if let Some(at) = next {
            self.wake_at(Due::Side(id), at.max(now + 1));
        }
    }

    fn carry_out(&mut self, id: u64) {
        loop {
            let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut()) else {
                return;
            };
            match side.end.poll_output() {
                None => return,
                Some(CoordinatorOutput::Ask(commands)) => {
                    let Some(by) = side.end.principal() else { return };
                    if let Some(asking) = self.ask_all(by, commands)
                        && let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut())
                    {
                        side.asked.push_back(asking);
                    }
                }
                Some(CoordinatorOutput::LookUpStaged(report)) => self.start(Job::LookUpStaged(id, report)),
                Some(CoordinatorOutput::LookUpEnded(report)) => self.start(Job::LookUpEnded(id, report)),
                Some(CoordinatorOutput::LogLines { .. } | CoordinatorOutput::Progress { .. }) => {}
                Some(CoordinatorOutput::Refuse(rejection)) => {
                    say!(self, "stream {id}: refused ({rejection})");
                    self.trace.count("a runner of a suspended organization is refused");
                    return self.end_side(id, Some(v1::ErrorReason::OrganizationSuspended));
                }
                Some(CoordinatorOutput::Close(ending)) => {
                    say!(self, "stream {id}: closed ({ending:?})");
                    return self.end_side(id, Some(ending.reason()));
                }
            }
        }
    }

    /// Hands commands to the shard.
    fn ask_all(&mut self, by: Principal, commands: Vec<Command>) -> Option<Asking> {
        let handle = self.coordinator.as_ref()?.shard.handle().clone();
        let mut asking: Asking = Box::pin(async move {
            let asked = handle.post(move |turn| {
                let answers = commands.into_iter().map(|command| turn.ask(&by, command)).collect();
                (answers, turn.sequence())
            });
            asked.await?.await
        });
        // The queue of the shard has room here: this hands it in.
        let _ = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.wake_shard();
        Some(asking)
    }

    /// The coordinator's end of a stream ends; `why`: it ends it itself.
    fn end_side(&mut self, id: u64, why: Option<v1::ErrorReason>) {
        let Some(mut side) = self.links.get_mut(&id).and_then(|link| link.side.take()) else {
            return;
        };
        if let Some(coordinator) = &self.coordinator {
            coordinator.shard.handle().close_outbox(side.end.session());
        }
        say!(self, "stream {id}: the coordinator's end is over ({why:?})");
        side.end.disconnected();
        while let Some(output) = side.end.poll_output() {
            if let (CoordinatorOutput::Ask(commands), Some(by)) = (output, side.end.principal()) {
                drop(self.ask_all(by, commands));
            }
        }
        if let Some(reason) = why {
            self.send_down(id, Item::End(StreamEnd::of(Some(reason))));
        }
        self.bury(id);
    }

    /// Ends the streams of runners whose organization takes them no more, as their drivers do when the directory has changed.
    pub(crate) fn turn_away(&mut self) {
        let Some(coordinator) = &self.coordinator else { return };
        let directory = coordinator.shard.handle().directory();
        let goes_on = |organization| {
            directory
                .organization(organization)
                .is_some_and(|found| found.is_active())
        };
        let sides = self
            .links
            .iter()
            .filter_map(|(id, link)| Some((*id, link.side.as_ref()?)));
        let away = sides.filter(|(_, side)| side.end.organization().is_some_and(|own| !goes_on(own)));
        for id in away.map(|(id, _)| id).collect::<Vec<_>>() {
            self.trace.count("a stream of a suspended organization is ended");
            self.end_side(id, Some(v1::ErrorReason::OrganizationSuspended));
        }
    }

    /// What was looked up for a stream has been found.
    pub(crate) fn found_ended(&mut self, id: u64, work: muster_core::decide::Work, ended: Ended) {
        if let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut()) {
            side.end.ended(work, ended);
        }
        self.wake(Due::Side(id), 0);
    }

    /// What the landing holds has been found; `Err`: it could not be read, so the stream ends.
    pub(crate) fn found_staged(
        &mut self,
        id: u64,
        work: muster_core::decide::Work,
        staged: Result<Option<muster_core::words::Staged>, ()>,
    ) {
        match staged {
            Ok(staged) => {
                if let Some(side) = self.links.get_mut(&id).and_then(|link| link.side.as_mut()) {
                    side.end.staged(work, staged);
                }
                self.wake(Due::Side(id), 0);
            }
            Err(()) => self.end_side(id, Some(v1::ErrorReason::LandingUnavailable)),
        }
    }

    /// Wakes all streams: answers and messages may be there.
    pub(crate) fn wake_sides(&mut self) {
        let ids: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| link.side.is_some())
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let delay = self.chance.u64(0..3);
            self.wake(Due::Side(id), delay);
        }
    }
}
