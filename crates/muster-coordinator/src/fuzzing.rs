//! What callers send as texts, as functions of any text, for whoever looks for one that cannot be borne.

use muster_core::words::{ExecutionId, IntegrationId, RunnerId};

use crate::access::text::{TokenText, redact};
use crate::wire::filter::{ExecutionFilter, IncidentFilter, IntegrationFilter, RunnerFilter};
use crate::wire::token::TokenKey;

/// A text as a token of somebody's, and as a text with one in it. Whether it is one.
///
/// # Panics
/// When its secret is left in what others may read.
pub fn access_token(text: &str) -> bool {
    let is_one = TokenText::parts(text).is_some();
    if is_one {
        let secret = text.rsplit('_').nth(1).unwrap_or_default();
        assert!(!redact(&format!("before {text} after")).contains(secret), "{text}");
    }
    let redacted = redact(text);
    assert_eq!(redact(&redacted), redacted, "{text}");
    is_one
}

/// A text as a page token that this process has not given out.
///
/// # Panics
/// When it is taken.
pub fn page_token(text: &str) {
    let query = TokenKey::random().query("things", &["organizations/acme"]);
    let taken = [
        query.position::<ExecutionId>(text).map(|position| position.is_some()),
        query.position::<IntegrationId>(text).map(|position| position.is_some()),
        query.position::<RunnerId>(text).map(|position| position.is_some()),
        query.position::<String>(text).map(|position| position.is_some()),
    ];
    assert!(taken.into_iter().all(|taken| taken != Ok(true)), "{text}");
}

/// A text as a filter of each list. Whether it is one of any.
#[must_use]
pub fn filter(text: &str) -> bool {
    let parsed = [
        ExecutionFilter::parse(text).is_ok(),
        IncidentFilter::parse(text).is_ok(),
        IntegrationFilter::parse(text).is_ok(),
        RunnerFilter::parse(text).is_ok(),
    ];
    parsed.contains(&true)
}
