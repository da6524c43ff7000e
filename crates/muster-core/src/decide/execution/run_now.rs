//! Somebody wants a collection now.

use crate::decide::execution::queue;
use crate::decide::organization::{self, quota};
use crate::decide::{Answer, Decision, Rejection, integration};
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::{DataType, Enablement, IntegrationId, OrganizationId, Origin, Principal};

/// Collect now, beside the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNow {
    /// Whose integration.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
    /// Which data types; all that it collects when empty.
    pub data_types: Vec<DataType>,
}

impl RunNow {
    /// Queues an execution for each data type that has none open, and answers with those that are open then, in the order asked.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::NotEnabled`], [`Rejection::NotCollected`], [`Rejection::QuotaReached`],
    /// [`Rejection::OrganizationSuspended`].
    pub fn decide(
        self,
        state: &State,
        by: &Principal,
        now: Now,
        chance: &mut fastrand::Rng,
    ) -> Result<Decision, Rejection> {
        let integration = integration::find(state, &self.organization, self.integration)?;
        match integration.enablement {
            Enablement::Enabled => {}
            Enablement::Draft | Enablement::Disabled => return Err(Rejection::NotEnabled(integration.id)),
        }
        let data_types = if self.data_types.is_empty() {
            integration.collections.keys().cloned().collect()
        } else {
            self.data_types
        };
        let mut events = Vec::new();
        let mut executions = Vec::with_capacity(data_types.len());
        for data_type in data_types {
            if !integration.collections.contains_key(&data_type) {
                return Err(Rejection::NotCollected {
                    integration: integration.id,
                    data_type,
                });
            }
            if let Some(open) = state.index().open(integration.id, &data_type)
                && !planted!("run-now-piles-up")
            {
                executions.push(open);
                continue;
            }
            let (execution, created) = queue(
                integration.id,
                &self.organization,
                &integration.definition,
                &data_type,
                Origin::RunNow(by.clone()),
                now,
                chance,
            );
            executions.push(execution);
            events.push(created);
        }
        let own = organization::find(state, &self.organization)?;
        quota::judge_open(state, own, events.len())?;
        Ok(Decision {
            events,
            answer: Answer::Executions(executions),
            ..Decision::default()
        })
    }
}
