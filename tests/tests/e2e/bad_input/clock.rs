//! A machine whose clock is ten years off: what its coordinator says, that nothing comes of it, and what brings it back.

use std::fs;
use std::path::PathBuf;

use muster_proto::v1::{ExecutionStatus, ReportKind};
use muster_tests::{
    CONNECTOR, Client, Coordinator, LIMIT, Process, ScriptedRunner, Wanted, eventually, free_address, http,
};
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;

use super::told::{Told, status_text};

const BEHIND: &str =
    "the wall clock is far behind the last stamp: not ready until the clock of this machine is set right";

const AHEAD: &str = "the wall clock is more than a year ahead of the last stamp: not ready until the clock of this machine is set right, or the \
                     coordinator is started with --trust-clock";

const READY_AGAIN: &str = "the wall clock is near the last stamp again: ready";

/// The library that gives a process another clock, of Debian's package `libfaketime`; `None` where it is not installed.
pub(crate) fn faketime() -> Option<PathBuf> {
    let machines = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let mut libraries = machines.map(|machine| machine.path().join("faketime/libfaketime.so.1"));
    let found = libraries.find(|library| library.exists());
    if found.is_none() {
        eprintln!("SKIPPED: libfaketime is missing: apt-get install libfaketime");
    }
    found
}

/// A coordinator whose clock is another one's: it follows a file.
struct Machine {
    folder: tempfile::TempDir,
    library: PathBuf,
    starts: u32,
}

impl Machine {
    fn new() -> Option<Self> {
        Some(Self {
            library: faketime()?,
            folder: tempfile::tempdir().expect("a folder"),
            starts: 0,
        })
    }

    /// Sets its clock by so much: `+10y`.
    fn set(&self, by: &str) {
        // In one go: the coordinator reads it at any time.
        let new = self.folder.path().join("clock.new");
        fs::write(&new, by).expect("written");
        fs::rename(&new, self.clock()).expect("renamed");
    }

