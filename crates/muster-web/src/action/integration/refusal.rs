//! What the API has said no to, as what a form says beside its fields.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::answer::Answer;
use crate::fault::Fault;
use crate::form::{Faults, reason};

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
        count => unsaved(count),
    };
    Ok(answer.bad(said))
}

/// The form with what is wrong with it before the API is asked to save it, and with what the API finds wrong with the rest, which it was asked only to judge.
pub(super) fn judged<T>(mut answer: Answer, faults: Faults, judged: Result<T, Status>) -> Answer {
    answer.faults = faults;
    let details = judged.err().map(|status| status.get_error_details());
    let violations = details.as_ref().and_then(|details| details.bad_request());
    for violation in violations.map_or(&[][..], |bad| &bad.field_violations) {
        // What could not be read is not there for the API, which may miss it.
        if !answer.faults.iter().any(|(path, _)| *path == violation.field) {
            answer.faults.add(&violation.field, &violation.description);
        }
    }
    let count = answer.faults.iter().count();
    answer.bad(unsaved(count))
}

fn unsaved(count: usize) -> String {
    match count {
        1 => "not saved: one thing is not in order".to_owned(),
        _ => format!("not saved: {count} things are not in order"),
    }
}
