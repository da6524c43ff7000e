//! The coordinator that serves what a command is about.

use std::net::SocketAddr;
use std::time::Duration;

use muster_proto::v1::maintenance_service_client::MaintenanceServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::Failure;

/// How long connecting may take: it is on this machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often a call that is silent asks for a sign of life, and how long that may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

/// A client that shows who it is.
pub(super) type Client = MaintenanceServiceClient<InterceptedService<Channel, Bearer>>;

/// The variable with the token of an admin of the staff, whom alone a coordinator obeys here that asks who calls.
const TOKEN_VARIABLE: &str = "MUSTER_TOKEN";

/// Shows the token, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn of_variable() -> Result<Self, Failure> {
        let Some(token) = std::env::var_os(TOKEN_VARIABLE).filter(|token| !token.is_empty()) else {
            return Ok(Self(None));
        };
        let unusable = format!("{TOKEN_VARIABLE} has no token: one begins with `mst_`");
        let token = token.into_string().map_err(|_| unusable.clone())?;
        let mut shown: MetadataValue<Ascii> = format!("Bearer {}", token.trim()).parse().map_err(|_| unusable)?;
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

/// A client of the coordinator that listens at `address`, which has the store open: so `holder` says.
pub(super) async fn client(address: SocketAddr, holder: &dyn std::error::Error) -> Result<Client, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    let channel = endpoint.connect().await.map_err(|_| {
        format!("{holder}; and no coordinator answers at {address}: name the address of the one that serves it by `--listen`")
    })?;
    Ok(MaintenanceServiceClient::with_interceptor(
        channel,
        Bearer::of_variable()?,
    ))
}

/// What a call has failed with, for people.
pub(super) fn failed(status: &Status) -> Failure {
    format!("the coordinator says: {}", status.message()).into()
}
