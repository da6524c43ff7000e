//! `muster connector list`, `spec`, `check` and `collect`, without any coordinator.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::timeout;

use crate::command::{PATIENCE, command_in, finish, run_in};

/// A machine's root folder with two accounts, for the connector `host`.
fn root() -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let etc = root.path().join("etc");
    fs::create_dir(&etc).expect("made");
    let accounts = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:Ann:/home/ann:/bin/zsh\n";
    fs::write(etc.join("passwd"), accounts).expect("written");
    fs::write(etc.join("group"), "root:x:0:\nann:x:1000:\n").expect("written");
    root
}

/// A program that is a connector, by its answers to `check` and `collect`.
fn program(folder: &Path, check: &str, collect: &str) {
    let text = format!(
        r#"#!/bin/sh
read -r request
case "$1" in
spec) echo '{{"spec":{{"protocol":1,"version":"1.2.0","title":"Devices","description":"Made up.","config_schema":{{"type":"object","required":["url"],"properties":{{"url":{{"type":"string"}}}}}},"data_types":[{{"name":"device","title":"Devices","primary_key":["id"],"incremental":true}}]}}}}' ;;
check) {check} ;;
collect) {collect} ;;
esac
"#
    );
    let path = folder.join("crm.sh");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
}

const TWO: &str = r#"echo '{"log":{"message":"signed in"}}'
    echo '{"record":{"name":"printer","id":7,"tags":["a","b"],"owner":null}}'
    echo '{"record":{"name":"phone","id":12,"tags":[],"owner":null}}'
    echo '{"cursor":"page 2"}'
    echo '{"end":{"records":2}}'"#;

const WELL: &str = r#"echo '{"end":{}}'"#;

#[tokio::test]
async fn what_is_built_in_is_listed_and_shown_without_a_coordinator() {
    let home = tempfile::tempdir().expect("a folder");
    let listed = run_in(home.path(), &["connector", "list", "--here", "--output", "json"])
        .await
        .json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["name"], "connectors/host");
    assert_eq!(
        (&listed[0]["built_in"], &listed[0]["pools"]),
        (&json!(true), &json!([]))
    );
    let shown = run_in(home.path(), &["connector", "spec", "host", "--here"]).await;
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
    assert!(
        shown
            .stdout
            .contains("\nKEY   TYPE    REQUIRED  DEFAULT  WHAT FOR\nroot  string  no        \"/\"")
    );
}

#[tokio::test]
async fn a_list_without_a_coordinator_has_what_is_here_and_fails() {
    let home = tempfile::tempdir().expect("a folder");
    let args = ["--server", "http://127.0.0.1:1", "connector", "list"];
    let ran = run_in(home.path(), &args).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("\nhost  "), "{}", ran.stdout);
    assert_eq!(
        ran.stderr,
        "\
these are only the ones that are built in here (as with --here)
error: cannot list connectors: no coordinator can be reached at http://127.0.0.1:1: Connection refused (os error 111)
next: name another coordinator with --server URL, MUSTER_SERVER or `muster context use`, or start one here with `muster dev`
"
    );
}

#[tokio::test]
async fn the_specification_of_a_built_in_one_is_known_without_a_coordinator() {
    let home = tempfile::tempdir().expect("a folder");
    let args = ["--server", "http://127.0.0.1:1", "connector", "spec", "host"];
    let ran = run_in(home.path(), &args).await;
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("connector    host\n"), "{}", ran.stdout);
    assert!(
        ran.stderr.ends_with("; this is the one that is built in here\n"),
        "{}",
        ran.stderr
    );
    let args = ["--server", "http://127.0.0.1:1", "connector", "spec", "ldap"];
    assert_eq!(run_in(home.path(), &args).await.code, 1);
}

#[tokio::test]
async fn a_collection_is_a_table_for_people() {
    let home = tempfile::tempdir().expect("a folder");
    let root = root();
    let set = format!("root={}", root.path().display());
    let ran = run_in(
        home.path(),
        &["connector", "collect", "host", "-d", "user", "--set", &set],
    )
    .await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "\
NAME   UID   GID  PRIMARY_GROUP  GROUPS  FULL_NAME  HOME       SHELL
root     0     0  root                   root       /root      /bin/bash
ann   1000  1000  ann                    Ann        /home/ann  /bin/zsh
"
    );
    assert!(ran.stderr.contains("\ncollected 2 records ("), "{}", ran.stderr);
}

