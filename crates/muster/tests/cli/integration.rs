//! `muster integration`, `muster runner`, `muster connector`.

use std::io::Write;

use serde_json::json;

use crate::command::{run, run_with_input};
use crate::coordinator::{Coordinator, End, Script, State};
use crate::things::*;
use muster_proto::v1::watch_executions_response::Kind;
use muster_proto::v1::{Execution, ExecutionChanges, ExecutionSnapshot, WatchExecutionsResponse};

pub async fn two() -> Coordinator {
    Coordinator::start(State {
        integrations: vec![laptops(), servers()],
        runners: vec![rack()],
        connectors: vec![host()],
        ..State::default()
    })
    .await
}

#[tokio::test]
async fn a_list_tells_how_each_is_and_what_comes_next() {
    let coordinator = two().await;
    run(&coordinator.url, &["integration", "list"]).await.tells(
        "\
NAME           STATUS  CONNECTOR  POOL     LAST ENDED  NEXT
laptops        Active  host       default  4 min ago   in 12 min
Servers of HQ  Error   host       hq       36 h ago    -
",
    );
}

#[tokio::test]
async fn a_list_is_one_document_for_programs() {
    let coordinator = two().await;
    let listed = run(
        &coordinator.url,
        &["integration", "list", "--status", "error", "--output", "json"],
    )
    .await
    .json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["display_name"], "Servers of HQ");
    assert_eq!(listed[0]["status"], "CONFIGURATION_STATUS_ERROR");
    assert_eq!(
        listed[0]["data_types"][0]["last_failure"]["category"],
        "ERROR_CATEGORY_PERMISSION"
    );
}

#[tokio::test]
async fn a_list_that_was_cut_says_so_beside_it() {
    let coordinator = two().await;
    let ran = run(&coordinator.url, &["integration", "list", "--limit", "1"]).await;
    assert_eq!(ran.stderr, "the first 1; more with --limit 2\n");
    assert_eq!(ran.stdout.lines().count(), 2);
}

#[tokio::test]
async fn show_tells_all_of_one() {
    let coordinator = two().await;
    run(&coordinator.url, &["integration", "show", "laptops"]).await.tells(
        "\
integration    laptops
id             01936b1e-0000-7000-8000-00000000aaaa
status         Active (2 h ago)
collects       enabled
connector      host
pool           default
created        2026-11-24 09:12:01 UTC
changed        2026-11-24 09:13:01 UTC
revision       2
configuration  depth=3
               label=\"hq\"

DATA TYPE  EVERY  LAST       ENDED      EXECUTION  NEXT       OPEN
device     1 h    Completed  4 min ago  11112222   in 12 min  -
user       1 h    -          -          -          in 20 min  -
",
    );
}

#[tokio::test]
async fn show_of_one_in_error_says_what_to_do_and_ends_with_2() {
    let coordinator = two().await;
    let ran = run(&coordinator.url, &["integration", "show", "Servers of HQ"]).await;
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for part in [
        "why          software has failed: permission\n",
        "next step    grant read access to /var/lib/dpkg\n",
        "\nsoftware: permission: cannot read /var/lib/dpkg/status\n  grant read access to /var/lib/dpkg\n",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in\n{}", ran.stdout);
    }
}

#[tokio::test]
async fn one_is_named_by_its_identifier_or_full_name_too() {
    let coordinator = two().await;
    for name in [LAPTOPS, "01936b1e-0000-7000-8000-00000000aaaa"] {
        let shown = run(&coordinator.url, &["integration", "show", name, "--output", "json"])
            .await
            .json();
        assert_eq!(shown["display_name"], "laptops");
        assert_eq!(shown["configuration"], json!({"depth": 3.0, "label": "hq"}));
    }
}

