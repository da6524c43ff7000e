//! The web page, as this coordinator serves it: over its own services, by the same door.

use std::convert::Infallible;

use axum::Router;
use muster_web::{Options, Peer, Served, SessionKey};
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _};

use crate::connection::ConnectInfo;
use crate::kept_key::kept_key;
use crate::service::{Services, explain_errors};
use crate::settings::Settings;

/// The page's routes.
pub(crate) fn routes(services: &Services, settings: &Settings) -> Router {
    let sessions =
        (!settings.insecure).then(|| SessionKey::new(&kept_key(&settings.data.join("session-key"), "sessions")));
    muster_web::routes(
        served(services),
        Options {
            hosts: hosts(settings),
            sessions,
            stop: services.tasks.token(),
        },
    )
}

/// The services of operators behind the door, for calls from this process.
fn served(services: &Services) -> Served {
    let routes = explain_errors(services.operator_routes());
    let guarded = services.door().layer(routes.prepare());
    let served = guarded.map_request(|mut request: http::Request<Body>| {
        if let Some(Peer(address)) = request.extensions().get().copied() {
            request.extensions_mut().insert(ConnectInfo::within(address));
        }
        request
    });
    let served = served.map_response(|answer| answer.map(Body::new));
    BoxCloneSyncService::new(served.map_err(|never: Infallible| never))
}

/// By which names browsers may come.
fn hosts(settings: &Settings) -> Vec<String> {
    let mut hosts = settings.certified_names();
    hosts.extend(settings.public_host());
    if !settings.http_listen.ip().is_unspecified() {
        hosts.push(settings.http_listen.ip().to_string());
    }
    hosts
}
