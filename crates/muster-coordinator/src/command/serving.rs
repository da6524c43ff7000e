//! The coordinator that serves what a command is about.

use std::net::SocketAddr;
use std::time::Duration;

use muster_proto::v1::maintenance_service_client::MaintenanceServiceClient;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::Failure;

/// How long connecting may take: it is on this machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often a call that is silent asks for a sign of life, and how long that may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

/// A client of the coordinator that listens at `address`, which has the store open: so `holder` says.
pub(super) async fn client(
    address: SocketAddr,
    holder: &dyn std::error::Error,
) -> Result<MaintenanceServiceClient<Channel>, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    let channel = endpoint.connect().await.map_err(|_| {
        format!("{holder}; and no coordinator answers at {address}: name the address of the one that serves it by `--listen`")
    })?;
    Ok(MaintenanceServiceClient::new(channel))
}

/// What a call has failed with, for people.
pub(super) fn failed(status: &Status) -> Failure {
    format!("the coordinator says: {}", status.message()).into()
}
