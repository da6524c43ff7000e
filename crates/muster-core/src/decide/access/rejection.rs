//! Why something about people and tokens is refused.

use crate::words::{EmailAddress, Grant, PersonId, Role, TokenId};

/// Why something about people and tokens is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRejection {
    /// There is no such person.
    #[error("there is no person {0} here: list those that there are with `muster person list`")]
    PersonNotFound(PersonId),
    /// There is no such token.
    #[error("there is no token {0} here: list those that there are with `muster token list`")]
    TokenNotFound(TokenId),
    /// The person has been changed since they were read.
    #[error("the person {0} has been changed since this etag was read: read them again, and decide again")]
    PersonStale(PersonId),
    /// The id of a request is that of another one, which has made a person.
    #[error(
        "this request id was used for another request, which has made the person {0}: choose a new id for each request"
    )]
    PersonRequestReused(PersonId),
    /// The id of a request is that of another one, which has made a token.
    #[error(
        "this request id was used for another request, which has made the token {0}: choose a new id for each request"
    )]
    TokenRequestReused(TokenId),
    /// Somebody else has this address.
    #[error("the e-mail address `{email}` belongs to the person {person}: change that one, or use another address")]
    EmailTaken {
        /// Which.
        email: EmailAddress,
        /// Who has it.
        person: PersonId,
    },
    /// Nobody gives or takes what they do not have.
    #[error("this is about what an {granted} may do, and whoever asks is {granter} only: ask somebody who has that")]
    BeyondGranter {
        /// What whoever asks may do.
        granter: Grant,
        /// What it is about.
        granted: Grant,
    },
    /// A token would be for more than its person may do.
    #[error(
        "the token would be for the role {role}, and its person is {most} only: make it for that, or change the person first"
    )]
    BeyondHolder {
        /// What for.
        role: Role,
        /// What its person may do.
        most: Role,
    },
    /// It would end before it begins.
    #[error("the token would have ended already: let it expire later")]
    ExpiryPast,
    /// There are too many.
    #[error("there are {max} {what} here, which is the most: delete or revoke some first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// Nobody could let anybody in any more.
    #[error(
        "nobody else of the staff is admin and has a token that opens something: make such a token first, and then do this"
    )]
    LastAdmin,
}
