//! `muster context`: names for coordinators, and what goes before what.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::command::{command_in, finish, run_in};
use crate::integration::two;

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(home: &Path) -> String {
    fs::read_to_string(home.join(".config/muster/contexts.toml")).expect("it was written")
}

#[tokio::test]
async fn contexts_are_made_chosen_listed_and_deleted() {
    let home = home();
    let set = ["context", "set", "hq", "--server", "hq.internal:7443"];
    run_in(home.path(), &set)
        .await
        .tells("made context `hq`; it is in use from now on\n");
    let set = [
        "context",
        "set",
        "lab",
        "--server",
        "http://127.0.0.1:17443",
        "--output",
        "jsonl",
    ];
    run_in(home.path(), &set)
        .await
        .tells("made context `lab`; use it:  muster context use lab\n");
    run_in(home.path(), &["context", "set", "lab", "--organization", "acme"])
        .await
        .tells("changed context `lab`\n");
    run_in(home.path(), &["context", "list"]).await.tells(
        "\
IN USE  NAME  SERVER                   ORGANIZATION  OUTPUT
*       hq    http://hq.internal:7443  -             -
        lab   http://127.0.0.1:17443   acme          jsonl
",
    );
    let listed = run_in(home.path(), &["context", "list", "--output", "json"])
        .await
        .json();
    assert_eq!(
        listed[1],
        serde_json::json!({
            "name": "lab", "in_use": false, "server": "http://127.0.0.1:17443", "organization": "acme", "output": "jsonl",
            "logged_in": false
        })
    );
    run_in(home.path(), &["context", "use", "lab"])
        .await
        .tells("context `lab` is in use from now on\n");
    run_in(home.path(), &["context", "delete", "lab"])
        .await
        .tells("deleted context `lab`; none is in use now\n");
    assert_eq!(
        file(home.path()),
        "\
# Kept by `muster context`, which writes it anew: comments are lost.

[contexts.hq]
server = \"http://hq.internal:7443\"
"
    );
    let mode = fs::metadata(home.path().join(".config/muster/contexts.toml")).expect("it is there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_a_variable_says_is_not_kept() {
    let home = home();
    let mut command = command_in(home.path(), &["context", "set", "hq"]);
    command.env("MUSTER_SERVER", "http://elsewhere:1");
    finish(command.spawn().expect("it starts"))
        .await
        .tells("made context `hq`; it is in use from now on\n");
    assert!(!file(home.path()).contains("elsewhere"), "{}", file(home.path()));
}

/// Where it asks says what goes before what: each of the others leads nowhere.
#[tokio::test]
async fn a_flag_goes_before_a_variable_and_that_before_the_context() {
    const NOWHERE: &str = "http://127.0.0.1:1";
    let home = home();
    let coordinator = two().await;
    let url = coordinator.url.as_str();
    run_in(home.path(), &["context", "set", "here", "--server", url]).await;
    run_in(home.path(), &["context", "set", "nowhere", "--server", NOWHERE]).await;
    for (in_use, variable, flags, found) in [
        ("here", None, &[][..], true),
        ("nowhere", None, &[], false),
        ("nowhere", Some(url), &[], true),
        ("here", Some(NOWHERE), &[], false),
        ("nowhere", Some(NOWHERE), &["--server", url], true),
        ("nowhere", Some(NOWHERE), &["--context", "here"], true),
        ("here", None, &["--context", "nowhere"], false),
        ("nowhere", None, &["--context", "nowhere", "--server", url], true),
    ] {
        run_in(home.path(), &["context", "use", in_use]).await;
        let args: Vec<&str> = ["integration", "list"].iter().chain(flags).copied().collect();
        let mut command = command_in(home.path(), &args);
        if let Some(variable) = variable {
            command.env("MUSTER_SERVER", variable);
        }
        let ran = finish(command.spawn().expect("it starts")).await;
        assert_eq!(ran.code == 0, found, "{in_use} {variable:?} {flags:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn show_says_who_says_so() {
    let home = home();
    run_in(
        home.path(),
        &["context", "set", "hq", "--server", "http://hq:1", "--output", "table"],
    )
    .await;
    let mut command = command_in(home.path(), &["context", "show"]);
    command.env("MUSTER_ORGANIZATION", "acme");
    let file = home.path().join(".config/muster/contexts.toml");
    finish(command.spawn().expect("it starts")).await.tells(&format!(
        "\
context       hq
server        http://hq:1  (from context `hq`)
organization  acme  (from MUSTER_ORGANIZATION)
output        table  (from context `hq`)
file          {}
",
        file.display()
    ));
    run_in(home.path(), &["context", "use", "--none"]).await;
    let shown = run_in(home.path(), &["context", "show", "--output", "json"])
        .await
        .json();
    assert_eq!(shown["server"], "http://127.0.0.1:7443");
    assert_eq!(shown["server_from"], "default");
    assert_eq!(shown["output_from"], "--output");
}

#[tokio::test]
async fn a_file_of_authorities_is_kept_by_where_it_is_and_for_that_coordinator_alone() {
    let home = home();
    let set = [
        "context",
        "set",
        "hq",
        "--server",
        "https://hq:1",
        "--ca-file",
        "pems/hq.pem",
    ];
    let mut command = command_in(home.path(), &set);
    command.current_dir(home.path());
    finish(command.spawn().expect("it starts")).await;
    let kept = std::fs::canonicalize(home.path())
        .expect("it is there")
        .join("pems/hq.pem");
    let kept = kept.to_str().expect("UTF-8");
    let shown = async |flags: &[&str]| {
        let all: Vec<&str> = ["context", "show", "--output", "json"]
            .iter()
            .chain(flags)
            .copied()
            .collect();
        run_in(home.path(), &all).await.json()
    };
    let own = shown(&[]).await;
    assert_eq!(own["ca_file"], kept, "{own}");
    assert_eq!(own["ca_file_from"], "context `hq`");
    assert!(shown(&["--server", "https://lab:1"]).await["ca_file"].is_null());
    assert_eq!(shown(&["--ca-file", "/x.pem"]).await["ca_file"], "/x.pem");
    run_in(home.path(), &["context", "set", "hq", "--server", "https://lab:1"]).await;
    assert!(!file(home.path()).contains("ca_file"), "{}", file(home.path()));
    // What cannot be read is told as such, and nobody is asked without it.
    let coordinator = two().await;
    let url = coordinator.url.replace("http:", "https:");
    let asked = run_in(home.path(), &["--server", &url, "--ca-file", "/nowhere.pem", "whoami"]).await;
    assert!(
        asked.code == 1 && asked.stderr.contains("cannot read /nowhere.pem"),
        "{}",
        asked.stderr
    );
}

#[tokio::test]
async fn a_mistyped_context_gets_the_nearest_one() {
    let home = home();
    run_in(home.path(), &["context", "set", "berlin", "--server", "http://hq:1"]).await;
    let file = home.path().join(".config/muster/contexts.toml");
    let told = format!(
        "\
error: there is no context `brelin` in {}; did you mean `berlin`?
next: muster context list
",
        file.display()
    );
    for args in [
        &["context", "use", "brelin"][..],
        &["context", "show", "brelin"],
        &["context", "delete", "brelin"],
        &["--context", "brelin", "integration", "list"],
    ] {
        run_in(home.path(), args).await.fails(&told);
    }
}

#[tokio::test]
async fn a_fault_in_the_file_is_told_with_its_line() {
    let home = home();
    let path = home.path().join("contexts.toml");
    for (text, told) in [
        (
            "context = \"hq\"\n\n[contexts.hq]\nsrever = \"http://hq:1\"\n",
            ":4:1: unknown field `srever`, expected one of `server`, `organization`, `output`",
        ),
        (
            "[contexts.hq]\nserver = \"ftp://hq:1\"\n",
            ":2:10: unknown scheme; it must be such as `http://127.0.0.1:7443`",
        ),
        ("[contexts.hq\n", ":1:13: "),
    ] {
        fs::write(&path, text).expect("written");
        let mut command = command_in(home.path(), &["integration", "list"]);
        command.env("MUSTER_CONTEXTS", &path);
        let ran = finish(command.spawn().expect("it starts")).await;
        let start = format!("error: cannot use the file of contexts\n  {}{told}", path.display());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        assert!(ran.stderr.starts_with(&start), "{}", ran.stderr);
        let end = "\nnext: mend the file, or move it away and begin anew: muster context set NAME --server URL\n";
        assert!(ran.stderr.ends_with(end), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn one_that_names_a_context_which_is_gone_says_so() {
    let home = home();
    let path = home.path().join("contexts.toml");
    fs::write(&path, "context = \"hq\"\n").expect("written");
    let mut command = command_in(home.path(), &["integration", "list"]);
    command.env("MUSTER_CONTEXTS", &path);
    let ran = finish(command.spawn().expect("it starts")).await;
    let told = format!("error: there is no context `hq` in {}\n", path.display());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
}

#[tokio::test]
async fn without_a_home_folder_there_are_no_contexts_and_all_else_works() {
    let coordinator = two().await;
    let ran = crate::command::run(&coordinator.url, &["integration", "list"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut command = crate::command::command(&coordinator.url, &["context", "set", "hq"]);
    command.env_remove("MUSTER_SERVER");
    finish(command.spawn().expect("it starts")).await.fails(
        "\
error: there is no home folder to keep contexts in
next: name the file with MUSTER_CONTEXTS
",
    );
}
