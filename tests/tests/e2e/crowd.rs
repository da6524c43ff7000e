//! Fifty real runners compete for many executions while runners and the coordinator are killed at random: each execution completes once, or ends in an
//! error with a reason, and none is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use muster_proto::v1::{self, ExecutionStatus};
use muster_tests::{Client, Runner, Wanted, World, eventually, id_of, is_final, passwd_of, published};
use tokio::task::JoinSet;

const RUNNERS: usize = 50;
const INTEGRATIONS: usize = 200;
const ACCOUNTS: u32 = 5;

/// How many executions there are to be, unless `MUSTER_CROWD_EXECUTIONS` says otherwise: 20,000 take some minutes.
const EXECUTIONS: usize = 1_000;

/// How long all lives between two kills, at most.
const KILL_EVERY: Duration = Duration::from_secs(3);

/// Two back-offs (30 s and 60 s), leases, and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_whose_members_die_completes_each_execution_once() {
    let seed = number("MUSTER_SEED").unwrap_or_else(|| fastrand::u64(..));
    let wanted =
        number("MUSTER_CROWD_EXECUTIONS").map_or(EXECUTIONS, |wanted| usize::try_from(wanted).expect("it fits"));
    println!("run it again with MUSTER_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut world = World::start().await;
    let client = world.client();
    let root = world.folder().join("root");
    passwd_of(&root, ACCOUNTS);
    let mut runners: Vec<Runner> = (0..RUNNERS)
        .map(|number| world.runner(&format!("runner-{number}"), &["--slots", "4"]))
        .collect();
    let root = root.to_str().expect("text");
    let mut integrations = Vec::new();
    for number in 0..INTEGRATIONS {
        let source = Wanted::new(&format!("source {number}"), "host").data_type("user");
        integrations.push(client.create_soon(&source.with("root", root)).await.name);
    }

    let mut asking = JoinSet::new();
    let asker = asking.spawn(ask_for(client.clone(), integrations, wanted));
    let mut deaths: BTreeMap<&str, usize> = BTreeMap::new();
    // However fast the asking is, and however the draw falls: somebody of each kind dies.
    while !asker.is_finished() || deaths.len() < 2 {
        tokio::time::sleep(KILL_EVERY.mul_f64(chance.f64())).await;
        let victim = if chance.u8(..4) == 0 {
            world.coordinator.kill_9();
            world.coordinator.restart().await;
            "coordinator"
        } else {
            let runner = &mut runners[chance.usize(..RUNNERS)];
            runner.kill_9();
            runner.restart();
            "runner"
        };
        *deaths.entry(victim).or_default() += 1;
    }
    let told = asking
        .join_next()
        .await
        .expect("there is one")
        .expect("it does not fail");

    let until = Instant::now() + HEALED_WITHIN;
    let all = eventually("everything to end", HEALED_WITHIN, async || {
        let all = client.all_executions().await.map_err(|status| status.to_string())?;
        let open = all.iter().filter(|execution| !is_final(execution)).count();
        if open == 0 {
            Ok(all)
        } else {
            Err(format!("{open} are open"))
        }
    })
    .await;
    let by_name: BTreeMap<&str, &v1::Execution> = all.iter().map(|one| (one.name.as_str(), one)).collect();
    assert_eq!(by_name.len(), all.len(), "an execution stands twice in history");
    for execution in &told {
        assert!(
            by_name.contains_key(execution.as_str()),
            "{execution} was told, and is lost"
        );
    }
    // It panics when records are there twice.
    let mut landed = published(&world.coordinator.landing());
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for execution in &all {
        let records = landed.remove(id_of(&execution.name)).map(|found| found.records().len());
        if execution.status() == ExecutionStatus::Completed {
            assert_eq!(records, Some(ACCOUNTS as usize), "{execution:?}");
            *ends.entry("completed").or_default() += 1;
        } else {
            let failure = execution
                .failure
                .as_ref()
                .unwrap_or_else(|| panic!("no reason: {execution:?}"));
            assert!(records.is_none() && !failure.message.is_empty(), "{execution:?}");
            *ends.entry("ended in an error").or_default() += 1;
        }
    }
    assert!(landed.is_empty(), "records of nobody: {:?}", landed.keys());
    println!(
        "{} told, {ends:?}, {deaths:?} killed, all ended {:?} before the limit",
        told.len(),
        until.saturating_duration_since(Instant::now())
    );
}

/// Runs these integrations until so many executions were told. Answers that do not come were no answers.
async fn ask_for(client: Client, integrations: Vec<String>, wanted: usize) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for integration in integrations.iter().cycle() {
        if told.len() >= wanted {
            break;
        }
        if let Ok(ran) = client.run(integration, &[]).await {
            told.extend(ran.into_iter().map(|execution| execution.name));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    told
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
