//! Failures and warnings, as operators read them.

use muster_core::words::{Category, Counts, Failure, Warning};
use muster_proto::v1;

/// A failure, always with what to do next.
pub(super) fn failure(failure: &Failure) -> v1::Failure {
    v1::Failure {
        category: category(failure.category).into(),
        message: failure.message.clone(),
        remedy: failure.remedy().to_owned(),
    }
}

pub(super) fn warning(warning: Warning) -> v1::Warning {
    let kind = match warning {
        Warning::ZeroRecords { .. } => v1::WarningKind::ZeroRecords,
    };
    v1::Warning {
        kind: kind.into(),
        message: warning.to_string(),
    }
}

pub(super) fn counts(counts: Counts) -> v1::Counts {
    v1::Counts {
        records: counts.records,
        bytes: counts.bytes,
    }
}

fn category(category: Category) -> v1::ErrorCategory {
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
    fn every_category_has_its_name_on_the_wire() {
        for one in Category::ALL {
            let name = category(one).as_str_name();
            assert_eq!(name, format!("ERROR_CATEGORY_{}", one.as_str().to_uppercase()));
        }
    }

    #[test]
    fn an_operator_is_always_told_what_to_do() {
        let told = failure(&Failure::new(Category::Timeout, "too slow"));
        assert_eq!(told.remedy, Category::Timeout.remedy());
    }
}
