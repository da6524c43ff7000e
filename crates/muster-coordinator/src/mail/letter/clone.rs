//! What is said of a runner whose key is used at two places.

use muster_core::entity::{Cause, CloneEvidence, Incident, Notice};

use super::{News, Said, TO_OPERATORS, news, span, time};
use crate::wire::name;

pub(super) fn say(incident: &Incident, notice: &Notice, evidence: &CloneEvidence) -> Said {
    let news = news(incident, notice);
    let mut figures = vec![
        ("Runner", evidence.display_name.to_string()),
        ("Pool", evidence.pool.to_string()),
        ("Organization", incident.organization.to_string()),
        ("Locked", time(evidence.locked)),
    ];
    figures.extend(span(incident, news));
    let runner = match incident.cause {
        Cause::RunnerCloned { runner } => Some(runner),
        Cause::ErrorRate { .. } | Cause::PoolOffline { .. } | Cause::RunnerOutdated { .. } => None,
    };
    let called = &evidence.display_name;
    let (subject, sentence, is_open) = match news {
        News::Opened | News::Reminder => (
            format!("Runner {called} is locked: its key is used at two places"),
            format!(
                "Two processes have come in turns as the runner “{called}”: its data folder was copied, by a person, a backup or a machine's image, or its key was stolen. \
                 Neither may check in any more, and what it held goes to others."
            ),
            true,
        ),
        News::Closed(_) => (
            format!("Runner {called} stays locked"),
            format!(
                "Nothing more is told of the runner “{called}”, whose key was used at two places: it stays locked."
            ),
            false,
        ),
    };
    Said {
        subject: format!("[Muster] {subject}"),
        sentence,
        figures,
        remedy: is_open.then(|| notice.evidence.remedy()).flatten(),
        errors: Vec::new(),
        link: runner.map(|runner| name::of_runner(&incident.organization, runner)),
        command: runner.map(|runner| format!("muster runner show {runner}")),
        footer: TO_OPERATORS,
    }
}
