//! The coordinator's process: its start, its shard step by step, and its sudden end.

use std::sync::Arc;
use std::time::Duration;

use muster_core::words::Sequence;
use muster_landing::Landing;
use muster_session::runner::StreamEnd;
use muster_shard::stepped::{CommitStep, SteppedShard};
use muster_shard::{Change, ExecutionState, FatalError, Options, Retention};
use muster_store::{Store, StoreError};
use tokio::sync::broadcast;

use crate::agenda::Millis;
use crate::files::Opened;
use crate::jobs::{Publisher, Work};
use crate::mail::Notifier;
use crate::network::Item;
use crate::spec::staff;
use crate::trace::{broken, say};
use crate::world::{Due, World};

/// The process.
pub struct Coordinator {
    pub shard: SteppedShard,
    pub store: Store,
    pub landing: Landing,
    files: Opened,
    pub publisher: Publisher,
    pub notifier: Notifier,
    /// Somebody who watches.
    pub watch: broadcast::Receiver<Change<ExecutionState>>,
    pub began: Millis,
    /// How long the next flush takes; `None`: not decided yet.
    flush_takes: Option<Millis>,
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It is killed: its machine goes on, and closes its connections.
    Killed,
    /// Its machine is lost: nobody is told, and what was not synced may be gone.
    Lost,
}

impl World {
    pub(crate) fn start_coordinator(&mut self) {
        if self.coordinator.is_some() {
            return;
        }
        self.clock = self.clock.restarted(self.now);
        let reading = self.clock.read(self.now);
        let options = Options {
            seed: Some(self.chance.u64(..)),
            policy: Arc::new(staff::policy()),
            record_after: Duration::from_millis(self.chance.u64(500..9_000)),
            // However many days go by here, all that has ended is compared at the end.
            retention: Retention {
                age: Duration::from_secs(3_660 * 24 * 60 * 60),
                ..Retention::default()
            },
            ..Options::default()
        };
        let store = match Store::on(Arc::new(self.disk.clone())) {
            Ok(store) => store,
            Err(error) => broken!("a store that was only cut off does not open: {error}"),
        };
        let shard = match SteppedShard::open(store.clone(), &options, reading) {
            Ok(shard) => shard,
            Err(FatalError::Store(StoreError::Backend { .. })) => {
                let kept = self.chance_kept();
                self.disk.kill(kept);
                say!(self, "coordinator: cannot start, its disk fails");
                return self.wake(Due::Start, 1_000);
            }
            Err(error) => broken!("a store that was only cut off is not recovered: {error}"),
        };
        let files = self.place.open();
        let landing = match Landing::on(Box::new(files.clone())) {
            Ok(landing) => landing,
            Err(error) => broken!("the landing does not open: {error}"),
        };
        let head = store.journal().head().sequence;
        let watch = shard.handle().watch_executions();
        self.coordinator = Some(Coordinator {
            shard,
            store,
            landing,
            files,
            publisher: Publisher::default(),
            notifier: Notifier::default(),
            watch,
            began: self.now,
            flush_takes: None,
        });
        say!(self, "coordinator: started at batch {head}");
        self.check_recovered(head);
        self.turned = self.now;
        self.heard.clear();
        self.start(Work::Sweep);
        self.start(Work::AwaitOutbox);
        for (what, within) in [
            (Due::Turn, 5),
            (Due::Keep, 50),
            (Due::Verify, 20_000),
            (Due::Publisher, 20),
            (Due::Notify, 20),
            (Due::Again, 1_000),
        ] {
            let delay = self.chance.u64(0..=within);
            self.wake(what, delay);
        }
    }

