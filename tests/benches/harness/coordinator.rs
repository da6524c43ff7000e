//! The coordinator's real binary: built, started, stopped.

use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use muster_tests::free_address;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::Outcome;
use super::child::Child;
use super::way::Way;

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

/// Turns of the writer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns {
    pub(crate) all: u64,
    /// Those that took longer than 50 ms.
    pub(crate) long: u64,
}

impl Turns {
    /// Those of them that were not among the earlier ones.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            all: self.all - earlier.all,
            long: self.long - earlier.long,
        }
    }
}

/// A coordinator that serves.
pub(crate) struct Coordinator {
    child: Child,
    way: Way,
    http: SocketAddr,
    /// How long it took from the start of its process until its health check said SERVING.
    pub(crate) started_in: Duration,
}

impl Coordinator {
    /// Starts one on this folder that asks nobody who they are, and waits until it serves.
    pub(crate) fn start(binary: &Path, data: &Path) -> Outcome<Self> {
        Self::start_at(binary, data, Way::unasked(free_address()))
    }

    /// Starts one on this folder that asks everybody.
    pub(crate) fn start_asking(binary: &Path, data: &Path) -> Outcome<Self> {
        let asking = Some(data.to_owned());
        let address = free_address();
        Self::start_at(binary, data, Way { address, asking })
    }

    /// Starts one again that was killed or has stopped, so that it is reached as it was.
    pub(crate) fn start_at(binary: &Path, data: &Path, way: Way) -> Outcome<Self> {
        let http = free_address();
        let (listen, http_listen) = (way.address.to_string(), http.to_string());
        let mut arguments: Vec<&OsStr> = vec![
            "--listen".as_ref(),
            listen.as_ref(),
            "--http-listen".as_ref(),
            http_listen.as_ref(),
            "--data".as_ref(),
            data.as_ref(),
            // What history has to catch up with must not be cut off: how long it takes is measured.
            "--stop-within".as_ref(),
            "150s".as_ref(),
        ];
        if way.asking.is_none() {
            arguments.push("--insecure".as_ref());
        }
        let start = Instant::now();
        let mut child = Child::start(binary.as_os_str(), &arguments)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        while !runtime.block_on(is_serving(&way)) {
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
            way,
            http,
            started_in: start.elapsed(),
        })
    }

    /// How it is reached.
    pub(crate) fn way(&self) -> Way {
        self.way.clone()
    }

    /// Where it listens for HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Stops it in order; returns how long that took.
    pub(crate) fn stop(self) -> Outcome<Duration> {
        self.child.stop()
    }

    /// How many turns its writer has made so far, and how many of them took longer than 50 ms.
    pub(crate) fn turns(&self) -> Outcome<Turns> {
        let mut connection = TcpStream::connect(self.http)?;
        connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut page = String::new();
        connection.read_to_string(&mut page)?;
        let figure = |name: &str| -> Outcome<u64> {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            Ok(line
                .ok_or_else(|| format!("`{name}` is not in /metrics"))?
                .trim()
                .parse()?)
        };
        let all = figure("muster_writer_turn_seconds_count")?;
        let short = figure("muster_writer_turn_seconds_bucket{le=\"0.05\"}")?;
        Ok(Turns { all, long: all - short })
    }

    /// Its memory that is in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        self.child.resident_bytes()
    }
}

async fn is_serving(way: &Way) -> bool {
    let Ok(channel) = way.connect().await else {
        return false;
    };
    let request = HealthCheckRequest {
        service: "muster.v1.RunnerService".to_owned(),
    };
    let answer = HealthClient::new(channel).check(request).await;
    answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
}
