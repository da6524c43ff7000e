//! Executions: open ones with the reason why they are where they are, and finished ones.

use muster_core::entity::{Execution, Finished, Phase};
use muster_core::explain::Explanation;
use muster_core::words::{ExecutionStatus, Origin, Outcome};
use muster_proto::v1;

use super::failure::{counts, failure, warning};
use super::name;
use super::time::timestamp;

/// An open execution, as an answer tells it.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) execution: Execution,
    pub(crate) explanation: Explanation,
    /// How many records the attempt has collected so far; `None` when its runner has not said.
    pub(crate) progress: Option<u64>,
    /// What to do about its newest failure.
    pub(crate) remedy: Option<String>,
}

pub(crate) fn open(open: Open) -> v1::Execution {
    let Open {
        execution,
        explanation,
        progress,
        remedy,
    } = open;
    let organization = &execution.organization;
    let next_attempt = match &execution.phase {
        Phase::Created { not_before } => *not_before,
        Phase::Pending(_) | Phase::Executing(_) | Phase::Landing(..) => None,
    };
    let holder = match &execution.phase {
        Phase::Pending(claim) | Phase::Executing(claim) | Phase::Landing(claim, _) => Some(claim.runner),
        // Whoever has reported the failure of the newest attempt held it last. Who has vanished with it is not known any more.
        Phase::Created { .. } => {
            let last = execution
                .reported
                .last()
                .filter(|claim| claim.attempt == execution.attempt);
            last.map(|claim| claim.runner)
        }
    };
    v1::Execution {
        name: name::of_execution(organization, execution.integration, execution.id),
        data_type: execution.data_type.to_string(),
        status: status(execution.status()).into(),
        connector: execution.connector.to_string(),
        pool: execution.pool.to_string(),
        runner: holder
            .map(|runner| name::of_runner(organization, runner))
            .unwrap_or_default(),
        attempt: execution.attempt.0,
        failures: execution.failures,
        origin: Some(origin(&execution.origin)),
        create_time: Some(timestamp(execution.created)),
        claim_time: execution.claimed.map(timestamp),
        start_time: execution.started.map(timestamp),
        end_time: None,
        next_attempt_time: next_attempt.map(timestamp),
        progress_records: progress.filter(|_| execution.status() == ExecutionStatus::Executing),
        counts: None,
        failure: execution.last_failure.as_ref().map(|it| failure(it, remedy)),
        warning: None,
        explanation: Some(v1::Explanation {
            state: explanation.state,
            next_step: explanation.next_step.unwrap_or_default(),
        }),
        landing_uri: String::new(),
        configuration_revision: execution.revision.map_or(0, |revision| revision.0),
    }
}

/// A finished execution; `landing_uri` is where its records lie, if it has any, and `remedy` what to do about its failure.
pub(crate) fn finished(finished: &Finished, landing_uri: Option<String>, remedy: Option<String>) -> v1::Execution {
    let organization = &finished.organization;
    let (brought, failed, warned) = match &finished.outcome {
        Outcome::Completed {
            counts: brought,
            warning: warned,
        } => (Some(counts(*brought)), None, warned.map(warning)),
        Outcome::Error(error) => (None, Some(failure(error, remedy)), None),
    };
    v1::Execution {
        name: name::of_execution(organization, finished.integration, finished.id),
        data_type: finished.data_type.to_string(),
        status: status(finished.status()).into(),
        connector: finished.connector.to_string(),
        pool: finished.pool.to_string(),
        runner: finished
            .runner
            .map(|runner| name::of_runner(organization, runner))
            .unwrap_or_default(),
        attempt: finished.attempt.0,
        failures: finished.failures,
        origin: Some(origin(&finished.origin)),
        create_time: Some(timestamp(finished.created)),
        claim_time: finished.claimed.map(timestamp),
        start_time: finished.started.map(timestamp),
        end_time: Some(timestamp(finished.ended)),
        next_attempt_time: None,
        progress_records: None,
        counts: brought,
        failure: failed,
        warning: warned,
        explanation: None,
        landing_uri: landing_uri.unwrap_or_default(),
        configuration_revision: finished.revision.map_or(0, |revision| revision.0),
    }
}

/// Whether a finished execution has records in the landing.
pub(crate) fn has_records(finished: &Finished) -> bool {
    match &finished.outcome {
        Outcome::Completed { counts, .. } => counts.records > 0,
        Outcome::Error(_) => false,
    }
}

pub(super) fn status(status: ExecutionStatus) -> v1::ExecutionStatus {
    match status {
        ExecutionStatus::Created => v1::ExecutionStatus::Created,
        ExecutionStatus::Pending => v1::ExecutionStatus::Pending,
        ExecutionStatus::Executing => v1::ExecutionStatus::Executing,
        ExecutionStatus::Completed => v1::ExecutionStatus::Completed,
        ExecutionStatus::Error => v1::ExecutionStatus::Error,
    }
}

fn origin(origin: &Origin) -> v1::Origin {
    use v1::origin::Kind;
    let kind = match origin {
        Origin::Schedule { nominal, .. } => Kind::Schedule(v1::ScheduleOrigin {
            nominal_time: Some(timestamp(*nominal)),
        }),
        Origin::Activation => Kind::Activation(v1::ActivationOrigin {}),
        Origin::RunNow(by) => Kind::RunNow(v1::RunNowOrigin {
            principal: by.to_string(),
        }),
    };
    v1::Origin { kind: Some(kind) }
}
