//! One execution: the times of its life, why it is where it is, what was said meanwhile, and what can be done about it.

use maud::{Markup, html};
use muster_proto::v1::{Coordinator, Enablement, Execution, ExecutionStatus, GetCoordinatorRequest, Integration};
use prost_types::Timestamp;

use super::{Panel, log_lines, records};
use crate::fault::Fault;
use crate::place::runners::commands;
use crate::words::{between, category, clock, length, prose};

/// The opened entry.
pub(super) async fn detail(panel: &Panel<'_>, one: &Execution) -> Result<Markup, Fault> {
    let lines = log_lines::newest(&panel.here.api, &one.name).await?;
    let coordinator = panel
        .here
        .api
        .coordinator()
        .get_coordinator(GetCoordinatorRequest {})
        .await?;
    let is_open = one.end_time.is_none();
    let has_records = panel.here.may_operate() && one.counts.as_ref().is_some_and(|counts| counts.records > 0);
    let shows_records = has_records && !panel.query().get("records").is_empty();
    let part = format!("executions/{}", one.name.rsplit('/').next().unwrap_or_default());
    let records = match shows_records {
        true => Some(records::table(panel, one).await?),
        false => None,
    };
    Ok(html! {
        div.detail {
            (timeline(one, &panel.now))
            @if let Some(explanation) = &one.explanation {
                p { b { (prose(&explanation.state)) } @if !explanation.next_step.is_empty() { " " (prose(&explanation.next_step)) } }
            }
            @if let Some(failure) = &one.failure {
                p { b { (category(failure.category())) "." } " " (prose(&failure.message)) }
                @if !failure.remedy.is_empty() { p { b { "To do:" } " " (prose(&failure.remedy)) } }
            }
            @if let Some(warning) = &one.warning {
                p.warned { b { "Look at it." } " " (prose(&warning.message)) }
            }
            (lines)
            div.actions {
                @if panel.here.may_operate() {
                    @if is_open {
                        form method="post" action={ "/" (one.name) "/cancel" } {
                            input type="hidden" name="back" value=(panel.here.query.at(&format!("/{}", one.name)));
                            button type="submit" { "Cancel" }
                        }
                    }
                    @match again(panel.integration, one) {
                        Again::Run => form method="post" action={ "/" (panel.integration.name) "/run" } {
                            input type="hidden" name="data_type" value=(one.data_type);
                            input type="hidden" name="back" value=(panel.here.query.at(&format!("/{}", one.name)));
                            button type="submit" { "Run now" }
                        },
                        Again::Open(name) => a.button href=(panel.here.query.only(&super::CHOICES).at(&format!("/{name}"))) { "It is being collected: see it" },
                        Again::No => {},
                    }
                }
                button type="button" data-copy=(grpcurl(coordinator.get_ref(), &one.name)) { "Copy as grpcurl" }
                a.button href={ "/" (one.name) "/log" } download { "Download log" }
                @if has_records {
                    a.button href=(panel.with(&part, "records", if shows_records { "" } else { "first" })) {
                        @if shows_records { "Hide records" } @else { "Show records" }
                    }
                }
            }
            @if let Some(records) = records { (records) }
        }
    })
}

/// Whether what an execution has collected can be collected again.
#[derive(Debug, PartialEq, Eq)]
enum Again<'a> {
    Run,
    /// Another one does already.
    Open(&'a str),
    /// It does itself, or its integration is switched off, or collects something else now.
    No,
}

fn again<'a>(integration: &'a Integration, one: &Execution) -> Again<'a> {
    let mut collected = integration.data_types.iter();
    let kind = collected.find(|kind| kind.data_type == one.data_type);
    match kind.filter(|_| integration.enablement() == Enablement::Enabled) {
        None => Again::No,
        Some(kind) if kind.open_execution == one.name => Again::No,
        Some(kind) if kind.open_execution.is_empty() => Again::Run,
        Some(kind) => Again::Open(&kind.open_execution),
    }
}

/// What asks the API for it, as it can be pasted: of this coordinator, and with a token where one is wanted.
fn grpcurl(coordinator: &Coordinator, name: &str) -> String {
    let url = commands::url(coordinator);
    let (scheme, at) = url.split_once("://").unwrap_or(("https", url));
    let how = match (scheme, coordinator.publicly_certified) {
        ("http", _) => "-plaintext",
        (_, true) => "-H \"authorization: Bearer $MUSTER_TOKEN\"",
        (_, false) => "-cacert ca.pem -H \"authorization: Bearer $MUSTER_TOKEN\"",
    };
    format!("grpcurl {how} -d '{{\"name\": \"{name}\"}}' {at} muster.v1.ExecutionService/GetExecution")
}

/// The times of its life, with what was spent in each part.
fn timeline(one: &Execution, now: &Timestamp) -> Markup {
    let (word, class) = match one.status() {
        ExecutionStatus::Completed => ("Completed", "good"),
        ExecutionStatus::Error => ("Error", "bad"),
        ExecutionStatus::Created
        | ExecutionStatus::Pending
        | ExecutionStatus::Executing
        | ExecutionStatus::Unspecified => ("", ""),
    };
    let steps = [
        ("Created", one.create_time.as_ref(), ""),
        ("Pending", one.claim_time.as_ref(), ""),
        ("Executing", one.start_time.as_ref(), ""),
        (word, one.end_time.as_ref(), class),
    ];
    let mut before: Option<&Timestamp> = None;
    html! {
        ol.timeline {
            @for (word, at, class) in steps {
                @if let Some(at) = at {
                    li class=(class) {
                        b { (word) }
                        small {
                            @match before.replace(at) {
                                None => (clock(at, now)),
                                Some(before) => { "+" (length(between(before, at))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_proto::v1::CollectionSchedule;

    use super::*;

    #[test]
    fn it_is_run_again_only_where_that_does_something() {
        let one = Execution {
            name: "e/1".to_owned(),
            data_type: "user".to_owned(),
            ..Execution::default()
        };
        let of = |enablement: Enablement, data_type: &str, open: &str| Integration {
            enablement: enablement.into(),
            data_types: vec![CollectionSchedule {
                data_type: data_type.to_owned(),
                open_execution: open.to_owned(),
                ..CollectionSchedule::default()
            }],
            ..Integration::default()
        };
        for (integration, expected) in [
            (of(Enablement::Enabled, "user", ""), Again::Run),
            (of(Enablement::Enabled, "user", "e/1"), Again::No),
            (of(Enablement::Enabled, "user", "e/2"), Again::Open("e/2")),
            (of(Enablement::Enabled, "device", ""), Again::No),
            (of(Enablement::Disabled, "user", ""), Again::No),
            (of(Enablement::Draft, "user", ""), Again::No),
        ] {
            assert_eq!(again(&integration, &one), expected, "{integration:?}");
        }
    }
}
