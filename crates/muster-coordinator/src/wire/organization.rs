//! Organizations, as the service's own staff sees and describes them.

use muster_core::decide::organization::{create, update};
use muster_core::entity::{Organization, OrganizationState};
use muster_core::words::{DisplayName, OrganizationId, Quotas, Request, RetentionDays};
use muster_proto::v1;
use prost_types::FieldMask;

use super::FieldFault;
use super::etag::etag;
use super::shown::shown;
use super::time::timestamp;

/// The most characters of the reason of a suspension.
const REASON_CHARS_MAX: usize = 500;

/// The fields that an update changes.
const CHANGEABLE: [&str; 4] = ["display_name", "quotas", "retention_days", "audit_retention_days"];

/// What is told of an organization: itself, and how much it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) organization: Organization,
    pub(crate) integrations: usize,
    pub(crate) runners: usize,
    pub(crate) open_executions: usize,
}

/// `records_bytes`: how much of the landing its records take.
pub(crate) fn organization(told: &Told, records_bytes: u64) -> v1::Organization {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let Organization {
        id,
        display_name,
        state,
        quotas,
        retention,
        audit_retention,
        version,
        created,
        updated,
        request: _,
    } = &told.organization;
    let (state, since, reason) = match state {
        OrganizationState::Active => (v1::OrganizationState::Active, None, ""),
        OrganizationState::Suspended { since, reason } => {
            (v1::OrganizationState::Suspended, Some(*since), reason.as_str())
        }
        OrganizationState::Closing { since } => (v1::OrganizationState::Deleting, Some(*since), ""),
        OrganizationState::Deleted { at } => (v1::OrganizationState::Deleting, Some(*at), ""),
    };
    v1::Organization {
        name: name(id),
        display_name: display_name.to_string(),
        state: state.into(),
        state_time: since.map(timestamp),
        suspension_reason: reason.to_owned(),
        quotas: Some(v1::Quotas {
            integrations: quotas.integrations,
            runners: quotas.runners,
            open_executions: quotas.open_executions,
            uploads_per_second: quotas.uploads_per_second,
            records_mib: quotas.records_mib,
        }),
        retention_days: retention.days().into(),
        audit_retention_days: audit_retention.days().into(),
        create_time: Some(timestamp(*created)),
        update_time: Some(timestamp(*updated)),
        etag: etag(*version),
        usage: Some(v1::OrganizationUsage {
            integrations: count(told.integrations),
            runners: count(told.runners),
            open_executions: count(told.open_executions),
            records_bytes,
        }),
    }
}

pub(crate) fn name(id: &OrganizationId) -> String {
    format!("organizations/{id}")
}

/// A new organization.
///
/// # Errors
/// All fields that are missing or out of bounds.
pub(crate) fn new(
    asked: &v1::CreateOrganizationRequest,
    retention: RetentionDays,
    request: Option<Request>,
) -> Result<create::Create, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let id = if asked.organization_id.is_empty() {
        Err(FieldFault::new(
            "organization_id",
            "is missing: give the new organization a name",
        ))
    } else {
        let id = OrganizationId::new(&asked.organization_id);
        id.map_err(|error| FieldFault::new("organization_id", error))
    };
    let id = kept(id, &mut faults);
    let empty = v1::Organization::default();
    let described = asked.organization.as_ref().unwrap_or(&empty);
    let display_name = match described.display_name.as_str() {
        "" => display_name(&asked.organization_id),
        text => display_name(text),
    };
    let display_name = kept(display_name, &mut faults);
    let quotas = match &described.quotas {
        Some(asked) => kept(quotas(asked), &mut faults),
        None => Some(Quotas::default()),
    };
    let retention = match described.retention_days {
        0 => Some(retention),
        days => kept(retention_days(days, "retention_days"), &mut faults),
    };
    let audit_retention = match described.audit_retention_days {
        0 => Some(RetentionDays::AUDIT),
        days => kept(retention_days(days, "audit_retention_days"), &mut faults),
    };
    match (id, display_name, quotas, retention.zip(audit_retention)) {
        (Some(organization), Some(display_name), Some(quotas), Some((retention, audit_retention))) => {
            Ok(create::Create {
                organization,
                display_name,
                quotas,
                retention,
                audit_retention,
                request,
            })
        }
        _ => Err(faults),
    }
}

