//! How long anybody waits for an answer: for none without an end, whatever has become of the coordinator.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use tokio::time::timeout;

use crate::fault::Fault;

/// How long any answer may take. Proxies mostly give up after a minute, and cannot say what that means.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What is made of what somebody looks at.
///
/// # Errors
/// That it was not made in time.
pub(crate) async fn within<T>(made: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let made = timeout(ANSWER_WITHIN, made).await;
    made.unwrap_or(Err(Fault::Overdue))
}

/// Answers in time. Whoever has asked for something to be done hears that nobody knows whether it was.
pub(crate) async fn answered(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let fault = if is_read { Fault::Overdue } else { Fault::Unknown };
    let answer = timeout(ANSWER_WITHIN, next.run(request)).await;
    answer.unwrap_or_else(|_| fault.into_response())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::convert::Infallible;
    use std::future::pending;
    use std::net::{IpAddr, Ipv4Addr};

    use axum::Router;
    use axum::body::{Body, Bytes};
    use futures_util::{StreamExt as _, stream};
    use http::StatusCode;
    use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
    use http_body_util::BodyExt as _;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::{Options, Peer, Served, SessionKey};

    /// A coordinator whose API never answers.
    pub(crate) fn silent(sessions: Option<SessionKey>) -> Router {
        let silent = service_fn(|_| pending::<Result<http::Response<tonic::body::Body>, Infallible>>());
        let options = Options {
            hosts: Vec::new(),
            sessions,
            stop: CancellationToken::new(),
        };
        crate::routes(Served::new(silent), options)
    }

    /// A request of a page of its own, with a body that is said to have so many bytes.
    pub(crate) fn request(method: Method, path: &str, length: Option<usize>, body: Body) -> Request {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header("sec-fetch-site", "same-origin")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .extension(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let request = match length {
            Some(length) => request.header(CONTENT_LENGTH, length),
            None => request,
        };
        request.body(body).expect("a request")
    }

    /// What that coordinator answers, and after how long.
    async fn sent(method: Method, path: &str, length: Option<usize>, body: Body) -> (StatusCode, String, Duration) {
        let request = request(method, path, length, body);
        let begun = Instant::now();
        let Ok(answer) = silent(None).oneshot(request).await;
        let took = begun.elapsed();
        let code = answer.status();
        let body = answer.into_body().collect().await.expect("a page").to_bytes();
        (code, String::from_utf8(body.to_vec()).expect("text"), took)
    }

    async fn asked(method: Method, path: &str) -> (StatusCode, String) {
        let (code, body, took) = sent(method, path, None, Body::empty()).await;
        assert_eq!(took, ANSWER_WITHIN, "{path}");
        (code, body)
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_form_that_does_not_come_whole_nothing_is_done() {
        let begins = || stream::iter([Ok(Bytes::from_static(b"etag="))]);
        let breaks_off = stream::iter([Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))]);
        for (body, after) in [
            (Body::from_stream(begins().chain(breaks_off)), Duration::ZERO),
            (Body::from_stream(begins().chain(stream::pending())), ANSWER_WITHIN),
        ] {
            let path = "/organizations/default/integrations/1/delete";
            let (code, said, took) = sent(Method::POST, path, Some(40), body).await;
            // Whatever had been asked of the API would not have been answered.
            assert_eq!((code, took), (StatusCode::BAD_REQUEST, after), "{said}");
            assert!(said.contains("Nothing was changed."), "{said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        for (path, said) in [
            ("/", "Try again in a moment"),
            ("/organizations/default/integrations", "Try again in a moment"),
            ("/organizations/default/settings/tokens", "Try again in a moment"),
            ("/live?at=/organizations/default/alerts&seen=", "Try again in a moment"),
            (
                "/organizations/default/status.json",
                "{\"error\":\"the coordinator has not answered",
            ),
        ] {
            let (code, body) = asked(Method::GET, path).await;
            assert_eq!(code, StatusCode::GATEWAY_TIMEOUT, "{path}");
            assert!(body.contains(said), "{path}: {body}");
        }
        for path in [
            "settings/people",
            "people/1/disable",
            "integrations/new?connector=host",
            "integrations/1/delete",
            "integrations/1/executions/2/cancel",
            "runners/1/drain",
        ] {
            let (code, body) = asked(Method::POST, &format!("/organizations/default/{path}")).await;
            assert_eq!(code, StatusCode::GATEWAY_TIMEOUT, "{path}");
            assert!(
                body.contains("It may have been done: look before you do it again."),
                "{path}: {body}"
            );
        }
    }
}
