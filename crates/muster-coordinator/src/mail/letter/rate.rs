//! What is said of an integration's error rate.

use muster_core::entity::{Closing, Incident, Notice, RateEvidence};
use muster_core::remedy;
use muster_process::config::values::written;

use super::{News, Said, SaidError, news, span, time};
use crate::wire::name;

pub(super) fn say(incident: &Incident, notice: &Notice, rate: &RateEvidence) -> Said {
    let news = news(incident, notice);
    let mut figures = vec![
        ("Error rate", rate.tally.to_string()),
        (
            "Counted",
            format!(
                "executions that finished within {} before {}",
                written(rate.window),
                time(notice.at)
            ),
        ),
    ];
    figures.extend(span(incident, news));
    if !matches!(news, News::Closed(_)) {
        figures.push(("Closes", format!("when the error rate is below {}", rate.recovery)));
    }
    let organization = &incident.organization;
    let integration = incident.cause.integration();
    let there = integration.filter(|_| news != News::Closed(Closing::Deleted));
    let errors = rate.errors.iter().map(|error| SaidError {
        of: error.data_type.to_string(),
        at: time(error.at),
        category: error.failure.category.as_str(),
        message: error.failure.message.clone(),
        remedy: remedy::alone(&error.failure),
        execution: integration.map_or_else(String::new, |integration| {
            name::of_execution(organization, integration, error.execution)
        }),
    });
    Said {
        subject: format!("[Muster] {}", subject(news, rate)),
        sentence: sentence(news, rate, &time(incident.opened)),
        figures,
        remedy: None,
        errors: errors.collect(),
        link: there.map(|integration| name::of_integration(organization, integration)),
        command: there.map(|integration| format!("muster integration show {integration}")),
        footer: "This mail was made by Muster. You get it because the error notifications of this integration name you as a recipient.",
    }
}

fn subject(news: News, rate: &RateEvidence) -> String {
    let (called, tally) = (&rate.display_name, rate.tally);
    match news {
        News::Opened => format!("{called}: {tally}"),
        News::Reminder => format!("{called}: still {tally}"),
        News::Closed(closing) => match closing {
            Closing::Recovered | Closing::Unused | Closing::Gone => format!("{called} has recovered: {tally}"),
            Closing::Disabled => format!("{called} was disabled"),
            Closing::Deleted => format!("{called} was deleted"),
            Closing::Muted => format!("{called} is not told of any more"),
        },
    }
}

fn sentence(news: News, rate: &RateEvidence, since: &str) -> String {
    let (called, threshold, recovery) = (&rate.display_name, rate.threshold, rate.recovery);
    match news {
        News::Opened => {
            format!("The error rate of the integration “{called}” has reached its threshold of {threshold}.")
        }
        News::Reminder => format!(
            "The error rate of the integration “{called}” has not come down: the incident of {since} is still open."
        ),
        News::Closed(closing) => match closing {
            Closing::Recovered | Closing::Unused | Closing::Gone => format!(
                "The error rate of the integration “{called}” is below {recovery}: the incident of {since} is over."
            ),
            Closing::Disabled => format!(
                "The integration “{called}” was disabled, so that it collects nothing: the incident of {since} is over."
            ),
            Closing::Deleted => format!("The integration “{called}” was deleted: the incident of {since} is over."),
            Closing::Muted => format!(
                "The error notifications of the integration “{called}” were switched off: the incident of {since} is over."
            ),
        },
    }
}
