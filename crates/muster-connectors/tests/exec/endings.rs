//! Each way in which a program can break its word, and the failure that people read.

use muster_connector::{CancellationToken, Category, SinkItem, run, sink};
use muster_connectors::exec::{Confine, Program, held};
use serde_json::json;

use crate::program::{LIMIT, collect, collection, failure, shell, start};

#[tokio::test]
async fn every_fault_of_a_program_is_a_failure_of_the_connector_that_says_which() {
    for (collect, told) in [
        (
            r#"echo '{"record":{"id":1}}'"#,
            "the program exited well, without a word on how it ended",
        ),
        (
            r#"echo '{"record":{"id":1}}'; echo '{"end":{"records":2}}'"#,
            "the program says that it has sent 2 records, and 1 have come",
        ),
        (
            r#"echo '{"record":{"id":1}}'; echo '{"end":{}}'"#,
            r#"the program's `end` does not say how many records it has sent: {"end": {"records": 1}}"#,
        ),
        (
            r#"echo 'cannot read devices' >&2; echo '{"end":{"records":0}}'; exit 3"#,
            "the program exited with the code 3, although it had said that it ended well; its standard error ended with: \
             cannot read devices",
        ),
        (
            r#"echo 'Traceback …' >&2; echo 'KeyError: id' >&2; exit 1"#,
            "the program exited with the code 1, without a word on how it ended; its standard error ended with: \
             Traceback … | KeyError: id",
        ),
        (
            "kill -SEGV $$",
            "the program was killed by the signal 11 (SIGSEGV), without a word on how it ended",
        ),
        (
            r#"echo '{"end":{"records":0}}'; kill -KILL $$"#,
            "the program was killed by the signal 9 (SIGKILL), although it had said that it ended well",
        ),
        (
            r#"echo '{"end":{"records":0}}'; echo '{"record":{"id":1}}'"#,
            "line 2 of the program's output comes after the program's end",
        ),
        (
            r#"echo '{"end":{"records":0}}'; echo bye"#,
            "line 2 of the program's output comes after the program's end",
        ),
        (
            "cat /dev/zero",
            "line 1 of the program's output has more than 1049600 bytes",
        ),
        (
            r#"echo starting; echo '{"record":[1]}'"#,
            "line 2 of the program's output is a `record` that is no JSON object",
        ),
        (
            r#"echo starting; echo '{"record":{"id":1}}'; echo '{"record":{"name":"hq"}}'"#,
            "line 3 of the program's output is a record that has no `id`, which is of its primary key",
        ),
        (
            r#"echo '{"record":{"id":null}}'; echo '{"end":{"records":1}}'"#,
            "line 1 of the program's output is a record that has null as its `id`, which is of its primary key",
        ),
        (
            r#"echo '{"record":{"id":[1]}}'; echo '{"end":{"records":1}}'"#,
            "line 1 of the program's output is a record that has a list as its `id`, which is of its primary key",
        ),
        (
            r#"echo '{"record":{"id":1}'"#,
            "line 1 of the program's output is meant as a message `record`, but is none: EOF while parsing an object at \
             line 1 column 18",
        ),
        (
            r#"echo '{"error":{"category":"bad","message":"x"}}'"#,
            "line 1 of the program's output is meant as a message `error`, but is none: unknown variant `bad`, expected \
             one of `permission`, `configuration`, `communication`, `connector`, `timeout` at line 1 column 26",
        ),
        (
            r#"printf '{"record":{"id":"'; head -c 1048570 /dev/zero | tr '\0' x; echo '"}}'"#,
            "record 1 was refused: it has more than 1048575 bytes: split it, or leave out what is not needed",
        ),
    ] {
        let failure = failure(&shell(collect)).await;
        assert_eq!(failure.category, Category::Connector, "{collect}");
        assert_eq!(failure.message, told, "{collect}");
    }
}

