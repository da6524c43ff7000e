//! What a runner was given by whoever has started it, and must not hand on to the programs that it starts.

use std::fs;
use std::process::Command;

use muster_proto::v1::ExecutionStatus;
use muster_tests::{Binary, LIMIT, Process, Wanted, World, eventually};

/// What the program says of itself.
const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"T","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]}]}}"#;

/// A program that logs each file that is open in it, and what it is.
const PROGRAM: &str = r#"read -r request
case "$1" in
spec) echo "$SPEC" ;;
collect)
  ls -l /proc/$$/fd
  echo '{"end":{"records":0}}'
  ;;
esac"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_no_file_that_was_open_when_its_runner_began() {
    let world = World::start().await;
    let file = world.folder().join("runner.toml");
    let program = format!(
        "[exec.curious]\nprogram = \"/bin/sh\"\narguments = [\"-c\", {}, \"curious\"]\nenvironment = {{ SPEC = {} }}\n",
        serde_json::json!(PROGRAM),
        serde_json::json!(SPECIFICATION),
    );
    fs::write(&file, program).expect("written");
    let mut shell = Command::new("/bin/sh");
    // As a service manager, or a script with a lock, leaves files open.
    shell.args(["-c", "exec 9</etc/passwd 3>&1; exec \"$@\"", "sh"]);
    shell.arg(Binary::Runner.path()).args(["--display-name", "careful"]);
    shell.arg("--coordinator").arg(world.coordinator.url());
    shell.arg("--data-folder").arg(world.folder().join("careful"));
    shell.arg("--config").arg(&file);
    let runner = Process::start(shell, &world.folder().join("careful.log"));
    let client = world.client();
    client.until_online("careful").await;
    let inherited = fs::read_link(format!("/proc/{}/fd/9", runner.pid())).expect("the runner has it");
    assert_eq!(inherited.to_str(), Some("/etc/passwd"));

    let created = client
        .create_soon(&Wanted::new("curious", "curious").data_type("device"))
        .await;
    let open = eventually("what the program has open", LIMIT, async || {
        let executions = client.all_executions().await.map_err(|status| status.to_string())?;
        let execution = executions.into_iter().find(|one| one.name.starts_with(&created.name));
        let execution = execution.ok_or("no execution")?;
        let lines = client
            .log_lines(&execution.name)
            .await
            .map_err(|status| status.to_string())?;
        // `lr-x------ 1 root root 64 Nov 28 12:00 0 -> pipe:[1234]`
        let open = lines.iter().filter_map(|line| line.message.split_once(" -> "));
        let open = open.map(|(before, target)| (before.rsplit(' ').next().unwrap_or_default(), target));
        let open: Vec<_> = open
            .map(|(number, target)| (number.to_owned(), target.to_owned()))
            .collect();
        let has_ended = execution.status() == ExecutionStatus::Completed;
        if has_ended && !open.is_empty() {
            Ok(open)
        } else {
            Err(format!("{lines:?}"))
        }
    })
    .await;
    let numbers: Vec<&str> = open.iter().map(|(number, _)| number.as_str()).collect();
    assert_eq!(numbers, ["0", "1", "2"], "{open:?}");
    assert!(open.iter().all(|(_, target)| target.starts_with("pipe:[")), "{open:?}");
}
