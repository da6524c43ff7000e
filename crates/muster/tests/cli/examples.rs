//! Every example of every help text, typed into a shell: it does what it says, against a coordinator that has what it names.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use muster_proto::v1::watch_executions_response::Kind;
use muster_proto::v1::{
    ExecutionSnapshot, Integration, Person, ReadRecordsResponse, TailLogLinesResponse, Token, WatchExecutionsResponse,
};
use tokio::process::Command;
use tokio::time::timeout;

use crate::alerts::incident;
use crate::checks::checks;
use crate::command::{PATIENCE, run_in};
use crate::coordinator::{Coordinator, End, Script, State};
use crate::enrollment::{authority, good};
use crate::organizations::acme;
use crate::things::*;

/// The example that stands for this line, unless it is not run here.
enum Run<'a> {
    /// As it stands.
    Whole(&'a str),
    /// It goes on for ever, or changes the machine: its command line is tested where it is parsed.
    Not,
}

fn run_of(example: &str) -> Run<'_> {
    let for_ever = ["muster dev", "muster execution watch"];
    // Who logs in types a token.
    let asks = " login";
    let elsewhere = ["/opt/", "/etc/"];
    if example.contains(asks)
        || for_ever.iter().any(|start| example.starts_with(start))
        || elsewhere.iter().any(|path| example.contains(path))
    {
        return Run::Not;
    }
    Run::Whole(example)
}

/// The examples of a command and of all below it, by what the help texts say.
async fn examples(folder: &Path) -> Vec<String> {
    let mut examples = Vec::new();
    let mut commands: VecDeque<Vec<String>> = [Vec::new()].into();
    while let Some(command) = commands.pop_front() {
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run_in(folder, &args).await;
        assert_eq!(help.code, 0, "{args:?}");
        let section = |title: &str| {
            let lines = help.stdout.lines().skip_while(move |line| *line != title).skip(1);
            lines
                .take_while(|line| line.starts_with("  "))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        examples.extend(section("Examples:").iter().map(|line| line.trim().to_owned()));
        for line in section("Commands:") {
            // Two blanks begin a command, more the rest of a text that was broken.
            let name = line.strip_prefix("  ").filter(|name| !name.starts_with(' '));
            if let Some(name) = name
                .and_then(|name| name.split_whitespace().next())
                .filter(|name| *name != "help")
            {
                commands.push_back(command.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
    }
    examples
}

fn ada(parent: &str) -> Person {
    Person {
        name: format!("{parent}/people/01936b1e-0000-7000-8000-0000456789ac"),
        display_name: "Ada".to_owned(),
        email: "ada@example.com".to_owned(),
        ..Person::default()
    }
}

fn token() -> Token {
    Token {
        name: "organizations/default/tokens/01936b1e-0000-7000-8000-0000456789ab".to_owned(),
        ..Token::default()
    }
}

/// What the examples name.
fn state() -> State {
    let named = |display_name: &str, connector: &str| Integration {
        display_name: display_name.to_owned(),
        connector: connector.to_owned(),
        name: format!("organizations/default/integrations/{display_name}"),
        configuration: Some(object_of(&[("label", "hq")])),
        ..laptops()
    };
    let mut directory = named("directory", "ldap");
    directory.configuration = Some(object_of(&[("server.start_tls", "yes")]));
    let mut ldap = host();
    ldap.name = "organizations/default/connectors/ldap".to_owned();
    // Whatever is set in the examples is good.
    let mut host = host();
    for connector in [&mut ldap, &mut host] {
        let specification = connector.specification.as_mut().expect("it has one");
        specification.configuration_schema = None;
    }
    let mut laptops = named("laptops", "host");
    laptops.name = LAPTOPS.to_owned();
    laptops.data_types.push(servers().data_types.remove(0));
    State {
        integrations: vec![laptops, directory],
        executions: vec![completed(LAPTOPS, "456789ab", "user", 2)],
        run_answer: vec![completed(LAPTOPS, "456789ab", "user", 2)],
        runners: vec![rack()],
        incidents: vec![incident()],
        people: ["organizations/default", "service"].map(ada).to_vec(),
        tokens: vec![token()],
        connectors: vec![host, ldap],
        organizations: vec![acme()],
        authority: authority(),
        audit_entries: crate::audit::entries(),
        records: (0..8)
            .map(|_| Script {
                messages: vec![ReadRecordsResponse {
                    lines: b"{\"id\":1}\n".as_slice().into(),
                }],
                end: End::Well,
            })
            .collect(),
        tails: (0..8)
            .map(|_| Script {
                messages: vec![TailLogLinesResponse::default()],
                end: End::Well,
            })
            .collect(),
        checks: (0..8).map(|_| checks(None)).collect(),
        watches: (0..8)
            .map(|_| Script {
                messages: vec![WatchExecutionsResponse {
                    resume_token: "1".to_owned(),
                    kind: Some(Kind::Snapshot(ExecutionSnapshot {
                        executions: Vec::new(),
                        complete: true,
                    })),
                }],
                end: End::Never,
            })
            .collect(),
        enrollment_tokens: vec![good("organizations/default/", "hq")],
        ..State::default()
    }
}

#[tokio::test]
async fn every_example_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::create_dir(path.join("bin")).expect("made");
    symlink(env!("CARGO_BIN_EXE_muster"), path.join("bin/muster")).expect("linked");
    for (file, text) in [
        ("directory.json", r#"{"server": {"host": "dc1"}}"#),
        ("wrong.json", r#"{"file": "/nothing"}"#),
        ("password", "hunter2\n"),
    ] {
        fs::write(path.join(file), text).expect("written");
    }
    // The program that examples call `./crm.py`.
    run_in(path, &["connector", "init", "crm", "--folder", "."]).await;
    let path_variable = format!(
        "{}:{}",
        path.join("bin").display(),
        std::env::var("PATH").expect("a path")
    );
    let mut ran = 0;
    for example in examples(path).await {
        let Run::Whole(example) = run_of(&example) else {
            continue;
        };
        if example.contains("jq") && std::process::Command::new("jq").arg("--version").output().is_err() {
            continue;
        }
        // One that deletes leaves nothing for the next.
        let coordinator = Coordinator::start(state()).await;
        if example.contains(" init ") {
            // It was there from another example, perhaps.
            let _ = fs::remove_dir_all(path.join("crm"));
        }
        run_in(path, &["context", "set", "hq", "--server", &coordinator.url]).await;
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                &format!("set -e; echo '{{\"label\":\"hq\"}}' | {{ {}; }}", with_yes(example)),
            ])
            .env_clear()
            .env("HOME", path)
            .env("PATH", &path_variable)
            .env("MUSTER_SERVER", &coordinator.url)
            .current_dir(path)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(PATIENCE, shell.output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("`{example}` does not end"))
            .expect("a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && !stderr.contains("error: "),
            "`{example}` has ended with {}: {stderr}",
            output.status
        );
        ran += 1;
    }
    assert!(ran >= 50, "only {ran} examples were run");
}

/// The one that asks gets its yes.
fn with_yes(example: &str) -> String {
    let deletes = ["muster integration delete", "muster organization delete"];
    if deletes.iter().any(|start| example.starts_with(start)) && !example.ends_with("--yes") {
        return format!("{example} --yes");
    }
    example.to_owned()
}
