//! A person configures a source.

use crate::decide::execution::queue;
use crate::decide::organization::{self, quota};
use crate::decide::{Answer, Decision, Rejection};
use crate::entity::{Definition, PerDataType};
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::{Interval, Now};
use crate::words::{Enablement, IntegrationId, OrganizationId, Origin, Request};

/// Create an integration: as a draft, which collects nothing, or enabled, which collects at once and then by its schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Whose it will be.
    pub organization: OrganizationId,
    /// What it will be. Its configuration has been judged against the connector's schema.
    pub definition: Definition,
    /// What it will collect, and how often. At least one.
    pub intervals: PerDataType<Interval>,
    /// Whether it stays a draft.
    pub draft: bool,
    /// By what its caller knows the request again; `None` when it is not meant to be repeated.
    pub request: Option<Request>,
}

impl Create {
    /// Accepts a definition with a free name that collects something. A request that has made an integration before, which is still there, makes
    /// no second one: the first is the answer.
    ///
    /// # Errors
    /// [`Rejection::OrganizationNotFound`], [`Rejection::OrganizationSuspended`], [`Rejection::RequestReused`], [`Rejection::NameTaken`],
    /// [`Rejection::NoDataTypes`], [`Rejection::QuotaReached`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        let own = organization::judge_active(state, &self.organization)?;
        if let Some(made) = self
            .request
            .filter(|_| !planted!("request-forgotten"))
            .and_then(|request| state.index().requested(&self.organization, request.id))
        {
            return self.repeat(state, made);
        }
        super::judge(state, &self.organization, None, &self.definition, &self.intervals)?;
        quota::judge_integrations(state, own, 1)?;
        let first = if self.draft { 0 } else { self.intervals.len() };
        quota::judge_open(state, own, first)?;
        let id = IntegrationId::generate(now.stamp, chance);
        let mut events = Vec::with_capacity(1 + self.intervals.len());
        let (enablement, next) = if self.draft {
            (Enablement::Draft, std::collections::BTreeMap::new())
        } else {
            (Enablement::Enabled, super::first_times(id, &self.intervals, now.stamp))
        };
        events.push(Event::IntegrationCreated {
            integration: id,
            organization: self.organization.clone(),
            definition: self.definition.clone(),
            intervals: self.intervals.clone(),
            enablement,
            next,
            request: self.request,
        });
        if !self.draft {
            for data_type in self.intervals.keys() {
                let (_, created) = queue(
                    id,
                    &self.organization,
                    &self.definition,
                    data_type,
                    Origin::Activation,
                    now,
                    chance,
                );
                events.push(created);
            }
        }
        Ok(Decision {
            events,
            answer: Answer::Integration(id),
            ..Decision::default()
        })
    }

    /// What follows when an integration remembers this request's id.
    fn repeat(&self, state: &State, made: IntegrationId) -> Result<Decision, Rejection> {
        if state
            .ledger()
            .integration(made)
            .and_then(|made| made.request.as_deref().copied())
            != self.request
        {
            return Err(Rejection::RequestReused { integration: made });
        }
        Ok(Decision {
            answer: Answer::Integration(made),
            ..Decision::default()
        })
    }
}