#[tokio::test]
async fn a_collection_is_all_of_its_records_for_programs() {
    let home = tempfile::tempdir().expect("a folder");
    let root = root();
    let set = format!("root={}", root.path().display());
    let collect = |format: &'static str| {
        let args = [
            "connector",
            "collect",
            "host",
            "--data-type",
            "user",
            "--output",
            format,
            "--set",
        ];
        let args: Vec<&str> = args.into_iter().chain([set.as_str()]).collect();
        let home = home.path().to_owned();
        async move { run_in(&home, &args).await.stdout }
    };
    let lines = collect("jsonl").await;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["name"], "ann");
    let array: Value = serde_json::from_str(&collect("json").await).expect("one document");
    assert_eq!(array.as_array(), Some(&lines));
}

#[tokio::test]
async fn a_program_is_collected_from_with_its_log_and_cursor_beside() {
    let home = tempfile::tempdir().expect("a folder");
    program(home.path(), WELL, TWO);
    let ran = run_in(home.path(), &["connector", "collect", "./crm.sh", "--set", "url=x"]).await;
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (
            0,
            "\
ID  NAME     TAGS
 7  printer  a, b
12  phone
"
        )
    );
    assert!(
        ran.stderr.starts_with("info   signed in\ncollected 2 records ("),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .ends_with("\nthe next collection may begin with --cursor 'page 2'\n"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn only_the_first_are_collected() {
    let home = tempfile::tempdir().expect("a folder");
    program(home.path(), WELL, TWO);
    let args = [
        "connector",
        "collect",
        "./crm.sh",
        "--set",
        "url=x",
        "--first",
        "1",
        "--output",
        "jsonl",
    ];
    let ran = run_in(home.path(), &args).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "{\"name\":\"printer\",\"id\":7,\"tags\":[\"a\",\"b\"],\"owner\":null}\n"
    );
    assert!(ran.stderr.contains("stopped after 1 record in "), "{}", ran.stderr);
}

#[tokio::test]
async fn a_source_that_does_not_answer_ends_check_and_collect_with_2() {
    let home = tempfile::tempdir().expect("a folder");
    let failure =
        r#"echo '{"error":{"category":"permission","message":"403 for /devices","remedy":"grant devices.read"}}'"#;
    program(home.path(), failure, failure);
    let ran = run_in(home.path(), &["connector", "check", "./crm.sh", "--set", "url=x"]).await;
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (
            2,
            "",
            "\
error: connector `crm` cannot read its source from here: permission: 403 for /devices
next: grant devices.read
"
        )
    );
    let ran = run_in(
        home.path(),
        &["connector", "check", "./crm.sh", "--set", "url=x", "--output", "jsonl"],
    )
    .await;
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stdout,
        "{\"connector\":\"crm\",\"ok\":false,\"failure\":{\"category\":\"permission\",\"message\":\"403 for /devices\",\
         \"remedy\":\"grant devices.read\"}}\n"
    );
    let ran = run_in(home.path(), &["connector", "collect", "./crm.sh", "--set", "url=x"]).await;
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (
            2,
            "",
            "\
error: connector `crm` has not collected `device`: permission: 403 for /devices
next: grant devices.read
"
        )
    );
}

