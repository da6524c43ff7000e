//! What people are told of an integration's error rate.

use crate::alert::{self, Verdict};
use crate::decide::Decision;
use crate::decide::incident::review::{self, tell};
use crate::entity::{Alert, Cause, Channel, Closing, ErrorSeen, Evidence, Integration, RateEvidence};
use crate::event::Event;
use crate::health::Window;
use crate::planted;
use crate::remedy;
use crate::state::State;
use crate::time::Now;
use crate::words::{Failure, IncidentId, IntegrationId};

/// What [`alert::due`] says of an integration becomes true: nothing when all is as it ought to be.
pub(super) fn review(state: &State, integration: IntegrationId, now: Now, chance: &mut fastrand::Rng) -> Decision {
    let Some(integration) = state.ledger().integration(integration) else {
        return Decision::nothing();
    };
    match alert::due(integration, now.stamp) {
        None => Decision::nothing(),
        Some(Verdict::Reach) => Decision::event(Event::ThresholdReached {
            integration: integration.id,
        }),
        Some(Verdict::Leave) => Decision::event(Event::ThresholdLeft {
            integration: integration.id,
        }),
        Some(Verdict::Open) => open(state, integration, now, chance),
        Some(Verdict::Remind) if planted!("reminder-opens-anew") => open(state, integration, now, chance),
        Some(Verdict::Remind) => remind(state, integration, now),
        Some(Verdict::Close(closing)) => {
            let mut decision = Decision::nothing();
            close(state, integration, closing, now, &mut decision);
            decision
        }
    }
}

fn open(state: &State, integration: &Integration, now: Now, chance: &mut fastrand::Rng) -> Decision {
    told(Event::IncidentOpened {
        incident: IncidentId::generate(now.stamp, chance),
        organization: integration.organization.clone(),
        cause: Cause::ErrorRate {
            integration: integration.id,
        },
        evidence: evidence(state, integration, now),
        channels: channels(integration),
    })
}

fn remind(state: &State, integration: &Integration, now: Now) -> Decision {
    let Alert::Open { incident, .. } = integration.alert else {
        return Decision::nothing();
    };
    told(Event::IncidentReminded {
        incident,
        integration: Some(integration.id),
        evidence: evidence(state, integration, now),
        channels: channels(integration),
    })
}

fn told(event: Event) -> Decision {
    let mut decision = Decision::nothing();
    tell(event, &mut decision);
    decision
}

/// Adds to a decision that the integration's incident is over, if one is open.
pub(crate) fn close(state: &State, integration: &Integration, closing: Closing, now: Now, decision: &mut Decision) {
    let Alert::Open { incident, .. } = integration.alert else {
        return;
    };
    let channels = match closing {
        // Who has switched them off wants no mail about it.
        Closing::Muted => Vec::new(),
        Closing::Recovered if planted!("closing-not-told") => Vec::new(),
        Closing::Recovered | Closing::Disabled | Closing::Deleted | Closing::Unused | Closing::Gone => {
            channels(integration)
        }
    };
    let closed = Event::IncidentClosed {
        incident,
        integration: Some(integration.id),
        closing,
        evidence: evidence(state, integration, now),
        channels,
    };
    tell(closed, decision);
}

fn channels(integration: &Integration) -> Vec<Channel> {
    review::channels(&integration.definition.notifications.recipients)
}

fn evidence(state: &State, integration: &Integration, now: Now) -> Evidence {
    let settings = &integration.definition.notifications;
    let counted = if planted!("tally-of-a-day") {
        Window::LENGTH
    } else {
        settings.window
    };
    let mut errors: Vec<ErrorSeen> = integration
        .collections
        .iter()
        .filter_map(|(data_type, collection)| {
            let trouble = collection.trouble.as_ref()?;
            Some(ErrorSeen {
                data_type: data_type.clone(),
                execution: trouble.execution,
                at: trouble.at,
                // As it is now: a mail that is sent again must be the same mail.
                failure: Failure {
                    remedy: Some(remedy::of_trouble(state, integration, data_type, trouble)),
                    ..trouble.failure.clone()
                },
            })
        })
        .collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.at));
    errors.truncate(RateEvidence::ERRORS_MAX);
    Evidence::ErrorRate(RateEvidence {
        display_name: integration.definition.display_name.clone(),
        tally: integration.window.tally(now.stamp, counted),
        window: settings.window,
        threshold: settings.threshold,
        recovery: settings.recovery(),
        errors,
    })
}
