//! The door of connectors: programs that break their word, through a real runner, as `muster execution show` tells it.
//!
//! `crates/muster-connectors/tests/exec/endings.rs` has each way of ending wrongly, and `forks.rs` what is left of forks.

use std::fs;
use std::path::Path;

use muster_tests::{LIMIT, Wanted, eventually};

use super::scene::Scene;

/// What each program says of itself.
const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"T","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]}]}}"#;

/// How long an execution may take here: what never ends by itself is ended after it.
const TIME_LIMIT: &str = "time_limit = \"2s\"\n";

/// A program's name, and what it does when it is to collect.
// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, &str)] = &[
    ("no-end", r#"echo '{"record":{"id":1}}'"#),
    ("counts-more", r#"echo '{"record":{"id":1}}'; echo '{"end":{"records":2}}'"#),
    ("no-count", r#"echo '{"record":{"id":1}}'; echo '{"end":{}}'"#),
    ("crashes", r#"echo 'Traceback (most recent call last):' >&2; echo 'KeyError: id' >&2; exit 1"#),
    ("killed", "kill -SEGV $$"),
    ("garbage-without-end", "cat /dev/zero"),
    ("garbage-lines", r"head -c 300000 /dev/urandom; exit 0"),
    ("no-object", r#"echo '{"record":[1]}'"#),
    ("no-primary-key", r#"echo '{"record":{"id":1}}'; echo '{"record":{"name":"hq"}}'; echo '{"end":{"records":2}}'"#),
    ("half-a-record", r#"echo '{"record":{"id":1}'"#),
    ("record-too-large", r#"printf '{"record":{"id":"'; head -c 2000000 /dev/zero | tr '\0' x; echo '"}}'"#),
    ("cursor-too-large", r#"printf '{"cursor":"'; head -c 20000 /dev/zero | tr '\0' x; echo '"}'; echo '{"end":{"records":0}}'"#),
    ("made-up-category", r#"echo '{"error":{"category":"bad","message":"x"}}'"#),
    ("made-up-reason", r#"echo '{"error":{"category":"communication","message":"x","reason":{"phase_of_the_moon":"full"}}}'"#),
    ("reason-of-another-category", r#"echo '{"error":{"category":"connector","message":"x","reason":{"refused":"hq:1"}}}'"#),
    ("reason-that-is-none", r#"echo '{"error":{"category":"communication","message":"x","reason":{"refused":7}}}'"#),
    ("goes-on-after-its-end", r#"echo '{"end":{"records":0}}'; echo '{"record":{"id":1}}'"#),
    ("forks", r#"(trap '' TERM HUP; sleep 600) & echo "fork $!"; echo '{"record":{"id":1}}'"#),
    ("ignores-sigterm", r#"trap '' TERM; echo "fork $$"; while true; do sleep 0.1; done"#),
];

fn program(collect: &str) -> String {
    let script =
        format!("read -r request\ncase \"$1\" in\nspec) echo '{SPECIFICATION}';;\ncollect) {collect}\n;;\nesac");
    format!(
        "program = \"/bin/sh\"\narguments = [\"-c\", {}, \"program\"]",
        serde_json::json!(script)
    )
}

/// The processes of which a log tells as forks: they end with their execution.
async fn are_gone(lines: &[String]) {
    for id in lines.iter().filter_map(|line| line.strip_prefix("fork ")) {
        let process = Path::new("/proc").join(id).join("stat");
        eventually("a program to be gone", LIMIT, || {
            let stat = fs::read_to_string(&process).unwrap_or_default();
            // One that nobody has waited for yet is a zombie.
            let is_gone = stat.is_empty() || stat.contains(") Z ");
            std::future::ready(if is_gone { Ok(()) } else { Err(stat) })
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_program_that_breaks_its_word_fails_its_own_execution_and_no_other() {
    let programs: Vec<_> = ROWS.iter().map(|(name, collect)| (*name, program(collect))).collect();
    let mut scene = Scene::with_runner(TIME_LIMIT, &programs).await;
    let client = scene.world.client();
    let mut told = scene.told();
    for (row, _) in ROWS {
        let created = client.create_soon(&Wanted::new(row, row)).await;
        let execution = eventually("its execution", LIMIT, async || {
            let executions = client.all_executions().await.map_err(|status| status.to_string())?;
            let found = executions.into_iter().find(|one| one.name.starts_with(&created.name));
            found.ok_or_else(|| "none".to_owned())
        })
        .await;
        // The time limit is a failure of those that are tried again.
        let failed = client
            .until(&execution.name, "failed", LIMIT, |one| one.failure.is_some())
            .await;
        let (shown, _, _) = scene.muster(&["execution", "show", &failed.name], "");
        told.add(row, &about_the_failure(&shown));
        let lines = client.log_lines(&failed.name).await.expect("it has a log");
        are_gone(&lines.into_iter().map(|line| line.message).collect::<Vec<_>>()).await;
        if failed.end_time.is_none() {
            client.cancel(&failed.name).await.expect("it is open");
        }
    }
    scene.nobody_has_panicked();
    // The runner that all of them went through serves the next one.
    let next = client
        .run(&scene.laptops.name, &["user"])
        .await
        .expect("the next caller is served");
    client
        .until_status(&next[0].name, muster_proto::v1::ExecutionStatus::Completed)
        .await;
    told.is_as_reviewed("connectors");
}

/// The lines that say what has failed and what to do: the others are those of every execution.
fn about_the_failure(shown: &str) -> String {
    let is_about_it = |line: &&str| ["failure", "remedy"].iter().any(|key| line.starts_with(key));
    shown
        .lines()
        .filter(is_about_it)
        .map(|line| format!("{line}\n"))
        .collect()
}
