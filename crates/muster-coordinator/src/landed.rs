//! What the ledger and history know of what has landed, for whoever verifies it.

use muster_core::entity::{Execution, Finished, Phase};
use muster_core::words::Outcome;
use muster_store::verify::{Finding, Severity, Told};

use crate::landing::Destination;
use crate::landing::verify::{Known, Told as ToldOfLanding};

/// What is known of an open execution.
pub(crate) fn of_open(open: &Execution) -> Known {
    Known::Open {
        attempt: open.attempt,
        committed: match &open.phase {
            Phase::Landing(_, staged) => Some(staged.id.clone()),
            Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) => None,
        },
    }
}

/// What is known of one that has ended.
pub(crate) fn of_ended(finished: &Finished) -> Known {
    Known::Ended {
        attempt: finished.attempt,
        published: match finished.outcome {
            Outcome::Completed { counts, .. } => finished.staged.clone().map(|id| (id, counts)),
            Outcome::Error(_) => None,
        },
    }
}

/// Where the records of one that has ended should lie; `None` when it has published none.
pub(crate) fn place_of(finished: &Finished) -> Option<Destination> {
    match finished.outcome {
        Outcome::Completed { .. } if finished.staged.is_some() => Some(Destination {
            organization: finished.organization.clone(),
            integration: finished.integration,
            data_type: finished.data_type.clone(),
            execution: finished.id,
        }),
        Outcome::Completed { .. } | Outcome::Error(_) => None,
    }
}

/// What the landing's own verification says, as the store's does.
pub(crate) fn told(told: ToldOfLanding) -> Told {
    let (kind, place, what) = match told {
        ToldOfLanding::Seen(done) => {
            return Told::Progress {
                part: "landing",
                done,
                of: None,
            };
        }
        ToldOfLanding::Found {
            kind,
            destination,
            more,
        } => {
            let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
            (
                kind,
                format!("landing, {destination}"),
                format!("{}{more}", kind.what()),
            )
        }
        ToldOfLanding::More { kind, count } => (kind, "landing".to_owned(), format!("{}: {count} more", kind.what())),
    };
    Told::Found(Finding {
        severity: if kind.is_damage() {
            Severity::Damage
        } else {
            Severity::Note
        },
        place,
        what,
        remedy: kind.remedy().to_owned(),
    })
}
