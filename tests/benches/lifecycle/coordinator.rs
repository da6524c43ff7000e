//! The coordinator's real binary: built, started, stopped.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::Outcome;
use crate::child::Child;

/// How long the coordinator may take to serve.
const SERVE_WITHIN: Duration = Duration::from_secs(300);

/// How often it is asked whether it serves: what is measured is longer by at most this much.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// Builds a package's binary into the target folder that this one was built into, and says where it is.
pub(crate) fn build(package: &str) -> Outcome<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .ok_or("the target folder has no name")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", package, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if built.success() {
        Ok(target.join("release").join(package))
    } else {
        Err(format!("{package} cannot be built").into())
    }
}

/// A coordinator that serves.
pub(crate) struct Coordinator {
    child: Child,
    pub(crate) address: SocketAddr,
    /// How long it took from the start of its process until its health check said SERVING.
    pub(crate) started_in: Duration,
}

impl Coordinator {
    /// Starts one on this folder, and waits until it serves.
    pub(crate) fn start(binary: &Path, data: &Path) -> Outcome<Self> {
        let address = free_address()?;
        let listen = address.to_string();
        let arguments: [&OsStr; 8] = [
            "--listen".as_ref(),
            listen.as_ref(),
            "--http-listen".as_ref(),
            "127.0.0.1:0".as_ref(),
            "--data".as_ref(),
            data.as_ref(),
            // What history has to catch up with must not be cut off: how long it takes is measured.
            "--stop-within".as_ref(),
            "150s".as_ref(),
        ];
        let start = Instant::now();
        let mut child = Child::start(binary.as_os_str(), &arguments)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        while !runtime.block_on(is_serving(address)) {
            if let Some(status) = child.ended()? {
                return Err(format!("the coordinator has ended with {status}").into());
            }
            if start.elapsed() > SERVE_WITHIN {
                return Err(format!("the coordinator does not serve after {SERVE_WITHIN:?}").into());
            }
            std::thread::sleep(ASK_EVERY);
        }
        Ok(Self {
            child,
            address,
            started_in: start.elapsed(),
        })
    }

    /// Stops it in order; returns how long that took.
    pub(crate) fn stop(self) -> Outcome<Duration> {
        self.child.stop()
    }

    /// Its memory that is in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        self.child.resident_bytes()
    }
}

/// An address of this machine that nobody has.
fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

async fn is_serving(address: SocketAddr) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{address}")) else {
        return false;
    };
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let request = HealthCheckRequest {
        service: "muster.v1.RunnerService".to_owned(),
    };
    let answer = HealthClient::new(channel).check(request).await;
    answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
}
