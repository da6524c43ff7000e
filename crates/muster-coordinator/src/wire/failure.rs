//! Failures and warnings, as operators read them.

use muster_core::remedy;
use muster_core::words::{Counts, Failure, Warning};
use muster_proto::v1;
use muster_session::wire::failure_to_wire;

/// A failure, always with what to do next: what was found for it, or else what it says by itself.
pub(crate) fn failure(failure: &Failure, remedy: Option<String>) -> v1::Failure {
    v1::Failure {
        remedy: remedy.unwrap_or_else(|| remedy::alone(failure)),
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
            let told = failure(&Failure::new(one, "it is a test"), None);
            assert_eq!(
                told.category().as_str_name(),
                format!("ERROR_CATEGORY_{}", one.as_str().to_uppercase())
            );
        }
    }

    #[test]
    fn an_operator_is_always_told_what_to_do() {
        let too_slow = Failure::new(Category::Timeout, "too slow");
        assert!(!failure(&too_slow, None).remedy.is_empty());
        let found = Some("ask less of it".to_owned());
        assert_eq!(failure(&too_slow, found).remedy, "ask less of it");
    }
}
