//! The coordinator that serves what a command is about.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hyper_util::rt::TokioIo;
use muster_identity::pki_types::ServerName;
use muster_identity::trust::{Trust, client_config};
use muster_identity::{IdentityError, pem};
use muster_process::exit::chain;
use muster_proto::v1::maintenance_service_client::MaintenanceServiceClient;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::Failure;
use crate::access::bootstrap;
use crate::identity::AUTHORITIES_FILE;
use crate::settings::Settings;

/// How long connecting may take: it is on this machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often a call that is silent asks for a sign of life, and how long that may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

/// A client that shows who it is.
pub(super) type Client = MaintenanceServiceClient<InterceptedService<Channel, Bearer>>;

/// The variable with the token of an admin of the staff, whom alone a coordinator obeys here that asks who calls.
const TOKEN_VARIABLE: &str = "MUSTER_TOKEN";

/// The name that the certificate has which a coordinator makes for itself, whatever it listens on.
const OWN_NAME: &str = "localhost";

/// By what a coordinator that serves knows who asks.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// The file with the token of an admin of the staff, for a coordinator that serves. Else MUSTER_TOKEN has it, or else it is the first token, as long as that
    /// lies in the data folder
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Shows the token, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// The token in this file, or else of the variable, or else the first one, as long as it lies where the coordinator has put it or taken it from.
    fn find(file: Option<&Path>, settings: &Settings) -> Result<Self, Failure> {
        if let Some(file) = file {
            let text = fs::read_to_string(file)
                .map_err(|error| format!("cannot read the token from `{}`: {error}", file.display()))?;
            return Self::of(&text, &format!("`{}`", file.display()));
        }
        if let Some(token) = std::env::var_os(TOKEN_VARIABLE).filter(|token| !token.is_empty()) {
            return Self::of(&token.to_string_lossy(), TOKEN_VARIABLE);
        }
        let made = settings.data.join(bootstrap::FILE);
        let first = [settings.bootstrap_token_file.as_deref(), Some(&made)];
        for file in first.into_iter().flatten() {
            if let Ok(text) = fs::read_to_string(file) {
                return Self::of(&text, &format!("`{}`", file.display()));
            }
        }
        Ok(Self(None))
    }

    fn of(text: &str, place: &str) -> Result<Self, Failure> {
        let unusable = || format!("{place} has no token: one begins with `mst_`");
        let text = text.trim();
        if !text.starts_with("mst_") {
            return Err(unusable().into());
        }
        let mut shown: MetadataValue<Ascii> = format!("Bearer {text}").parse().map_err(|_| unusable())?;
        shown.set_sensitive(true);
        Ok(Self(Some(shown)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(shown) = &self.0 {
            request.metadata_mut().insert("authorization", shown.clone());
        }
        Ok(request)
    }
}

/// A client of the coordinator that these settings are of, which has the store open: so `holder` says.
pub(super) async fn client(
    settings: &Settings,
    shown: &Shown,
    holder: &dyn std::error::Error,
) -> Result<Client, Failure> {
    let bearer = Bearer::find(shown.token_file.as_deref(), settings)?;
    let (channel, is_protected) = channel(settings)
        .await
        .map_err(|error| format!("{holder}; and {error}"))?;
    // One that was started with `insecure` asks nobody: no token is shown where others could read it.
    let bearer = if is_protected { bearer } else { Bearer(None) };
    Ok(MaintenanceServiceClient::with_interceptor(channel, bearer))
}

/// The way to it, and whether nobody else can listen.
pub(super) async fn channel(settings: &Settings) -> Result<(Channel, bool), Failure> {
    let address = settings.listen;
    let unreachable = |error: Failure| {
        format!(
            "no coordinator answers at {address} ({}): name the address of the one that serves by `--listen`",
            chain(&*error)
        )
    };
    if let Some(config) = protection(settings)? {
        match shake(address, &config).await {
            Ok(first) => {
                let channel = protected(address, config, first).await;
                return Ok((channel.map_err(|error| unreachable(error.into()))?, true));
            }
            Err(error) if speaks_no_tls(&error) && address.ip().is_loopback() => {}
            Err(error) if of_tls(&error).is_some() => {
                let why = format!(
                    "whoever listens at {address} is not known to be it ({error}): if it has a certificate of its own, give its configuration by `--config`"
                );
                return Err(why.into());
            }
            Err(error) => return Err(unreachable(error.into()).into()),
        }
    }
    let channel = endpoint("http", address)?.connect().await;
    Ok((channel.map_err(|error| unreachable(error.into()))?, false))
}

fn endpoint(scheme: &str, address: SocketAddr) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?;
    Ok(endpoint
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1))
}

/// How TLS is spoken with it: its certificate is the one in the file of `tls_certificate`, or of an authority that it has put into its data folder. `None`: it
/// has never spoken TLS.
fn protection(settings: &Settings) -> Result<Option<Arc<ClientConfig>>, Failure> {
    if settings.insecure {
        return Ok(None);
    }
    let own = settings.tls_certificate.clone();
    let file = own.clone().unwrap_or_else(|| settings.data.join(AUTHORITIES_FILE));
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if own.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read `{}`: {error}", file.display()).into()),
    };
    let found = pem::certificates(&text).ok_or_else(|| format!("`{}` holds no certificate in PEM", file.display()))?;
    let trust = match found.first() {
        Some(first) if own.is_some() => Trust::Certificate(first.clone()),
        Some(_) | None => Trust::Authorities(found),
    };
    let config: Result<_, IdentityError> = client_config(&trust, None);
    Ok(Some(Arc::new(config?)))
}

async fn shake(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(OWN_NAME).map_err(io::Error::other)?;
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(config.clone()).connect(name, stream).await
    };
    let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(CONNECT_WITHIN, connecting)
        .await
        .map_err(timed_out)?
}

/// A channel that begins with this connection.
async fn protected(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    first: TlsStream<TcpStream>,
) -> Result<Channel, tonic::transport::Error> {
    let mut first = Some(first);
    let connector = tower::service_fn(move |_| {
        let (first, config) = (first.take(), config.clone());
        async move {
            let stream = match first {
                Some(stream) => stream,
                None => shake(address, &config).await?,
            };
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    endpoint("https", address)?.connect_with_connector(connector).await
}

/// With what TLS has failed.
fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Whether what came was no TLS.
fn speaks_no_tls(error: &io::Error) -> bool {
    matches!(of_tls(error), Some(rustls::Error::InvalidMessage(_)))
}

/// What a call has failed with, for people.
pub(super) fn failed(status: &Status) -> Failure {
    let mut text = format!("the coordinator says: {}", status.message());
    if status.code() == tonic::Code::Unauthenticated {
        text.push_str("; or name the file of an admin's by `--token-file`");
    }
    text.into()
}
