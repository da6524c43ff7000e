//! Failures.

use muster_core::words::{Category, Failure};
use muster_proto::v1;

use crate::error::ProtocolError;

/// A failure as the wire says it. The remedy is only set where the failure has one of its own.
#[must_use]
pub fn failure_to_wire(failure: &Failure) -> v1::Failure {
    v1::Failure {
        category: category_to_wire(failure.category).into(),
        message: failure.message.clone(),
        remedy: failure.remedy.clone().unwrap_or_default(),
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
    let mut said = Failure::new(category, failure.message);
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
    fn a_category_of_a_newer_runner_is_final() {
        let failure = v1::Failure {
            category: 99,
            message: "new".to_owned(),
            remedy: String::new(),
        };
        let said = failure_from_wire(failure).expect("understood as well as it can be");
        assert!(!said.category.is_retryable());
    }
}
