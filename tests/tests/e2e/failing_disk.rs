//! A disk that gives errors or stalls: after an error the coordinator stops, since nobody knows what is on the disk then, and a restart finds all that
//! was told; while a flush stalls nobody is told anything, and nobody is taken for dead.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use muster_proto::v1::{ExecutionStatus, ReportKind};
use muster_tests::{CONNECTOR, DiskFaults, LIMIT, ScriptedRunner, Wanted, World, passwd_of};

/// Two back-offs (30 s and 60 s), leases, and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(150);

/// How long a flush stalls.
const STALL: Duration = Duration::from_secs(30);

fn not_run() {
    println!("NOT RUN: there is no strace, or it may not look at other processes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_disk_stops_the_coordinator_and_a_restart_finds_what_was_told() {
    for (fault, says) in [
        ("fdatasync:error=EIO:when=25+", "Input/output error"),
        ("sync_file_range:error=EIO:when=6+", "Input/output error"),
        ("pwrite64:error=EIO:when=6+", "Input/output error"),
        ("pwrite64:error=EDQUOT:when=6+", "quota exceeded"),
    ] {
        let Some(faults) = DiskFaults::new(&[fault]) else {
            return not_run();
        };
        let mut world = World::start_on_failing_disk(faults, &["--lease", "5s"]).await;
        let client = world.client();
        let root = world.folder().join("root");
        passwd_of(&root, 5);
        let _runner = world.runner("runner", &[]);
        let wanted = Wanted::new("source", "host").data_type("user");
        let wanted = wanted.with("root", root.to_str().expect("text"));
        let mut told = BTreeSet::new();
        let mut created = None;
        let until = Instant::now() + LIMIT;
        while world.coordinator.process().try_wait().is_none() {
            assert!(Instant::now() < until, "it goes on after {fault}");
            match &created {
                None => created = client.create(&wanted).await.ok().map(|created| created.name),
                Some(name) => {
                    if let Ok(ran) = client.run(name, &[]).await {
                        told.extend(ran.into_iter().map(|execution| execution.name));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let process = world.coordinator.process();
        assert_eq!(process.ended(LIMIT).await.code(), Some(1), "{fault}");
        let log = process.log();
        let last = log.lines().last().unwrap_or_default();
        println!("{fault}: {} executions told; {last}", told.len());
        for part in ["the process has failed", "check that the disk is there", says] {
            assert!(
                last.contains(part),
                "after {fault} the last line does not say `{part}`: {last}"
            );
        }

        world.coordinator.mend();
        world.coordinator.restart().await;
        if let Some(created) = &created {
            client.integration(created).await.expect("it was told to be created");
        }
        for execution in &told {
            client.until_ended(execution, HEALED_WITHIN).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_stalls_holds_up_what_is_told_and_costs_no_runner_its_lease() {
    // A restart's first flushes are few; those of the check-in and of what is created come after.
    let fault = format!("fdatasync:delay_enter={}s:when=12", STALL.as_secs());
    let Some(faults) = DiskFaults::new(&[&fault]) else {
        return not_run();
    };
    let world = World::start_on_failing_disk(faults, &["--lease", "10s"]).await;
    let client = world.client();
    let mut runner = ScriptedRunner::named("runner", "default", 1)
        .check_in(&world.coordinator.url())
        .await;
    let held = client.create_soon(&Wanted::new("held", CONNECTOR)).await;
    let execution = client.open_execution(&held.name).await;
    let work = runner.begin_assigned().await;

    // Whoever asks while it stalls is answered after it, or gives up before.
    let mut told = Instant::now();
    let mut longest = Duration::ZERO;
    let mut created = Vec::new();
    for number in 0.. {
        let wanted = Wanted::new(&format!("source {number}"), CONNECTOR);
        if let Ok(answer) = client.create(&wanted).await {
            created.push(answer.name);
            longest = longest.max(told.elapsed());
            told = Instant::now();
            if longest > STALL / 2 {
                break;
            }
        }
        assert!(number < 60, "an answer came before it was durable: {longest:?}");
    }
    for created in &created {
        client.integration(created).await.expect("it was told to be created");
    }

    runner.report(vec![work.completed(None)]).await;
    runner.ack(&work, ReportKind::Finished).await;
    let ended = client.until_status(&execution, ExecutionStatus::Completed).await;
    assert_eq!((ended.attempt, ended.failures), (1, 0), "the runner was taken for dead");
}
