//! Whether history holds what was put, no more and no less.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::sync::TryLockError;

use muster_core::words::{ExecutionId, IntegrationId};

use super::pass::{Pass, Usage};
use super::sums::State;
use super::{History, HistoryView, entry_key, missing, place};
use crate::StoreError;
use crate::backend::Tree;
use crate::tally::{Tally, fingerprint};
use crate::value::{self, Flaw};

/// Up to how many entries an integration is verified when it is read: some 10 ms. More of them wait for the
/// verification in the background.
const VERIFIED_AT_READ_MAX: u64 = 2_500;

/// Where a pass stands that has seen all executions: no execution has this id.
const BEHIND_ALL: ExecutionId = ExecutionId(u128::MAX);

/// How many entries a step of a verification that is not paced reads: others that need history have their turn in between.
const VERIFIED_AT_ONCE: usize = 10_000;

/// For how many entries a step looks at one integration's tally and hours: about as long.
const ENTRIES_PER_SUM: usize = 4;

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
    /// Goes on with a verification: reads the next `entries` entries or, behind the last of them, about as much of what
    /// the integrations know of theirs; in the end all must add up. When something does not, the next steps look for the
    /// integration that it is. A pass is meant to be made in the background, paced by the caller, since history is locked
    /// for each step; puts, checkpoints and prunings in between do not disturb it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the integration whose entries are not those that were put, where it is known. The
    /// next call begins anew.
    pub fn verify_step(&self, entries: usize) -> Result<VerifyStep, StoreError> {
        let mut state = self.state();
        if !state.is_caught_up() {
            return Ok(VerifyStep::NotYet);
        }
        let mut pass = state.pass.take().unwrap_or_else(Pass::new);
        if pass.next != BEHIND_ALL {
            pass.next = self.verify_entries(&mut pass, entries)?.unwrap_or(BEHIND_ALL);
            state.pass = Some(pass);
            return Ok(VerifyStep::More);
        }
        let next = if pass.is_searching {
            self.search(&state, pass.next_integration, entries)?
        } else {
            self.verify_sums(&state, &mut pass, (entries / ENTRIES_PER_SUM).max(1))?
        };
        if let Some(next) = next {
            pass.next_integration = next;
            state.pass = Some(pass);
            return Ok(VerifyStep::More);
        }
        let expected = state.expected_total();
        if pass.is_searching {
            let (there, put) = (pass.tally.count, expected.count);
            return Err(StoreError::damaged(
                format!("{there} executions are there, and {put} were put"),
                "history",
            ));
        }
        if pass.tally == expected && pass.sums == expected {
            state.usage = Some(pass.usage);
            return Ok(VerifyStep::Done { tally: expected });
        }
        pass.is_searching = true;
        pass.next_integration = IntegrationId(0);
        state.pass = Some(pass);
        Ok(VerifyStep::More)
    }

    /// Verifies all of history, from its beginning or from where a pass has come; `None` while entries that are put again
    /// after a restart are still missing.
    ///
    /// # Errors
    /// As [`History::verify_step`].
    pub fn verify(&self) -> Result<Option<Tally>, StoreError> {
        loop {
            match self.verify_step(VERIFIED_AT_ONCE)? {
                VerifyStep::NotYet => return Ok(None),
                VerifyStep::More => {}
                VerifyStep::Done { tally } => return Ok(Some(tally)),
            }
        }
    }

    /// Begins a walk through all entries, which goes on while they are put and pruned. One at a time: the one before ends.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] while entries that are put again after a restart are still missing.
    pub(crate) fn begin_walk(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.is_caught_up() {
            return Err(StoreError::misuse(
                "history was to be walked through before it was complete",
            ));
        }
        state.walk = Some(Pass::new());
        Ok(())
    }

    /// Goes on with the walk: hands the next `entries` entries to `visit`; returns whether there are more. Nothing is
    /// written meanwhile. In the end all must add up.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub(crate) fn walk_step(
        &self,
        entries: usize,
        visit: &mut dyn FnMut(HistoryView<'_>) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(mut walk) = state.walk.take() else {
            return Ok(false);
        };
        let next = self.see_entries(&mut walk, entries, visit)?;
        if let Some(next) = next {
            walk.next = next;
            state.walk = Some(walk);
            return Ok(true);
        }
        let (there, put) = (walk.tally, state.expected_total());
        if there == put {
            return Ok(false);
        }
        let (there, put) = (there.count, put.count);
        let what = format!("{there} executions are there, and {put} were put, or they are others");
        Err(StoreError::damaged(what, "history"))
    }

    /// Adds the next entries to the pass; returns the one to go on with.
    fn verify_entries(&self, pass: &mut Pass, entries: usize) -> Result<Option<ExecutionId>, StoreError> {
        self.see_entries(pass, entries, &mut |_| Ok(()))
    }

    fn see_entries(
        &self,
        pass: &mut Pass,
        entries: usize,
        visit: &mut dyn FnMut(HistoryView<'_>) -> Result<(), StoreError>,
    ) -> Result<Option<ExecutionId>, StoreError> {
        let (mut seen, mut next) = (0, None);
        let Pass {
            next: first,
            tally,
            usage,
            ..
        } = pass;
        self.entries(Bound::Included(&entry_key(*first)), &mut |entry, fingerprint| {
            if seen == entries {
                next = Some(entry.execution);
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            tally.add(fingerprint);
            usage.add(entry.execution, entry.bytes.len());
            visit(entry)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(next)
    }

    /// Adds the tallies of the next integrations to the pass, each of which must have as many ids; returns the one to go
    /// on with.
    fn verify_sums(&self, state: &State, pass: &mut Pass, most: usize) -> Result<Option<IntegrationId>, StoreError> {
        let (integrations, next) = self.integrations(state, pass.next_integration, most)?;
        for integration in integrations {
            let expected = state.expected(&*self.backend, integration)?;
            let ids = state.count_ids(&*self.backend, integration)?;
            if ids != expected.count {
                self.verify_one(state, integration)?;
                let what = format!("{} executions were put, and {ids} are known", expected.count);
                return Err(StoreError::damaged(what, place(integration)));
            }
            pass.sums = pass.sums.merged(expected);
        }
        Ok(next)
    }

    /// Verifies the next integrations one by one, until about so many entries were read; returns the one to go on with.
    fn search(&self, state: &State, from: IntegrationId, entries: usize) -> Result<Option<IntegrationId>, StoreError> {
        let mut next = Some(from);
        let mut read = 0;
        while let Some(from) = next.filter(|_| read < entries) {
            let (integrations, following) = self.integrations(state, from, 1)?;
            for integration in integrations {
                read += 1 + usize::try_from(self.verify_one(state, integration)?.count).unwrap_or(usize::MAX);
            }
            next = following;
        }
        Ok(next)
    }

    /// The integrations from `from` on that have a tally, written or gathered, at most so many, and the one to go on with.
    fn integrations(
        &self,
        state: &State,
        from: IntegrationId,
        most: usize,
    ) -> Result<(Vec<IntegrationId>, Option<IntegrationId>), StoreError> {
        let (written, following) = self.written_integrations(from, most)?;
        let gathered = state.gathered_from(from).take(most.saturating_add(1));
        let all: BTreeSet<_> = written.into_iter().chain(following).chain(gathered).collect();
        let next = all.iter().nth(most).copied();
        Ok((all.into_iter().take(most).collect(), next))
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
}