/// What an organization is to be after the changes that the mask names, of how it was; all fields without one.
///
/// # Errors
/// All fields that are out of bounds, and all of the mask that names none.
pub(crate) fn changed(
    before: &Organization,
    asked: &v1::Organization,
    mask: Option<&FieldMask>,
) -> Result<update::Update, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut after = update::Update {
        organization: before.id.clone(),
        display_name: before.display_name.clone(),
        quotas: before.quotas,
        retention: before.retention,
        audit_retention: before.audit_retention,
        version: Some(before.version),
    };
    let all = CHANGEABLE.map(str::to_owned).to_vec();
    let asked_paths = mask.map(|mask| &mask.paths).filter(|paths| !paths.is_empty());
    let named = asked_paths.unwrap_or(&all);
    let unlimited = v1::Quotas::default();
    let wanted = asked.quotas.as_ref().unwrap_or(&unlimited);
    for (index, path) in named.iter().enumerate() {
        match path.as_str() {
            "display_name" => {
                after.display_name = kept(display_name(&asked.display_name), &mut faults).unwrap_or(after.display_name);
            }
            "quotas" => after.quotas = kept(quotas(wanted), &mut faults).unwrap_or(after.quotas),
            "quotas.integrations" => after.quotas.integrations = wanted.integrations,
            "quotas.runners" => after.quotas.runners = wanted.runners,
            "quotas.open_executions" => after.quotas.open_executions = wanted.open_executions,
            "quotas.uploads_per_second" => {
                let limit = kept(quotas(wanted), &mut faults);
                after.quotas.uploads_per_second = limit.and_then(|quotas| quotas.uploads_per_second);
            }
            "quotas.records_mib" => after.quotas.records_mib = wanted.records_mib,
            "retention_days" => {
                let days = retention_days(asked.retention_days, "retention_days");
                after.retention = kept(days, &mut faults).unwrap_or(after.retention);
            }
            // Whoever changes all of it may not know of this.
            "audit_retention_days" if asked.audit_retention_days == 0 && asked_paths.is_none() => {}
            "audit_retention_days" => {
                let days = retention_days(asked.audit_retention_days, "audit_retention_days");
                after.audit_retention = kept(days, &mut faults).unwrap_or(after.audit_retention);
            }
            other => {
                let field = format!("update_mask.paths[{index}]");
                let shown = shown(other, 100);
                let problem = format_args!(
                    "`{shown}` is no field that an update changes: these are `{}`, and each of the quotas, such as `quotas.runners`",
                    CHANGEABLE.join("`, `")
                );
                faults.push(FieldFault::new(field, problem));
            }
        }
    }
    if faults.is_empty() { Ok(after) } else { Err(faults) }
}

/// Why an organization is suspended.
///
/// # Errors
/// [`FieldFault`] when nothing is said, or too much.
pub(crate) fn reason(text: &str) -> Result<String, FieldFault> {
    let chars = text.chars().count();
    let problem = match chars {
        0 => "is missing: say why, since whoever is refused reads it".to_owned(),
        _ if chars > REASON_CHARS_MAX => format!("has {chars} characters: at most {REASON_CHARS_MAX} are allowed"),
        _ if text.chars().any(char::is_control) => {
            "has control characters, such as a line feed: leave them out".to_owned()
        }
        _ => return Ok(text.to_owned()),
    };
    Err(FieldFault::new("reason", problem))
}

fn display_name(text: &str) -> Result<DisplayName, FieldFault> {
    DisplayName::new(text).map_err(|error| FieldFault::new("organization.display_name", error))
}

fn retention_days(days: u32, field: &str) -> Result<RetentionDays, FieldFault> {
    RetentionDays::new(days).map_err(|error| FieldFault::new(format!("organization.{field}"), error))
}

fn quotas(asked: &v1::Quotas) -> Result<Quotas, FieldFault> {
    if asked.uploads_per_second == Some(0) {
        let problem = "is 0, so that nothing could ever arrive: suspend the organization instead";
        return Err(FieldFault::new("organization.quotas.uploads_per_second", problem));
    }
    Ok(Quotas {
        integrations: asked.integrations,
        runners: asked.runners,
        open_executions: asked.open_executions,
        uploads_per_second: asked.uploads_per_second,
        records_mib: asked.records_mib,
    })
}

fn kept<T>(judged: Result<T, FieldFault>, faults: &mut Vec<FieldFault>) -> Option<T> {
    judged.map_err(|fault| faults.push(fault)).ok()
}
