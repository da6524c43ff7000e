//! A store that is served meanwhile: a little at a time, and what needs no replay.

use muster_core::ledger::Entity;
use muster_core::words::Sequence;

use super::audit::verify_chains;
use super::teller::Teller;
use super::{Finding, Told};
use crate::codec::record;
use crate::{Store, StoreError};

/// How much is read at a time of a store that is served: what is written has to wait for so long, which is some milliseconds at most.
const STEP_BYTES: usize = 64 * 1024;

/// How many finished executions are read at a time of it: about as long.
const STEP_ENTRIES: usize = 500;

/// How many batches, and how many executions with log lines, lie between two looks at whether anybody still listens.
const STEP_BATCHES: u64 = 100;
const STEP_LINES: u64 = 10;

/// Compares entities, as records hold them, with the ledger of whoever serves the store; returns what is wrong.
pub type Compare<'a> = dyn FnMut(Vec<(Entity, Sequence)>) -> Result<Vec<String>, StoreError> + 'a;

impl Store {
    /// Verifies a store while it is served, a little at a time, and says what it finds: the journal; records, each also against the ledger; history as a
    /// whole; audit logs; log lines. What only a replay shows, and each integration's own count, is left to [`verify`](super::verify) and to the verification in the background.
    ///
    /// # Errors
    /// [`StoreError::BackupUnderWay`] while a backup is made or another verification; [`StoreError`] of the engine; what `tell` and `compare` return.
    pub fn verify_served(
        &self,
        compare: &mut Compare<'_>,
        tell: &mut dyn FnMut(Told) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _only_one = self.begin_walks()?;
        let mut teller = Teller::new(tell);
        teller.progress("journal", 0, None)?;
        let mut done = 0_u64;
        let verified = self.journal().verify(&mut || {
            done += 1;
            if done.is_multiple_of(STEP_BATCHES) {
                teller.progress("journal", done, None)?;
            }
            Ok(())
        });
        teller.judge(verified)?;
        self.verify_served_records(compare, &mut teller)?;
        self.verify_served_history(&mut teller)?;
        verify_chains(self, STEP_BATCHES, &mut teller)?;
        let (mut after, mut done) = (None, 0_u64);
        while let Some((execution, lines)) = self.log_lines().next_after(after)? {
            after = Some(execution);
            if let Err(error) = lines {
                teller.lost_lines(error)?;
            }
            done += 1;
            if done.is_multiple_of(STEP_LINES) {
                teller.progress("log lines", done, None)?;
            }
        }
        teller.end()
    }

    fn verify_served_records(&self, compare: &mut Compare<'_>, teller: &mut Teller<'_>) -> Result<(), StoreError> {
        let (mut done, of) = (0, self.records().tally().count);
        self.records().begin_walk();
        loop {
            let mut entities = Vec::new();
            let more = self.records().walk_step(STEP_BYTES, &mut |view| {
                let entity = record::decode(view.kind, view.bytes);
                let entity = entity.map_err(|error| error.into_error(format!("a record of kind {}", view.kind)))?;
                entities.push((entity, view.stamp));
                Ok(())
            });
            let Some(more) = teller.judge(more)? else {
                return Ok(());
            };
            done += entities.len() as u64;
            for wrong in compare(entities)? {
                teller.one_of("ledger", || Finding::fault("ledger", wrong))?;
            }
            teller.progress("records", done, Some(of))?;
            if !more {
                return Ok(());
            }
        }
    }

    fn verify_served_history(&self, teller: &mut Teller<'_>) -> Result<(), StoreError> {
        let (mut done, of) = (0, self.history().total().count);
        self.history().begin_walk()?;
        loop {
            let more = self.history().walk_step(STEP_ENTRIES, &mut |view| {
                done += 1;
                crate::finished::decode(view).map(drop)
            });
            let Some(more) = teller.judge(more)? else {
                return Ok(());
            };
            teller.progress("history", done, Some(of))?;
            if !more {
                return Ok(());
            }
        }
    }
}
