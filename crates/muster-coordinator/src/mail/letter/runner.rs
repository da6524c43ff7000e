//! What is said of a runner that is older than it should be.

use muster_core::entity::{Cause, Closing, Incident, Notice, RunnerEvidence};

use super::{News, Said, TO_OPERATORS, news, span, time};
use crate::wire::name;

pub(super) fn say(incident: &Incident, notice: &Notice, evidence: &RunnerEvidence) -> Said {
    let news = news(incident, notice);
    let mut figures = vec![
        ("Runner", evidence.display_name.to_string()),
        ("Pool", evidence.pool.to_string()),
        ("Organization", incident.organization.to_string()),
        ("Version", evidence.version.to_string()),
        ("Expected", format!("{} or newer", evidence.expected)),
        ("Checked in", time(evidence.checked_in)),
    ];
    figures.extend(span(incident, news));
    let runner = match incident.cause {
        Cause::RunnerOutdated { runner } => Some(runner),
        Cause::ErrorRate { .. } | Cause::PoolOffline { .. } | Cause::RunnerCloned { .. } => None,
    };
    let is_open = !matches!(news, News::Closed(_));
    Said {
        subject: format!("[Muster] {}", subject(news, evidence)),
        sentence: sentence(news, evidence, &time(incident.opened)),
        figures,
        remedy: is_open.then(|| notice.evidence.remedy()).flatten(),
        errors: Vec::new(),
        link: runner.map(|runner| name::of_runner(&incident.organization, runner)),
        command: runner.map(|runner| format!("muster runner show {runner}")),
        footer: TO_OPERATORS,
    }
}

fn subject(news: News, evidence: &RunnerEvidence) -> String {
    let (called, version) = (&evidence.display_name, &evidence.version);
    match news {
        News::Opened | News::Reminder => format!("Runner {called} is outdated: {version}"),
        News::Closed(Closing::Gone) => format!("Runner {called} is gone"),
        News::Closed(Closing::Recovered | Closing::Disabled | Closing::Deleted | Closing::Muted | Closing::Unused) => {
            format!("Runner {called} is updated: {version}")
        }
    }
}

fn sentence(news: News, evidence: &RunnerEvidence, since: &str) -> String {
    let (called, version, expected) = (&evidence.display_name, &evidence.version, evidence.expected);
    match news {
        News::Opened | News::Reminder => format!(
            "The runner “{called}” has version {version}, and the coordinator expects release {expected} or a newer one."
        ),
        News::Closed(Closing::Gone) => format!(
            "The runner “{called}” with version {version} has not been there for long: the incident of {since} is over."
        ),
        News::Closed(Closing::Recovered | Closing::Disabled | Closing::Deleted | Closing::Muted | Closing::Unused) => {
            format!("The runner “{called}” has version {version} now: the incident of {since} is over.")
        }
    }
}
