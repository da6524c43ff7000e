//! `muster connector init` and `test`.

use std::fs;

use serde_json::Value;

use crate::command::run_in;

#[tokio::test]
async fn what_was_begun_passes_as_it_is() {
    let home = tempfile::tempdir().expect("a folder");
    run_in(home.path(), &["connector", "init", "crm"]).await.tells(
        "\
wrote crm/crm.py
wrote crm/config.json
wrote crm/devices.jsonl
wrote crm/README.md
try it:  muster connector test crm/crm.py --config crm/config.json
",
    );
    let args = [
        "connector",
        "test",
        "crm/crm.py",
        "--config",
        "crm/config.json",
        "--env",
        "PATH",
    ];
    let ran = run_in(home.path(), &args).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("passed   the specification is valid: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.ends_with("\nconnector `crm` keeps to what is expected\n"),
        "{}",
        ran.stdout
    );
}

#[tokio::test]
async fn nothing_that_is_there_is_written_over() {
    let home = tempfile::tempdir().expect("a folder");
    fs::write(home.path().join("config.json"), "mine").expect("written");
    run_in(
        home.path(),
        &["connector", "init", "crm", "--language", "shell", "--folder", "."],
    )
    .await
    .fails(
        "\
error: cannot write ./config.json: it is there already
next: name another place, or move away what is there
",
    );
    assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 1);
}

#[tokio::test]
async fn one_that_is_built_in_passes_too() {
    let home = tempfile::tempdir().expect("a folder");
    let ran = run_in(home.path(), &["connector", "test", "host", "--output", "jsonl"]).await;
    let report: Value = serde_json::from_str(&ran.stdout).expect("one line of JSON");
    assert_eq!((ran.code, &report["passed"]), (0, &Value::Bool(true)), "{report:#}");
}

#[tokio::test]
async fn one_that_needs_mending_ends_with_2() {
    let home = tempfile::tempdir().expect("a folder");
    run_in(home.path(), &["connector", "init", "crm"]).await;
    let program = home.path().join("crm/crm.py");
    let text = fs::read_to_string(&program).expect("it was written");
    let miscounted = text.replace("{\"records\": records}", "{\"records\": records + 1}");
    assert_ne!(text, miscounted);
    fs::write(&program, miscounted).expect("written");
    let args = [
        "connector",
        "test",
        "crm/crm.py",
        "--config",
        "crm/config.json",
        "--env",
        "PATH",
    ];
    let ran = run_in(home.path(), &args).await;
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("failed   counts and keys match (device): "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("\nconnector `crm` needs mending: "),
        "{}",
        ran.stdout
    );
}