#[tokio::test]
async fn a_good_check_says_what_to_type_next() {
    let home = tempfile::tempdir().expect("a folder");
    program(home.path(), WELL, TWO);
    let config = home.path().join("crm.json");
    fs::write(&config, r#"{"url": "x"}"#).expect("written");
    run_in(home.path(), &["connector", "check", "./crm.sh", "--config", "crm.json"])
        .await
        .tells(
            "\
connector `crm` can read its source from here
collect:  muster connector collect ./crm.sh --data-type device
",
        );
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_told_before_anything_runs() {
    let home = tempfile::tempdir().expect("a folder");
    program(home.path(), "echo run >> ran", "echo run >> ran");
    run_in(home.path(), &["connector", "collect", "./crm.sh", "--set", "url=7"])
        .await
        .fails(
            "\
error: cannot collect `device`: the configuration does not fit the connector `crm`
  url: must be a string, and is a number (--set url)
next: see what it needs: muster connector spec ./crm.sh
",
        );
    assert!(!home.path().join("ran").exists());
}

#[tokio::test]
async fn a_data_type_or_connector_that_is_not_there_gets_the_nearest_one() {
    let home = tempfile::tempdir().expect("a folder");
    run_in(home.path(), &["connector", "collect", "host", "-d", "sofware"]).await.fails(
        "\
error: there is no data type `sofware` among those of connector `host` (device, user, software); did you mean `software`?
next: name one: --data-type device|user|software
",
    );
    run_in(home.path(), &["connector", "check", "hsot"]).await.fails(
        "\
error: there is no connector `hsot` that is built in here; did you mean `host`?
next: muster connector list --here
",
    );
    run_in(home.path(), &["connector", "collect", "host"]).await.fails(
        "\
error: cannot run the connector: `host` offers 3 data types, and none was named
next: name one: --data-type device|user|software
",
    );
}

#[tokio::test]
async fn a_program_of_a_runners_file_is_run_by_its_name() {
    let home = tempfile::tempdir().expect("a folder");
    program(home.path(), WELL, TWO);
    let file = home.path().join("runner.toml");
    let program = home.path().join("crm.sh");
    let text = format!(
        "slots = 4\nconnectors = []\n\n[exec.crm]\nprogram = \"{}\"\n",
        program.display()
    );
    fs::write(&file, text).expect("written");
    let run = |name: &'static str| {
        let args = [
            "connector",
            "collect",
            name,
            "--runner-config",
            "runner.toml",
            "--set",
            "url=x",
            "--output",
            "jsonl",
        ];
        let home = home.path().to_owned();
        async move { run_in(&home, &args).await }
    };
    let ran = run("crm").await;
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 2), "{}", ran.stderr);
    run("crn").await.fails(
        "\
error: there is no connector `crn` that a runner with runner.toml may run; did you mean `crm`?
next: add it to the file as [exec.NAME], or name one that is there
",
    );
    assert_eq!(run("host").await.code, 1);
    let text = "slot = 4\nconnectors = [\"hots\"]\n\n[exec.crm]\nprogam = \"/bin/crm\"\nfolder = \"x\"\n";
    fs::write(&file, text).expect("written");
    // All that keeps a runner from starting with it.
    run("crm").await.fails(
        "\
error: cannot use the runner's configuration
  runner.toml:1:1: `slot`: there is no such key: is `slots` meant?
  runner.toml:2:14: `connectors`: there is no connector `hots`: is `host` meant? there are `host`
  runner.toml:4:7: `exec.crm`: missing field `program`
  runner.toml:5:1: `exec.crm.progam`: there is no such key: is `program` meant?
next: mend the file; judge all of it:  muster-runner --config FILE --check-config
",
    );
}

/// A program whose token is a secret, and that gets on with the right one alone.
fn program_with_a_token(folder: &Path) {
    let text = r#"#!/bin/sh
read -r request
case "$1" in
spec) echo '{"spec":{"protocol":1,"version":"1.0.0","title":"Devices","description":"Made up.","config_schema":{"type":"object","properties":{"token":{"type":"string","writeOnly":true}}},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]}]}}' ;;
check) case "$request" in
  *'"token":"hunter2"'*) echo '{"end":{}}' ;;
  *) echo '{"error":{"category":"permission","message":"the token is wrong"}}' ;;
  esac ;;
collect) case "$request" in
  *'"token":"hunter2"'*) echo '{"record":{"id":1}}'; echo '{"end":{"records":1}}' ;;
  *) echo '{"error":{"category":"permission","message":"the token is wrong"}}' ;;
  esac ;;
esac
"#;
    let path = folder.join("crm.sh");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
}

