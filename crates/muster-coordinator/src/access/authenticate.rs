//! Finds out whose token a call shows.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use muster_core::entity::{Person, Shut, Token};
use muster_core::time::Stamp;
use muster_core::words::{Grant, Principal, TokenId};
use muster_shard::Directory;
use subtle::ConstantTimeEq as _;

use super::text::TokenText;
use crate::caller::TokenCaller;
use crate::status::ServiceError;

/// Why a call is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It shows nothing.
    #[error("this call needs a token, and came without one: log in with `muster login`, or set MUSTER_TOKEN")]
    Missing,
    /// What it shows is no token.
    #[error(
        "this is no token, since a character of it is missing or wrong: copy it anew, from `mst_` to its end; a call shows it as `authorization: Bearer mst_…`"
    )]
    Malformed,
    /// What it shows opens nothing. It is not told whether there ever was such a token.
    #[error("this token opens nothing: there is none like it, it was revoked, or its person is disabled")]
    Unknown,
    /// Its time is over.
    #[error("this token has expired: ask an admin for another one")]
    Expired,
}

impl Stranger {
    /// As metrics and the log name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Missing, Self::Malformed, Self::Unknown, Self::Expired];
}

impl From<Stranger> for ServiceError {
    fn from(stranger: Stranger) -> Self {
        Self::Unauthenticated(stranger)
    }
}

/// The token that a call shows; `None` when it shows nothing.
///
/// # Errors
/// [`Stranger::Malformed`].
pub(super) fn shown(headers: &HeaderMap) -> Result<Option<super::text::Parts>, Stranger> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| all.next().is_none());
    let (scheme, token) = text.and_then(|text| text.split_once(' ')).ok_or(Stranger::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Stranger::Malformed);
    }
    TokenText::parts(token.trim_start())
        .map(Some)
        .ok_or(Stranger::Malformed)
}

/// Whose token it is, and what it opens now.
///
/// # Errors
/// [`Stranger::Unknown`], [`Stranger::Expired`].
pub(super) fn holder(directory: &Directory, parts: super::text::Parts, now: Stamp) -> Result<TokenCaller, Stranger> {
    let (token, _) = directory.token(parts.id).ok_or(Stranger::Unknown)?;
    // Whoever measures how long this takes learns nothing of the hash.
    if !bool::from(token.hash.0.ct_eq(&parts.hash.0)) {
        return Err(Stranger::Unknown);
    }
    open(directory, parts.id, now)
}

/// Whose token it was: its secret is right, whether or not it opens anything now.
pub(super) fn known_once(directory: &Directory, parts: super::text::Parts) -> Option<TokenCaller> {
    let (token, person) = directory.token(parts.id)?;
    let is_right = bool::from(token.hash.0.ct_eq(&parts.hash.0));
    is_right.then(|| {
        caller(
            &token,
            person.as_deref(),
            Grant {
                role: token.role,
                scope: token.scope.clone(),
            },
        )
    })
}

/// What a token opens now whose secret was right.
///
/// # Errors
/// [`Stranger::Unknown`], [`Stranger::Expired`].
pub(super) fn open(directory: &Directory, id: TokenId, now: Stamp) -> Result<TokenCaller, Stranger> {
    let (token, person) = directory.token(id).ok_or(Stranger::Unknown)?;
    let grant = token.opens(person.as_deref(), now).map_err(|shut| match shut {
        Shut::Expired => Stranger::Expired,
        Shut::Revoked | Shut::Disabled => Stranger::Unknown,
    })?;
    Ok(caller(&token, person.as_deref(), grant))
}

fn caller(token: &Token, person: Option<&Person>, grant: Grant) -> TokenCaller {
    let name = person.map_or(token.name.as_str(), |person| person.name.as_str());
    TokenCaller {
        principal: Principal::Token {
            token: token.id,
            person: token.person,
            name: name.into(),
        },
        grant,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn shown_by(values: &[&str]) -> Result<Option<super::super::text::Parts>, Stranger> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("a value"));
        }
        shown(&headers)
    }

    #[test]
    fn a_token_is_shown_once_and_as_a_bearers() {
        let text = TokenText::new(TokenId(7));
        let text = text.reveal();
        assert_eq!(shown_by(&[]), Ok(None));
        for good in [format!("Bearer {text}"), format!("bearer  {text}")] {
            let parts = shown_by(&[&good]).expect("a token").expect("it is shown");
            assert_eq!(parts.id, TokenId(7), "{good}");
        }
        for bad in [
            text,
            &format!("Basic {text}"),
            &format!("Bearer{text}"),
            "Bearer ",
            "",
            &format!("Bearer {text} {text}"),
        ] {
            assert_eq!(shown_by(&[bad]), Err(Stranger::Malformed), "{bad}");
        }
        let bearer = format!("Bearer {text}");
        assert_eq!(shown_by(&[&bearer, &bearer]), Err(Stranger::Malformed), "which one?");
    }
}
