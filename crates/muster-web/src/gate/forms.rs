//! Forms as they come in: whole, in time, and not too many long ones at once.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::FORM_BYTES_MAX;
use crate::fault::told;
use crate::limit::ANSWER_WITHIN;

/// How many bytes a form may have that is taken whatever else is sent: those of a button, and of most forms.
const SHORT_BYTES_MAX: usize = 8 * 1024;

/// How many of the others there may be at the same time of who shows a session, and of who does not.
const KNOWN: usize = 64;
const STRANGE: usize = 16;

/// The places for forms that are not short. Each is in memory from its first byte on, before anybody knows who sends it and whether it ever comes whole: so
/// there is an end to how many there are at the same time. Who shows no session takes none of the places of those who do.
pub(crate) struct Forms {
    known: Arc<Semaphore>,
    strange: Arc<Semaphore>,
}

impl Forms {
    /// Those for who shows a session, or for who does not.
    pub(super) fn of(&self, is_known: bool) -> &Arc<Semaphore> {
        if is_known { &self.known } else { &self.strange }
    }
}

impl Default for Forms {
    fn default() -> Self {
        Self {
            known: Arc::new(Semaphore::new(KNOWN)),
            strange: Arc::new(Semaphore::new(STRANGE)),
        }
    }
}

/// Why a form was not taken. Nothing of it was done.
pub(super) enum Untaken {
    /// It has broken off, or was not there in time: nobody knows what it was to say.
    NotWhole,
    /// There was no place for it in time.
    NoPlace,
}

impl IntoResponse for Untaken {
    fn into_response(self) -> Response {
        match self {
            Self::NotWhole => told(
                StatusCode::BAD_REQUEST,
                "The form has not come whole",
                "Nothing was changed. Go back, and send it again.",
            ),
            Self::NoPlace => told(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many long forms are being sent",
                "Nothing was changed. Go back, wait a moment, and send it again. If it stays so, somebody may be sending forms that never end: see where connections to this coordinator come from.",
            ),
        }
    }
}

/// What a form says, which stays in its request, with its place; `None` where it is not known to be short enough to be kept, and where it needs no place.
pub(super) async fn said(
    request: &mut Request,
    places: &Arc<Semaphore>,
) -> Result<(Option<Bytes>, Option<OwnedSemaphorePermit>), Untaken> {
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    let Some(length) = length.filter(|length| *length <= FORM_BYTES_MAX) else {
        return Ok((None, None));
    };
    let until = Instant::now() + ANSWER_WITHIN;
    let place = if length <= SHORT_BYTES_MAX {
        None
    } else {
        let place = timeout_at(until, Arc::clone(places).acquire_owned()).await;
        Some(place.ok().and_then(Result::ok).ok_or(Untaken::NoPlace)?)
    };
    let body = std::mem::take(request.body_mut());
    match timeout_at(until, to_bytes(body, FORM_BYTES_MAX)).await {
        Ok(Ok(said)) => {
            *request.body_mut() = Body::from(said.clone());
            Ok((Some(said), place))
        }
        Ok(Err(_)) | Err(_) => Err(Untaken::NotWhole),
    }
}

