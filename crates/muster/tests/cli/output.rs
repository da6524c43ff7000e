//! `--output`, and colours.

use serde_json::Value;

use crate::command::{command, finish, run};
use crate::coordinator::{Coordinator, End, Script, State};
use crate::integration::two;
use crate::things::*;
use muster_proto::v1::ReadRecordsResponse;

#[tokio::test]
async fn a_list_is_one_document_a_line() {
    let coordinator = two().await;
    let ran = run(&coordinator.url, &["integration", "list", "--output", "jsonl"]).await;
    let names: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["display_name"].clone())
        .collect();
    assert_eq!(names, ["laptops", "Servers of HQ"]);
}

/// Everything that lists or shows does so in all formats, and says the same in both of those for programs.
#[tokio::test]
async fn whatever_lists_or_shows_has_all_formats() {
    let coordinator = Coordinator::start(State {
        integrations: vec![laptops()],
        executions: vec![completed(LAPTOPS, "11112222", "user", 1_234)],
        runners: vec![rack()],
        connectors: vec![host()],
        log_lines: vec![log_line(
            1,
            muster_proto::v1::LogSource::Runner,
            muster_proto::v1::LogLevel::Info,
            "begun",
            1,
        )],
        ..State::default()
    })
    .await;
    for args in [
        &["integration", "list"][..],
        &["integration", "show", "laptops"],
        &["execution", "list"],
        &["execution", "show", "11112222"],
        &["runner", "list"],
        &["runner", "show", "rack-7"],
        &["connector", "list"],
        &["connector", "spec", "host"],
        &["connector", "spec", "host", "--here"],
        &["logs", "11112222"],
    ] {
        let with = |format: &'static str| args.iter().copied().chain(["--output", format]).collect::<Vec<_>>();
        let table = run(&coordinator.url, &with("table")).await;
        assert_eq!((table.code, table.stderr.as_str()), (0, ""), "{args:?}");
        assert!(serde_json::from_str::<Value>(&table.stdout).is_err(), "{args:?}");
        let document = run(&coordinator.url, &with("json")).await.json();
        let lines = run(&coordinator.url, &with("jsonl")).await;
        let lines: Vec<Value> = lines
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        match document {
            Value::Array(items) => assert_eq!(items, lines, "{args:?}"),
            one => assert_eq!(vec![one], lines, "{args:?}"),
        }
    }
}

#[tokio::test]
async fn records_are_lines_unless_something_else_is_asked_for() {
    let script = || Script {
        messages: vec![ReadRecordsResponse {
            lines: b"{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n"
                .as_slice()
                .into(),
        }],
        end: End::Well,
    };
    let coordinator = Coordinator::start(State {
        integrations: vec![laptops()],
        executions: vec![completed(LAPTOPS, "11112222", "user", 2)],
        records: [script(), script(), script()].into(),
        ..State::default()
    })
    .await;
    run(&coordinator.url, &["records", "11112222"])
        .await
        .tells("{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n");
    run(&coordinator.url, &["records", "11112222", "--output", "table"])
        .await
        .tells("ID  NAME\n 1  a\n 2  b\n");
    let array = run(&coordinator.url, &["records", "11112222", "--output", "json"])
        .await
        .json();
    assert_eq!(
        array,
        serde_json::json!([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
    );
}

#[tokio::test]
async fn colours_are_not_for_pipes_unless_asked_for() {
    let coordinator = two().await;
    for (variables, painted) in [
        (&[("TERM", "xterm")][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let mut command = command(&coordinator.url, &["integration", "list"]);
        command.envs(variables.iter().copied());
        let ran = finish(command.spawn().expect("it starts")).await;
        assert_eq!(
            ran.stdout.contains("\u{1b}[32mActive\u{1b}[0m"),
            painted,
            "{variables:?}"
        );
    }
}

/// On a terminal, made by `script` where that is installed: colours, and how far a collection is, taken back at its end.
#[tokio::test]
async fn a_terminal_sees_colours_and_progress() {
    let there = std::process::Command::new("script").arg("--version").output();
    if there.is_err() {
        return;
    }
    let so_far = |records| executing(LAPTOPS, "11112222", "user", records);
    let done = completed(LAPTOPS, "11112222", "user", 9);
    let told = |token: &str, kind| muster_proto::v1::WatchExecutionsResponse {
        resume_token: token.to_owned(),
        kind: Some(kind),
    };
    let changes = |execution| {
        muster_proto::v1::watch_executions_response::Kind::Changes(muster_proto::v1::ExecutionChanges {
            executions: vec![execution],
        })
    };
    let coordinator = Coordinator::start(State {
        integrations: vec![laptops()],
        runners: vec![rack()],
        run_answer: vec![so_far(1)],
        watches: [Script {
            messages: vec![told("1", changes(so_far(2_000))), told("2", changes(done))],
            end: End::Never,
        }]
        .into(),
        ..State::default()
    })
    .await;
    let typed = format!("{} integration run laptops --wait", env!("CARGO_BIN_EXE_muster"));
    let mut script = tokio::process::Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &typed, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .env("MUSTER_SERVER", &coordinator.url)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let ran = finish(script.spawn().expect("it starts")).await;
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("\u{1b}[32mCompleted\u{1b}[0m"), "{:?}", ran.stdout);
    let drawn = "\r\u{1b}[Klaptops, user: 2,000 records so far\r\u{1b}[K";
    assert!(ran.stdout.contains(drawn), "{:?}", ran.stdout);
}
