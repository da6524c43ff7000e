//! What is said of a pool that has lost its last runner.

use muster_core::entity::{Closing, Incident, Notice, PoolEvidence};

use super::{News, Said, TO_OPERATORS, news, span, time};
use crate::wire::incident::counted;

pub(super) fn say(incident: &Incident, notice: &Notice, evidence: &PoolEvidence) -> Said {
    let news = news(incident, notice);
    let pool = &evidence.pool;
    let mut figures = vec![
        ("Pool", pool.to_string()),
        ("Organization", incident.organization.to_string()),
    ];
    if let Some(last) = &evidence.last {
        let what = if news == News::Closed(Closing::Recovered) {
            "Runner"
        } else {
            "Last runner"
        };
        figures.push((what, format!("{}, heard {}", last.display_name, time(last.heard))));
    }
    figures.push((
        "Waiting",
        format!(
            "{}, {} queued",
            counted(evidence.integrations, "integration"),
            counted(evidence.executions, "execution")
        ),
    ));
    figures.extend(span(incident, news));
    let is_open = !matches!(news, News::Closed(_));
    Said {
        subject: format!("[Muster] {}", subject(news, evidence)),
        sentence: sentence(news, evidence, &time(incident.opened)),
        figures,
        remedy: is_open.then(|| notice.evidence.remedy()).flatten(),
        errors: Vec::new(),
        link: Some(format!("organizations/{}/runners", incident.organization)),
        command: Some("muster runner list".to_owned()),
        footer: TO_OPERATORS,
    }
}

fn subject(news: News, PoolEvidence { pool, last, .. }: &PoolEvidence) -> String {
    match news {
        News::Opened => format!("Pool {pool} is offline"),
        News::Reminder => format!("Pool {pool} is still offline"),
        News::Closed(Closing::Unused) => format!("Pool {pool} is not relied on any more"),
        News::Closed(Closing::Recovered | Closing::Disabled | Closing::Deleted | Closing::Muted | Closing::Gone) => {
            match last {
                Some(last) => format!("Pool {pool} is back: {}", last.display_name),
                None => format!("Pool {pool} is back"),
            }
        }
    }
}

fn sentence(news: News, evidence: &PoolEvidence, since: &str) -> String {
    let pool = &evidence.pool;
    let waiting = counted(evidence.integrations, "integration");
    let relies = if evidence.integrations == 1 { "relies" } else { "rely" };
    match news {
        News::Opened => format!(
            "The pool “{pool}” has lost its last runner, and none has come back: nothing is collected for {waiting} that {relies} on it."
        ),
        News::Reminder => format!(
            "The pool “{pool}” still has no runner: nothing is collected for {waiting} that {relies} on it since {since}."
        ),
        News::Closed(Closing::Unused) => format!(
            "No enabled integration relies on the pool “{pool}” any more: the incident of {since} is over. It still has no runner."
        ),
        News::Closed(Closing::Recovered | Closing::Disabled | Closing::Deleted | Closing::Muted | Closing::Gone) => {
            format!(
                "The pool “{pool}” has a runner again: the incident of {since} is over. What was queued is collected now."
            )
        }
    }
}
