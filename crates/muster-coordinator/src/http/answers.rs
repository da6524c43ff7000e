//! What is answered by HTTP: how the coordinator is, for programs that watch it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use tonic::Status;
use tower::ServiceExt as _;

use crate::limits::Limits;
use crate::metrics::{self, Metrics};
use crate::service::Services;

/// How long the writer may take to answer before it is said that it does not.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How long its answer counts for others who ask.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(1);

/// How far the coordinator has come in its life.
#[derive(Clone)]
pub(crate) enum Stage {
    /// It reads its store.
    Starting,
    /// It serves; the last is the web page.
    Serving(Box<Services>, Metrics, Router),
    /// It serves no more.
    Stopping,
}

/// Who has asked, and how much may come from there.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) limits: Limits,
}

#[derive(Clone)]
struct Asked {
    stage: watch::Receiver<Stage>,
    /// When the writer was last heard.
    heard: Arc<Mutex<Option<Instant>>>,
}

/// The routes.
pub(crate) fn routes(stage: watch::Receiver<Stage>) -> Router {
    let asked = Asked {
        stage,
        heard: Arc::default(),
    };
    Router::new()
        .route("/metrics", get(tell_metrics))
        .route("/healthz", get(tell_health))
        .route("/readyz", get(tell_readiness))
        .fallback(show_page)
        .with_state(asked)
        .layer(from_fn(limited))
}

/// Refuses whoever asks too often.
async fn limited(request: Request, next: Next) -> Response {
    let refused = request.extensions().get::<Peer>();
    let refused = refused.and_then(|peer| peer.limits.requests(peer.address).err());
    match refused {
        None => next.run(request).await,
        Some(wait) => {
            let seconds = wait.time.as_secs() + 1;
            let told = plain(StatusCode::TOO_MANY_REQUESTS, "too many requests from this address");
            ([(RETRY_AFTER, seconds)], told).into_response()
        }
    }
}

/// All else is the web page's.
async fn show_page(State(asked): State<Asked>, mut request: Request) -> Response {
    let stage = asked.stage.borrow().clone();
    if let Some(peer) = request.extensions().get::<Peer>() {
        let peer = muster_web::Peer(peer.address);
        request.extensions_mut().insert(peer);
    }
    match stage {
        Stage::Serving(_, _, page) => page.oneshot(request).await.into_response(),
        Stage::Starting => plain(StatusCode::SERVICE_UNAVAILABLE, STARTING),
        Stage::Stopping => plain(StatusCode::SERVICE_UNAVAILABLE, STOPPING),
    }
}

/// Whoever asks on this machine gets them; others, and those whom a proxy on this machine lets through, show the token of one of the staff.
async fn tell_metrics(State(asked): State<Asked>, request: Request) -> Response {
    let stage = asked.stage.borrow().clone();
    if let Stage::Serving(services, ..) = &stage
        && let Some(peer) = request.extensions().get::<Peer>()
        && !(peer.address.is_loopback() && muster_web::is_of_this_machine(&request))
        && let Err(error) = services.door().judge_staff(request.headers(), peer.address)
    {
        return plain(StatusCode::UNAUTHORIZED, Status::from(error).message());
    }
    match stage {
        Stage::Serving(services, metrics, _) => match timeout(ANSWERS_WITHIN, metrics.page(&services)).await {
            Ok(Ok(page)) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
            Ok(Err(error)) => plain(StatusCode::SERVICE_UNAVAILABLE, error),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, NO_ANSWER),
        },
        Stage::Starting => plain(StatusCode::SERVICE_UNAVAILABLE, STARTING),
        Stage::Stopping => plain(StatusCode::SERVICE_UNAVAILABLE, STOPPING),
    }
}

/// Whether the process does its work, so that it is of no use to end it.
async fn tell_health(State(asked): State<Asked>) -> Response {
    let stage = asked.stage.borrow().clone();
    match stage {
        Stage::Serving(services, ..) => match timeout(ANSWERS_WITHIN, asked.hear(&services)).await {
            Ok(Ok(())) => plain(StatusCode::OK, "ok"),
            Ok(Err(error)) => plain(StatusCode::SERVICE_UNAVAILABLE, error),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, NO_ANSWER),
        },
        Stage::Starting => plain(StatusCode::OK, STARTING),
        Stage::Stopping => plain(StatusCode::OK, STOPPING),
    }
}

/// Whether it takes new work.
async fn tell_readiness(State(asked): State<Asked>) -> Response {
    let stage = asked.stage.borrow().clone();
    match stage {
        Stage::Serving(services, ..) => match services.judge_ready() {
            Ok(()) => plain(StatusCode::OK, "ready"),
            Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, error),
        },
        Stage::Starting => plain(StatusCode::SERVICE_UNAVAILABLE, STARTING),
        Stage::Stopping => plain(StatusCode::SERVICE_UNAVAILABLE, STOPPING),
    }
}

const STARTING: &str = "the coordinator is starting: it reads its store";
const STOPPING: &str = "the coordinator is shutting down";
const NO_ANSWER: &str = "the writer has not answered within 5 s: the coordinator's log may say why; if it stays so, restart it and report this fault";

impl Asked {
    /// Waits until the writer has answered, or somebody has heard it a moment ago: many who ask make no more work for it than one.
    async fn hear(&self, services: &Services) -> Result<(), muster_shard::ShardError> {
        let mut heard = self.heard.lock().await;
        if heard.is_none_or(|at| at.elapsed() >= ANSWER_AGE_MAX) {
            services.shard.turn(|_| ()).await?;
            *heard = Some(Instant::now());
        }
        Ok(())
    }
}

/// A sentence for a person, or for the log of a probe.
fn plain(status: StatusCode, text: impl std::fmt::Display) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, format!("{text}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn answer(stage: Stage, path: &str) -> (StatusCode, String) {
        let (_stages, stage) = watch::channel(stage);
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = routes(stage).oneshot(request).await.expect("infallible");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("it is all there").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn one_that_starts_or_stops_lives_and_is_not_ready() {
        for (stage, told) in [(Stage::Starting, STARTING), (Stage::Stopping, STOPPING)] {
            let told = format!("{told}\n");
            assert_eq!(answer(stage.clone(), "/healthz").await, (StatusCode::OK, told.clone()));
            for path in ["/readyz", "/metrics"] {
                let expected = (StatusCode::SERVICE_UNAVAILABLE, told.clone());
                assert_eq!(answer(stage.clone(), path).await, expected, "{path}");
            }
        }
        let (status, told) = answer(Stage::Starting, "/organizations").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(told.contains(STARTING), "{told}");
    }
}
