//! Entities as the audit log shows them: by their names, and by fields of which none is a secret.

use muster_core::audit::{self, FieldChange, Touched};
use muster_core::entity::{
    Authority, BarReason, EnrollmentToken, Execution, Integration, Organization, OrganizationState, Person,
    RunnerIdentity, Token,
};
use muster_core::ledger::Entity;
use muster_core::time::Stamp;
use muster_core::words::{Notifications, OrganizationId, Scope, Sealed};
use serde_json::Value;

use crate::wire::{access, name};

/// What stands for a value that is sealed to runners.
const SEALED: &str = "(sealed)";

type Fields = Vec<(String, String)>;

/// Whose it is; `None` for the service's.
pub(super) fn owner(entity: &Entity) -> Option<OrganizationId> {
    let of_scope = |scope: &Scope| match scope {
        Scope::Organization(organization) => Some(organization.clone()),
        Scope::Service => None,
    };
    match entity {
        Entity::Integration(one) => Some(one.organization.clone()),
        Entity::Execution(one) => Some(one.organization.clone()),
        Entity::Runner(one) => one.profile.organization.clone(),
        Entity::Connector(one) => one.key.organization.clone(),
        Entity::Incident(one) => Some(one.organization.clone()),
        Entity::Person(one) => of_scope(&one.scope),
        Entity::Token(one) => of_scope(&one.scope),
        Entity::Organization(one) => Some(one.id.clone()),
        Entity::Authority(one) => one.owner.clone(),
        Entity::EnrollmentToken(one) => one.pool.organization.clone(),
        Entity::RunnerIdentity(one) => one.pool.organization.clone(),
    }
}

/// Its resource name; `None` for what has none, or is never what a call is about.
pub(super) fn name(entity: &Entity) -> Option<String> {
    let within = |owner: Option<&OrganizationId>, rest: String| match owner {
        Some(organization) => format!("organizations/{organization}/{rest}"),
        None => rest,
    };
    Some(match entity {
        Entity::Integration(one) => name::of_integration(&one.organization, one.id),
        Entity::Execution(one) => name::of_execution(&one.organization, one.integration, one.id),
        Entity::Person(one) => access::of_person(&one.scope, one.id),
        Entity::Token(one) => access::of_token(&one.scope, one.id),
        Entity::Organization(one) => format!("organizations/{}", one.id),
        Entity::Authority(one) => within(one.owner.as_ref(), "authority".to_owned()),
        Entity::EnrollmentToken(one) => within(one.pool.organization.as_ref(), format!("enrollmentTokens/{}", one.id)),
        Entity::RunnerIdentity(one) => within(one.pool.organization.as_ref(), format!("runners/{}", one.runner)),
        Entity::Runner(_) | Entity::Connector(_) | Entity::Incident(_) => return None,
    })
}

/// What has changed. Whether a secret has changed is shown, and neither what it was nor what it is.
pub(super) fn changes(touched: &Touched) -> Vec<FieldChange> {
    let shown = |entity: &Option<Entity>| entity.as_ref().map(fields).unwrap_or_default();
    let mut changes = audit::changes(&shown(&touched.before), &shown(&touched.after));
    for change in &mut changes {
        for value in [&mut change.before, &mut change.after].into_iter().flatten() {
            if Sealed::is_meant(value) {
                SEALED.clone_into(value);
            }
        }
    }
    changes
}

fn fields(entity: &Entity) -> Fields {
    let mut fields = Vec::new();
    let mut put = |name: &str, value: String| fields.push((name.to_owned(), value));
    match entity {
        Entity::Integration(one) => integration(one, &mut put),
        Entity::Execution(one) => execution(one, &mut put),
        Entity::Person(one) => person(one, &mut put),
        Entity::Token(one) => token(one, &mut put),
        Entity::Organization(one) => organization(one, &mut put),
        Entity::Authority(one) => authority(one, &mut put),
        Entity::EnrollmentToken(one) => enrollment_token(one, &mut put),
        Entity::RunnerIdentity(one) => runner_identity(one, &mut put),
        Entity::Runner(_) | Entity::Connector(_) | Entity::Incident(_) => {}
    }
    fields
}

type Put<'p> = &'p mut dyn FnMut(&str, String);

fn integration(one: &Integration, put: Put<'_>) {
    let definition = &one.definition;
    put("display_name", definition.display_name.to_string());
    put("connector", definition.connector.to_string());
    if let Some(schema) = &definition.access_schema {
        put("access_schema", schema.to_string());
    }
    put("pool", definition.pool.name.to_string());
    put("enablement", format!("{:?}", one.enablement).to_lowercase());
    for (data_type, interval) in &one.intervals() {
        put(&format!("data_types.{data_type}.interval"), seconds(interval.length()));
    }
    if let Some(until) = one.paused_until {
        put("pause_until", time(until));
    }
    notifications(&definition.notifications, put);
    if let Ok(configuration) = serde_json::from_str(definition.configuration.as_str()) {
        flatten("configuration", &configuration, put);
    }
}

