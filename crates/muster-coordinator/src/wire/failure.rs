//! Failures and warnings, as operators read them.

use muster_core::words::{Counts, Failure, Warning};
use muster_proto::v1;
use muster_session::wire::failure_to_wire;

/// A failure, always with what to do next.
pub(crate) fn failure(failure: &Failure) -> v1::Failure {
    v1::Failure {
        remedy: failure.remedy().to_owned(),
        ..failure_to_wire(failure)
    }
}

pub(super) fn warning(warning: Warning) -> v1::Warning {
    let kind = match warning {
        Warning::ZeroRecords { .. } => v1::WarningKind::ZeroRecords,
        Warning::FewerRecords { .. } => v1::WarningKind::FewerRecords,
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

#[cfg(test)]
mod tests {
    use muster_core::words::Category;

    use super::*;

    #[test]
    fn every_category_has_its_name_on_the_wire() {
        for one in Category::ALL {
            let told = failure(&Failure::new(one, "it is a test"));
            assert_eq!(
                told.category().as_str_name(),
                format!("ERROR_CATEGORY_{}", one.as_str().to_uppercase())
            );
        }
    }

    #[test]
    fn an_operator_is_always_told_what_to_do() {
        let told = failure(&Failure::new(Category::Timeout, "too slow"));
        assert_eq!(told.remedy, Category::Timeout.remedy());
    }
}
