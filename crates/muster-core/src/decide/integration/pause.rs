//! A person lets the schedule of an integration rest until a time, or go on.

use std::time::Duration;

use crate::decide::{Answer, Decision, Rejection};
use crate::entity::Integration;
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{Enablement, IntegrationId, OrganizationId};

/// For how long an integration may be paused. What is to rest for longer is disabled.
pub const PAUSE_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Let the schedule of an integration rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
    /// Until when.
    pub until: Stamp,
}

impl Pause {
    /// The upcoming collections are the first nominal times that are not before the end of the pause. What is open goes on, and a person may still
    /// let it collect.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::NotEnabled`], [`Rejection::PauseOutOfBounds`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let integration = find_enabled(state, &self.organization, self.integration)?;
        if self.until <= now.stamp || self.until > now.stamp.after(PAUSE_MAX) {
            return Err(Rejection::PauseOutOfBounds { max: PAUSE_MAX });
        }
        if integration.paused_until == Some(self.until) {
            return Ok(unchanged(integration));
        }
        Ok(rest(integration, self.until))
    }
}

/// Let the schedule of an integration go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
}

impl Resume {
    /// Its upcoming collections are the next nominal times.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::NotEnabled`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let integration = find_enabled(state, &self.organization, self.integration)?;
        Ok(match integration.pause(now.stamp) {
            Some(_) => rest(integration, now.stamp),
            None => unchanged(integration),
        })
    }
}

/// Through when no collection falls due: the last moment of a pause, or now.
pub(super) fn rests_through(integration: &Integration, now: Stamp) -> Stamp {
    integration.pause(now).map_or(now, before)
}

fn find_enabled<'a>(
    state: &'a State,
    organization: &OrganizationId,
    id: IntegrationId,
) -> Result<&'a Integration, Rejection> {
    let integration = super::find(state, organization, id)?;
    match integration.enablement {
        Enablement::Enabled => Ok(integration),
        Enablement::Draft | Enablement::Disabled => Err(Rejection::NotEnabled(integration.id)),
    }
}

fn unchanged(integration: &Integration) -> Decision {
    Decision {
        answer: Answer::Integration(integration.id),
        ..Decision::default()
    }
}

fn rest(integration: &Integration, until: Stamp) -> Decision {
    let mut next = super::first_times(integration.id, &integration.intervals(), before(until));
    if planted!("pause-ignored") {
        let collections = integration.collections.iter();
        next = collections
            .filter_map(|(data_type, one)| Some((data_type.clone(), one.next?)))
            .collect();
    }
    Decision {
        events: vec![Event::IntegrationPaused {
            integration: integration.id,
            until,
            next,
        }],
        ..unchanged(integration)
    }
}

fn before(time: Stamp) -> Stamp {
    Stamp::from_millis(time.millis().saturating_sub(1))
}
