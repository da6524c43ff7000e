use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use muster_connector::{CancellationToken, SinkItem, sink};
use proptest::prelude::*;

use super::*;

const BASH: &str =
    "bash\\t(none)\\t5.2.26-3.fc40\\tx86_64\\t1700000000\\t8700000\\tFedora Project\\tbash-5.2.26-3.fc40.src.rpm\\n";
const KEY: &str = "gpg-pubkey\\t(none)\\t105ef944-65ca83d1\\t(none)\\t1700000000\\t0\\t(none)\\t(none)\\n";

/// A tool that runs this script in place of rpm.
fn tool(script: &str) -> (tempfile::TempDir, Rpm) {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("rpm");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
    let rpm = Rpm {
        program,
        folder: folder.path().to_owned(),
    };
    (folder, rpm)
}

async fn collect(script: &str) -> Result<String, Failure> {
    let (_folder, rpm) = tool(script);
    let (mut sink, mut items) = sink(CancellationToken::new());
    rpm.collect(&mut sink).await?;
    sink.finish().await?;
    let Some(SinkItem::Records { lines, .. }) = items.next().await else {
        return Ok(String::new());
    };
    Ok(String::from_utf8(lines.to_vec()).expect("JSON is UTF-8"))
}

#[tokio::test]
async fn packages_are_records_and_keys_are_not() {
    let lines = collect(&format!("printf '{BASH}{KEY}'")).await.expect("a list");
    assert_eq!(
        lines,
        concat!(
            r#"{"manager":"rpm","name":"bash","version":"5.2.26-3.fc40","architecture":"x86_64","state":"installed","#,
            r#""source":"bash","vendor":"Fedora Project","size_bytes":8700000,"#,
            r#""installed_at":"2023-11-14T22:13:20Z"}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn a_list_that_broke_off_is_a_failure() {
    let failure = collect(&format!("printf '{BASH}'; echo 'cannot open Packages' >&2; exit 1"))
        .await
        .expect_err("broken");
    assert!(failure.message.contains("cannot open Packages"), "{}", failure.message);
}

#[tokio::test]
async fn a_tool_that_is_missing_or_complains_without_end_is_no_hang() {
    let (folder, mut rpm) = tool("");
    rpm.program = folder.path().join("missing");
    let (mut sink, _items) = sink(CancellationToken::new());
    assert_eq!(
        rpm.collect(&mut sink).await.expect_err("missing").category,
        Category::Configuration
    );
    let loud =
        collect("i=0; while [ $i -lt 20000 ]; do echo 'error: rpmdb is damaged' >&2; i=$((i+1)); done; exit 1").await;
    assert!(loud.expect_err("damaged").message.len() < 2 * COMPLAINT_BYTES_MAX as usize);
}

#[tokio::test]
async fn canceling_stops_a_tool_that_hangs() {
    let (_folder, rpm) = tool("exec sleep 600");
    let token = CancellationToken::new();
    let (mut sink, _items) = sink(token.clone());
    let (done, ()) = tokio::time::timeout(Duration::from_secs(20), async {
        tokio::join!(rpm.collect(&mut sink), async { token.cancel() })
    })
    .await
    .expect("it stops");
    assert_eq!(done.expect_err("canceled").category, Category::Canceled);
}

#[test]
fn an_epoch_is_part_of_the_version() {
    let package = parse(b"a\t2\t1-1\tnoarch\t0\t1\tv\ts.src.rpm").expect("a package");
    assert_eq!(package.version, "2:1-1");
}

proptest! {
    #[test]
    fn any_line_is_a_package_or_none(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&line);
    }
}
