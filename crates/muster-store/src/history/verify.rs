//! Whether history holds what was put, no more and no less.

use std::ops::{Bound, ControlFlow};
use std::sync::TryLockError;

use muster_core::words::{ExecutionId, IntegrationId};

use super::hours::HOUR_PREFIX;
use super::sums::{Pass, SUM_PREFIX, State, Usage, decode_sum, sum_integration};
use super::{History, entry_key, missing, place};
use crate::StoreError;
use crate::backend::{Direction, Tree};
use crate::tally::{Tally, fingerprint};
use crate::value::{self, Flaw};

/// Up to how many entries an integration is verified when it is read: some 10 ms. More of them wait for the
/// verification in the background.
const VERIFIED_AT_READ_MAX: u64 = 2_500;

/// How far a verification of all history has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyStep {
    /// Entries that are put again after a restart are still missing: call again once [`History::absorbed`] has reached
    /// the journal's head of the start.
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
    /// Verifies the next `entries` entries; after the last one that they are as many and those that were put, and that
    /// the integrations have them all. A pass is meant to be made in the background, paced by the caller; puts,
    /// checkpoints and prunings in between do not disturb it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the integration whose entries are not those that were put, where it is known. The
    /// next call begins anew.
    pub fn verify_step(&self, entries: usize) -> Result<VerifyStep, StoreError> {
        let mut state = self.state();
        if !state.is_caught_up() {
            return Ok(VerifyStep::NotYet);
        }
        let mut pass = state.pass.take().unwrap_or(Pass {
            next: ExecutionId(0),
            tally: Tally::default(),
            usage: Usage::default(),
        });
        let (mut seen, mut next) = (0, None);
        self.entries(Bound::Included(&entry_key(pass.next)), &mut |entry, fingerprint| {
            if seen == entries {
                next = Some(entry.execution);
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            pass.tally.add(fingerprint);
            pass.usage.add(entry.execution, entry.bytes.len());
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(next) = next {
            pass.next = next;
            state.pass = Some(pass);
            return Ok(VerifyStep::More);
        }
        let expected = state.expected_total();
        let known = self.known(&state)?;
        if pass.tally == expected && known.is(expected) {
            state.usage = Some(pass.usage);
            return Ok(VerifyStep::Done { tally: expected });
        }
        // Which integration is it? Only now is it worth while to read them one by one.
        for integration in known.integrations {
            self.verify_one(&state, integration)?;
        }
        for integration in state.gathered_integrations() {
            self.verify_one(&state, integration)?;
        }
        let (there, put) = (pass.tally.count, expected.count);
        Err(StoreError::damaged(
            format!("{there} executions are there, and {put} were put"),
            "history",
        ))
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
        // A read does not wait for a write of history's own thread: it is verified the next time.
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
        let mut there = Tally::default();
        for execution in state.all(&*self.backend, integration)? {
            let broken = |flaw: Flaw| flaw.into_error(&format!("execution {execution}"), place(integration));
            let key = entry_key(execution);
            let value = value::read(&*self.backend, Tree::History, &key, broken)?;
            let value = value.ok_or_else(|| missing(integration, execution))?;
            if !value.body.starts_with(&integration.to_bytes()) {
                return Err(broken(Flaw::Broken("is another integration's")));
            }
            there.add(fingerprint(&key, value.checksum));
        }
        let expected = state.expected(&*self.backend, integration)?;
        if there == expected {
            return Ok(there);
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

    /// What the integrations know of their entries.
    fn known(&self, state: &State) -> Result<Known, StoreError> {
        let mut known = Known {
            sum: state.gathered(),
            ids: state.gathered_entries() as u64,
            integrations: Vec::new(),
        };
        let range = (Bound::Included(&[SUM_PREFIX][..]), Bound::Excluded(&[HOUR_PREFIX][..]));
        self.backend
            .scan(Tree::History, range, Direction::Forward, &mut |key, piece| {
                let integration = sum_integration(key)
                    .ok_or_else(|| StoreError::damaged("a tally has a key that is no integration's", "history"))?;
                let sum =
                    decode_sum(key, piece).map_err(|flaw: Flaw| flaw.into_error("its tally", place(integration)))?;
                known.sum = known.sum.merged(sum.tally);
                known.integrations.push(integration);
                Ok(ControlFlow::Continue(()))
            })?;
        let range = (Bound::Included(&[HOUR_PREFIX][..]), Bound::Unbounded);
        self.backend
            .scan(Tree::History, range, Direction::Forward, &mut |key, piece| {
                if let Some((_, 0)) = value::split_key(key) {
                    let length = value::describe(piece)
                        .map_err(|flaw: Flaw| flaw.into_error("an hour", "history"))?
                        .1;
                    known.ids += length as u64 / 16;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        Ok(known)
    }
}

/// What the integrations know of their entries.
struct Known {
    /// Their tallies together.
    sum: Tally,
    /// How many ids their hours have.
    ids: u64,
    /// Those that have a tally.
    integrations: Vec<IntegrationId>,
}

impl Known {
    fn is(&self, expected: Tally) -> bool {
        self.sum == expected && self.ids == expected.count
    }
}
