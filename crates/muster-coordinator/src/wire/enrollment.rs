//! Enrollment tokens, authorities and the identities of runners, as operators see them.

use std::time::Duration;

use muster_core::entity::{Authority, BarReason, EnrollmentToken, RunnerIdentity};
use muster_core::words::OrganizationId;
use muster_identity::fingerprint;
use muster_proto::v1;

use super::FieldFault;
use super::time::timestamp;

/// How long a token is good of which nobody says it.
const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(60 * 60);
const TOKEN_LIFE_LEAST: Duration = Duration::from_secs(60);
const TOKEN_LIFE_MOST: Duration = Duration::from_secs(30 * DAY);

/// How many runners may enroll by one token at the most.
const USES_MAX: u32 = 1_000;

/// How long an authority is trusted after a rotation of which nobody says it: longer than a runner may be away and still renew.
const OVERLAP_DEFAULT: Duration = Duration::from_secs(30 * DAY);
const OVERLAP_MOST: Duration = Duration::from_secs(365 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// How long a token is good.
pub(crate) fn life(asked: Option<prost_types::Duration>) -> Result<Duration, FieldFault> {
    let problem = "must be between 1 min and 30 days";
    within(
        "life",
        asked,
        TOKEN_LIFE_DEFAULT,
        TOKEN_LIFE_LEAST,
        TOKEN_LIFE_MOST,
        problem,
    )
}

/// How long what was before a rotation is trusted.
pub(crate) fn overlap(asked: Option<prost_types::Duration>) -> Result<Duration, FieldFault> {
    let problem = "must be between 0 s and 365 days";
    within("overlap", asked, OVERLAP_DEFAULT, Duration::ZERO, OVERLAP_MOST, problem)
}

fn within(
    field: &str,
    asked: Option<prost_types::Duration>,
    default: Duration,
    least: Duration,
    most: Duration,
    problem: &str,
) -> Result<Duration, FieldFault> {
    let Some(asked) = asked else { return Ok(default) };
    let asked = Duration::try_from(asked).ok();
    let asked = asked.filter(|asked| (least..=most).contains(asked));
    asked.ok_or_else(|| FieldFault::new(field, problem))
}

/// How many runners may enroll by a token.
pub(crate) fn uses_max(asked: u32) -> Result<u32, FieldFault> {
    match asked {
        0 => Ok(1),
        1..=USES_MAX => Ok(asked),
        _ => Err(FieldFault::new(
            "uses_max",
            format_args!("is {asked}: must be 1 to {USES_MAX}"),
        )),
    }
}

/// An enrollment token, without its secret.
pub(crate) fn token(token: &EnrollmentToken) -> v1::EnrollmentToken {
    let name = match &token.pool.organization {
        Some(organization) => format!("organizations/{organization}/enrollmentTokens/{}", token.id),
        None => format!("enrollmentTokens/{}", token.id),
    };
    v1::EnrollmentToken {
        name,
        pool: token.pool.name.to_string(),
        create_time: Some(timestamp(token.made)),
        creator: token.made_by.to_string(),
        expire_time: Some(timestamp(token.expires)),
        uses_max: token.uses_max,
        runners: token.uses.iter().map(|(_, runner)| runner.to_string()).collect(),
        revoke_time: token.revoked.map(timestamp),
    }
}

/// By what a runner is known.
pub(crate) fn identity(identity: &RunnerIdentity) -> v1::RunnerIdentity {
    let bar_reason = match identity.barred.map(|barred| barred.why) {
        None => v1::BarReason::Unspecified,
        Some(BarReason::Revoked) => v1::BarReason::Revoked,
        Some(BarReason::Cloned) => v1::BarReason::Cloned,
    };
    v1::RunnerIdentity {
        runner: identity.runner.to_string(),
        pool: identity.pool.name.to_string(),
        key_fingerprint: identity.key.to_string(),
        enroll_time: Some(timestamp(identity.enrolled)),
        certificate_serial: identity
            .certificate
            .serial
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        certificate_expire_time: Some(timestamp(identity.certificate.until)),
        bar_reason: bar_reason.into(),
        bar_time: identity.barred.map(|barred| timestamp(barred.since)),
    }
}

/// An authority, as far as others may see it.
pub(crate) fn authority(authority: &Authority) -> v1::Authority {
    let generations = authority.generations.iter().map(|one| v1::AuthorityGeneration {
        number: one.number,
        fingerprint: fingerprint(&one.certificate).to_string(),
        certificate: muster_identity::pem::certificate(&one.certificate),
        begin_time: Some(timestamp(one.since)),
        trusted_until_time: one.until.map(timestamp),
    });
    v1::Authority {
        generations: generations.collect(),
    }
}

/// The organization in the name of its authority.
pub(crate) fn authority_of(field: &str, name: &str) -> Result<OrganizationId, FieldFault> {
    match name.strip_suffix("/authority") {
        Some(organization) => super::name::organization(field, organization),
        None => Err(FieldFault::new(
            field,
            "must be `organizations/{organization}/authority`",
        )),
    }
}