    fn clock(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Starts its coordinator, and waits until it serves.
    async fn start(&mut self, arguments: &[&str]) -> Running {
        self.starts += 1;
        let address = free_address();
        let mut command = Coordinator::command(&self.data(), address);
        command
            .args(arguments)
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.clock())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let log = self.folder.path().join(format!("coordinator-{}.log", self.starts));
        let mut process = Process::start(command, &log);
        process.until_logged("the coordinator is ready", LIMIT).await;
        let url = format!("http://{address}");
        Running { process, url }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

struct Running {
    process: Process,
    url: String,
}

impl Running {
    fn client(&self) -> Client {
        Client::of(&self.url)
    }

    /// What `/readyz` says.
    async fn readiness(&self) -> (u16, String) {
        let line = self.process.logged("the coordinator is ready").expect("it serves");
        let address = line["http"].as_str().and_then(|address| address.parse().ok());
        let page = http::get(address.expect("the line says where"), "/readyz").await;
        let page = page.expect("it is answered");
        (page.status, page.body)
    }

    async fn refused(&self) -> Status {
        let refused = self.client().create(&Wanted::new("new", CONNECTOR)).await;
        refused.expect_err("nothing new may be stamped")
    }

    /// Has an execution completed, and leaves its runner checked in.
    async fn collect(&self) -> ScriptedRunner {
        let mut runner = ScriptedRunner::named("somebody", "default", 1)
            .check_in(&self.url)
            .await;
        self.client().create_soon(&Wanted::new("old", CONNECTOR)).await;
        let work = runner.assignment().await;
        runner.report(vec![work.completed(None)]).await;
        runner.ack(&work, ReportKind::Finished).await;
        runner
    }

    async fn stop(mut self) {
        assert!(!self.process.log().contains("panicked"));
        assert_eq!(self.process.terminate(LIMIT).await.code(), Some(0));
    }
}

/// What it has logged of its clock.
async fn logged(running: &mut Running, message: &str) -> String {
    let line = running.process.until_logged(message, LIMIT).await;
    format!("{}: {}", line["level"], line["message"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_has_gone_back_by_ten_years_is_named_and_nothing_new_is_stamped() {
    let Some(mut machine) = Machine::new() else { return };
    machine.set("+10y");
    let ahead = machine.start(&[]).await;
    drop(ahead.collect().await);
    ahead.stop().await;

    machine.set("+0");
    let mut now = machine.start(&[]).await;
    let mut told = Told::default();
    told.add(
        "a request to a coordinator whose clock has gone back by ten years",
        &status_text(&now.refused().await),
    );
    told.add("its log", &logged(&mut now, BEHIND).await);
    let executions = now.client().all_executions().await;
    assert_eq!(executions.expect("what is there can be read").len(), 1);
    let (status, why) = now.readiness().await;
    assert_eq!((status, why.trim_end()), (503, now.refused().await.message()));
    assert!(why.contains("the clock of its machine says"), "{why}");
    until_clock_is(&now, ServingStatus::NotServing).await;

    // Whoever sets it right goes on where it was.
    machine.set("+10y");
    told.add("its log, once it is right", &logged(&mut now, READY_AGAIN).await);
    assert_eq!(now.readiness().await.0, 200);
    until_clock_is(&now, ServingStatus::Serving).await;
    let _runner = ScriptedRunner::named("else", "default", 1).check_in(&now.url).await;
    now.client().create_soon(&Wanted::new("new", CONNECTOR)).await;
    now.stop().await;
    told.is_as_reviewed("clock_behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_ahead_by_ten_years_is_named_and_ends_and_stamps_nothing() {
    let Some(mut machine) = Machine::new() else { return };
    machine.set("+0");
    let before = machine.start(&[]).await;
    drop(before.collect().await);
    before.stop().await;

    // At a start, and while it runs.
    machine.set("+10y");
    let mut ahead = machine.start(&[]).await;
    let mut told = Told::default();
    told.add(
        "a request to a coordinator whose clock is ten years ahead",
        &status_text(&ahead.refused().await),
    );
    told.add("its log", &logged(&mut ahead, AHEAD).await);
    machine.set("+0");
    logged(&mut ahead, READY_AGAIN).await;
    let _runner = ScriptedRunner::named("else", "elsewhere", 1).check_in(&ahead.url).await;
    ahead.client().create_soon(&Wanted::new("right again", CONNECTOR)).await;
    machine.set("+10y");
    until_refused(&ahead).await;

    // Nothing has been forgotten, nothing has fallen due, and nothing stands in the future.
    let executions = ahead.client().all_executions().await.expect("they can be read");
    let statuses: Vec<_> = executions.iter().map(muster_proto::v1::Execution::status).collect();
    assert_eq!(
        statuses,
        [ExecutionStatus::Created, ExecutionStatus::Completed],
        "{executions:?}"
    );
    ahead.stop().await;
    machine.set("+0");
    let right = machine.start(&[]).await;
    right
        .client()
        .create(&Wanted::new("after all", CONNECTOR))
        .await
        .expect("it is ready");
    right.stop().await;

    // One that has rested for ten years is told so, and goes on.
    machine.set("+10y");
    let rested = machine.start(&["--trust-clock"]).await;
    rested
        .client()
        .create(&Wanted::new("ten years later", CONNECTOR))
        .await
        .expect("it is ready");
    rested.stop().await;
    told.is_as_reviewed("clock_ahead");
}

/// Waits until its health says so of its clock.
async fn until_clock_is(running: &Running, wanted: ServingStatus) {
    eventually("the health of the clock", LIMIT, async || {
        let found = running.client().health_of("muster.clock").await;
        if found == wanted {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}

/// Waits until it has noticed that its clock is wrong.
async fn until_refused(running: &Running) {
    eventually("a refusal", LIMIT, async || {
        let wanted = Wanted::new("right again", "no such connector");
        match running.client().create(&wanted).await {
            Err(status) if status.code() == tonic::Code::Unavailable => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
