//! What can be done with integrations: add one, change it, switch it, test it, delete it.

mod asks;
mod change;
mod create;
mod refusal;

use axum::Router;
use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, Uri};
use muster_proto::v1::DeleteIntegrationRequest;

use super::{Said, button};
use crate::answer::{Answer, Meanwhile};
use crate::api::Api;
use crate::fault::{Fault, told};
use crate::form::{Merge, Typed};
use crate::gate::Visitor;
use crate::place::{self, Query};
use crate::{Web, page, shell};

pub(super) fn routes() -> Router<Web> {
    let of = |path: &str| format!("/organizations/{{organization}}/integrations/{path}");
    let delete = |api: Api, name, said: Query| async move {
        let request = DeleteIntegrationRequest {
            name,
            etag: said.get("etag").to_owned(),
            ..DeleteIntegrationRequest::default()
        };
        api.integrations().delete_integration(request).await
    };
    Router::new()
        // Whoever only looks there gets the page.
        .route(&of("new"), post(create::create).get(page::show))
        .route(&of("{integration}/configuration"), post(change::change).get(page::show))
        .route(&of("{integration}/delete"), button(delete))
}

/// What a form of an integration says.
type Sent = Result<Said, FormRejection>;

/// A form as it was sent.
struct Posted {
    /// What is to be done: the button's.
    what: String,
    /// What was typed, and what it was made of.
    answer: Answer,
    /// For how long, or until when.
    pause: String,
}

impl Posted {
    /// # Errors
    /// An answer that says why nothing was taken.
    fn of(sent: Sent) -> Result<Self, Box<Response>> {
        let Ok(Form(pairs)) = sent else {
            let advice = "A configuration has at most 64 KiB. Go back, make it shorter, and send it again.";
            return Err(Box::new(told(
                StatusCode::PAYLOAD_TOO_LARGE,
                "That is too much",
                advice,
            )));
        };
        let mut typed = Typed::of(pairs);
        let mut first = |name: &str| typed.take(name).into_iter().next().unwrap_or_default();
        let (what, etag, request_id, pause) = (first("do"), first("etag"), first("request_id"), first("pause"));
        // Whoever sends another base than they were given loses only their own guard.
        let base: Typed = serde_json::from_str(&first("base")).unwrap_or_default();
        let kept: Vec<String> = typed
            .names()
            .filter_map(|name| name.strip_prefix("keep:").map(str::to_owned))
            .collect();
        for name in kept {
            if typed.take(&format!("keep:{name}")) == ["theirs"] {
                typed.copy(&name, &base);
            }
        }
        if let Some(list) = what.strip_prefix("more:") {
            let count: usize = typed.get(&format!("{list}#")).parse().unwrap_or(1);
            typed.set(format!("{list}#"), (count + 1).to_string());
        }
        Ok(Self {
            what,
            pause,
            answer: Answer {
                typed,
                base,
                etag,
                request_id,
                ..Answer::default()
            },
        })
    }
}

impl Answer {
    /// It, with what somebody else has made of the same meanwhile: from now on it is made from theirs.
    fn met(mut self, theirs: Typed, etag: &str) -> Self {
        let merge = Merge::of(&self.base, &self.typed, &theirs);
        self.typed = merge.typed.clone();
        self.base = theirs.clone();
        etag.clone_into(&mut self.etag);
        self.meanwhile = Some(Meanwhile { merge, theirs });
        self
    }
}

/// The page at an address, with an answer to the form that was sent there.
async fn shown(visitor: &Visitor, at: &Uri, answer: Answer) -> Result<Response, Fault> {
    let is_refused = matches!(answer.said, Some(crate::answer::Said::Bad(_)));
    let view = place::answered(visitor, at, Some(answer)).await?;
    let code = if is_refused {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let address = at.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok((code, shell::page(address, &view)).into_response())
}

/// The address of a tab of an integration, beside the same list, that says what was done.
fn tab(list: &Query, name: &str, tab: &str, said: &[(&str, &str)]) -> String {
    let query = list.only(&place::CHOICES);
    let query = said.iter().fold(query, |query, (name, value)| query.with(name, value));
    query.at(&format!("/{name}/{tab}"))
}