#[tokio::test]
async fn what_a_program_says_on_standard_error_is_heard_to_its_end_when_it_is_broken_off() {
    for wrong in [
        r#"{"record":[1]}"#,
        r#"{"record":{"name":"hq"}}"#,
        r#"{"end":{"records":"one"}}"#,
    ] {
        let program = shell(&format!(
            r#"
            trap 'echo "page 7 came twice" >&2; i=0; while [ $i -lt 50 ]; do echo "undone $i" >&2; i=$((i+1)); done; exit 1' TERM
            echo '{wrong}'
            echo 'nobody heeds this'
            while true; do :; done"#
        ));
        let (done, collected) = collect(&program).await;
        let failure = done.expect_err("its first line is wrong");
        assert!(
            failure.message.starts_with("line 1 of the program's output "),
            "{failure:?}"
        );
        assert!(
            failure.message.ends_with(
                "; its standard error ended with: undone 45 | undone 46 | undone 47 | undone 48 | undone 49"
            ),
            "{failure:?}"
        );
        let texts: Vec<&str> = collected.log.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!((texts.len(), texts[0]), (51, "page 7 came twice"), "{texts:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_broken_off_is_ended_even_if_it_ignores_being_asked() {
    for collect in [
        r#"trap '' TERM; echo '{"record":[1]}'; while true; do echo more; done"#,
        r#"trap '' TERM; echo '{"record":[1]}'; while true; do echo more >&2; done"#,
        r#"echo '{"record":[1]}'; kill -STOP $$"#,
    ] {
        let failure = failure(&shell(collect)).await;
        let told = "line 1 of the program's output is a `record` that is no JSON object";
        assert!(failure.message.starts_with(told), "{failure:?}");
    }
}

#[tokio::test]
async fn a_program_that_dies_of_its_walls_is_told_with_what_to_name() {
    if !held().files {
        eprintln!("skipped: no landlock");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.json");
    std::fs::write(&file, "{}").expect("written");
    let script = format!(
        r#"cat {} >/dev/null && echo '{{"end":{{"records":0}}}}'"#,
        file.display()
    );
    let failure = failure(&shell(&script)).await;
    assert!(
        failure.message.ends_with("rules.json: Permission denied"),
        "{}",
        failure.message
    );
    let remedy = failure.remedy.expect("one");
    assert!(remedy.contains("name it in `read_paths`"), "{remedy}");
    for open in [
        Program {
            read_paths: vec![folder.path().to_owned()],
            ..shell(&script)
        },
        Program {
            confine: Confine::None,
            ..shell(&script)
        },
    ] {
        let (done, _) = collect(&open).await;
        done.expect("it may read that");
    }
}

#[tokio::test]
async fn a_last_line_without_a_line_feed_is_a_line() {
    let (done, _) = collect(&shell(r#"printf '{"end":{"records":0}}'"#)).await;
    done.expect("a good end");
}

#[tokio::test]
async fn a_program_that_is_canceled_is_ended_even_if_it_ignores_being_asked() {
    for collect in [
        r#"echo '{"record":{"id":1}}'; sleep 600"#,
        r#"trap '' TERM; i=0; while true; do echo "{\"record\":{\"id\":$i}}"; i=$((i+1)); done"#,
        r#"kill -STOP $$"#,
    ] {
        let exec = start(&shell(collect)).await;
        let token = CancellationToken::new();
        let (sink, mut items) = sink(token.clone());
        let collection = collection(json!({}), None);
        let cancel = async {
            token.cancel();
            while let Some(item) = items.next().await {
                assert!(!matches!(item, SinkItem::Log { .. }), "{item:?}");
            }
        };
        let started = std::time::Instant::now();
        let both = async { tokio::join!(run(&exec, &collection, sink), cancel) };
        let (done, ()) = tokio::time::timeout(LIMIT, both).await.expect("it stops");
        assert_eq!(done.expect_err("canceled").category, Category::Canceled, "{collect}");
        assert!(
            started.elapsed().as_millis() < 950,
            "an executor would have dropped it by now"
        );
    }
}

#[tokio::test]
async fn a_program_that_takes_more_memory_than_it_may_fails_by_itself() {
    let program = Program {
        memory_mib_max: Some(32),
        ..shell(r#"x=$(head -c 200000000 /dev/zero | tr '\0' x); echo '{"end":{"records":0}}'"#)
    };
    let failure = failure(&program).await;
    assert_eq!(failure.category, Category::Connector);
    // Whatever it makes of memory that it does not get.
    assert!(
        failure.message.contains("without a word on how it ended"),
        "{}",
        failure.message
    );
}
