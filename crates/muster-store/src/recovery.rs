//! A start: the ledger as it was, from the records and the journal, after both have been verified.
//!
//! After a stop under full load the journal holds seconds of work, and people wait for the start: so one thread reads,
//! verifies and decodes, another applies, and nothing is remembered of an event that can be seen in the end.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use muster_core::entity::{EntityKey, Finished};
use muster_core::event::{Event, Recorded};
use muster_core::ledger::{Ledger, Position};
use muster_core::planted;
use muster_core::time::Stamp;
use muster_core::words::Sequence;
use muster_failpoint::failpoint;

use crate::codec::{event, record};
use crate::journal::Batch;
use crate::{Store, StoreError};

/// What a start has found.
#[derive(Debug)]
pub struct Recovered {
    /// The ledger after the newest batch.
    pub ledger: Ledger,
    /// The newest batch; the next one is [`Sequence::next`] of it.
    pub head: Sequence,
    /// When the newest event happened; `None` when there never was one. No later event may be stamped with an earlier
    /// time.
    pub last_stamp: Option<Stamp>,
    /// The executions that ended behind what history is durable through, each with its batch, in order: they have to be
    /// put again, with [`Store::put_finished`] through [`Recovered::head`], before history is read. (Most are there
    /// already; putting knows.)
    pub ended: Vec<(Sequence, Arc<Finished>)>,
    /// The entities whose records are older than what the journal says, or are there though the entity has ended (the
    /// ledger does not have it any more): the journal may be trimmed only after they are written, or removed.
    pub changed: Vec<EntityKey>,
    /// How many records there were.
    pub records: u64,
    /// How many events were replayed over them.
    pub events: u64,
}

/// How many decoded events go from one thread to the other at a time.
const HANDED_OVER_MAX: usize = 1_024;

/// How many such parcels may wait.
const PARCELS_WAITING_MAX: usize = 16;

impl Store {
    /// Verifies journal and records, and builds the ledger: the records as they are, and the journal over them. An
    /// entity takes only the events that its record does not contain yet. To be called once, before anything is
    /// appended. What it returns survives a power cut.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Format`] when the store must not be served. It is left as it is.
    pub fn recover(&self) -> Result<Recovered, StoreError> {
        let inner = &*self.inner;
        let mut ledger = Ledger::default();
        let mut newest_record = Sequence(0);
        // Of integrations, which are the most, the bare ids: what is freed here stays with the process.
        let (mut integrations, mut recorded) = (Vec::new(), Vec::new());
        let tally = inner.records.load(Sequence(u64::MAX), &mut |view| {
            let entity = record::decode(view.kind, view.bytes);
            let entity = entity.map_err(|error| error.into_error(format!("a record of kind {}", view.kind)))?;
            newest_record = newest_record.max(view.stamp);
            match entity.key() {
                EntityKey::Integration(id) => integrations.push(id),
                key => recorded.push(key),
            }
            ledger.load(entity, view.stamp);
            Ok(())
        })?;
        let replay = Replay {
            ledger,
            last_stamp: None,
            ended: Vec::new(),
            events: 0,
            history: inner.history.marked(),
            noted: Vec::new(),
            carried: inner.audit.marked(),
        };
        let (replay, head) = self.replay(replay)?;
        if newest_record > head {
            return Err(StoreError::damaged(
                format!("a record is of batch {newest_record}, and the journal ends at batch {head}"),
                "records",
            ));
        }
        inner.history.recover(inner.journal.anchor().sequence, head)?;
        inner.audit.recover(inner.journal.anchor().sequence, head)?;
        *self.noted() = replay.noted.into();
        inner.journal.sweep()?;
        failpoint!("replayed");
        // What a killed process has appended and not flushed is there, and only in the machine's memory: from here on it is told.
        if !planted!("start-not-flushed") {
            inner.journal.flush()?;
        }
        failpoint!("recovered");
        let ledger = replay.ledger;
        let recorded = integrations.into_iter().map(EntityKey::Integration).chain(recorded);
        let gone = recorded.filter(|key| !ledger.has(key));
        let replayed = ledger.positions().filter(|(_, applied)| !applied.is_end());
        let changed = replayed.map(|(key, _)| key).chain(gone).collect();
        Ok(Recovered {
            ledger,
            head,
            last_stamp: replay.last_stamp,
            ended: replay.ended,
            changed,
            records: tally.count,
            events: replay.events,
        })
    }

    /// Replays the journal; returns its newest batch.
    fn replay(&self, mut replay: Replay) -> Result<(Replay, Sequence), StoreError> {
        let journal = &self.inner.journal;
        std::thread::scope(|scope| {
            let (sender, parcels) = sync_channel(PARCELS_WAITING_MAX);
            let applying = std::thread::Builder::new()
                .name("store-replay".to_owned())
                .spawn_scoped(scope, move || {
                    replay.take_all(&parcels);
                    replay
                })
                .map_err(StoreError::io("start the thread", Path::new("store-replay")))?;
            let mut decoded = Decoded::new(sender);
            let head = journal.replay(&mut |batch| decoded.take(&batch))?;
            decoded.hand_over();
            drop(decoded);
            let replay = applying.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok((replay, head.sequence))
        })
    }
}

type Parcel = Vec<(Position, Recorded)>;

/// Events on their way from the thread that decodes to the one that applies.
struct Decoded {
    events: Parcel,
    sender: SyncSender<Parcel>,
}

impl Decoded {
    fn new(sender: SyncSender<Parcel>) -> Self {
        Self {
            events: Vec::with_capacity(HANDED_OVER_MAX),
            sender,
        }
    }

    fn take(&mut self, batch: &Batch<'_>) -> Result<(), StoreError> {
        let sequence = batch.sequence;
        for (ordinal, recorded) in (0..).zip(event::decode_batch(batch.events)) {
            let recorded = recorded.map_err(|error| error.into_error(format!("journal, batch {sequence}")))?;
            self.events.push((Position { sequence, ordinal }, recorded));
        }
        if self.events.len() >= HANDED_OVER_MAX {
            self.hand_over();
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        let events = std::mem::replace(&mut self.events, Vec::with_capacity(HANDED_OVER_MAX));
        // The other end goes only when it has panicked, which is passed on when it is joined.
        let _ = self.sender.send(events);
    }
}

struct Replay {
    ledger: Ledger,
    last_stamp: Option<Stamp>,
    ended: Vec<(Sequence, Arc<Finished>)>,
    events: u64,
    /// Through which batch history is durable.
    history: Sequence,
    /// The batches with notes that the audit logs do not have yet.
    noted: Vec<Sequence>,
    /// Through which batch they have all.
    carried: Sequence,
}

impl Replay {
    fn take_all(&mut self, parcels: &Receiver<Parcel>) {
        while let Ok(parcel) = parcels.recv() {
            for (position, recorded) in parcel {
                self.events += 1;
                self.last_stamp = Some(recorded.at);
                if matches!(recorded.event, Event::Audited(_))
                    && position.sequence > self.carried
                    && self.noted.last() != Some(&position.sequence)
                {
                    self.noted.push(position.sequence);
                }
                if let Some(finished) = self.ledger.apply(position, &recorded)
                    && position.sequence > self.history
                {
                    self.ended.push((position.sequence, Arc::new(finished)));
                }
            }
        }
    }
}
