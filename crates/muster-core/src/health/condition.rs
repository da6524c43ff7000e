//! What there is to say of an integration beside its status: computed when somebody asks, and kept nowhere.

use std::collections::BTreeMap;
use std::fmt;

use crate::entity::{Collection, Integration, Phase};
use crate::explain::no_runner;
use crate::index::{self, Lane};
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{DataType, Enablement, Warning};

/// How many intervals may pass without a good end before a data type is stale.
const STALE_AFTER_INTERVALS: u32 = 2;

/// Something that a person should know of an integration that is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing of it has ever been collected.
    NeverCollected,
    /// What is to be collected waits for a runner that could do it.
    WaitingForRunner {
        /// Why, as a clause.
        why: String,
        /// What a person does next.
        remedy: Option<String>,
    },
    /// A data type was not collected for two of its intervals.
    Stale {
        /// Which; where there are several, that which was not collected for longest.
        data_type: DataType,
        /// Since when: its last good end, or else when it could have begun.
        since: Stamp,
    },
    /// The newest good end of a data type has something to say.
    Warning {
        /// Of which.
        data_type: DataType,
        /// What.
        warning: Warning,
    },
}

/// The kind of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionKind {
    /// [`Condition::NeverCollected`].
    NeverCollected,
    /// [`Condition::WaitingForRunner`].
    WaitingForRunner,
    /// [`Condition::Stale`].
    Stale,
    /// [`Condition::Warning`].
    Warning,
}

impl ConditionKind {
    /// Whether somebody should look at an integration of which it holds. That nothing was ever collected is no more than news: it is so of each that has
    /// just been made, and becomes stale in time.
    #[must_use]
    pub fn calls_for_attention(self) -> bool {
        match self {
            Self::NeverCollected => false,
            Self::WaitingForRunner | Self::Stale | Self::Warning => true,
        }
    }
}

impl Condition {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ConditionKind {
        match self {
            Self::NeverCollected => ConditionKind::NeverCollected,
            Self::WaitingForRunner { .. } => ConditionKind::WaitingForRunner,
            Self::Stale { .. } => ConditionKind::Stale,
            Self::Warning { .. } => ConditionKind::Warning,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverCollected => f.write_str("nothing has been collected so far"),
            Self::WaitingForRunner { why, .. } => f.write_str(why),
            Self::Stale { data_type, .. } => {
                write!(f, "`{data_type}` has not been collected for two of its intervals")
            }
            Self::Warning { data_type, warning } => write!(f, "`{data_type}`: {warning}"),
        }
    }
}

/// Finds the conditions of many integrations: how the runners of a pool stand is looked up once.
#[derive(Debug)]
pub struct Conditions<'a> {
    state: &'a State,
    now: Now,
    no_runner: BTreeMap<Lane, Option<(String, Option<String>)>>,
}

impl<'a> Conditions<'a> {
    /// As of now.
    #[must_use]
    pub fn new(state: &'a State, now: Now) -> Self {
        Self {
            state,
            now,
            no_runner: BTreeMap::new(),
        }
    }

    /// Why no runner that is there could serve an integration of this pool and connector, and what a person does about it; `None` when one could.
    pub fn no_runner(&mut self, lane: Lane) -> Option<(String, Option<String>)> {
        let found = self.no_runner.entry(lane);
        found
            .or_insert_with_key(|lane| no_runner(self.state, lane, self.now))
            .clone()
    }

    /// What they are found in.
    #[must_use]
    pub fn state(&self) -> &'a State {
        self.state
    }

    /// Those of this integration, at most one of each kind; none of one that is not enabled.
    #[must_use]
    pub fn of(&mut self, integration: &Integration) -> Vec<Condition> {
        if integration.enablement != Enablement::Enabled {
            return Vec::new();
        }
        let collections = || integration.collections.iter();
        let never = collections().all(|(_, collection)| collection.completed.is_none());
        let stale = collections().filter_map(|(data_type, collection)| {
            let since = stale_since(integration, collection, self.now.stamp)?;
            Some((since, data_type.clone()))
        });
        let stale = stale
            .min()
            .map(|(since, data_type)| Condition::Stale { data_type, since });
        let warned = collections().filter_map(|(data_type, collection)| {
            let completed = collection.completed.as_ref()?;
            Some((completed.at, data_type.clone(), completed.warning()?))
        });
        let warning = warned.max_by_key(|(at, ..)| *at);
        let warning = warning.map(|(_, data_type, warning)| Condition::Warning { data_type, warning });
        let waiting = self.waiting(integration);
        let never = never.then_some(Condition::NeverCollected);
        waiting.into_iter().chain(never).chain(stale).chain(warning).collect()
    }

    fn waiting(&mut self, integration: &Integration) -> Option<Condition> {
        let ids = self.state.index().open_of(integration.id);
        let open = ids.filter_map(|id| self.state.ledger().execution(id));
        let now = self.now.stamp;
        let mut queued = open.filter(
            |execution| matches!(execution.phase, Phase::Created { not_before } if not_before.is_none_or(|at| at <= now)),
        );
        queued.find_map(|execution| {
            let (why, remedy) = self.no_runner(index::lane(execution))?;
            Some(Condition::WaitingForRunner { why, remedy })
        })
    }
}

/// Since when a data type had no good end, if that is too long.
fn stale_since(integration: &Integration, collection: &Collection, now: Stamp) -> Option<Stamp> {
    let completed = collection.completed.as_ref().map(|completed| completed.at);
    let since = completed.unwrap_or(integration.updated);
    // What a person lets rest is not stale, and has two intervals from when it goes on.
    let since = since.max(integration.paused_until.unwrap_or_default());
    let patience = collection.interval.length() * STALE_AFTER_INTERVALS;
    (since.after(patience) <= now).then_some(since)
}
