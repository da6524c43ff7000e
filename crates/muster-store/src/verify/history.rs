//! What has ended: history, against itself and the ledger, and log lines.

use std::collections::BTreeMap;

use muster_core::entity::Finished;
use muster_core::ledger::Ledger;
use muster_core::state::State;
use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, IntegrationId, Outcome, Sequence};

use super::teller::Teller;
use super::{Finding, Severity, TOLD_EVERY};
use crate::history::VerifyStep;
use crate::{Store, StoreError};

/// The count and the digest of all and of each integration, and their ids by the hour.
pub(super) fn verify_history(store: &Store, teller: &mut Teller<'_>) -> Result<(), StoreError> {
    const STEP: usize = 10_000;
    let mut done = 0;
    loop {
        let Some(step) = teller.judge(store.history().verify_step(STEP))? else {
            return Ok(());
        };
        match step {
            VerifyStep::NotYet => {
                let what = "it lacks what the journal says has ended";
                teller.found(Finding::fault("history", what))?;
                return Ok(());
            }
            VerifyStep::More => {
                done += STEP as u64;
                teller.progress("history", done, None)?;
            }
            VerifyStep::Done { .. } => return Ok(()),
        }
    }
}

/// That each finished execution can be read, has ended before the journal does, and is not open; and that integrations
/// say of their newest ends what history says.
pub(super) fn verify_entries(
    store: &Store,
    state: &State,
    head: Sequence,
    last: Option<Stamp>,
    teller: &mut Teller<'_>,
) -> Result<(), StoreError> {
    let mut done = 0;
    let claims = newest_ends(state.everywhere());
    let of = store.history().total().count;
    let read = store.each_finished(&mut |sequence, finished| {
        done += 1;
        if done % TOLD_EVERY == 0 {
            teller.progress("executions", done, Some(of))?;
        }
        let mut fault = |what: &str| {
            let place = format!("history, execution {}", finished.id);
            teller.one_of("history", || Finding::fault(place, what))
        };
        if sequence > head || last.is_none_or(|last| finished.ended > last) {
            fault("it has ended after all that the journal knows of")?;
        }
        if state.everywhere().execution(finished.id).is_some() {
            fault("it has ended, and it is open")?;
        }
        if let Some(integration) = state.everywhere().integration(finished.integration)
            && integration.organization != finished.organization
        {
            fault("it is another organization's than its integration")?;
        }
        if let Some(claim) = claims.get(&finished.id)
            && !claim.fits(&finished)
        {
            fault("its integration says something else of its end")?;
        }
        Ok(())
    });
    teller.progress("executions", done, Some(of))?;
    teller.judge(read)?;
    Ok(())
}

/// What an integration says of the newest end of a data type.
struct NewestEnd {
    integration: IntegrationId,
    at: Stamp,
    completed: bool,
}

impl NewestEnd {
    fn fits(&self, finished: &Finished) -> bool {
        let completed = matches!(finished.outcome, Outcome::Completed { .. });
        self.integration == finished.integration && self.at == finished.ended && self.completed == completed
    }
}

fn newest_ends(ledger: &Ledger) -> BTreeMap<ExecutionId, NewestEnd> {
    let mut ends = BTreeMap::new();
    for integration in ledger.integrations() {
        for collection in integration.collections.values() {
            let completed = collection.completed.iter().map(|one| (one.execution, one.at, true));
            let failed = collection.trouble.iter().map(|one| (one.execution, one.at, false));
            for (execution, at, completed) in completed.chain(failed) {
                let integration = integration.id;
                ends.insert(
                    execution,
                    NewestEnd {
                        integration,
                        at,
                        completed,
                    },
                );
            }
        }
    }
    ends
}

/// That lines are whole, as many as they say and within their bounds.
pub(super) fn verify_log_lines(store: &Store, state: &State, teller: &mut Teller<'_>) -> Result<(), StoreError> {
    let (mut done, mut strays) = (0, 0_u64);
    store.log_lines().verify(&mut |execution, counts| {
        done += 1;
        if done % TOLD_EVERY == 0 {
            teller.progress("log lines", done, None)?;
        }
        if let Err(error) = counts {
            teller.lost_lines(error)?;
        }
        let is_open = state.everywhere().execution(execution).is_some();
        if !is_open && !store.history().has(execution)? {
            strays += 1;
        }
        Ok(())
    })?;
    teller.progress("log lines", done, Some(done))?;
    if strays > 0 {
        teller.found(Finding {
            severity: Severity::Note,
            place: "log lines".to_owned(),
            what: format!("{strays} executions that are not known any more have some"),
            remedy: "it is safe to ignore: a stop while a retention was carried out leaves some".to_owned(),
        })?;
    }
    Ok(())
}
