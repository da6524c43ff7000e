//! What the API has said no to, as what a form says beside its fields.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::answer::Answer;
use crate::fault::Fault;
use crate::form::{Faults, reason};

/// The form as it was sent, with why what was asked for was not done: `undone` says what that was, such as "not saved".
///
/// # Errors
/// What no form can show: that nobody is signed in, may not do this, or that what it is about is gone.
pub(super) fn refused(mut answer: Answer, status: Status, undone: &str) -> Result<Answer, Fault> {
    let is_gone = reason(&status) == "INTEGRATION_NOT_FOUND";
    if is_gone || matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) {
        return Err(status.into());
    }
    answer.faults = Faults::default();
    add(&mut answer.faults, &status);
    let why = match answer.faults.is_empty() {
        true => status.message().to_owned(),
        false => answer.faults.count(),
    };
    Ok(answer.bad(format!("{undone}: {why}")))
}

/// What is wrong with a form before the API is asked, and what the API finds wrong with the rest, which it was asked only to judge.
pub(super) fn found<T>(mut faults: Faults, judged: Result<T, Status>) -> Faults {
    if let Err(status) = judged {
        add(&mut faults, &status);
    }
    faults
}

fn add(faults: &mut Faults, status: &Status) {
    let details = status.get_error_details();
    for violation in details.bad_request().map_or(&[][..], |bad| &bad.field_violations) {
        // What could not be read is not there for the API, which may miss it.
        if !faults.iter().any(|(path, _)| *path == violation.field) {
            faults.add(&violation.field, &violation.description);
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;
    use crate::answer::Said;

    fn status(fields: &[&str]) -> Status {
        let violations = fields.iter().map(|field| FieldViolation::new(*field, "is wrong"));
        let details = ErrorDetails::with_bad_request(violations.collect::<Vec<_>>());
        Status::with_error_details(Code::InvalidArgument, "the API says no", details)
    }

    fn said(status: Status) -> String {
        let answer = refused(Answer::default(), status, "saved, but not tested").expect("a form can show it");
        match answer.said {
            Some(Said::Bad(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_done_is_said_beside_why_the_rest_was_not() {
        assert_eq!(
            said(Status::failed_precondition("no runner offers the connector `ldap` now")),
            "saved, but not tested: no runner offers the connector `ldap` now"
        );
        assert_eq!(said(status(&["a"])), "saved, but not tested: one thing is not in order");
        assert_eq!(
            said(status(&["a", "b"])),
            "saved, but not tested: 2 things are not in order"
        );
        assert!(refused(Answer::default(), Status::permission_denied("no"), "not saved").is_err());
    }

    #[test]
    fn what_could_not_be_read_is_told_once() {
        let mut faults = Faults::default();
        faults.add("a", "is no JSON");
        let faults = found(faults, Err::<(), _>(status(&["a", "b"])));
        let faults: Vec<(&str, &str)> = faults
            .iter()
            .map(|(path, problem)| (path.as_str(), problem.as_str()))
            .collect();
        assert_eq!(faults, [("a", "is no JSON"), ("b", "is wrong")]);
    }
}