fn notifications(one: &Notifications, put: Put<'_>) {
    put("notifications.enabled", one.enabled.to_string());
    let recipients: Vec<_> = one.recipients.iter().map(ToString::to_string).collect();
    put("notifications.recipients", recipients.join(", "));
    put("notifications.threshold", one.threshold.to_string());
    put("notifications.recovery", one.recovery().to_string());
    put("notifications.window", seconds(one.window));
    put("notifications.sample_min", one.sample_min.to_string());
    put("notifications.hold", seconds(one.hold));
    if let Some(reminder) = one.reminder {
        put("notifications.reminder", seconds(reminder));
    }
}

/// The leaves of a configuration. What is secret in it is a reference, which says where a runner finds it, or sealed: plain text is never kept.
fn flatten(path: &str, value: &Value, put: Put<'_>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                flatten(&format!("{path}.{name}"), value, put);
            }
        }
        Value::Array(array) => {
            for (place, value) in array.iter().enumerate() {
                flatten(&format!("{path}[{place}]"), value, put);
            }
        }
        Value::String(text) => put(path, text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => put(path, value.to_string()),
    }
}

fn execution(one: &Execution, put: Put<'_>) {
    put("data_type", one.data_type.to_string());
    put("status", one.status().to_string());
    if let Some(holder) = one.holder() {
        put("runner", holder.runner.to_string());
    }
}

fn person(one: &Person, put: Put<'_>) {
    put("display_name", one.name.to_string());
    put("email", one.email.to_string());
    put("role", one.role.to_string());
    put("disabled", one.disabled.is_some().to_string());
}

fn token(one: &Token, put: Put<'_>) {
    put("display_name", one.name.to_string());
    if let Some(person) = one.person {
        put("person", access::of_person(&one.scope, person));
    }
    put("role", one.role.to_string());
    put("expire_time", one.expires.map_or_else(|| "never".to_owned(), time));
    put("revoked", one.revoked.is_some().to_string());
}

fn organization(one: &Organization, put: Put<'_>) {
    put("display_name", one.display_name.to_string());
    match &one.state {
        OrganizationState::Active => put("state", "active".to_owned()),
        OrganizationState::Suspended { reason, .. } => {
            put("state", "suspended".to_owned());
            put("suspension_reason", reason.clone());
        }
        OrganizationState::Closing { .. } => put("state", "deleting".to_owned()),
        OrganizationState::Deleted { .. } => put("state", "deleted".to_owned()),
    }
    let quotas = &one.quotas;
    for (name, limit) in [
        ("quotas.integrations", quotas.integrations),
        ("quotas.runners", quotas.runners),
        ("quotas.open_executions", quotas.open_executions),
        ("quotas.uploads_per_second", quotas.uploads_per_second),
        ("quotas.records_mib", quotas.records_mib),
    ] {
        put(name, limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string()));
    }
    put("retention_days", one.retention.days().to_string());
    put("audit_retention_days", one.audit_retention.days().to_string());
}

fn authority(one: &Authority, put: Put<'_>) {
    for generation in &one.generations {
        let fingerprint = muster_identity::fingerprint(&generation.certificate).to_string();
        put(&format!("generations.{}.fingerprint", generation.number), fingerprint);
        if let Some(until) = generation.until {
            put(
                &format!("generations.{}.trusted_until_time", generation.number),
                time(until),
            );
        }
    }
}

fn enrollment_token(one: &EnrollmentToken, put: Put<'_>) {
    put("pool", one.pool.name.to_string());
    put("expire_time", time(one.expires));
    put("uses_max", one.uses_max.to_string());
    put("uses_left", one.uses_left().to_string());
    put("revoked", one.revoked.is_some().to_string());
}

fn runner_identity(one: &RunnerIdentity, put: Put<'_>) {
    put("pool", one.pool.name.to_string());
    put("key", one.key.to_string());
    put("certificate_serial", audit::hex(&one.certificate.serial));
    put("certificate_expire_time", time(one.certificate.until));
    if let Some(barred) = &one.barred {
        let why = match barred.why {
            BarReason::Revoked => "revoked",
            BarReason::Cloned => "cloned",
        };
        put("barred", why.to_owned());
    }
}

fn time(stamp: Stamp) -> String {
    crate::wire::time::text(stamp)
}

fn seconds(span: std::time::Duration) -> String {
    format!("{} s", span.as_secs())
}
