//! What runners enroll by, as long as it can still be used.

use maud::{Markup, html};
use muster_proto::v1::{EnrollmentToken, ListEnrollmentTokensRequest};
use prost_types::Timestamp;

use super::super::Here;
use crate::fault::Fault;
use crate::form::confirmed;
use crate::words::{between, relative};

/// How many pages of tokens are read at most, of a thousand each.
const PAGES: usize = 10;

/// Those that there are; `None` where nobody enrolls.
pub(super) async fn all(here: &Here) -> Result<Option<Vec<EnrollmentToken>>, Fault> {
    if !here.signed_in {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut request = ListEnrollmentTokensRequest {
        parent: here.organization.clone(),
        page_size: 1_000,
        ..ListEnrollmentTokensRequest::default()
    };
    for _ in 0..PAGES {
        let page = here
            .api
            .enrollment()
            .list_enrollment_tokens(request.clone())
            .await?
            .into_inner();
        found.extend(page.enrollment_tokens);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    Ok(Some(found))
}

/// Those by which somebody can still enroll, the newest first.
pub(super) async fn open(here: &Here) -> Result<Option<Vec<EnrollmentToken>>, Fault> {
    let now = crate::words::now();
    let all = all(here).await?;
    Ok(all.map(|mut all| {
        all.retain(|token| is_open(token, &now));
        all.reverse();
        all
    }))
}

/// Whether somebody can still enroll by it.
pub(super) fn is_open(token: &EnrollmentToken, now: &Timestamp) -> bool {
    let is_over = token.expire_time.is_none_or(|end| between(now, &end).is_zero());
    !is_over && token.revoke_time.is_none() && token.runners.len() < token.uses_max as usize
}

pub(super) fn section(here: &Here, tokens: Option<&[EnrollmentToken]>, now: &Timestamp) -> Markup {
    let back = here.path("runners");
    let tokens = tokens.filter(|tokens| !tokens.is_empty());
    html! {
        section #tokens aria-labelledby=[tokens.map(|_| "tokens-head")] {
            @if let Some(tokens) = tokens {
                h2 #tokens-head { "Enrollment tokens " small { "by which runners may still enroll" } }
                table.cards {
                    thead { tr { th scope="col" { "Pool" } th scope="col" { "Used" } th scope="col" { "Ends" } th scope="col" { "Made" } th scope="col" { span.unseen { "To do" } } } }
                    tbody { @for token in tokens {
                        tr {
                            th scope="row" { a href=(address(here, token)) { (token.pool) } }
                            td data-name="Used" { (token.runners.len()) " of " (token.uses_max) }
                            td data-name="Ends" { @if let Some(at) = &token.expire_time { (relative(at, now)) } }
                            td data-name="Made" { @if let Some(at) = &token.create_time { (relative(at, now)) } " by " bdi { (token.creator) } }
                            td { @if here.may_operate() { (revoke(token, &back)) } }
                        }
                    } }
                }
            }
        }
    }
}

/// Where a token is shown, without its secret.
pub(crate) fn address(here: &Here, token: &EnrollmentToken) -> String {
    here.path(&format!(
        "enrollments/{}",
        token.name.rsplit('/').next().unwrap_or_default()
    ))
}

pub(super) fn revoke(token: &EnrollmentToken, back: &str) -> Markup {
    confirmed(
        "Revoke",
        "Nobody enrolls by it any more. Who has, stays enrolled.",
        &format!("/{}/revoke", token.name),
        (back, "Revoke it"),
    )
}
