//! How much an organization may have, how much it has, and for how long things are kept.

use maud::{Markup, html};
use muster_proto::v1::{Organization, OrganizationState, OrganizationUsage, Quotas};

use super::super::Here;
use crate::form::{Filled, Input};
use crate::words::{counted, number, prose};

/// The fields of the form, as the request calls them.
pub(crate) const FIELDS: [&str; 8] = [
    "organization.display_name",
    "organization.retention_days",
    "organization.audit_retention_days",
    "organization.quotas.integrations",
    "organization.quotas.runners",
    "organization.quotas.open_executions",
    "organization.quotas.uploads_per_second",
    "organization.quotas.records_mib",
];

const MIB: u64 = 1 << 20;

pub(super) fn facts(organization: &Organization) -> Markup {
    let (word, class) = match organization.state() {
        OrganizationState::Active => ("Active", "completed"),
        OrganizationState::Suspended => ("Suspended", "error"),
        OrganizationState::Deleting => ("Being deleted", "error"),
        OrganizationState::Unspecified => ("–", "waiting"),
    };
    html! {
        dl.facts {
            div { dt { "Name" } dd { bdi { (organization.display_name) } " " code { (organization.name) } } }
            div { dt { "State" } dd {
                span class={ "state " (class) } { i {} (word) }
                @if !organization.suspension_reason.is_empty() { " " (prose(&organization.suspension_reason)) }
            } }
            div { dt { "Executions" } dd { "kept for " (counted(organization.retention_days.into(), "day")) ", with their log lines" } }
            div { dt { "Audit log" } dd { "kept for " (counted(organization.audit_retention_days.into(), "day")) } }
        }
    }
}

/// What there is of what there may be.
pub(super) fn usage(organization: &Organization) -> Markup {
    let (no_quotas, no_usage) = (Quotas::default(), OrganizationUsage::default());
    let quotas = organization.quotas.as_ref().unwrap_or(&no_quotas);
    let usage = organization.usage.as_ref().unwrap_or(&no_usage);
    let mib = usage.records_bytes.div_ceil(MIB);
    let rows = [
        ("Integrations", u64::from(usage.integrations), quotas.integrations, ""),
        ("Runners", usage.runners.into(), quotas.runners, ""),
        (
            "Open executions",
            usage.open_executions.into(),
            quotas.open_executions,
            "",
        ),
        ("Records", mib, quotas.records_mib, " MiB"),
    ];
    html! {
        dl #usage.usage {
            @for (name, used, most, unit) in rows {
                div {
                    dt { (name) }
                    dd {
                        @match most {
                            Some(most) => {
                                svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                                    rect.ground x="0" y="0" width="100" height="6" {}
                                    rect class=(if used * 10 >= u64::from(most) * 9 { "full" } else { "taken" }) x="0" y="0" width=(percent(used, most)) height="6" {}
                                }
                                (number(used)) " of " (number(most.into())) (unit)
                            },
                            None => { (number(used)) (unit) " " small { "no limit" } },
                        }
                    }
                }
            }
            div { dt { "Uploads" } dd { @match quotas.uploads_per_second { Some(most) => { "up to " (number(most.into())) " a second" }, None => small { "no limit" } } } }
        }
    }
}

fn percent(used: u64, most: u32) -> u64 {
    (used.saturating_mul(100) / u64::from(most.max(1))).min(100)
}

/// What those change who operate the coordinator.
pub(super) fn form(here: &Here, organization: &Organization, filled: &Filled<'_>) -> Markup {
    let none = Quotas::default();
    let quotas = organization.quotas.as_ref().unwrap_or(&none);
    let said = |quota: Option<u32>| quota.map(|quota| quota.to_string()).unwrap_or_default();
    let [name, days, audit_days, rest @ ..] = FIELDS;
    let numbers = [
        ("Integrations", said(quotas.integrations)),
        ("Runners", said(quotas.runners)),
        ("Open executions", said(quotas.open_executions)),
        ("Uploads a second", said(quotas.uploads_per_second)),
        ("Records, in MiB", said(quotas.records_mib)),
    ];
    html! {
        details.change open[filled.is_refused_at(&FIELDS)] {
            summary.button { "Change…" }
            (filled.form(&here.path("settings/organization"), &FIELDS, &html! {
                input type="hidden" name="etag" value=(organization.etag);
                (Input { name, label: "Name", kind: "text", value: &organization.display_name, help: "", required: true }.show(filled))
                (Input { name: days, label: "Keep executions for days", kind: "number", value: &organization.retention_days.to_string(), help: "1 to 65535.", required: true }.show(filled))
                (Input { name: audit_days, label: "Keep the audit log for days", kind: "number", value: &organization.audit_retention_days.to_string(), help: "1 to 65535.", required: true }.show(filled))
                fieldset {
                    legend { "At most " small { "empty: no limit" } }
                    @for (name, (label, value)) in rest.into_iter().zip(&numbers) {
                        (Input { name, label, kind: "number", value, help: "", required: false }.show(filled))
                    }
                }
                div.actions { button.primary type="submit" { "Save" } }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_a_part_of_what_may_be() {
        assert_eq!(
            (percent(0, 10), percent(5, 10), percent(11, 10), percent(1, 0)),
            (0, 50, 100, 100)
        );
        let organization = Organization {
            quotas: Some(Quotas {
                integrations: Some(10),
                ..Quotas::default()
            }),
            usage: Some(OrganizationUsage {
                integrations: 9,
                records_bytes: MIB + 1,
                ..OrganizationUsage::default()
            }),
            ..Organization::default()
        };
        let shown = usage(&organization).0;
        assert!(
            shown.contains("9 of 10") && shown.contains("class=\"full\"") && shown.contains("2 MiB"),
            "{shown}"
        );
    }
}
