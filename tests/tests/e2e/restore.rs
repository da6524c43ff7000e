//! The restore drill: a coordinator at work is backed up, goes on, and is lost with its machine; another one is restored from the backup, and its runners come
//! back with what they have. What happened after the backup is fenced or unknown, everything ends, and nothing is visible twice.
//!
//! The landing survives, as it does when it lies elsewhere: that is the harder case, since it holds what the restored coordinator does not know of.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use muster_proto::v1::{ExecutionStatus, FenceReason, ReportKind};
use muster_tests::{
    Binary, CONNECTOR, Client, DATA_TYPE, LIMIT, ScriptedRunner, Wanted, Work, World, eventually, id_of, is_final,
    passwd_of, published,
};
use tokio::task::JoinSet;
use tonic::Code;

/// The integrations that are run again and again by real runners.
const NOISE: usize = 12;

/// How many of their executions end after the backup and before the loss.
const LOST: usize = 30;

/// Leases, back-offs and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(120);

/// Attempts of a restored coordinator are above.
const RESTORED: u32 = 1 << 30;

fn coordinator(arguments: &[&str], data: &Path) -> Output {
    let mut command = Binary::Coordinator.command();
    command.args(arguments).arg("--data").arg(data);
    command.output().expect("it can be started")
}

fn succeeded(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Creates an integration that the scripted runner serves.
async fn create(client: &Client, name: &str) -> String {
    let wanted = Wanted::new(name, CONNECTOR).pool("scripted").data_type(DATA_TYPE);
    let created = client.create_soon(&wanted).await;
    client.open_execution(&created.name).await
}

/// Uploads and completes, until it is acknowledged.
async fn complete(runner: &mut ScriptedRunner, work: &Work) {
    runner.report(vec![work.accepted(), work.started()]).await;
    let staged = runner
        .upload(work, "{\"id\":1}\n{\"id\":2}\n")
        .await
        .expect("it is staged");
    runner.report(vec![work.completed(Some(staged))]).await;
    runner.ack(work, ReportKind::Finished).await;
}

async fn ended(client: &Client) -> BTreeSet<String> {
    let all = eventually("all executions", LIMIT, async || {
        client.all_executions().await.map_err(|status| status.to_string())
    });
    let all = all.await;
    all.into_iter().filter(is_final).map(|one| one.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_is_restored_elsewhere_and_believes_nothing_that_happened_after_its_backup() {
    let landing = tempfile::tempdir().expect("a folder");
    let landing_folder = landing.path().to_str().expect("text").to_owned();
    let mut world = World::start_with(&["--lease", "5s", "--landing", &landing_folder]).await;
    let client = world.client();
    let data = world.coordinator.data();
    let address = world.coordinator.address().to_string();

    // Real runners with real work, all the time.
    passwd_of(&world.folder().join("source"), 200);
    let root = world.folder().join("source");
    let mut runners = Vec::new();
    for name in ["one", "two"] {
        runners.push(world.runner(name, &["--pool", "noise", "--slots", "3"]));
        client.until_online(name).await;
    }
    let mut noisy = Vec::new();
    for number in 0..NOISE {
        let wanted = Wanted::new(&format!("noise {number}"), "host")
            .pool("noise")
            .data_type("user");
        let wanted = wanted.with("root", root.to_str().expect("text"));
        noisy.push(client.create_soon(&wanted).await.name);
    }
    let mut noise = JoinSet::new();
    let asking = client.clone();
    noise.spawn(async move {
        for integration in noisy.iter().cycle() {
            // Answers that do not come were no answers.
            let _ = asking.run(integration, &[]).await;
            // The pace of the load; nothing waits for it.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });

    // One case of each kind, with a runner that does what it is told.
    let identity = ScriptedRunner::named("scripted", "scripted", 4);
    let mut scripted = identity.check_in(&world.coordinator.url()).await;
    let done_before = create(&client, "done before").await;
    let done = scripted.assignment().await;
    complete(&mut scripted, &done).await;
    client.until_status(&done_before, ExecutionStatus::Completed).await;
    let done_after = create(&client, "done after").await;
    let held = scripted.assignment().await;
    scripted.report(vec![held.accepted(), held.started()]).await;
    client.until_status(&done_after, ExecutionStatus::Executing).await;
    let runs_on = create(&client, "runs on").await;
    let running = scripted.assignment().await;
    scripted.report(vec![running.accepted(), running.started()]).await;
    client.until_status(&runs_on, ExecutionStatus::Executing).await;

    let before = ended(&client).await;
    let backup = world.folder().join("backup");
    let backup = backup.to_str().expect("text");
    succeeded(&coordinator(&["backup", "--listen", &address, backup], &data));

    complete(&mut scripted, &held).await;
    client.until_status(&done_after, ExecutionStatus::Completed).await;
    let created_after = create(&client, "created after").await;
    let unknown = scripted.assignment().await;
    complete(&mut scripted, &unknown).await;
    let more = eventually("work after the backup", HEALED_WITHIN, async || {
        let now = ended(&client).await;
        let more = now.difference(&before).count();
        if more >= LOST { Ok(now) } else { Err(format!("{more}")) }
    });
    let more = more.await;

    // The machine is lost.
    world.coordinator.kill_9();
    noise.abort_all();
    fs::remove_dir_all(&data).expect("lost");
    let spooled: usize = runners.iter().map(muster_tests::Runner::spooled).sum();
    println!(
        "{} ended after the backup; {spooled} results are with their runners",
        more.len() - before.len()
    );

    let full = coordinator(&["restore", backup], world.folder());
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    let told = String::from_utf8_lossy(&full.stderr);
    assert!(
        told.contains("is not empty") && told.contains("an empty one only"),
        "{told}"
    );
    let cut = world.folder().join("cut");
    let whole = fs::read(backup).expect("read");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    let refused = coordinator(&["restore", cut.to_str().expect("text")], &data);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains(&format!("at byte {}", whole.len() / 2)), "{told}");
    assert_eq!(
        fs::read_dir(&data).expect("listed").count(),
        0,
        "something was made visible"
    );

    let said = succeeded(&coordinator(&["restore", backup], &data));
    assert!(said.starts_with("restored: "), "{said}");
    let whole = succeeded(&coordinator(&["verify", "--landing", &landing_folder], &data));
    assert!(whole.contains("whole: "), "{whole}");
    assert!(whole.contains("records of an execution that is not known"), "{whole}");
    world.coordinator.restart().await;

    // What happened before the backup is as it was.
    for execution in &before {
        let found = client.execution(execution).await;
        assert!(is_final(&found.expect("it had ended before the backup")), "{execution}");
    }
    // What happened after it is unknown, or open again.
    let missing = client.execution(&created_after).await.expect_err("it is not known");
    assert_eq!(missing.code(), Code::NotFound);
    for execution in [&done_after, &runs_on] {
        let open = client.execution(execution).await.expect("it was open");
        assert!(!is_final(&open), "{open:?}");
    }
    // Its runner comes back with all of it: nothing is believed.
    let mut scripted = identity
        .check_in_with(
            &world.coordinator.url(),
            std::slice::from_ref(&running),
            &[held.clone(), unknown.clone()],
        )
        .await;
    for work in [&held, &unknown] {
        scripted.report(vec![work.completed(None)]).await;
        let reason = scripted.fence(work, LIMIT).await;
        assert_ne!(reason, FenceReason::Unspecified);
    }
    let refused = scripted.upload(&running, "{\"id\":3}\n").await;
    assert!(refused.is_err(), "{refused:?}");
    // And it gets what was open anew, by attempts that never were.
    let mut again = Vec::new();
    while again.len() < 2 {
        again.extend(scripted.assignments().await.iter().map(Work::from));
    }
    for again in &again {
        assert!(again.attempt > RESTORED, "{again:?}");
        assert!([&held, &running].iter().any(|one| one.execution == again.execution));
        complete(&mut scripted, again).await;
    }

    for execution in client.all_executions().await.expect("it serves") {
        client.until_ended(&execution.name, HEALED_WITHIN).await;
    }
    let landed = published(landing.path());
    for execution in client.all_executions().await.expect("it serves") {
        let records = landed.get(id_of(&execution.name));
        if execution.status() == ExecutionStatus::Completed {
            let records = records.unwrap_or_else(|| panic!("{execution:?} has no records"));
            assert_eq!(records.manifest["attempt"], execution.attempt, "{execution:?}");
            assert_eq!(records.manifest["records"], execution.counts.expect("counts").records);
        }
    }
    let whole = succeeded(&coordinator(
        &["verify", "--listen", &address, "--landing", &landing_folder],
        &data,
    ));
    assert!(whole.contains("whole: "), "{whole}");
    assert_eq!(world.coordinator.terminate(LIMIT).await.code(), Some(0));
    let whole = succeeded(&coordinator(&["verify", "--landing", &landing_folder], &data));
    assert!(whole.contains("whole: "), "{whole}");
}
