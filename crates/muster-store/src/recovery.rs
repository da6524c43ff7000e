//! A start: the ledger as it was, from the records and the journal, after both have been verified.

use muster_core::entity::{EntityKey, Finished};
use muster_core::event::Recorded;
use muster_core::ledger::{Ledger, Position};
use muster_core::time::Stamp;
use muster_core::words::Sequence;
use rustc_hash::FxHashMap;

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
    pub ended: Vec<(Sequence, Finished)>,
    /// The entities that the journal has changed, each with the batch of its newest change: their records may be older,
    /// so the journal may be trimmed only after they are written. Those that the ledger does not have any more have
    /// ended.
    pub changed: FxHashMap<EntityKey, Sequence>,
    /// How many records there were.
    pub records: u64,
    /// How many events were replayed over them.
    pub events: u64,
}

impl Store {
    /// Verifies journal and records, and builds the ledger: the records as they are, and the journal over them. An
    /// entity takes only the events that its record does not contain yet. To be called once, before anything is
    /// appended.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Format`] when the store must not be served. It is left as it is.
    pub fn recover(&self) -> Result<Recovered, StoreError> {
        let inner = &*self.inner;
        let mut ledger = Ledger::default();
        let mut newest_record = Sequence(0);
        let tally = inner.records.load(Sequence(u64::MAX), &mut |view| {
            let entity = record::decode(view.kind, view.bytes);
            let entity = entity.map_err(|error| error.into_error(format!("a record of kind {}", view.kind)))?;
            newest_record = newest_record.max(view.stamp);
            ledger.load(entity, view.stamp);
            Ok(())
        })?;
        let mut replay = Replay {
            recovered: Recovered {
                ledger,
                head: Sequence(0),
                last_stamp: None,
                ended: Vec::new(),
                changed: FxHashMap::default(),
                records: tally.count,
                events: 0,
            },
            history: inner.history.marked(),
        };
        let head = inner.journal.replay(&mut |batch| replay.take(batch))?;
        if newest_record > head.sequence {
            return Err(StoreError::damaged(
                format!(
                    "a record is of batch {newest_record}, and the journal ends at batch {}",
                    head.sequence
                ),
                "records",
            ));
        }
        inner.history.recover(inner.journal.anchor().sequence, head.sequence)?;
        inner.journal.sweep()?;
        let mut recovered = replay.recovered;
        recovered.head = head.sequence;
        Ok(recovered)
    }
}

struct Replay {
    recovered: Recovered,
    /// Through which batch history is durable.
    history: Sequence,
}

impl Replay {
    fn take(&mut self, batch: Batch<'_>) -> Result<(), StoreError> {
        for (ordinal, recorded) in (0..).zip(event::decode_batch(batch.events)) {
            let recorded = recorded.map_err(|error| error.into_error(format!("journal, batch {}", batch.sequence)))?;
            let position = Position {
                sequence: batch.sequence,
                ordinal,
            };
            self.apply(position, &recorded);
        }
        Ok(())
    }

    fn apply(&mut self, position: Position, recorded: &Recorded) {
        let Recovered {
            ledger,
            last_stamp,
            ended,
            changed,
            events,
            ..
        } = &mut self.recovered;
        *events += 1;
        *last_stamp = Some(recorded.at);
        let (first, second) = recorded.event.entities();
        changed.insert(first, position.sequence);
        if let Some(second) = second {
            changed.insert(second, position.sequence);
        }
        if let Some(finished) = ledger.apply(position, recorded)
            && position.sequence > self.history
        {
            ended.push((position.sequence, finished));
        }
    }
}