#[tokio::test]
async fn references_to_secrets_lead_where_a_runner_finds_them() {
    let home = tempfile::tempdir().expect("a folder");
    program_with_a_token(home.path());
    let run = |args: &'static [&'static str]| {
        let mut command = command_in(home.path(), &[&["connector"], args].concat());
        command.env("MUSTER_SECRET_CRM", "hunter2");
        async move { finish(command.spawn().expect("the binary starts")).await }
    };
    let ran = run(&["check", "./crm.sh", "--set", "token=env:MUSTER_SECRET_CRM"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    // Without a file, those of a runner that this user starts; with one, those of the runner whose file it is.
    let own = home.path().join(".local/state/muster-runner/secrets");
    fs::create_dir_all(&own).expect("made");
    fs::write(own.join("crm"), "hunter2\n").expect("written");
    let ran = run(&["collect", "./crm.sh", "--set", "token=file:crm", "--output", "jsonl"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "{\"id\":1}\n"), "{}", ran.stderr);
    let elsewhere = home.path().join("runner");
    fs::create_dir_all(elsewhere.join("secrets")).expect("made");
    fs::write(elsewhere.join("secrets/crm"), "hunter3").expect("written");
    let text = format!(
        "data_folder = \"{}\"\n\n[exec.crm]\nprogram = \"{}\"\n",
        elsewhere.display(),
        home.path().join("crm.sh").display()
    );
    fs::write(home.path().join("runner.toml"), text).expect("written");
    let ran = run(&[
        "check",
        "crm",
        "--runner-config",
        "runner.toml",
        "--set",
        "token=file:crm",
    ])
    .await;
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("the token is wrong"), "{}", ran.stderr);

    let ran = run(&["check", "./crm.sh", "--set", "token=hunter2"]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.starts_with(
            "error: cannot check the source: the configuration does not fit the connector `crm`\n  token: is a secret: give a reference"
        ) && ran.stderr.contains("(--set token)")
            && !ran.stderr.contains("hunter2"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_program_that_is_no_connector_is_told_so() {
    let home = tempfile::tempdir().expect("a folder");
    let ran = run_in(home.path(), &["connector", "spec", "./nothing"]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.starts_with("error: cannot run the connector: `program`: ")
            && ran
                .stderr
                .ends_with("next: see what a program must do: docs/exec.md; begin one:  muster connector init NAME\n"),
        "{}",
        ran.stderr
    );
    let ran = run_in(home.path(), &["connector", "spec", "/bin/true"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("\nnext: "), "{}", ran.stderr);
}

/// A program is confined here as it is by a runner, and the flags let it do more.
#[tokio::test]
async fn a_program_writes_where_it_is_let() {
    if !muster_connectors::exec::held().files {
        eprintln!("skipped: no landlock");
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    program(home.path(), WELL, r#"echo x > left && echo '{"end":{"records":0}}'"#);
    let collect = ["connector", "collect", "./crm.sh", "--set", "url=x"];
    let held = run_in(home.path(), &collect).await;
    assert_eq!(held.code, 2, "{}", held.stderr);
    assert!(
        held.stderr.contains("cannot create left: Permission denied") && held.stderr.contains("`write_paths`"),
        "{}",
        held.stderr
    );
    assert!(!home.path().join("left").exists());
    for more in [["--write-path", "."], ["--confine", "none"]] {
        let let_through = run_in(home.path(), &[&collect[..], &more].concat()).await;
        assert_eq!(let_through.code, 0, "{}", let_through.stderr);
        std::fs::remove_file(home.path().join("left")).expect("it was written");
    }
}

/// Ctrl-C cancels: what was collected so far is there, the program is gone, and the code says so.
#[tokio::test]
async fn ctrl_c_cancels_a_collection() {
    let home = tempfile::tempdir().expect("a folder");
    let collect = r#"echo $$ > pid; echo '{"log":{"message":"begun"}}'; while :; do sleep 1; done"#;
    program(home.path(), WELL, collect);
    let arguments = [
        "connector",
        "collect",
        "./crm.sh",
        "--set",
        "url=x",
        "--write-path",
        ".",
    ];
    let mut child = command_in(home.path(), &arguments).spawn().expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    let read = timeout(PATIENCE, stderr.read_line(&mut line)).await.expect("in time");
    read.expect("it is read");
    assert_eq!(line, "info   begun\n");
    let id = child.id().expect("it runs").to_string();
    let signalled = std::process::Command::new("kill").args(["-INT", &id]).status();
    assert!(signalled.expect("kill is there").success());
    let status = timeout(PATIENCE, child.wait())
        .await
        .expect("in time")
        .expect("it ends");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).await.expect("read");
    assert_eq!(status.code(), Some(130), "{rest}");
    assert!(rest.contains("canceling; Ctrl-C again ends it at once\n"), "{rest}");
    assert!(rest.contains("canceled after 0 records in "), "{rest}");
    let pid = fs::read_to_string(home.path().join("pid")).expect("it ran");
    let alive = || Path::new(&format!("/proc/{}", pid.trim())).exists();
    let gone = async {
        while alive() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the program has ended");
}
