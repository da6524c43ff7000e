//! Journal and records, and the ledger that they make together.

use std::sync::Arc;
use std::time::Duration;

use muster_core::entity::EntityKey;
use muster_core::ledger::{Entity, Ledger, Position};
use muster_core::roster::Limits;
use muster_core::state::State;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::Sequence;

use super::teller::Teller;
use super::{Finding, TOLD_EVERY};
use crate::backend::Backend;
use crate::codec::{event, record};
use crate::journal::{Head, Journal};
use crate::records::Records;
use crate::{Recovered, Store, StoreError};

/// Dense numbers, the chain from the anchor on, every checksum, what was noted of its head, and that every event can be
/// read and none is stamped earlier than the one before.
pub(super) fn verify_journal(backend: &Arc<dyn Backend>, teller: &mut Teller<'_>) -> Result<Option<Head>, StoreError> {
    let Some(journal) = teller.judge(Journal::open(Arc::clone(backend)))? else {
        return Ok(None);
    };
    let mut batches = 0;
    let mut last = Stamp::default();
    let replayed = journal.replay(&mut |batch| {
        batches += 1;
        if batches % TOLD_EVERY == 0 {
            teller.progress("journal", batches, None)?;
        }
        let place = || format!("journal, batch {}", batch.sequence);
        for recorded in event::decode_batch(batch.events) {
            let recorded = recorded.map_err(|error| error.into_error(place()))?;
            if recorded.at < last {
                return Err(StoreError::damaged("an event is older than the one before it", place()));
            }
            last = recorded.at;
        }
        Ok(())
    });
    teller.progress("journal", batches, Some(batches))?;
    teller.judge(replayed)
}

/// Each checksum, each stamp against the journal's head, the count and the rolling checksum of all, and that every record
/// is what it would be written as.
pub(super) fn verify_records(
    backend: &Arc<dyn Backend>,
    head: Sequence,
    teller: &mut Teller<'_>,
) -> Result<Option<u64>, StoreError> {
    let Some(records) = teller.judge(Records::open(Arc::clone(backend)))? else {
        return Ok(None);
    };
    let of = records.tally().count;
    let mut done = 0;
    let loaded = records.load(head, &mut |view| {
        done += 1;
        if done % TOLD_EVERY == 0 {
            teller.progress("records", done, Some(of))?;
        }
        let place = || format!("a record of kind {}", view.kind);
        let decode = |bytes: &[u8]| record::decode(view.kind, bytes).map_err(|error| error.into_error(place()));
        let entity = decode(view.bytes)?;
        let key = record::record_key(&entity.key());
        if key.kind != view.kind || key.id != view.id {
            return Err(StoreError::damaged("it is another entity than its key says", place()));
        }
        if decode(&record::encode(&entity))? != entity {
            teller.one_of("records", || {
                Finding::fault(
                    "records",
                    format!("{:?} would be written otherwise than it is", entity.key()),
                )
            })?;
        }
        Ok(())
    });
    teller.progress("records", done, Some(of))?;
    Ok(teller.judge(loaded)?.map(|tally| tally.count))
}

/// That the ledger is the fold of the journal: replaying it once more changes nothing, and what the journal alone makes
/// (of all that it saw from their beginning) is what records and journal make together. And what holds across entities.
pub(super) fn verify_ledger(
    store: &Store,
    recovered: &Recovered,
    teller: &mut Teller<'_>,
) -> Result<State, StoreError> {
    let ledger = &recovered.ledger;
    teller.progress("ledger", 0, None)?;
    let mut again = Ledger::default();
    for (key, position) in ledger.positions() {
        if position.sequence > recovered.head {
            let what = format!(
                "{key:?} is of batch {}, and the journal ends at batch {}",
                position.sequence, recovered.head
            );
            teller.one_of("ledger", || Finding::fault("ledger", what))?;
        }
        if let Some((entity, stamp)) = ledger.entity(&key) {
            again.load(entity, stamp);
        }
    }
    let mut alone = Ledger::default();
    store.journal().replay(&mut |batch| {
        for (ordinal, recorded) in (0..).zip(event::decode_batch(batch.events)) {
            let sequence = batch.sequence;
            let recorded = recorded.map_err(|error| error.into_error(format!("journal, batch {sequence}")))?;
            again.apply(Position { sequence, ordinal }, &recorded);
            alone.apply(Position { sequence, ordinal }, &recorded);
        }
        Ok(())
    })?;
    for (key, _) in ledger.positions().chain(again.positions()) {
        if ledger.entity(&key) != again.entity(&key) {
            let what = format!("{key:?} becomes another when the journal is replayed once more");
            teller.one_of("ledger", || Finding::fault("ledger", what))?;
        }
    }
    for (key, _) in alone.positions() {
        if !is_same_fold(&key, ledger.entity(&key), alone.entity(&key)) {
            let what = format!("{key:?} is not what the journal makes of it");
            teller.one_of("ledger", || Finding::fault("ledger", what))?;
        }
    }
    let now = Now {
        stamp: recovered.last_stamp.unwrap_or_default(),
        moment: Moment::from_start(Duration::ZERO),
    };
    let state = State::starting(ledger.clone(), Limits::default(), Arc::default(), now);
    for broken in state.broken_invariants() {
        teller.one_of("invariants", || Finding::fault("ledger", broken))?;
    }
    Ok(state)
}

/// Whether an entity is what the journal alone makes of it. The journal may have been trimmed past a runner's first
/// check-in; all else that it makes it saw from the beginning.
fn is_same_fold(key: &EntityKey, ours: Option<(Entity, Sequence)>, mut alone: Option<(Entity, Sequence)>) -> bool {
    if let (EntityKey::Runner(_), Some((Entity::Runner(ours), _)), Some((Entity::Runner(alone), _))) =
        (key, &ours, &mut alone)
    {
        alone.first_seen = ours.first_seen;
    }
    ours == alone
}
