//! The way to the coordinator, below TLS: straight there, or by a tunnel through a proxy.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::try_join;
use http::header::{HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::Uri;
use tower::Service as _;

use crate::proxy::Proxy;

/// Why a proxy has made no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    /// It cannot be reached itself.
    #[error("cannot reach the proxy {proxy}")]
    Unreachable {
        /// Which proxy.
        proxy: String,
        /// What happened.
        source: io::Error,
    },
    /// It wants to know who asks.
    #[error("the proxy {proxy} {} ({status})", if *shown { "does not take the name and the password that it is shown" } else { "wants a name and a password" })]
    Authentication {
        /// Which proxy.
        proxy: String,
        /// Its answer.
        status: StatusCode,
        /// Whether it was shown a name and a password.
        shown: bool,
        /// In which ways it can be told who asks, by their names.
        ways: Vec<String>,
    },
    /// It does not let this through, or cannot.
    #[error("the proxy {proxy} makes no way to {goal}: it answers {status}")]
    Refused {
        /// Which proxy.
        proxy: String,
        /// Where to.
        goal: String,
        /// Its answer.
        status: StatusCode,
    },
    /// It does not answer as a proxy does.
    #[error("who is at {proxy} does not answer as a proxy does")]
    Strange {
        /// Which proxy.
        proxy: String,
        /// What happened; `None` when it says more than it may.
        source: Option<hyper::Error>,
    },
}

impl TunnelError {
    /// What a person does about it.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::Unreachable { .. } => {
                "check the proxy's address, and whether a firewall lets this host reach it".to_owned()
            }
            Self::Authentication { ways, .. } if !ways.is_empty() && !ways.iter().any(|way| way == "basic") => format!(
                "the proxy takes only {}, and the runner can show a name and a password (Basic): have the proxy let this host through to the coordinator without \
                 them, or stand a proxy that speaks it beside the runner",
                ways.join(", ")
            ),
            Self::Authentication { shown: false, .. } => {
                "give them with the proxy's address: `http://name:password@proxy.example:3128`".to_owned()
            }
            Self::Authentication { shown: true, .. } => {
                "correct the name and the password in the proxy's address; what is no letter or digit in them stands as in `%40` for `@`".to_owned()
            }
            Self::Refused { status, goal, .. } if status.is_server_error() => format!(
                "the proxy itself does not reach {goal}: check that name and port, and whether the proxy's own firewall lets it there"
            ),
            Self::Refused { goal, .. } => format!(
                "have those who run the proxy allow `CONNECT` to {goal}; many proxies allow port 443 alone, which the coordinator can be given, too"
            ),
            Self::Strange { .. } => {
                "check the proxy's address and port: it must be one that makes tunnels by the method `CONNECT` over plain HTTP".to_owned()
            }
        }
    }
}

/// A connection to whoever is at this address, below TLS.
///
/// # Errors
/// What the operating system says, or a [`TunnelError`] inside of an [`io::Error`].
pub(crate) async fn reach(uri: &Uri, port: u16, proxy: Option<&Proxy>) -> io::Result<TcpStream> {
    let Some(proxy) = proxy else {
        return connect(uri).await;
    };
    let stream = connect(proxy.address()).await.map_err(|source| {
        io::Error::other(TunnelError::Unreachable {
            proxy: proxy.to_string(),
            source,
        })
    })?;
    tunnel(stream, proxy, uri, port).await.map_err(io::Error::other)
}

/// A connection by TCP, by IPv6 or IPv4, whichever answers first.
///
/// # Errors
/// What the operating system says.
pub(crate) async fn connect(uri: &Uri) -> io::Result<TcpStream> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let connected = connector.call(uri.clone()).await;
    connected.map(TokioIo::into_inner).map_err(|error| {
        // What it says itself is only that it does not connect.
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        match cause {
            Some(cause) => cause.raw_os_error().map_or_else(
                || io::Error::new(cause.kind(), cause.to_string()),
                io::Error::from_raw_os_error,
            ),
            None => io::Error::other(error),
        }
    })
}

/// The addresses of a host.
///
/// # Errors
/// What the resolver says.
pub(crate) async fn resolve(uri: &Uri, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = host_of(uri);
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// The host of an address: that of IPv6 without its brackets.
pub(crate) fn host_of(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Has the proxy make a tunnel.
///
/// # Errors
/// [`TunnelError`].
pub(crate) async fn tunnel(stream: TcpStream, proxy: &Proxy, uri: &Uri, port: u16) -> Result<TcpStream, TunnelError> {
    let named = || proxy.to_string();
    let strange = |source| TunnelError::Strange { proxy: named(), source };
    let goal = format!("{}:{port}", uri.host().unwrap_or_default());
    let mut request = Request::connect(&goal).header(HOST, &goal);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| strange(None))?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| strange(Some(error)))?;
    let ask = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| strange(Some(error)))?;
        let status = response.status();
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(TunnelError::Authentication {
                proxy: named(),
                status,
                shown: proxy.authorization().is_some(),
                ways: ways(response.headers()),
            });
        }
        if !status.is_success() {
            return Err(TunnelError::Refused {
                proxy: named(),
                goal: goal.clone(),
                status,
            });
        }
        hyper::upgrade::on(response).await.map_err(|error| strange(Some(error)))
    };
    let carried = async { connection.with_upgrades().await.map_err(|error| strange(Some(error))) };
    let (upgraded, ()) = try_join(ask, carried).await?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| strange(None))?;
    // In TLS and HTTP/2 who has dialed speaks first.
    if parts.read_buf.is_empty() {
        Ok(parts.io.into_inner())
    } else {
        Err(strange(None))
    }
}

/// The names of the ways in which a proxy can be told who asks, in small letters.
fn ways(headers: &http::HeaderMap) -> Vec<String> {
    let values = headers.get_all(PROXY_AUTHENTICATE).iter();
    let names = values.filter_map(|value| value.to_str().ok()?.split_whitespace().next());
    names.map(str::to_ascii_lowercase).collect()
}
