//! Failures.

use muster_core::words::{Category, Failure, Reason, ReasonKind};
use muster_proto::v1;

use crate::error::ProtocolError;

/// A failure as the wire says it. The remedy is only set where the failure has one of its own.
#[must_use]
pub fn failure_to_wire(failure: &Failure) -> v1::Failure {
    v1::Failure {
        category: category_to_wire(failure.category).into(),
        message: failure.message.clone(),
        remedy: failure.remedy.clone().unwrap_or_default(),
        reason: failure.reason.as_deref().map(reason_to_wire),
    }
}

/// A failure that a runner reports. Longer texts are cut.
///
/// # Errors
/// [`ProtocolError::Field`] for a category that only the coordinator may say, and for a missing message.
pub fn failure_from_wire(failure: v1::Failure) -> Result<Failure, ProtocolError> {
    use v1::ErrorCategory as Wire;
    let category = match failure.category() {
        Wire::Permission => Category::Permission,
        Wire::Configuration => Category::Configuration,
        Wire::Communication => Category::Communication,
        Wire::Connector => Category::Connector,
        Wire::Timeout => Category::Timeout,
        Wire::Landing => Category::Landing,
        // A newer runner may have more categories. What is not understood is final, and counts.
        Wire::Unspecified => Category::Connector,
        Wire::RunnerLost | Wire::Canceled => {
            return Err(ProtocolError::field(
                "category",
                "`runner_lost` and `canceled` are the coordinator's to say: report what the work has failed of",
            ));
        }
    };
    if failure.message.is_empty() {
        return Err(ProtocolError::field(
            "message",
            "is empty: say what has failed, and of what",
        ));
    }
    // Also of a category that is not understood: the reason then fits none, and is left out.
    let reason = failure.reason.and_then(reason_from_wire);
    let mut said = Failure::new(category, failure.message);
    if let Some(reason) = reason {
        said = said.with_reason(reason);
    }
    if !failure.remedy.is_empty() {
        said = said.with_remedy(failure.remedy);
    }
    Ok(said)
}

fn category_to_wire(category: Category) -> v1::ErrorCategory {
    match category {
        Category::Permission => v1::ErrorCategory::Permission,
        Category::Configuration => v1::ErrorCategory::Configuration,
        Category::Communication => v1::ErrorCategory::Communication,
        Category::Connector => v1::ErrorCategory::Connector,
        Category::Timeout => v1::ErrorCategory::Timeout,
        Category::RunnerLost => v1::ErrorCategory::RunnerLost,
        Category::Landing => v1::ErrorCategory::Landing,
        Category::Canceled => v1::ErrorCategory::Canceled,
    }
}

fn reason_to_wire(reason: &Reason) -> v1::FailureReason {
    v1::FailureReason {
        kind: kind_to_wire(reason.kind).into(),
        subject: reason.subject.to_string(),
        issuer: reason.issuer.as_deref().unwrap_or_default().to_owned(),
    }
}

/// `None` for a kind of a newer runner.
fn reason_from_wire(reason: v1::FailureReason) -> Option<Reason> {
    let read = Reason::new(kind_from_wire(reason.kind())?, &reason.subject);
    Some(match reason.issuer.as_str() {
        "" => read,
        issuer => read.with_issuer(issuer),
    })
}

fn kind_to_wire(kind: ReasonKind) -> v1::FailureReasonKind {
    match kind {
        ReasonKind::MissingPermission => v1::FailureReasonKind::MissingPermission,
        ReasonKind::BadCredentials => v1::FailureReasonKind::BadCredentials,
        ReasonKind::NameResolution => v1::FailureReasonKind::NameResolution,
        ReasonKind::Refused => v1::FailureReasonKind::Refused,
        ReasonKind::ConnectTimeout => v1::FailureReasonKind::ConnectTimeout,
        ReasonKind::Unreachable => v1::FailureReasonKind::Unreachable,
        ReasonKind::Broken => v1::FailureReasonKind::Broken,
        ReasonKind::Untrusted => v1::FailureReasonKind::Untrusted,
        ReasonKind::CertificateExpired => v1::FailureReasonKind::CertificateExpired,
        ReasonKind::CertificateName => v1::FailureReasonKind::CertificateName,
        ReasonKind::Tls => v1::FailureReasonKind::Tls,
        ReasonKind::ProxyRefused => v1::FailureReasonKind::ProxyRefused,
        ReasonKind::ProxyAuthentication => v1::FailureReasonKind::ProxyAuthentication,
        ReasonKind::Exited => v1::FailureReasonKind::Exited,
        ReasonKind::Killed => v1::FailureReasonKind::Killed,
        ReasonKind::Panicked => v1::FailureReasonKind::Panicked,
        ReasonKind::TimeLimit => v1::FailureReasonKind::TimeLimit,
        ReasonKind::RunnerSilent => v1::FailureReasonKind::RunnerSilent,
    }
}

