//! The way to a coordinator: in the clear where it asks nobody who they are; else by TLS, with the certificate of a runner or the token of an operator.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use muster_identity::trust::{Shown, Trust};
use muster_identity::{judge, pem};
use muster_runner::dial::{Dialer, client_config};
use serde::{Deserialize, Serialize};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::Outcome;

/// Where a coordinator is, and where the load finds what it shows there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    /// The data folder of a coordinator that asks who calls; `None` for one that asks nobody.
    pub(crate) asking: Option<PathBuf>,
}

impl Way {
    /// To one that asks nobody.
    pub(crate) fn unasked(address: SocketAddr) -> Self {
        Self { address, asking: None }
    }

    /// The file of the runners' identities, each as a runner has it: its key and its certificate in PEM.
    pub(crate) fn identities(&self) -> Option<PathBuf> {
        self.asking.as_ref().map(|data| data.with_extension("runners"))
    }

    pub(crate) fn endpoint(&self) -> Outcome<Endpoint> {
        let scheme = if self.asking.is_some() { "https" } else { "http" };
        Ok(Endpoint::from_shared(format!("{scheme}://{}", self.address))?.tcp_nodelay(true))
    }

    /// What makes connections on which this certificate is shown, or none.
    fn dialer(&self, shown: Option<Arc<Shown>>) -> Outcome<Dialer> {
        let Some(data) = &self.asking else {
            return Ok(Dialer::default());
        };
        let authorities = pem::certificates(&fs::read(data.join("ca.pem"))?);
        let trust = Trust::Authorities(authorities.ok_or("`ca.pem` holds no certificate")?);
        Ok(Dialer::new(client_config(&trust, shown)?))
    }

    /// A connection of nobody.
    pub(crate) async fn connect(&self) -> Outcome<Channel> {
        let dialer = self.dialer(None)?;
        Ok(self.endpoint()?.connect_with_connector(dialer).await?)
    }
}

/// A way, and what is shown on it.
pub(crate) struct Shows {
    pub(crate) way: Way,
    /// The identities of runners, by their numbers; none where nobody asks.
    identities: Vec<Identity>,
    token: Option<AsciiMetadataValue>,
}

/// Who a runner is.
struct Identity {
    id: Bytes,
    key: Vec<u8>,
    certificate: Vec<u8>,
}

impl Identity {
    fn read(text: &str) -> Option<Self> {
        let key = pem::read_key(text.as_bytes())?;
        let certificate = pem::certificates(text.as_bytes())?.pop()?;
        let said = judge::says(&certificate).ok()?;
        Some(Self {
            id: said.name.runner.to_bytes().to_vec().into(),
            key: key.secret_pkcs8_der().to_vec(),
            certificate: certificate.to_vec(),
        })
    }
}

impl Shows {
    /// With what lies at the way: the operator's token, and the identities of all runners that have enrolled.
    pub(crate) fn of(way: Way) -> Outcome<Self> {
        let token = match &way.asking {
            None => None,
            Some(data) => {
                let token = fs::read_to_string(data.join("bootstrap-token"))?;
                Some(format!("Bearer {}", token.trim()).parse()?)
            }
        };
        let identities = match way.identities().filter(|file| file.exists()) {
            None => Vec::new(),
            Some(file) => {
                let texts: Vec<String> = serde_json::from_slice(&fs::read(file)?)?;
                let read = texts.iter().map(|text| Identity::read(text));
                read.collect::<Option<_>>().ok_or("an identity is none")?
            }
        };
        Ok(Self { way, identities, token })
    }

    /// The id of a runner: by its number, so that the runners of a later process are the same ones.
    pub(crate) fn runner_id(&self, n: u64) -> Bytes {
        match self.identity(n) {
            Some(identity) => identity.id.clone(),
            None => (u128::from(n) + 1).to_be_bytes().to_vec().into(),
        }
    }

    /// What makes the connections of a runner.
    pub(crate) fn dialer(&self, n: u64) -> Outcome<Dialer> {
        let shown = match self.identity(n) {
            None => None,
            Some(identity) => {
                let shown = Shown::default();
                shown.show(&identity.certificate, &identity.key)?;
                Some(Arc::new(shown))
            }
        };
        self.way.dialer(shown)
    }

    /// A connection of an operator's.
    pub(crate) async fn operator(&self) -> Outcome<Operator> {
        let token = Token(self.token.clone());
        Ok(InterceptedService::new(self.way.connect().await?, token))
    }

    fn identity(&self, n: u64) -> Option<&Identity> {
        self.identities.get(usize::try_from(n).ok()?)
    }
}

/// A connection of an operator's.
pub(crate) type Operator = InterceptedService<Channel, Token>;

/// Shows a token with each call.
#[derive(Debug, Clone)]
pub(crate) struct Token(Option<AsciiMetadataValue>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}
