//! What the coordinator means by a status.

use muster_proto::v1::ErrorReason;
use tonic::Status;
use tonic_types::StatusExt;

use crate::dial;

/// The domain of the coordinator's reasons. One of a proxy on the way means something else.
const DOMAIN: &str = "muster.v1";

/// What the names of the reasons begin with in the package, and do not on the wire.
const PREFIX: &str = "ERROR_REASON_";

/// The coordinator's reason; `None` for a status that is not the coordinator's (the connection broke, a proxy has
/// refused), and for a reason that this version does not know.
pub(crate) fn reason_of(status: &Status) -> Option<ErrorReason> {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN)?;
    ErrorReason::from_str_name(&format!("{PREFIX}{}", info.reason))
}

/// What to tell a person of a status.
pub(crate) fn text_of(status: &Status) -> String {
    let text = format!("{} ({:?})", status.message(), status.code());
    // Where TLS has failed, the status only says that the connection did.
    match dial::advice(status) {
        Some(advice) => format!("{text}: {advice}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;
    use tonic_types::ErrorDetails;

    fn status(reason: &str, domain: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, domain, []);
        Status::with_error_details(Code::Aborted, "no", details)
    }

    #[test]
    fn only_the_coordinators_own_reasons_count() {
        assert_eq!(
            reason_of(&status("ATTEMPT_FENCED", "muster.v1")),
            Some(ErrorReason::AttemptFenced)
        );
        assert_eq!(reason_of(&status("ATTEMPT_FENCED", "proxy.example")), None);
        assert_eq!(reason_of(&status("SOMETHING_NEW", "muster.v1")), None);
        assert_eq!(reason_of(&Status::unavailable("connection refused")), None);
    }
}
