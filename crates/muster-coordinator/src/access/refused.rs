//! The one place that hears of every call that is refused because of who makes it: whatever keeps that for an audit hangs in here.

use crate::caller::Call;
use crate::status::{ServiceError, name_of_reason};

/// The target of these lines in the log.
const TARGET: &str = "muster::refused";

/// A call was refused because of who makes it. The caller is told `error`; that it was about somebody else's is told here alone.
pub(crate) fn note(call: &Call, error: &ServiceError, about: &str) {
    let from = call.peer.map(|peer| peer.to_string()).unwrap_or_default();
    tracing::warn!(
        target: TARGET,
        who = %call.principal(),
        call = call.path,
        from,
        reason = name_of_reason(error.reason()),
        about,
        "a call was refused because of who makes it"
    );
}
