//! A person changes an integration.

use std::collections::BTreeMap;

use crate::decide::execution::{cancel, retry};
use crate::decide::{Answer, Decision, Rejection};
use crate::entity::{Definition, Integration, PerDataType, Phase};
use crate::event::Event;
use crate::planted;
use crate::schedule::Grid;
use crate::state::State;
use crate::time::{Interval, Now, Stamp};
use crate::words::{DataType, Enablement, IntegrationId, OrganizationId};

/// Give an integration another definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
    /// What it is to be. Its configuration has been judged against the connector's schema.
    pub definition: Definition,
    /// What it is to collect, and how often. At least one.
    pub intervals: PerDataType<Interval>,
    /// The version that the change was made from; `None` changes whatever is there.
    pub version: Option<u32>,
}

impl Update {
    /// Accepts a definition with a free name and the same connector. A changed interval takes effect at once, a removed data type is canceled,
    /// and what is queued moves to another pool with its integration.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::Stale`], [`Rejection::ConnectorFixed`], [`Rejection::NameTaken`],
    /// [`Rejection::NoDataTypes`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let integration = super::find(state, &self.organization, self.integration)?;
        if self.version.is_some_and(|version| version != integration.version) {
            return Err(Rejection::Stale {
                integration: integration.id,
            });
        }
        let before = &integration.definition;
        if before.connector != self.definition.connector {
            return Err(Rejection::ConnectorFixed {
                integration: integration.id,
                connector: before.connector.clone(),
            });
        }
        super::judge(
            state,
            &self.organization,
            Some(integration.id),
            &self.definition,
            &self.intervals,
        )?;
        let mut decision = Decision {
            answer: Answer::Integration(integration.id),
            ..Decision::default()
        };
        if *before == self.definition && integration.intervals() == self.intervals {
            return Ok(decision);
        }
        let reconfigured = before.configuration != self.definition.configuration
            || before.access_schema != self.definition.access_schema;
        decision.events.push(Event::IntegrationUpdated {
            integration: integration.id,
            revision: if reconfigured {
                integration.revision.next()
            } else {
                integration.revision
            },
            next: next_times(integration, &self.intervals, now),
            definition: self.definition.clone(),
            intervals: self.intervals.clone(),
        });
        for id in state.index().open_of(integration.id) {
            let Some(execution) = state.ledger().execution(id) else {
                continue;
            };
            if !self.intervals.contains_key(&execution.data_type) {
                cancel::end(
                    state,
                    execution,
                    "its data type was removed from the integration",
                    &mut decision,
                );
            } else if matches!(execution.phase, Phase::Created { .. }) && !planted!("queue-stays-in-its-pool") {
                decision.events.extend(retry::reroute(execution, &self.definition));
            }
        }
        Ok(decision)
    }
}

/// The upcoming collections after the change: those of unchanged intervals stay as they are, and none lies in a pause.
fn next_times(integration: &Integration, intervals: &PerDataType<Interval>, now: Now) -> BTreeMap<DataType, Stamp> {
    match integration.enablement {
        Enablement::Draft | Enablement::Disabled => BTreeMap::new(),
        Enablement::Enabled => intervals
            .iter()
            .map(|(data_type, interval)| (data_type.clone(), next_time(integration, data_type, *interval, now)))
            .collect(),
    }
}

/// The upcoming collection of a data type that is to have this interval.
fn next_time(integration: &Integration, data_type: &DataType, interval: Interval, now: Now) -> Stamp {
    let kept = integration
        .collections
        .get(data_type)
        .filter(|collection| collection.interval == interval || planted!("changed-interval-keeps-its-time"))
        .and_then(|collection| collection.next);
    let after = super::pause::rests_through(integration, now.stamp);
    kept.unwrap_or_else(|| Grid::of(integration.id, interval).next_after(after))
}

/// The next times at which a data type would be collected if the integration were enabled and this were its interval: the soonest first, without end.
pub fn planned_times(
    integration: &Integration,
    data_type: &DataType,
    interval: Interval,
    now: Now,
) -> impl Iterator<Item = Stamp> + use<> {
    let grid = Grid::of(integration.id, interval);
    let first = next_time(integration, data_type, interval, now);
    std::iter::successors(Some(first), move |time| Some(grid.next_after(*time)))
}