#[tokio::test]
async fn create_carries_flags_and_standard_input() {
    let coordinator = two().await;
    let args = [
        "integration",
        "create",
        "laptops",
        "--connector",
        "host",
        "--set",
        "depth=3",
        "--set",
        "log.level=debug",
        "--config",
        "-",
        "--every",
        "device=1h30m",
        "--every",
        "software=24h",
        "--data-type",
        "user",
        "--draft",
    ];
    run_with_input(&coordinator.url, &args, r#"{"depth": 1, "label": "hq"}"#)
        .await
        .tells(
            "\
created integration `laptops` (01936b1e-0000-7000-8000-00000000aaaa) as a draft
activate it:  muster integration enable laptops
",
        );
    let state = coordinator.state();
    let request = &state.created[0];
    assert!(request.draft && !request.validate_only);
    assert_eq!(request.parent, "organizations/default");
    let integration = request.integration.as_ref().expect("it is there");
    assert_eq!(
        (integration.connector.as_str(), integration.pool.as_str()),
        ("host", "default")
    );
    let schedules: Vec<_> = integration
        .data_types
        .iter()
        .map(|one| (one.data_type.as_str(), one.interval.map(|one| one.seconds)))
        .collect();
    assert_eq!(
        schedules,
        [("device", Some(5_400)), ("software", Some(86_400)), ("user", None)]
    );
    let configuration = integration.configuration.as_ref().expect("it is there");
    let keys: Vec<&str> = configuration.fields.keys().map(String::as_str).collect();
    assert_eq!(keys, ["depth", "label", "log"]);
    assert_eq!(
        configuration.fields["depth"].kind,
        Some(prost_types::value::Kind::NumberValue(3.0))
    );
}

#[tokio::test]
async fn create_reads_a_file_and_only_asks_when_told_so() {
    let coordinator = two().await;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"{\"label\": \"hq\"}").expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let args = [
        "integration",
        "create",
        "laptops",
        "--connector",
        "host",
        "--config",
        path,
        "--dry-run",
    ];
    run(&coordinator.url, &args)
        .await
        .tells("integration `laptops` can be created; nothing was done\n");
    assert!(coordinator.state().created[0].validate_only);
}

#[tokio::test]
async fn a_configuration_that_is_no_object_is_refused_here() {
    let coordinator = two().await;
    let args = [
        "integration",
        "create",
        "laptops",
        "--connector",
        "host",
        "--config",
        "-",
    ];
    run_with_input(&coordinator.url, &args, "[1]").await.fails(
        "\
error: the configuration in standard input is not usable: it is an array, not an object
next: give one JSON object: --config FILE, or --config - for standard input
",
    );
    assert!(coordinator.state().created.is_empty());
}

#[tokio::test]
async fn update_changes_only_what_is_named_and_guards_it() {
    let coordinator = two().await;
    let args = [
        "integration",
        "update",
        "laptops",
        "--set",
        "label=lab",
        "--unset",
        "depth",
        "--every",
        "user=2h",
        "--drop-data-type",
        "device",
    ];
    run(&coordinator.url, &args)
        .await
        .tells("updated integration `laptops`\n");
    let state = coordinator.state();
    let request = &state.updated[0];
    assert_eq!(
        request.update_mask.as_ref().expect("it is there").paths,
        ["data_types", "configuration"]
    );
    let integration = request.integration.as_ref().expect("it is there");
    assert_eq!(integration.etag, "etag-1");
    let schedules: Vec<_> = integration
        .data_types
        .iter()
        .map(|one| (one.data_type.as_str(), one.interval.map(|one| one.seconds)))
        .collect();
    assert_eq!(schedules, [("user", Some(7_200))]);
    let configuration = integration.configuration.as_ref().expect("it is there");
    assert_eq!(configuration.fields.keys().collect::<Vec<_>>(), ["label"]);
}

#[tokio::test]
async fn update_without_a_change_is_a_wrong_command_line() {
    let ran = run("http://127.0.0.1:1", &["integration", "update", "laptops", "--dry-run"]).await;
    assert_eq!(ran.code, 64);
}

#[tokio::test]
async fn delete_needs_a_yes() {
    let coordinator = two().await;
    run(&coordinator.url, &["integration", "delete", "laptops"])
        .await
        .fails(
            "\
error: cannot delete `laptops` without a yes, and there is no terminal to ask on
next: say yes with --yes
",
        );
    assert_eq!(coordinator.state().integrations.len(), 2);
    run(&coordinator.url, &["integration", "delete", "laptops", "--yes"])
        .await
        .tells("deleted integration `laptops` (01936b1e-0000-7000-8000-00000000aaaa)\n");
    assert_eq!(coordinator.state().integrations.len(), 1);
}

#[tokio::test]
async fn enable_and_disable_say_what_is_so_now() {
    let coordinator = two().await;
    run(&coordinator.url, &["integration", "enable", "laptops"])
        .await
        .tells("integration `laptops` is enabled\n");
    run(&coordinator.url, &["integration", "disable", "laptops"])
        .await
        .tells("integration `laptops` is disabled\n");
}

