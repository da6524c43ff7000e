//! The audit logs: each a whole chain, and none of them without a note that the journal has.

use std::collections::BTreeMap;

use muster_core::audit::Entry;
use muster_core::event::Event;
use muster_core::words::Sequence;

use super::teller::Teller;
use super::{Finding, TOLD_EVERY};
use crate::audit::{Log, place};
use crate::codec::event;
use crate::{Store, StoreError};

/// Each chain, from the first entry that is kept to the last.
pub(super) fn verify_chains(store: &Store, every: u64, teller: &mut Teller<'_>) -> Result<(), StoreError> {
    let (mut done, of) = (0_u64, store.audit().count());
    for (log, _) in store.audit().chains() {
        let verified = store.audit().verify(&log, &mut |_| {
            done += 1;
            if done.is_multiple_of(every) {
                teller.progress("audit logs", done, Some(of))?;
            }
            Ok(())
        });
        teller.judge(verified)?;
    }
    teller.progress("audit logs", done, Some(of))
}

/// That what the journal has of the notes that were carried is in their logs, as it is there, and nothing beside it.
pub(super) fn verify_carried(store: &Store, teller: &mut Teller<'_>) -> Result<(), StoreError> {
    let audit = store.audit();
    let (anchor, mark) = (store.journal().anchor().sequence, audit.marked());
    let mut logs: BTreeMap<Log, u64> = BTreeMap::new();
    for (log, chain) in audit.chains() {
        let Some(next) = teller.judge(first_after(store, &log, anchor))? else {
            // It is told what is wrong with it.
            return Ok(());
        };
        logs.insert(log, next.unwrap_or(chain.last + 1));
    }
    let mut batches = 0;
    store.journal().replay(&mut |batch| {
        batches += 1;
        if batches % TOLD_EVERY == 0 {
            teller.progress("notes of the journal", batches, None)?;
        }
        if batch.sequence > mark {
            return Ok(());
        }
        let sequence = batch.sequence;
        for recorded in event::decode_batch(batch.events) {
            let recorded = recorded.map_err(|error| error.into_error(format!("journal, batch {sequence}")))?;
            let Event::Audited(note) = recorded.event else { continue };
            let next = logs.entry(note.log.clone()).or_insert(1);
            // A damaged entry is told by the chain.
            let found = audit
                .read(&note.log, *next, 1)
                .ok()
                .and_then(|entries| entries.into_iter().next());
            let fits = |entry: &Entry| {
                entry.note == *note
                    && entry.by == recorded.by
                    && entry.at == recorded.at
                    && (entry.batch, entry.batch_hash) == (sequence, batch.hash)
            };
            match found {
                Some(entry) if fits(&entry) => *next += 1,
                Some(_) | None => {
                    let what = format!(
                        "batch {sequence} of the journal has a call that is not in it, or is another one there"
                    );
                    teller.one_of("audit logs", || Finding::fault(place(&note.log), what))?;
                }
            }
        }
        Ok(())
    })?;
    for (log, next) in logs {
        if audit.chain(&log).is_some_and(|chain| chain.last >= next) {
            let what = format!("entry {next} is of a call that the journal does not have, though it has that batch");
            teller.one_of("audit logs", || Finding::fault(place(&log), what))?;
        }
    }
    Ok(())
}

/// The number of the first entry of a log that stands in a batch after `anchor`; `None` when there is none.
fn first_after(store: &Store, log: &Log, anchor: Sequence) -> Result<Option<u64>, StoreError> {
    const STEP: usize = 500;
    let (mut before, mut first) = (None, None);
    loop {
        let entries = store.audit().read_before(log, before, STEP)?;
        for entry in &entries {
            if entry.batch <= anchor {
                return Ok(first);
            }
            first = Some(entry.number);
        }
        match entries.last() {
            Some(last) => before = Some(last.number),
            None => return Ok(first),
        }
    }
}
