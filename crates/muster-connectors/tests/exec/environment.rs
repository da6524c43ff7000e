//! What a program has, and what it has not.

use muster_connectors::exec::Program;

use crate::program::{collect, shell};

/// What a program prints on standard error when it collects.
async fn told(program: &Program) -> Vec<String> {
    let (done, collected) = collect(program).await;
    done.expect("a good end");
    collected.log.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn its_environment_is_what_is_configured_and_nothing_else() {
    let program = Program {
        environment: [("REGION".to_owned(), "eu".to_owned())].into(),
        pass_environment: vec!["CARGO_PKG_NAME".to_owned()],
        // As the kernel has it: the shell adds variables of its own.
        ..shell(r#"tr '\0' '\n' < /proc/$$/environ | sort >&2; echo '{"end":{"records":0}}'"#)
    };
    let told = told(&program).await;
    assert_eq!(told[..2], ["CARGO_PKG_NAME=muster-connectors", "REGION=eu"]);
    // And where it may write.
    assert!(told[2].starts_with("TMPDIR=/") && told.len() == 3, "{told:?}");
}

#[tokio::test]
async fn it_has_no_open_file_of_the_runner_and_its_standard_input_ends_after_the_request() {
    let held = tempfile::NamedTempFile::new().expect("a file");
    let program = shell(
        r#"
        for file in /proc/$$/fd/*; do readlink "$file" >&2; done
        if read -r more; then echo "there is more: $more" >&2; else echo "standard input has ended" >&2; fi
        echo '{"end":{"records":0}}'"#,
    );
    let told = told(&program).await;
    let path = held.path().to_str().expect("text");
    assert!(!told.iter().any(|line| line == path), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("standard input has ended"));
}

#[tokio::test]
async fn it_starts_in_the_configured_folder_with_its_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program {
        folder: Some(folder.path().to_owned()),
        memory_mib_max: Some(64),
        ..shell(r#"pwd >&2; ulimit -d >&2; ulimit -c >&2; echo '{"end":{"records":0}}'"#)
    };
    let folder = folder.path().to_str().expect("text");
    assert_eq!(told(&program).await, [folder, "65536", "0"]);
}