    /// The process ends without any leave.
    pub(crate) fn crash_coordinator(&mut self, how: Ends, kept: usize) {
        let Some(coordinator) = self.coordinator.take() else {
            return;
        };
        coordinator.files.kill();
        self.jobs.clear();
        drop(coordinator);
        let unflushed = self.disk.unflushed();
        let kept = kept.min(unflushed);
        let old_note = how == Ends::Lost && self.chance.bool();
        match how {
            Ends::Killed => self.disk.kill(kept),
            Ends::Lost => {
                self.disk.cut_power(kept, old_note);
                self.place.cut_power();
            }
        }
        say!(
            self,
            "coordinator: {how:?}; of {unflushed} unflushed writes {kept} were kept"
        );
        self.trace.count(match (unflushed, kept) {
            (0, _) => "crash with nothing unflushed",
            (_, 0) => "crash: unflushed writes lost",
            (all, kept) if all == kept => "crash: unflushed writes kept",
            _ => "crash: unflushed writes kept in part",
        });
        self.part_from_runners(how == Ends::Killed);
        let down = match self.chance.u32(0..10) {
            0 if !self.healed => self.chance.u64(60_000..400_000),
            1..4 => self.chance.u64(5_000..60_000),
            _ => self.chance.u64(200..5_000),
        };
        self.wake(Due::Start, down);
    }

