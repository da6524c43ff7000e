//! A runner reports that it has collected all there is.

use crate::decide::execution::progress::settled;
use crate::decide::execution::{Found, Report, retry};
use crate::decide::{Decision, Effect, Rejection};
use crate::entity::Execution;
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::{Category, Counts, Cursor, Failure, Staged, Warning};

/// The work on an execution is done, as the runner that holds it says.
///
/// A good end needs this explicit word *and* counts that match what was staged; anything else is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Whose report.
    pub report: Report,
    /// How much the connector has delivered.
    pub counts: Counts,
    /// Where the next one goes on; `None` leaves the cursor as it was.
    pub cursor: Option<Cursor>,
    /// What the landing holds of this attempt; `None` when nothing was uploaded, or not to its end.
    pub staged: Option<Staged>,
}

impl Finish {
    /// With records: the commit point of the landing, from which nothing goes back. Without: completed.
    ///
    /// # Errors
    /// [`Rejection::Fenced`], [`Rejection::NotOpen`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        let (execution, begun) = match self.report.find(state)? {
            Found::Pending(execution) => (execution, false),
            Found::Executing(execution) => (execution, true),
            Found::Landing | Found::Reported => return Ok(Decision::nothing()),
        };
        let mut decision = Decision {
            roster: settled(self.report),
            ..Decision::default()
        };
        if !begun {
            // The runner's word that it has started was lost with an earlier stream.
            decision.events.push(Event::ExecutionStarted {
                execution: execution.id,
                claim: self.report.claim,
            });
        }
        match self.staged {
            None if self.counts.records == 0 => {
                decision
                    .events
                    .push(completed(state, execution, self.counts, self.cursor));
            }
            Some(staged) if staged.counts == self.counts || planted!("counts-not-compared") => {
                let staged = Staged {
                    cursor: self.cursor,
                    ..staged
                };
                decision.events.push(Event::LandingCommitted {
                    execution: execution.id,
                    claim: self.report.claim,
                    staged: staged.clone(),
                });
                decision.effects.push(Effect::Publish {
                    execution: execution.id,
                    staged,
                });
            }
            staged => {
                let failure = mismatch(self.counts, staged.map(|staged| staged.counts));
                let reported = Some(self.report.claim);
                retry::or_fail(state, execution, failure, reported, now, chance, &mut decision);
                decision.effects.push(Effect::Discard {
                    execution: execution.id,
                    attempt: self.report.claim.attempt,
                });
            }
        }
        Ok(decision)
    }
}

fn mismatch(said: Counts, landed: Option<Counts>) -> Failure {
    let landed = landed.unwrap_or_default();
    let message = format!(
        "the connector has delivered {} records ({} bytes), but {} records ({} bytes) have landed",
        said.records, said.bytes, landed.records, landed.bytes
    );
    Failure::new(Category::Landing, message)
}

/// The event of a good end, with the warning that it deserves.
pub(crate) fn completed(state: &State, execution: &Execution, counts: Counts, cursor: Option<Cursor>) -> Event {
    let before = state
        .ledger()
        .integration(execution.integration)
        .and_then(|integration| integration.collections.get(&execution.data_type))
        // A collection that goes on from a cursor brings what is new, and nothing new is no wonder.
        .filter(|collection| collection.cursor.is_none())
        .and_then(|collection| collection.completed.as_ref())
        .map_or(0, |completion| completion.counts.records);
    let warning = match counts.records {
        _ if planted!("warning-forgotten") => None,
        0 if before > 0 => Some(Warning::ZeroRecords { before }),
        few if few < before.div_ceil(2) => Some(Warning::FewerRecords { before }),
        _enough => None,
    };
    Event::ExecutionCompleted {
        execution: execution.id,
        integration: execution.integration,
        data_type: execution.data_type.clone(),
        counts,
        cursor,
        warning,
    }
}
