//! A person switches an integration on.

use crate::decide::execution::queue;
use crate::decide::organization::{self, quota};
use crate::decide::{Answer, Decision, Rejection};
use crate::event::Event;
use crate::state::State;
use crate::time::Now;
use crate::words::{Enablement, IntegrationId, OrganizationId, Origin};

/// Switch an integration on, or activate a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enable {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
}

impl Enable {
    /// Its schedule begins now. What has never been collected is collected at once.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::QuotaReached`], [`Rejection::OrganizationSuspended`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        let integration = super::find(state, &self.organization, self.integration)?;
        let answer = Answer::Integration(integration.id);
        match integration.enablement {
            Enablement::Enabled => {
                return Ok(Decision {
                    answer,
                    ..Decision::default()
                });
            }
            Enablement::Draft | Enablement::Disabled => {}
        }
        let definition = &integration.definition;
        let mut events = vec![Event::IntegrationEnabled {
            integration: integration.id,
            next: super::first_times(integration.id, &integration.intervals(), now.stamp),
        }];
        for (data_type, collection) in &integration.collections {
            if collection.completed.is_none() && state.index().open(integration.id, data_type).is_none() {
                let (_, created) = queue(
                    integration.id,
                    &self.organization,
                    definition,
                    data_type,
                    Origin::Activation,
                    now,
                    chance,
                );
                events.push(created);
            }
        }
        let own = organization::find(state, &self.organization)?;
        quota::judge_open(state, own, events.len() - 1)?;
        Ok(Decision {
            events,
            answer,
            ..Decision::default()
        })
    }
}