fn kind_from_wire(kind: v1::FailureReasonKind) -> Option<ReasonKind> {
    Some(match kind {
        v1::FailureReasonKind::Unspecified => return None,
        v1::FailureReasonKind::MissingPermission => ReasonKind::MissingPermission,
        v1::FailureReasonKind::BadCredentials => ReasonKind::BadCredentials,
        v1::FailureReasonKind::NameResolution => ReasonKind::NameResolution,
        v1::FailureReasonKind::Refused => ReasonKind::Refused,
        v1::FailureReasonKind::ConnectTimeout => ReasonKind::ConnectTimeout,
        v1::FailureReasonKind::Unreachable => ReasonKind::Unreachable,
        v1::FailureReasonKind::Broken => ReasonKind::Broken,
        v1::FailureReasonKind::Untrusted => ReasonKind::Untrusted,
        v1::FailureReasonKind::CertificateExpired => ReasonKind::CertificateExpired,
        v1::FailureReasonKind::CertificateName => ReasonKind::CertificateName,
        v1::FailureReasonKind::Tls => ReasonKind::Tls,
        v1::FailureReasonKind::ProxyRefused => ReasonKind::ProxyRefused,
        v1::FailureReasonKind::ProxyAuthentication => ReasonKind::ProxyAuthentication,
        v1::FailureReasonKind::Exited => ReasonKind::Exited,
        v1::FailureReasonKind::Killed => ReasonKind::Killed,
        v1::FailureReasonKind::Panicked => ReasonKind::Panicked,
        v1::FailureReasonKind::TimeLimit => ReasonKind::TimeLimit,
        v1::FailureReasonKind::RunnerSilent => ReasonKind::RunnerSilent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runner_may_say_survives_the_wire() {
        for category in Category::ALL {
            let failure = Failure::new(category, "no route to dc1").with_remedy("open port 636");
            let back = failure_from_wire(failure_to_wire(&failure));
            match category {
                Category::RunnerLost | Category::Canceled => assert!(back.is_err(), "{category:?}"),
                Category::Permission
                | Category::Configuration
                | Category::Communication
                | Category::Connector
                | Category::Timeout
                | Category::Landing => assert_eq!(back, Ok(failure)),
            }
        }
    }

    #[test]
    fn every_reason_survives_the_wire_under_its_name() {
        for kind in ReasonKind::ALL {
            let reason = Reason::new(kind, "dc1:636").with_issuer("Corp Proxy CA");
            let told = reason_to_wire(&reason);
            let name = format!("FAILURE_REASON_KIND_{}", kind.as_str().to_uppercase());
            assert_eq!(told.kind().as_str_name(), name);
            assert_eq!(reason_from_wire(told), Some(reason));
        }
        let newer = v1::FailureReason {
            kind: 99,
            subject: "the moon".to_owned(),
            issuer: String::new(),
        };
        assert_eq!(reason_from_wire(newer), None);
    }

    #[test]
    fn a_category_of_a_newer_runner_is_final() {
        let failure = v1::Failure {
            category: 99,
            message: "new".to_owned(),
            remedy: String::new(),
            reason: Some(v1::FailureReason {
                kind: v1::FailureReasonKind::Refused.into(),
                subject: "dc1:636".to_owned(),
                issuer: String::new(),
            }),
        };
        let said = failure_from_wire(failure).expect("understood as well as it can be");
        assert!(!said.category.is_retryable());
        assert_eq!(said.reason, None, "it is none of what it is taken for");
    }
}
