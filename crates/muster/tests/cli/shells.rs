//! `muster completion` and `muster man`.

use std::fs;
use std::process::{Command, Stdio};

use crate::command::run_in;

/// Whether a program is installed here.
fn is_there(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}

/// A shell completes as a person sees it.
#[tokio::test]
async fn bash_completes_commands_and_flags() {
    let home = tempfile::tempdir().expect("a folder");
    let script = run_in(home.path(), &["completion", "bash"]).await;
    assert_eq!((script.code, script.stderr.as_str()), (0, ""));
    fs::write(home.path().join("muster.bash"), &script.stdout).expect("written");
    let completed = |words: &str, last: usize| {
        let typed = format!(
            "source muster.bash; COMP_WORDS=({words}); COMP_CWORD={last}; _muster muster \"${{COMP_WORDS[{last}]}}\" \
             \"${{COMP_WORDS[{last}-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let ran = Command::new("bash")
            .args(["--norc", "-c", &typed])
            .current_dir(home.path())
            .output();
        String::from_utf8(ran.expect("bash runs").stdout).expect("UTF-8")
    };
    assert_eq!(completed("muster conn", 1).trim(), "connector connectors");
    let flags = completed("muster connector collect --", 3);
    for flag in ["--data-type", "--first", "--exec", "--output"] {
        assert!(
            flags.split_whitespace().any(|word| word == flag),
            "{flag} is not in {flags}"
        );
    }
    assert_eq!(
        completed("muster runner list --output ''", 4).trim(),
        "table json jsonl"
    );
}

#[tokio::test]
async fn other_shells_take_their_scripts() {
    let home = tempfile::tempdir().expect("a folder");
    for (shell, begins) in [
        ("zsh", "#compdef muster\n"),
        ("fish", "# Print an optspec for argparse"),
    ] {
        let script = run_in(home.path(), &["completion", shell]).await;
        assert!(script.stdout.starts_with(begins), "{shell}: {}", &script.stdout[..80]);
        if is_there(shell) {
            let file = home.path().join(shell);
            fs::write(&file, &script.stdout).expect("written");
            let judged = Command::new(shell).arg("-n").arg(&file).status();
            assert!(judged.expect("it runs").success(), "{shell}");
        }
    }
    assert_eq!(run_in(home.path(), &["completion", "tcsh"]).await.code, 64);
}

#[tokio::test]
async fn every_command_has_a_manual_page() {
    let home = tempfile::tempdir().expect("a folder");
    let ran = run_in(home.path(), &["man", "share/man1"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    let folder = home.path().join("share/man1");
    let mut pages: Vec<String> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    pages.sort();
    assert_eq!(ran.stderr, format!("wrote {} pages into share/man1\n", pages.len()));
    for page in [
        "muster.1",
        "muster-integration-create.1",
        "muster-connector-collect.1",
        "muster-context-set.1",
    ] {
        assert!(pages.iter().any(|one| one == page), "{page} is not in {pages:?}");
    }
    if is_there("man") {
        let shown = Command::new("man")
            .args(["--warnings", "--local-file", "muster-integration-create.1"])
            .env("MANWIDTH", "100")
            .env("MANPAGER", "cat")
            .current_dir(&folder)
            .output()
            .expect("man runs");
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(
            shown.status.success() && shown.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&shown.stderr)
        );
        assert!(
            text.contains("muster integration create laptops --connector host --pool default"),
            "{text}"
        );
    }
}
