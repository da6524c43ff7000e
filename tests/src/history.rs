//! What executions anybody was told of, and the judge of whether that is still true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_proto::v1::{self, ErrorCategory, ExecutionStatus};

use crate::client::{Client, id_of, is_final};
use crate::landing::Published;
use crate::wait::eventually;

/// How often an execution is tried until it ends badly, unless somebody cancels it.
const FAILURES_MAX: u32 = 3;

/// What was told of executions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Every execution that an answer has named.
    told: BTreeSet<String>,
    /// Those that were seen to have ended, as they were then.
    ended: BTreeMap<String, v1::Execution>,
}

impl History {
    /// An answer has named this execution.
    pub fn tell(&mut self, name: &str) {
        self.told.insert(name.to_owned());
    }

    /// An answer has shown this execution.
    ///
    /// # Panics
    /// When it was seen to have ended, and is not as it was then.
    pub fn note(&mut self, execution: v1::Execution) {
        self.tell(&execution.name);
        match self.ended.get(&execution.name) {
            Some(before) => assert_eq!(*before, execution, "an end has changed"),
            None if is_final(&execution) => {
                self.ended.insert(execution.name.clone(), execution);
            }
            None => {}
        }
    }

    /// Notes the ends among these executions.
    ///
    /// # Panics
    /// When one has changed.
    pub fn note_ends(&mut self, executions: Vec<v1::Execution>) {
        executions.into_iter().filter(is_final).for_each(|one| self.note(one));
    }

    /// Notes the ends among all executions that there are.
    ///
    /// # Panics
    /// When one has changed, or is not among them any more.
    pub fn look(&mut self, listed: Vec<v1::Execution>) {
        let names: BTreeSet<&str> = listed.iter().map(|execution| execution.name.as_str()).collect();
        let lost = self.ended.keys().find(|name| !names.contains(name.as_str()));
        assert_eq!(lost, None, "an execution is lost that had ended");
        self.note_ends(listed);
    }

    /// What somebody else was told, too.
    pub fn add(&mut self, other: Self) {
        self.told.extend(other.told);
        other.ended.into_values().for_each(|execution| self.note(execution));
    }

    /// All that was named.
    #[must_use]
    pub fn told(&self) -> &BTreeSet<String> {
        &self.told
    }

    /// Those that were seen to have ended.
    #[must_use]
    pub fn ended(&self) -> &BTreeMap<String, v1::Execution> {
        &self.ended
    }

    /// Compares what was told with all that there is once nothing is open any more. Completed ones have so many records: one of `records`.
    ///
    /// # Panics
    /// When something is lost, twice there, open, or other than it was told.
    pub fn judge(&self, listed: &[v1::Execution], mut landed: BTreeMap<String, Published>, records: &[u64]) {
        let mut by_name: BTreeMap<&str, &v1::Execution> = BTreeMap::new();
        for execution in listed {
            let before = by_name.insert(&execution.name, execution);
            assert!(before.is_none(), "{} stands twice in history", execution.name);
            assert!(is_final(execution), "{execution:?} has not ended");
        }
        for name in &self.told {
            let found = by_name.get(name.as_str());
            let found = found.unwrap_or_else(|| panic!("{name} was acknowledged, and is lost"));
            if let Some(before) = self.ended.get(name) {
                assert_eq!(before, *found, "an end has changed");
            }
        }
        for execution in listed {
            let published = landed.remove(id_of(&execution.name));
            match (execution.status(), published) {
                (ExecutionStatus::Completed, Some(published)) => compare_records(execution, &published, records),
                // Tried again until the last try: what was committed to must not be given up.
                (ExecutionStatus::Error, None) => assert!(
                    execution.failures == FAILURES_MAX || is_canceled(execution),
                    "{execution:?}"
                ),
                (status, published) => panic!("{status:?} with {published:?}: {execution:?}"),
            }
        }
        assert!(landed.is_empty(), "records of nobody: {:?}", landed.keys());
    }
}

fn is_canceled(execution: &v1::Execution) -> bool {
    let failure = execution.failure.as_ref();
    failure.is_some_and(|failure| failure.category() == ErrorCategory::Canceled)
}

fn compare_records(execution: &v1::Execution, published: &Published, expected: &[u64]) {
    let counts = execution.counts.expect("it has completed");
    let lines = &published.lines;
    let records = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(
        (counts.records, counts.bytes),
        (records, lines.len() as u64),
        "{execution:?}"
    );
    assert!(expected.contains(&records), "{records} of {execution:?}");
    assert_eq!(published.manifest["attempt"], execution.attempt, "{execution:?}");
    assert_eq!(published.manifest["records"], records);
}

/// Waits until no execution is open: also none that nobody was told of.
///
/// # Panics
/// When one still is after `limit`.
pub async fn until_nothing_open(client: &Client, limit: Duration) {
    eventually("nothing to be open", limit, async || {
        let all = client.all_executions().await.map_err(|status| status.to_string())?;
        let open: Vec<_> = all.into_iter().filter(|one| !is_final(one)).collect();
        if open.is_empty() {
            Ok(())
        } else {
            Err(format!("{} are: {open:?}", open.len()))
        }
    })
    .await;
}
