//! What the API has said no to, as what a form says beside its fields.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::answer::Answer;
use crate::fault::Fault;
use crate::form::reason;

/// The form as it was sent, with why it was not taken.
///
/// # Errors
/// What no form can show: that nobody is signed in, may not do this, or that what it is about is gone.
pub(super) fn refused(mut answer: Answer, status: Status) -> Result<Answer, Fault> {
    let is_gone = reason(&status) == "INTEGRATION_NOT_FOUND";
    if is_gone || matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) {
        return Err(status.into());
    }
    let details = status.get_error_details();
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
    for violation in violations {
        answer.faults.add(&violation.field, &violation.description);
    }
    let said = match violations.len() {
        0 => status.message().to_owned(),
        1 => "not saved: one thing is not in order".to_owned(),
        count => format!("not saved: {count} things are not in order"),
    };
    Ok(answer.bad(said))
}