    /// All streams, uploads and questions end with the process; `told`: its machine closes the connections.
    fn part_from_runners(&mut self, told: bool) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            if let Some(link) = self.links.get_mut(&id) {
                link.side = None;
            }
            if told {
                self.send_down(id, Item::End(StreamEnd::Broken));
            }
            self.bury(id);
        }
        self.break_uploads();
        self.operators_lose_the_coordinator();
    }

    /// The process ends as it should: all that has gathered is committed, and all that is durable is written.
    pub(crate) fn shut_down(&mut self) -> bool {
        self.commit_all();
        let Some(coordinator) = self.coordinator.take() else {
            return false;
        };
        coordinator.files.kill();
        self.jobs.clear();
        if let Err(error) = coordinator.shard.close(self.clock.read(self.now)) {
            self.check_failure(&error);
        }
        say!(self, "coordinator: shut down");
        self.part_from_runners(true);
        let down = self.chance.u64(200..20_000);
        self.wake(Due::Start, down);
        true
    }

    /// Commits what has gathered, so that what is appended by the shutdown itself has been seen.
    fn commit_all(&mut self) {
        for _ in 0..10_000 {
            let next = self
                .coordinator
                .as_ref()
                .map(|coordinator| coordinator.shard.next_commit());
            if matches!(next, None | Some(CommitStep::Wait)) {
                return;
            }
            if let Some(coordinator) = &mut self.coordinator {
                coordinator.flush_takes = Some(0);
            }
            self.commit();
        }
    }

    /// Somebody has handed something in.
    pub(crate) fn wake_shard(&mut self) {
        let delay = self.chance.u64(0..3);
        self.wake(Due::Turn, delay);
    }

    pub(crate) fn turn(&mut self) {
        if !self.is_coordinator_awake() {
            return self.wake_if_there(Due::Turn);
        }
        let reading = self.clock.read(self.now);
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        let head = coordinator.shard.head();
        coordinator.shard.turn(reading);
        self.note_turn(head);
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        self.last_stamp = coordinator.shard.now(reading).stamp;
        let idle = coordinator.shard.idle_for(reading);
        if let Some(idle) = idle {
            let wait = self.clock.wait(idle).max(1);
            self.wake(Due::Turn, wait);
        }
        self.check_state();
        let has_work = self
            .coordinator
            .as_ref()
            .is_some_and(|coordinator| coordinator.shard.next_commit() != CommitStep::Wait);
        if has_work {
            self.wake(Due::Commit, 0);
        }
    }

    fn wake_if_there(&mut self, what: Due) {
        if self.coordinator.is_some() {
            self.wake(what, 500);
        }
    }

    pub(crate) fn commit(&mut self) {
        if !self.is_coordinator_awake() {
            return self.wake_if_there(Due::Commit);
        }
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        let step = coordinator.shard.next_commit();
        if step == CommitStep::Flush {
            // The flush takes its time before it has an effect.
            match coordinator.flush_takes {
                None => {
                    let takes = self.flush_takes();
                    if let Some(coordinator) = &mut self.coordinator {
                        coordinator.flush_takes = Some(takes);
                    }
                    return self.wake(Due::Commit, takes);
                }
                Some(_) => coordinator.flush_takes = None,
            }
        }
        if let Err(error) = coordinator.shard.commit() {
            say!(self, "coordinator: its store has failed: {error}");
            return self.die_of_disk();
        }
        match step {
            CommitStep::Wait => return,
            CommitStep::Append => self.take_appended(true),
            CommitStep::Flush => {}
            CommitStep::Release => {
                self.watch();
                self.turn_away();
                self.wake_sides();
                self.wake(Due::Publisher, 1);
                self.drop_notes();
            }
        }
        let delay = self.chance.u64(0..2);
        self.wake(Due::Commit, delay);
    }

    fn flush_takes(&mut self) -> Millis {
        if !self.healed && self.chance.u32(0..400) == 0 {
            self.trace.count("a flush stalls");
            return self.chance.u64(1_000..40_000);
        }
        // While one group flushes the next gathers.
        match self.chance.u32(0..6) {
            0 => self.chance.u64(20..400),
            _ => self.chance.u64(1..8),
        }
    }

    fn drop_notes(&mut self) {
        if let Some(coordinator) = &mut self.coordinator {
            while coordinator.shard.note().is_some() {}
        }
    }

    /// The store has failed: the process stops. Of what was not flushed all, some or nothing is there.
    pub(crate) fn die_of_disk(&mut self) {
        self.trace.count("the store fails, and the process stops");
        let kept = self.chance_kept();
        self.crash_coordinator(Ends::Killed, kept);
    }

    /// How many unflushed writes a crash leaves: none, all, or some.
    pub(crate) fn chance_kept(&mut self) -> usize {
        let unflushed = self.disk.unflushed();
        match self.chance.u32(0..3) {
            0 => 0,
            1 => unflushed,
            _ => self.chance.usize(0..=unflushed),
        }
    }

    pub(crate) fn keep(&mut self) {
        if !self.is_coordinator_awake() {
            return self.wake_if_there(Due::Keep);
        }
        let reading = self.clock.read(self.now);
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        match coordinator.shard.keep(reading) {
            Ok(rest) => {
                let rest = self.clock.wait(rest).max(1);
                let more = self.chance.u64(0..1_500);
                self.wake(Due::Keep, rest + more);
                // A part of a checkpoint may have been written: the next one is due.
                self.wake(Due::Turn, 1);
            }
            Err(error) => {
                say!(self, "coordinator: its keeper has failed: {error}");
                self.check_failure(&error);
                self.die_of_disk();
            }
        }
    }

    pub(crate) fn verify(&mut self) {
        if !self.is_coordinator_awake() {
            return self.wake_if_there(Due::Verify);
        }
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        let rest = coordinator.shard.verify();
        if let Some(damage) = coordinator.shard.damage() {
            broken!("something is damaged, and nothing has damaged it: {damage:?}");
        }
        let rest = self.clock.wait(rest).max(1);
        let more = self.chance.u64(5_000..60_000);
        self.wake(Due::Verify, rest + more);
    }

    /// Takes in what was appended since the last time; `live`: just now.
    pub(crate) fn take_appended(&mut self, live: bool) {
        let Some(coordinator) = &self.coordinator else { return };
        let store = coordinator.store.clone();
        let next = self.journal.last().map_or(Sequence(1), |(sequence, _)| sequence.next());
        let mut batches = Vec::new();
        let read = store.read_batches(next, &mut |sequence, events| {
            batches.push((sequence, events));
            Ok(std::ops::ControlFlow::Continue(()))
        });
        if let Err(error) = read {
            broken!("what was just appended cannot be read: {error}");
        }
        let writes = self.disk.writes();
        for (sequence, events) in batches {
            self.appended.push_back((sequence, writes));
            self.take_batch(sequence, events, live);
        }
    }

    /// Through which batch the disk holds the journal whatever comes: as the disk knows, and not as the shard believes.
    pub(crate) fn durable_through(&mut self) -> Sequence {
        let writes = self.disk.durable();
        while let Some((sequence, at)) = self.appended.front().copied()
            && at <= writes
        {
            self.durable = sequence;
            self.appended.pop_front();
        }
        self.durable
    }
}
