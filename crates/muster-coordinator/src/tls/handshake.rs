//! Handshakes, each in a task of its own, so that a slow one holds up nobody.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use muster_process::Tasks;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// How many may be under way. Each takes some 10 KiB, and an honest one a few milliseconds; whoever comes when there are so many is turned away.
const HANDSHAKES_MAX: usize = 8_192;

/// How many connections may wait to be served after their handshake.
const DONE_MAX: usize = 64;

/// The connections whose handshake went well, of those that come.
pub(crate) fn handshakes(
    accepted: impl Stream<Item = io::Result<TcpStream>> + Send + 'static,
    acceptor: TlsAcceptor,
    cut: CancellationToken,
    tasks: Tasks,
) -> impl Stream<Item = io::Result<Connection>> {
    let (done, connections) = mpsc::channel(DONE_MAX);
    let stop = tasks.token();
    let own = tasks.clone();
    let accepting = async move {
        let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let mut accepted = std::pin::pin!(accepted);
        while let Some(Some(next)) = stop.run_until_cancelled(accepted.next()).await {
            let stream = match next {
                Ok(stream) => stream,
                Err(error) => {
                    if done.send(Err(error)).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::debug!("too many handshakes are under way: a connection is closed");
                continue;
            };
            let (acceptor, cut, done) = (acceptor.clone(), cut.clone(), done.clone());
            drop(own.spawn("handshake", async move {
                let shaken = shake(stream, &acceptor, &cut).await;
                drop(place);
                if let Some(connection) = shaken {
                    // The server may have stopped.
                    let _ = done.send(Ok(connection)).await;
                }
            }));
        }
    };
    drop(tasks.spawn("handshakes", accepting));
    ReceiverStream::new(connections)
}

async fn shake(stream: TcpStream, acceptor: &TlsAcceptor, cut: &CancellationToken) -> Option<Connection> {
    let peer = stream.peer_addr().ok().map(|peer| peer.ip());
    let shaking = timeout(HANDSHAKE_WITHIN, acceptor.accept(stream));
    match cut.run_until_cancelled(shaking).await? {
        Ok(Ok(stream)) => Some(Connection::protected(stream, cut)),
        Ok(Err(error)) => {
            tracing::debug!(?peer, %error, "a handshake has failed");
            None
        }
        Err(_) => {
            tracing::debug!(?peer, within = ?HANDSHAKE_WITHIN, "a handshake took too long");
            None
        }
    }
}
