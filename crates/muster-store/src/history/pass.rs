//! How far a verification has come, and what it learns on the way: how many bytes history has.

use std::collections::BTreeMap;

use muster_core::words::{ExecutionId, IntegrationId};

use super::hours::hour_of;
use super::{ENTRY_KEY_BYTES, HistoryEntry};
use crate::tally::Tally;
use crate::value;

/// How far a verification has come: first through all executions, then through all integrations.
#[derive(Debug)]
pub(super) struct Pass {
    /// All executions before this one were seen.
    pub(super) next: ExecutionId,
    /// What stands in history for those.
    pub(super) tally: Tally,
    pub(super) usage: Usage,
    /// All integrations before this one were seen.
    pub(super) next_integration: IntegrationId,
    /// The tallies of those together.
    pub(super) sums: Tally,
    /// Something does not add up: now the integrations are verified one by one, until the one is found.
    pub(super) is_searching: bool,
}

impl Pass {
    /// One that begins.
    pub(super) fn new() -> Self {
        Self {
            next: ExecutionId(0),
            tally: Tally::default(),
            usage: Usage::default(),
            next_integration: IntegrationId(0),
            sums: Tally::default(),
            is_searching: false,
        }
    }

    /// Counts an entry that is put where the pass has been already.
    pub(super) fn add(&mut self, entry: &HistoryEntry, fingerprint: u64) {
        if entry.execution < self.next {
            self.tally.add(fingerprint);
            self.usage.add(entry.execution, entry.bytes.len());
        }
        if entry.integration < self.next_integration {
            self.sums.add(fingerprint);
        }
    }

    /// The same for one that is taken out.
    pub(super) fn subtract(
        &mut self,
        integration: IntegrationId,
        (execution, bytes): (ExecutionId, usize),
        fingerprint: u64,
    ) {
        if execution < self.next {
            self.tally.subtract(fingerprint);
            self.usage.subtract(execution, bytes);
        }
        if integration < self.next_integration {
            self.sums.subtract(fingerprint);
        }
    }
}

/// Bytes by the hour (since the epoch) in which the executions were created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Usage(BTreeMap<u32, u64>);

impl Usage {
    /// Counts an entry.
    pub(super) fn add(&mut self, execution: ExecutionId, bytes: usize) {
        *self.0.entry(hour_of(execution)).or_default() += full(bytes);
    }

    /// Counts an entry no more.
    pub(super) fn subtract(&mut self, execution: ExecutionId, bytes: usize) {
        let hour = hour_of(execution);
        if let Some(counted) = self.0.get_mut(&hour) {
            *counted = counted.saturating_sub(full(bytes));
            if *counted == 0 {
                self.0.remove(&hour);
            }
        }
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.0.values().sum()
    }

    /// The first of the hours that may stay when at most `budget` bytes may; `None` when all of them may.
    pub(super) fn first_within(&self, budget: u64) -> Option<u32> {
        let mut left = budget;
        for (hour, bytes) in self.0.iter().rev() {
            match left.checked_sub(*bytes) {
                Some(rest) => left = rest,
                None => return Some(hour + 1),
            }
        }
        None
    }
}

/// The bytes of an entry with its two ids, and of the id in its hour.
fn full(bytes: usize) -> u64 {
    (ENTRY_KEY_BYTES + 2 + value::HEADER_BYTES + 16 + bytes + 16) as u64
}
