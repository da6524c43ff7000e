//! The wire's messages as the core's words, and back: the one place of the check-in where they meet.
//!
//! What comes from the other end is judged here. Nothing is trusted: each length and each number has a bound, and an
//! error names the field and what was expected of it.

mod assignment;
mod check;
mod failure;
mod hello;
mod json;
mod log_lines;
mod report;
mod specification;

use std::time::Duration;

use muster_core::decide::Work;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, ExecutionId, OrganizationId};
use muster_proto::v1;

use crate::error::ProtocolError;

pub use assignment::{Task, assignment_to_wire, task_from_wire};
pub use check::{check_from_wire, check_to_wire};
pub use failure::{failure_from_wire, failure_to_wire};
pub use hello::{CONNECTORS_MAX, HELD_MAX, SLOTS_MAX, check_in_from_wire, rehearsal_from_wire};
pub use json::{JsonError, json_from_struct, struct_from_json};
pub use log_lines::{log_line_to_wire, log_lines_from_wire};
pub use report::{REPORTS_MAX, work_of_report};
pub use specification::{specification_from_json, specification_to_json};

pub(crate) use check::{check_id_from_wire, check_result_from_wire, check_result_to_wire};
pub(crate) use report::{Said, accepted, completed, failed, progress, report_from_wire, started};

/// The work that 16 bytes and a number name.
pub(crate) fn work_from_wire(execution_id: &[u8], attempt: u32) -> Result<Work, ProtocolError> {
    let id = id_from_wire("execution_id", execution_id)?;
    if attempt == 0 {
        return Err(ProtocolError::field(
            "attempt",
            "must be 1 or more, as the assignment gave it",
        ));
    }
    Ok((ExecutionId::from_bytes(id), Attempt(attempt)))
}

pub(crate) fn id_from_wire(field: &str, bytes: &[u8]) -> Result<[u8; 16], ProtocolError> {
    <[u8; 16]>::try_from(bytes).map_err(|_| {
        ProtocolError::field(
            field,
            format_args!("has {} bytes: must be the 16 bytes of a UUID", bytes.len()),
        )
    })
}

pub(crate) fn held_to_wire((execution, attempt): Work) -> v1::HeldAttempt {
    v1::HeldAttempt {
        execution_id: execution.to_bytes().to_vec().into(),
        attempt: attempt.0,
    }
}

pub(crate) fn held_from_wire(held: &v1::HeldAttempt) -> Result<Work, ProtocolError> {
    work_from_wire(&held.execution_id, held.attempt)
}

/// The resource name of an organization; empty for the service's own.
pub(crate) fn organization_to_wire(organization: Option<&OrganizationId>) -> String {
    organization.map_or_else(String::new, |organization| format!("organizations/{organization}"))
}

pub(crate) fn organization_from_wire(field: &str, name: &str) -> Result<Option<OrganizationId>, ProtocolError> {
    if name.is_empty() {
        return Ok(None);
    }
    let id = name.strip_prefix("organizations/").ok_or_else(|| {
        ProtocolError::field(
            field,
            "must be `organizations/{organization}`, or empty for a runner of the pool `hosted`",
        )
    })?;
    let id = OrganizationId::new(id).map_err(|error| ProtocolError::field(field, error))?;
    Ok(Some(id))
}

pub(crate) fn timestamp(stamp: Stamp) -> prost_types::Timestamp {
    let millis = stamp.millis();
    prost_types::Timestamp {
        seconds: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000,
    }
}

/// How far `theirs` is ahead of `ours`, in milliseconds; negative when it is behind.
pub(crate) fn skew_ms(theirs: prost_types::Timestamp, ours: Stamp) -> i64 {
    let theirs = theirs
        .seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(theirs.nanos) / 1_000_000);
    theirs.saturating_sub(i64::try_from(ours.millis()).unwrap_or(i64::MAX))
}

pub(crate) fn duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or(0),
    }
}

pub(crate) fn span(field: &str, duration: Option<prost_types::Duration>) -> Result<Option<Duration>, ProtocolError> {
    let Some(duration) = duration else { return Ok(None) };
    // Judged here: prost's own conversion overflows at the least number of seconds.
    let parts = (u64::try_from(duration.seconds), u32::try_from(duration.nanos));
    match parts {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Some(Duration::new(seconds, nanos))),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Err(ProtocolError::field(
            field,
            "must not be negative, and its nanoseconds must be below a second",
        )),
    }
}
