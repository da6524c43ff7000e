//! Handshakes, each in a task of its own, so that a slow one holds up nobody.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use muster_process::Tasks;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::places::Places;
use crate::connection::Connection;
use crate::limits::Limits;
use crate::metrics::Metrics;

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// How many connections may wait to be served after their handshake.
const DONE_MAX: usize = 64;

/// What has become of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shaken {
    /// It went well.
    Well,
    /// One of the two ends has refused it, or the connection was lost.
    Failed,
    /// It took too long.
    Late,
    /// Too many were under way from its address: it was closed before it began.
    TurnedAway,
}

impl Shaken {
    /// As metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::TurnedAway => "turned_away",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Well, Self::Failed, Self::Late, Self::TurnedAway];
}

/// The connections whose handshake went well, of those that come.
pub(crate) fn handshakes(
    accepted: impl Stream<Item = io::Result<TcpStream>> + Send + 'static,
    acceptor: TlsAcceptor,
    cut: CancellationToken,
    tasks: Tasks,
    (metrics, limits): (Metrics, Limits),
) -> impl Stream<Item = io::Result<Connection>> {
    let (done, connections) = mpsc::channel(DONE_MAX);
    let stop = tasks.token();
    let own = tasks.clone();
    let accepting = async move {
        let places = Places::default();
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
            // Without an address it has gone already.
            let Ok(address) = stream.peer_addr().map(|peer| peer.ip()) else {
                continue;
            };
            let place = match places.take(address, Instant::now()) {
                Ok(place) => place,
                Err(full) => {
                    metrics.count_handshake(Shaken::TurnedAway);
                    if let Some((turned_away, under_way)) = full.to_tell {
                        tracing::warn!(
                            %address,
                            turned_away,
                            under_way,
                            "too many handshakes are under way from one address: its next connections are closed"
                        );
                    }
                    continue;
                }
            };
            let (acceptor, cut, done) = (acceptor.clone(), cut.clone(), done.clone());
            let (metrics, limits) = (metrics.clone(), limits.clone());
            drop(own.spawn("handshake", async move {
                let shaken = cut.run_until_cancelled(shake(stream, address, &acceptor)).await;
                // Without an end the coordinator stops.
                let Some(shaken) = shaken else { return };
                metrics.count_handshake(shaken.as_ref().err().copied().unwrap_or(Shaken::Well));
                if let Ok(stream) = shaken {
                    // The server may have stopped.
                    let _ = done
                        .send(Ok(Connection::protected(*stream, (address, place), &limits, &cut)))
                        .await;
                }
            }));
        }
    };
    drop(tasks.spawn("handshakes", accepting));
    ReceiverStream::new(connections)
}

async fn shake(
    stream: TcpStream,
    address: IpAddr,
    acceptor: &TlsAcceptor,
) -> Result<Box<TlsStream<TcpStream>>, Shaken> {
    match timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "a handshake has failed");
            Err(Shaken::Failed)
        }
        Err(_) => {
            tracing::debug!(%address, within = ?HANDSHAKE_WITHIN, "a handshake took too long");
            Err(Shaken::Late)
        }
    }
}