#[tokio::test]
async fn run_tells_the_executions() {
    let coordinator = two().await;
    coordinator.state().run_answer = vec![
        created(LAPTOPS, "55556666", "device"),
        executing(LAPTOPS, "77778888", "user", 5),
    ];
    let args = [
        "integration",
        "run",
        "laptops",
        "--data-type",
        "device",
        "--data-type",
        "user",
    ];
    run(&coordinator.url, &args).await.tells(
        "\
ID        DATA TYPE  STATUS
55556666  device     Created
77778888  user       Executing
see them collect:  muster execution watch laptops
",
    );
    assert_eq!(coordinator.state().ran[0].data_types, ["device", "user"]);
}

/// A run of two data types: `user` ends before the watch begins, `device` as given, in its course.
async fn waiting(device: Execution) -> Coordinator {
    let coordinator = two().await;
    let told = |resume_token: &str, kind| WatchExecutionsResponse {
        resume_token: resume_token.to_owned(),
        kind: Some(kind),
    };
    let snapshot = ExecutionSnapshot {
        executions: vec![executing(LAPTOPS, "55556666", "device", 7)],
        complete: true,
    };
    let other = created(LAPTOPS, "99990000", "software");
    let changes = ExecutionChanges {
        executions: vec![other, device],
    };
    let mut state = coordinator.state();
    state.run_answer = vec![
        created(LAPTOPS, "55556666", "device"),
        created(LAPTOPS, "77778888", "user"),
    ];
    state.executions = vec![completed(LAPTOPS, "77778888", "user", 1_234)];
    state.watches.push_back(Script {
        messages: vec![told("1", Kind::Snapshot(snapshot)), told("2", Kind::Changes(changes))],
        end: End::Never,
    });
    drop(state);
    coordinator
}

/// The lines without the time in front.
fn without_times(stdout: &str) -> String {
    stdout.lines().map(|line| format!("{}\n", &line[10..])).collect()
}

#[tokio::test]
async fn waiting_follows_until_all_have_ended() {
    let coordinator = waiting(completed(LAPTOPS, "55556666", "device", 1)).await;
    let ran = run(&coordinator.url, &["integration", "run", "laptops", "--wait"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let expected = "\
INTEGRATION               DATA TYPE     STATUS     RUNNER                    RECORDS
laptops                   device        Created
laptops                   user          Created
laptops                   device        Executing  rack-7                         7…
laptops                   user          Completed  rack-7                      1,234
laptops                   device        Completed  rack-7                          1
";
    assert_eq!(without_times(&ran.stdout), expected);
}

#[tokio::test]
async fn waiting_ends_with_2_when_one_is_in_error() {
    let coordinator = waiting(failed(LAPTOPS, "55556666", "device")).await;
    let ran = run(
        &coordinator.url,
        &["integration", "run", "laptops", "--wait", "--output", "json"],
    )
    .await;
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    let ended: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let statuses: Vec<_> = ended
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, ["EXECUTION_STATUS_ERROR", "EXECUTION_STATUS_COMPLETED"]);
}

#[tokio::test]
async fn runners_are_listed_and_shown() {
    let coordinator = two().await;
    run(&coordinator.url, &["runner", "list"]).await.tells(
        "\
NAME    POOL     STATUS  BUSY  LAST HEARD  VERSION  CONNECTORS
rack-7  default  Ready    1/8  now         0.1.0    host
",
    );
    run(&coordinator.url, &["runner", "show", "rack-7"]).await.tells(
        "\
runner       rack-7
id           01936b1e-0000-7000-8000-0000000000f7
status       Ready
pool         default
busy         1 of 8 slots
last heard   now
first seen   2026-11-24 09:12:01 UTC
clock        7 s behind the coordinator's
version      0.1.0
sealing key  age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
host         rack-7.hq, linux, x86_64
connectors   host
executions   01936b1e-2f3a-7c4d-8e5f-012355556666
",
    );
}

#[tokio::test]
async fn connectors_are_listed_and_shown_with_what_they_need() {
    let coordinator = two().await;
    run(&coordinator.url, &["connector", "list"]).await.tells(
        "\
NAME  TITLE         VERSION  DATA TYPES              HERE      POOLS
host  This machine  0.1.0    device, user, software  built in  default
",
    );
    run(&coordinator.url, &["connector", "spec", "host"]).await.tells(
        "\
connector    host
title        This machine
description  Collects from the machine that the runner runs on.
version      0.1.0
pools        default
data types   device, every 1 h
             user, every 1 h
             software, every 1 d
permissions  /etc/passwd (required): to list accounts

configuration:
KEY    TYPE     REQUIRED  DEFAULT  WHAT FOR
depth  integer  no        2
label  string   yes                What to call the host
",
    );
}