/// An answer that says a form again: its place is taken until the last of it is sent, or given up.
pub(super) fn held(answer: Response, place: Option<OwnedSemaphorePermit>) -> Response {
    let Some(place) = place else { return answer };
    answer.map(|body| {
        let chunks = body.into_data_stream().inspect(move |_| {
            let _held = &place;
        });
        Body::from_stream(chunks)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use futures_util::stream;
    use http::Method;
    use http::header::COOKIE;
    use http_body_util::BodyExt as _;
    use tokio::task::JoinSet;
    use tokio::time::sleep;
    use tower::ServiceExt as _;

    use super::*;
    use crate::SessionKey;
    use crate::limit::tests::{request, silent};

    const PATH: &str = "/organizations/default/integrations/new?connector=host";
    const LONG: usize = SHORT_BYTES_MAX + 1;

    /// A form that is under way: its answer, and after how long that comes.
    type Sent = JoinSet<(Response, Duration)>;

    /// Sends a form of so many bytes, which come after so long.
    fn sends(routes: &Router, bytes: usize, after: Duration, cookie: &str) -> Sent {
        let body = Body::from_stream(stream::once(async move {
            sleep(after).await;
            Ok::<_, std::io::Error>("a".repeat(bytes))
        }));
        let mut request = request(Method::POST, PATH, Some(bytes), body);
        if !cookie.is_empty() {
            request.headers_mut().insert(COOKIE, cookie.parse().expect("a cookie"));
        }
        let routes = routes.clone();
        let mut sent = Sent::new();
        sent.spawn(async move {
            let begun = Instant::now();
            let Ok(answer) = routes.oneshot(request).await;
            (answer, begun.elapsed())
        });
        sent
    }

    async fn answered(mut sent: Sent) -> (Response, Duration) {
        let answer = sent.join_next().await.expect("one was sent");
        answer.expect("it is answered")
    }

    async fn page(answer: Response) -> String {
        let body = answer.into_body().collect().await.expect("a page").to_bytes();
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[tokio::test(start_paused = true)]
    async fn long_forms_are_few_at_once_and_short_ones_are_taken_all_the_same() {
        let routes = silent(None);
        // When they are there, the API is asked for half a minute more.
        let held: Vec<_> = (0..KNOWN)
            .map(|_| sends(&routes, FORM_BYTES_MAX, Duration::from_secs(20), ""))
            .collect();
        sleep(Duration::from_secs(1)).await;
        let short = sends(&routes, SHORT_BYTES_MAX, Duration::ZERO, "");
        let long = sends(&routes, LONG, Duration::ZERO, "");
        sleep(Duration::from_secs(40)).await;
        let later = sends(&routes, LONG, Duration::ZERO, "");

        let (answer, _) = answered(short).await;
        assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT, "the API was asked");
        let (answer, took) = answered(long).await;
        assert_eq!(
            (answer.status(), took),
            (StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN)
        );
        let said = page(answer).await;
        assert!(
            said.contains("Nothing was changed.") && said.contains("wait a moment"),
            "{said}"
        );
        for one in held {
            let (answer, _) = answered(one).await;
            assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
        }
        let (answer, took) = answered(later).await;
        assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT, "there was a place again");
        assert_eq!(took, Duration::from_secs(50 - 41) + ANSWER_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_what_is_said_again_holds_up_only_those_whom_nobody_knows() {
        let key = SessionKey::new(&[7; SessionKey::BYTES]);
        let cookie = key.cookie("mst_a").to_str().expect("text").to_owned();
        let routes = silent(Some(key));
        let mut unread = Vec::new();
        for _ in 0..STRANGE {
            let (answer, _) = answered(sends(&routes, LONG, Duration::ZERO, "")).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            unread.push(answer);
        }
        let (strange, known) = (
            sends(&routes, LONG, Duration::ZERO, ""),
            sends(&routes, LONG, Duration::ZERO, &cookie),
        );
        let (answer, took) = answered(strange).await;
        assert_eq!(
            (answer.status(), took),
            (StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN)
        );
        let (answer, _) = answered(known).await;
        assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT, "the API was asked");

        // What is read to its end, and what is given up, leaves its place to others.
        let read = unread.pop().expect("there is one");
        let said = page(read).await;
        assert!(
            said.contains("Send it again") && said.contains(&"a".repeat(LONG)),
            "{said}"
        );
        unread.truncate(1);
        let (answer, took) = answered(sends(&routes, LONG, Duration::ZERO, "")).await;
        assert_eq!((answer.status(), took), (StatusCode::UNAUTHORIZED, Duration::ZERO));
    }
}
