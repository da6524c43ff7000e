//! Whether history holds what was put, no more and no less.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::TryLockError;

use muster_core::words::{ExecutionId, IntegrationId};

use super::sums::{Pass, SUM_PREFIX, State, Usage, decode_sum, sum_integration, sum_key};
use super::{History, entry_key, place};
use crate::StoreError;
use crate::backend::{Direction, Tree};
use crate::tally::{Tally, fingerprint};
use crate::value::Flaw;

/// Up to how many entries an integration is verified when it is read: some 10 ms. More of them wait for the verification in the background.
const VERIFIED_AT_READ_MAX: u64 = 10_000;

/// How far a verification of all history has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyStep {
    /// Entries that are put again after a restart are still missing: call again once [`History::absorbed`] has reached the journal's head of the start.
    NotYet,
    /// There is more to verify: call again.
    More,
    /// All of it was verified.
    Done {
        /// How many entries and which; the same figures as before the last restart.
        tally: Tally,
    },
}

impl History {
    /// Verifies the integrations that come next, until about `entries` were read; after the last one the whole. A pass is meant to be made in the
    /// background, paced by the caller; puts and prunings in between do not disturb it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the integration whose entries are not those that were put. The next call begins anew.
    pub fn verify_step(&self, entries: usize) -> Result<VerifyStep, StoreError> {
        let mut state = self.state();
        if !state.is_caught_up() {
            return Ok(VerifyStep::NotYet);
        }
        let mut pass = state.pass.take().unwrap_or(Pass {
            next: IntegrationId(0),
            tally: Tally::default(),
            usage: Usage::default(),
        });
        let (found, end) = self.count_from(&mut pass, entries)?;
        self.compare(&state, &found, pass.next, end)?;
        for tally in found.values() {
            pass.tally = pass.tally.merged(*tally);
        }
        if let Some(next) = end {
            pass.next = next;
            state.pass = Some(pass);
            return Ok(VerifyStep::More);
        }
        let (there, expected) = (pass.tally, state.expected_total());
        if there != expected {
            let what = format!("{} executions are there, and {} were put", there.count, expected.count);
            return Err(StoreError::damaged(what, "history"));
        }
        state.usage = Some(pass.usage);
        Ok(VerifyStep::Done { tally: there })
    }

    /// Verifies one integration.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when its entries are not those that were put.
    pub fn verify_integration(&self, integration: IntegrationId) -> Result<Tally, StoreError> {
        let state = self.state();
        self.verify_one(&state, integration)
    }

    /// How many bytes history has, keys included; `None` until a pass of [`History::verify_step`] has seen all of it.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.state().usage.as_ref().map(Usage::bytes)
    }

    pub(super) fn verify_at_first_read(&self, integration: IntegrationId) -> Result<(), StoreError> {
        // A read does not wait for a checkpoint: it is verified the next time.
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        if !state.begin_verifying(integration) {
            return Ok(());
        }
        let result = match state.expected(&*self.backend, integration) {
            Ok(expected) if expected.count > VERIFIED_AT_READ_MAX => return Ok(()),
            Ok(_) => self.verify_one(&state, integration).map(drop),
            Err(error) => Err(error),
        };
        if result.is_err() {
            state.distrust(integration);
        }
        result
    }

    fn verify_one(&self, state: &State, integration: IntegrationId) -> Result<Tally, StoreError> {
        let (from, to) = (
            entry_key(integration, ExecutionId(0)),
            entry_key(integration, ExecutionId(u128::MAX)),
        );
        let mut there = Tally::default();
        self.entries(
            (Bound::Included(&from), Bound::Excluded(&to)),
            &mut |entry, checksum| {
                there.add(fingerprint(&entry_key(entry.integration, entry.execution), checksum));
                Ok(ControlFlow::Continue(()))
            },
        )?;
        let expected = state.expected(&*self.backend, integration)?;
        same(integration, there, expected)?;
        Ok(there)
    }

    /// What stands in history for the integrations from the pass's next on, and the one to go on with; `None` when these were the last.
    fn count_from(
        &self,
        pass: &mut Pass,
        entries: usize,
    ) -> Result<(BTreeMap<IntegrationId, Tally>, Option<IntegrationId>), StoreError> {
        let from = entry_key(pass.next, ExecutionId(0));
        let mut found: BTreeMap<IntegrationId, Tally> = BTreeMap::new();
        let (mut seen, mut end) = (0, None);
        self.entries((Bound::Included(&from), Bound::Unbounded), &mut |entry, checksum| {
            if seen >= entries && !found.contains_key(&entry.integration) {
                end = Some(entry.integration);
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            let print = fingerprint(&entry_key(entry.integration, entry.execution), checksum);
            found.entry(entry.integration).or_default().add(print);
            pass.usage.add(entry.execution, entry.bytes.len());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((found, end))
    }

    /// Compares what stands there with the tallies, of all integrations from `from` to before `end` that have either.
    fn compare(
        &self,
        state: &State,
        found: &BTreeMap<IntegrationId, Tally>,
        from: IntegrationId,
        end: Option<IntegrationId>,
    ) -> Result<(), StoreError> {
        let is_in = |integration: &IntegrationId| end.is_none_or(|end| *integration < end);
        let mut expected: BTreeMap<IntegrationId, Tally> = BTreeMap::new();
        let first = sum_key(from);
        let last = end.map_or(vec![SUM_PREFIX + 1], |end| sum_key(end).to_vec());
        let range = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        self.backend
            .scan(Tree::History, range, Direction::Forward, &mut |key, piece| {
                let integration = sum_integration(key)
                    .filter(is_in)
                    .ok_or_else(|| StoreError::damaged("a tally has a key that is no integration's", "history"))?;
                let sum =
                    decode_sum(key, piece).map_err(|flaw: Flaw| flaw.into_error("its tally", place(integration)))?;
                expected.insert(integration, state.with_pending(integration, sum.tally));
                Ok(ControlFlow::Continue(()))
            })?;
        for integration in state.pending_from(from).take_while(is_in) {
            expected
                .entry(integration)
                .or_insert_with(|| state.with_pending(integration, Tally::default()));
        }
        for (integration, tally) in &expected {
            same(
                *integration,
                found.get(integration).copied().unwrap_or_default(),
                *tally,
            )?;
        }
        match found.keys().find(|integration| !expected.contains_key(*integration)) {
            Some(integration) => Err(StoreError::damaged(
                "it has executions and no tally",
                place(*integration),
            )),
            None => Ok(()),
        }
    }
}

fn same(integration: IntegrationId, there: Tally, expected: Tally) -> Result<(), StoreError> {
    if there == expected {
        return Ok(());
    }
    let what = if there.count == expected.count {
        format!(
            "the {} executions that are there are not those that were put",
            there.count
        )
    } else {
        format!("{} executions are there, and {} were put", there.count, expected.count)
    };
    Err(StoreError::damaged(what, place(integration)))
}
