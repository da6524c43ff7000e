//! The HTTP listener: the web page, `/metrics`, `/healthz`, `/readyz`. A door for hostile peers as the other one: what it takes from one of them, and for how long, is
//! bounded, and nothing of that is taken from gRPC.

mod answers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::limits::{Limits, Rate, Rates};

pub(crate) use answers::{Stage, routes};

/// How many connections there may be: a page that is open holds one, and fetches by a few more. Beyond it new ones are closed.
const CONNECTIONS_MAX: usize = 4_096;

/// How long the head of a request may take, from the moment at which the connection could take one.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How many bytes the head of a request may have, and how many lines.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_LINES_MAX: usize = 64;

/// How long requests may go on when the listener ends.
const END_WITHIN: Duration = Duration::from_millis(300);

/// How long to wait when no connection can be accepted: mostly there are too many open files, which passes.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How much may come from one address: far more than probes and people need.
pub(crate) fn limits() -> Limits {
    Limits::new(Rates {
        connections: Rate {
            per_second: 50,
            burst: 500,
        },
        requests: Rate {
            per_second: 200,
            burst: 1_000,
        },
        ..Rates::default()
    })
}

/// How handshakes are made, once there is a certificate. Until then who comes waits.
pub(crate) type Handshakes = watch::Receiver<Option<TlsAcceptor>>;

/// How long a handshake may take, with the wait for a certificate while the coordinator starts.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// Serves until it is told to stop, and gives requests a moment to end then. By TLS, where handshakes are given.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    limits: Limits,
    handshakes: Option<Handshakes>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut crowded = false;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted for HTTP now");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        if !limits.connects(peer.ip()) {
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            if !std::mem::replace(&mut crowded, true) {
                tracing::warn!(
                    most = CONNECTIONS_MAX,
                    "too many connections for HTTP: new ones are closed until some end"
                );
            }
            continue;
        };
        crowded = false;
        let (routes, limits, handshakes, stop) = (routes.clone(), limits.clone(), handshakes.clone(), stop.clone());
        connections.spawn(async move {
            // Only latency is lost where it cannot be set.
            let _ = stream.set_nodelay(true);
            let shaken = match handshakes {
                None => Some(Connection::new(stream, &CancellationToken::new())),
                Some(handshakes) => shake(stream, handshakes).await,
            };
            if let Some(connection) = shaken {
                serve_one(connection, peer, routes, limits, stop).await;
            }
            drop(place);
        });
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    // Those that remain are dropped.
    let _ = tokio::time::timeout(END_WITHIN, ended).await;
}

/// The connection after its handshake; `None` when that has failed.
async fn shake(stream: TcpStream, mut handshakes: Handshakes) -> Option<Connection> {
    let shaken = timeout(HANDSHAKE_WITHIN, async {
        let acceptor = handshakes.wait_for(Option::is_some).await.ok()?.clone()?;
        acceptor.accept(stream).await.ok()
    });
    Some(Connection::of_browser(shaken.await.ok()??, &CancellationToken::new()))
}

async fn serve_one(connection: Connection, peer: SocketAddr, routes: Router, limits: Limits, stop: CancellationToken) {
    let routes = routes.layer(axum::Extension(answers::Peer {
        address: peer.ip(),
        limits,
    }));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_LINES_MAX)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection for HTTP has ended");
    }
}
