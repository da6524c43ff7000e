//! What can be done with integrations: add one, change it, switch it, test it, delete it.

mod asks;
mod change;
mod create;
mod pause;
mod refusal;

use axum::Router;
use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, Uri};
use muster_proto::v1::DeleteIntegrationRequest;

use super::{Said, button};
use crate::answer::{Answer, Judged, Meanwhile};
use crate::api::Api;
use crate::fault::{Fault, told};
use crate::form::{Merge, Typed};
use crate::gate::Visitor;
use crate::place::{self, Query};
use crate::{FORM_BYTES_MAX, Web, page, shell};

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
    /// For what it was judged before, and found wrong.
    judged: Option<Judged>,
}

impl Posted {
    /// # Errors
    /// An answer that says why nothing was taken.
    fn of(sent: Sent) -> Result<Self, Box<Response>> {
        let Form(pairs) = sent.map_err(|rejection| Box::new(untaken(&rejection)))?;
        let mut typed = Typed::of(pairs);
        let mut first = |name: &str| typed.take(name).into_iter().next().unwrap_or_default();
        let (what, etag, request_id, pause) = (first("do"), first("etag"), first("request_id"), first("pause"));
        let judged = Judged::of(&first("judged"));
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
            judged,
            answer: Answer {
                typed,
                base,
                etag,
                request_id,
                pause,
                ..Answer::default()
            },
        })
    }
}

/// Why nothing of a form was taken.
fn untaken(rejection: &FormRejection) -> Response {
    let code = rejection.status();
    if code == StatusCode::PAYLOAD_TOO_LARGE {
        let most = FORM_BYTES_MAX / 1024;
        let advice = format!(
            "A form has at most {most} KiB here. Nothing was changed. Go back and make it shorter, or change the integration by `muster integration update`."
        );
        return told(code, "That is too much", &advice);
    }
    let advice = format!(
        "Nothing was changed. Go back, and send it again. What is wrong with it: {}.",
        rejection.body_text().trim_end_matches('.')
    );
    told(code, "The form cannot be read", &advice)
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;
    use http::Method;
    use http::header::{CONTENT_TYPE, HeaderValue};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::limit::tests::{request, silent};

    #[test]
    fn a_pause_that_is_typed_is_nothing_that_is_saved_and_nothing_to_be_lost() {
        let of = |pause: &str| {
            let pairs = [
                ("do", "look"),
                ("display_name", "Corp"),
                ("pause", pause),
                ("base", "{\"display_name\":[\"Corp\"]}"),
            ];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let Ok(posted) = Posted::of(Ok(Form(pairs.to_vec()))) else {
                panic!("it is taken")
            };
            (
                posted.answer.is_changed(),
                posted.answer.is_dirty(),
                posted.answer.pause,
            )
        };
        assert_eq!(of("4h"), (false, true, "4h".to_owned()));
        assert_eq!(of(" "), (false, false, " ".to_owned()));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_form_as_a_whole_is_told_as_what_it_is() {
        let path = "/organizations/default/integrations/new?connector=host";
        let answer = async |kind: &'static str, body: Body| {
            let mut request = request(Method::POST, path, None, body);
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let Ok(answer) = silent(None).oneshot(request).await;
            let code = answer.status();
            let body = answer.into_body().collect().await.expect("a page").to_bytes();
            (code, String::from_utf8(body.to_vec()).expect("text"))
        };
        let of_forms = "application/x-www-form-urlencoded";
        let (code, said) = answer(of_forms, Body::from("a".repeat(FORM_BYTES_MAX + 1))).await;
        assert_eq!(code, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(
            said.contains("at most 512 KiB") && said.contains("Nothing was changed."),
            "{said}"
        );

        let (code, said) = answer("text/plain", Body::from("a=b")).await;
        assert_eq!(code, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(
            said.contains("Nothing was changed.") && said.contains(of_forms),
            "{said}"
        );

        let breaks_off = stream::iter([Err::<&str, _>(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))]);
        let (code, said) = answer(of_forms, Body::from_stream(breaks_off)).await;
        assert_eq!(code, StatusCode::BAD_REQUEST);
        assert!(said.contains("Nothing was changed.") && !said.contains("KiB"), "{said}");
    }
}
