//! The whole way: program, runner, gRPC, coordinator, landing; the real binaries, as released.

use std::path::Path;
use std::time::{Duration, Instant};

use muster_tests::{Coordinator, Runner, Wanted, is_final, status_of};

use crate::harness::Outcome;
use crate::harness::child::ROLE_FLAG;
use crate::source::RECORD_BYTES;

/// How long one collection may take.
const WITHIN: Duration = Duration::from_secs(300);

/// What the connector is called.
const CONNECTOR: &str = "bench";

/// What a collection took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Through {
    /// From the call that runs it to its completion: all has landed.
    pub(crate) took: Duration,
    pub(crate) runner_peak_bytes: u64,
    pub(crate) coordinator_peak_bytes: u64,
}

/// Collects so many records, with a coordinator and a runner that have done nothing else.
pub(crate) async fn measure(folder: &Path, records: u64) -> Outcome<Through> {
    std::fs::create_dir(folder)?;
    let config = folder.join("runner.toml");
    let program = std::env::current_exe()?;
    std::fs::write(
        &config,
        format!("[exec.{CONNECTOR}]\nprogram = {program:?}\narguments = [{ROLE_FLAG:?}, \"{records}\"]\n"),
    )?;
    let mut coordinator = Coordinator::start(folder, &[]).await;
    let config = config.to_str().ok_or("the target folder's path is no text")?;
    let mut runner = Runner::start(folder, &coordinator.url(), "bench", &["--config", config]);
    let client = coordinator.client();
    client.until_online("bench").await;
    // A draft collects nothing by itself; that it was activated makes its first collection.
    let integration = client.create_soon(&Wanted::new("bench", CONNECTOR)).await;
    let start = Instant::now();
    let execution = client.open_execution(&integration.name).await;
    let ended = client.until(&execution, "at its end", WITHIN, is_final).await;
    let took = start.elapsed();
    let collected = ended.counts.unwrap_or_default();
    if status_of(&ended) != "COMPLETED" || collected.records != records {
        return Err(format!("the collection has failed: {ended:?}").into());
    }
    if collected.bytes != records * RECORD_BYTES as u64 {
        return Err(format!("{} bytes have landed, and records have {RECORD_BYTES}", collected.bytes).into());
    }
    let through = Through {
        took,
        runner_peak_bytes: runner.process().peak_bytes(),
        coordinator_peak_bytes: coordinator.process().peak_bytes(),
    };
    drop(runner);
    drop(coordinator);
    std::fs::remove_dir_all(folder)?;
    Ok(through)
}
