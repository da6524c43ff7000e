//! How soon the page begins to come, at rest and while executions go by.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::Child;
use crate::harness::coordinator::Coordinator;
use crate::harness::load::{Paced, ROLE, Settings};

/// Executions a second that go by.
const PACE: f64 = 1_000.0;

/// How long people wait between two looks, so that the limit of one address is not met.
const BETWEEN: Duration = Duration::from_millis(8);

/// From the last byte of the request to the first of the answer, and to its last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) first_byte_p99_ms: f64,
    pub(crate) first_byte_p99_ms_busy: f64,
    pub(crate) whole_p99_ms_busy: f64,
    /// As it comes over the wire.
    pub(crate) bytes: usize,
    pub(crate) created_per_s: f64,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Look> {
    let coordinator = Coordinator::start(binary, folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let settings = |window| Settings {
        way: coordinator.way(),
        integrations: scale.integrations,
        settle: scale.settle,
        window,
        pace: Some(PACE),
    };
    // The first run makes the integrations and their day.
    let _made: Paced = Child::play(ROLE, &settings(Duration::from_secs(1)))?.hear()?;
    let rest = runtime.block_on(looks(coordinator.http(), scale.window / 2))?;
    let mut load = Child::play(ROLE, &settings(scale.window))?;
    // It checks in and comes to rest first.
    std::thread::sleep(scale.settle * 2);
    let busy = runtime.block_on(looks(coordinator.http(), scale.window / 2))?;
    let paced: Paced = load.hear()?;
    drop(load);
    coordinator.stop()?;
    Ok(Look {
        first_byte_p99_ms: rest.first,
        first_byte_p99_ms_busy: busy.first,
        whole_p99_ms_busy: busy.whole,
        bytes: busy.bytes,
        created_per_s: paced.created_per_s,
    })
}

struct Looks {
    first: f64,
    whole: f64,
    bytes: usize,
}

/// One look after the other, each on the same connection, as a browser that stays.
async fn looks(http: SocketAddr, window: Duration) -> Outcome<Looks> {
    let mut stream = TcpStream::connect(http).await?;
    stream.set_nodelay(true)?;
    let request =
        "GET /organizations/default/integrations HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    let (mut first, mut whole) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    let mut answer = Vec::new();
    let start = Instant::now();
    while start.elapsed() < window {
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        let mut began = None;
        // Its end is the last chunk, which has no bytes.
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            let bytes = stream.read_buf(&mut answer).await?;
            began.get_or_insert_with(|| asked.elapsed());
            if bytes == 0 {
                return Err("the connection has ended".into());
            }
        }
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&answer[..answer.len().min(200)])
                .into_owned()
                .into());
        }
        let micros = |span: Duration| u64::try_from(span.as_micros());
        first.record(micros(began.unwrap_or_default())?)?;
        whole.record(micros(asked.elapsed())?)?;
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(Looks {
        first: first.value_at_quantile(0.99) as f64 / 1e3,
        whole: whole.value_at_quantile(0.99) as f64 / 1e3,
        bytes: answer.len(),
    })
}
