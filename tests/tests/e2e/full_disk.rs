//! A disk that gets full: before it is, nothing new is begun and what runs ends; when it is, the coordinator stops and says why, and nothing that it
//! has told is lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_proto::v1::{ExecutionStatus, ReportKind};
use muster_tests::{
    CONNECTOR, Client, LIMIT, Runner, ScriptedRunner, Wanted, Work, World, eventually, http, id_of, is_final,
    passwd_of, published,
};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

/// More than a store and its landing need here, in MiB.
const DISK_MIB: u32 = 96;

/// The tests' low-water mark, in MiB.
const LOW_WATER_MIB: u64 = 32;

const MIB: u64 = 1 << 20;

/// How often a disk is filled while work goes on.
const ROUNDS: u64 = 4;

/// Two back-offs (30 s and 60 s), leases, and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(150);

/// What each source has.
const ACCOUNTS: u32 = 50;

const RECORDS: &str = "{\"id\":1}\n{\"id\":2}\n";

/// Where there can be no small disk, the test command says what is not shown.
async fn on_small_disk(arguments: &[&str]) -> Option<World> {
    let world = World::start_on_disk(DISK_MIB, arguments).await;
    if world.is_none() {
        println!("NOT RUN: this system lets nobody have a mount namespace");
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_low_water_mark_what_runs_ends_and_nothing_new_begins() {
    let mark = LOW_WATER_MIB.to_string();
    let Some(world) = on_small_disk(&["--low-water-mib", &mark]).await else {
        return;
    };
    let client = world.client();
    let mut runner = ScriptedRunner::named("runner", "default", 1)
        .check_in(&world.coordinator.url())
        .await;
    let running = client.create_soon(&Wanted::new("running", CONNECTOR)).await;
    let runs = client.open_execution(&running.name).await;
    let work = runner.begin_assigned().await;
    let queued = client.create_soon(&Wanted::new("queued", CONNECTOR)).await;
    let waits = client.open_execution(&queued.name).await;
    assert_eq!(client.health_of("muster.disks").await, ServingStatus::Serving);

    let filler = world.coordinator.disk().fill((LOW_WATER_MIB - 2) * MIB);
    until_disks_are(&client, ServingStatus::NotServing).await;
    let refused = client
        .run(&running.name, &[])
        .await
        .expect_err("the disk is nearly full");
    assert_eq!(refused.code(), Code::Unavailable);
    let told = refused.message();
    let not_ready = http::get(world.coordinator.http_address(), "/readyz").await;
    let not_ready = not_ready.expect("it is answered");
    assert_eq!((not_ready.status, not_ready.body.trim_end()), (503, told));
    let page = http::get(world.coordinator.http_address(), "/metrics").await;
    let page = page.expect("it is answered").body;
    for line in ["muster_ready 0", "muster_work_held{reason=\"disk\"} 1"] {
        assert!(page.contains(&format!("\n{line}\n")), "no `{line}` in {page}");
    }
    for part in [
        "is not ready to take new work",
        "/data` has ",
        " MiB of room, and needs 36 MiB",
        "make room there",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let refused = client.create(&Wanted::new("new", CONNECTOR)).await;
    assert_eq!(refused.expect_err("so is this").message(), told);

    // What runs can end, with its records.
    let counts = runner.upload(&work, RECORDS).await.expect("it holds the execution");
    runner.report(vec![work.completed(Some(counts))]).await;
    runner.ack(&work, ReportKind::Finished).await;
    client.until_status(&runs, ExecutionStatus::Completed).await;
    // Its slot is free, and what waits is not given to it, however long it is left to.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let waiting = client.until_status(&waits, ExecutionStatus::Created).await;
    let explanation = waiting.explanation.expect("it is open");
    for part in [
        ": nothing is given to runners now, since the disk of `",
        " MiB of room, and needs 36 MiB",
    ] {
        assert!(explanation.state.contains(part), "{explanation:?}");
    }
    assert!(explanation.next_step.contains("make room there"), "{explanation:?}");

    drop(filler);
    let work = Work::from(&runner.assignments_within(LIMIT).await[0]);
    assert_eq!(work.id(), id_of(&waits));
    until_disks_are(&client, ServingStatus::Serving).await;
    let ready = http::get(world.coordinator.http_address(), "/readyz").await;
    assert_eq!(ready.expect("it is answered").status, 200);
    client.run(&running.name, &[]).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_store_stops_the_coordinator_and_loses_nothing_that_was_told() {
    let landing = tempfile::tempdir().expect("the system has a folder for temporary files");
    let landing = landing.path().to_str().expect("text");
    // No mark holds anything back: it runs into the wall.
    let arguments = ["--low-water-mib", "0", "--lease", "5s", "--landing", landing];
    let Some(mut ring) = Ring::start(&arguments, Path::new(landing).to_owned()).await else {
        return;
    };
    for round in 0..ROUNDS {
        ring.ask_until(|asked| asked >= 50).await;
        // Another write meets the wall each time.
        let filler = ring.world.coordinator.disk().fill(round * 60_000);
        ring.ask_until_ended().await;
        ring.ended_and_said_why().await;
        ring.world.coordinator.relaunch();
        ring.ended_and_said_why().await;
        drop(filler);
        ring.world.coordinator.restart().await;
    }
    ring.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_landing_ends_nothing_that_can_be_done_again() {
    let Some(mut ring) = Ring::start(&["--low-water-mib", "0", "--lease", "5s"], PathBuf::new()).await else {
        return;
    };
    ring.landing = ring.world.coordinator.landing();
    ring.ask_until(|asked| asked >= 50).await;
    // Room for some of the store's writes, and for no records.
    let filler = ring.world.coordinator.disk().fill(0);
    ring.ask_until(|asked| asked >= 50).await;
    drop(filler);
    if ring.world.coordinator.process().try_wait().is_some() {
        ring.world.coordinator.restart().await;
    }
    ring.judge().await;
}

/// A coordinator on a small disk, with a runner and an operator.
struct Ring {
    world: World,
    client: Client,
    landing: PathBuf,
    integrations: Vec<String>,
    /// Every execution that an answer has named.
    told: BTreeSet<String>,
    _runner: Runner,
}

impl Ring {
    async fn start(arguments: &[&str], landing: PathBuf) -> Option<Self> {
        let world = on_small_disk(arguments).await?;
        let client = world.client();
        let root = world.folder().join("root");
        passwd_of(&root, ACCOUNTS);
        let runner = world.runner("runner", &["--slots", "4"]);
        client.until_online("runner").await;
        let mut integrations = Vec::new();
        for number in 0..8 {
            let wanted = Wanted::new(&format!("source {number}"), "host").data_type("user");
            let wanted = wanted.with("root", root.to_str().expect("text"));
            integrations.push(client.create_soon(&wanted).await.name);
        }
        Some(Self {
            world,
            client,
            landing,
            integrations,
            told: BTreeSet::new(),
            _runner: runner,
        })
    }

    /// Asks until there is enough of it, and keeps what was answered. Answers that do not come were no answers.
    async fn ask_until(&mut self, mut enough: impl FnMut(usize) -> bool) {
        for (asked, integration) in self.integrations.iter().cycle().enumerate() {
            if enough(asked) || self.world.coordinator.process().try_wait().is_some() {
                return;
            }
            if let Ok(ran) = self.client.run(integration, &[]).await {
                self.told.extend(ran.into_iter().map(|execution| execution.name));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ask_until_ended(&mut self) {
        let until = Instant::now() + LIMIT;
        self.ask_until(|_| Instant::now() > until).await;
    }

    async fn ended_and_said_why(&mut self) {
        let process = self.world.coordinator.process();
        let status = process.ended(LIMIT).await;
        let log = process.log();
        let last = log.lines().last().unwrap_or_default();
        assert_eq!(status.code(), Some(1), "{last}");
        println!("{last}");
        for part in ["the process has failed", "not full", "No space left on device"] {
            assert!(last.contains(part), "the last line does not say `{part}`: {last}");
        }
        assert!(!log.contains("report this fault"), "{log}");
    }

    /// All that was told is there, has ended or ends, and the records of what has completed are there.
    async fn judge(mut self) {
        for execution in &self.told {
            self.client.until_ended(execution, HEALED_WITHIN).await;
        }
        let listed = self.client.all_executions().await.expect("the coordinator is up");
        let names: BTreeSet<&String> = listed.iter().map(|execution| &execution.name).collect();
        assert!(
            self.told.iter().all(|name| names.contains(name)),
            "what was told is lost"
        );
        let mut landed = published(&self.landing);
        for execution in listed.iter().filter(|execution| is_final(execution)) {
            let records = landed.remove(id_of(&execution.name));
            let count = records.map(|records| records.records().len());
            let completed = execution.status() == ExecutionStatus::Completed;
            assert_eq!(count, completed.then_some(ACCOUNTS as usize), "{execution:?}");
        }
        println!("{} executions were told", self.told.len());
        let log = self.world.coordinator.process().log();
        assert!(!log.contains("report this fault"), "{log}");
    }
}

async fn until_disks_are(client: &Client, wanted: ServingStatus) {
    eventually("the health of the disks", LIMIT, async || {
        let found = client.health_of("muster.disks").await;
        if found == wanted {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}
