//! What a program says, and what it is told.

use std::fmt::Write as _;

use muster_connector::{
    CHUNKS_IN_FLIGHT_MAX, CancellationToken, Category, Connector, LogLevel, Network, SinkItem, run, sink,
};
use muster_connectors::exec::Program;
use serde_json::json;

use crate::program::{LIMIT, collect, collect_with, collection, failure, shell, shell_with_check, start};

#[tokio::test]
async fn records_log_lines_progress_and_a_cursor_come_out_as_they_went_in() {
    let program = shell(
        r#"
        echo '{"log":{"level":"warn","message":"half of them are hidden"}}'
        echo '{"record":{"id":1, "name":"\u00e4"}}'
        echo '{"progress":{"total":2}}'
        echo '{"cursor":"first"}'
        echo 'connecting …'
        echo '{"record":{"id":2}}'
        echo '{"cursor":"2026-11-25T01:00:00Z"}'
        echo '{"end":{"records":2}}'"#,
    );
    let (done, collected) = collect(&program).await;
    let done = done.expect("a good end");
    assert_eq!(done.counts.records, 2);
    assert_eq!(done.cursor.expect("a cursor").as_str(), "2026-11-25T01:00:00Z");
    assert_eq!(collected.records, [r#"{"id":1, "name":"\u00e4"}"#, r#"{"id":2}"#]);
    let log = [
        (LogLevel::Warn, "half of them are hidden".to_owned()),
        (LogLevel::Info, "connecting …".to_owned()),
    ];
    assert_eq!(collected.log, log);
    assert_eq!(collected.totals, [Some(2)]);
}

#[tokio::test]
async fn a_program_gets_its_configuration_data_type_and_cursor_on_standard_input_and_nowhere_else() {
    // What `/proc` shows of a process is for everybody on the machine to read.
    let program = shell(
        r#"
        tr '\0' ' ' < /proc/$$/cmdline | grep -c 'hunter[2]' >&2
        tr '\0' ' ' < /proc/$$/environ | grep -c 'hunter[2]' >&2
        printf '{"record":{"id":1,"request":%s}}\n' "$request"
        echo '{"end":{"records":1}}'"#,
    );
    let config = json!({"password": "hunter2"});
    let (done, collected) = collect_with(&program, config, Some("c1")).await;
    done.expect("a good end");
    let record: serde_json::Value = serde_json::from_str(&collected.records[0]).expect("JSON");
    let expected = json!({
        "protocol": 1, "command": "collect", "config": {"password": "hunter2"}, "data_type": "device", "cursor": "c1",
    });
    assert_eq!(record["request"], expected);
    let counts: Vec<&str> = collected.log.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(counts, ["0", "0"]);
}

#[tokio::test]
async fn a_program_that_never_reads_its_large_request_is_not_waited_for() {
    let config = json!({"ballast": "x".repeat(500_000)});
    let program = Program {
        arguments: vec![
            "-c".into(),
            r#"case "$1" in spec) read -r r; echo "$SPEC";; *) echo '{"end":{"records":0}}';; esac"#.into(),
            "connector".into(),
        ],
        environment: [("SPEC".to_owned(), r#"{"spec":{"protocol":1,"version":"1","title":"T","description":"D","config_schema":{},"data_types":[{"name":"device","title":"D","primary_key":["id"]}]}}"#.to_owned())].into(),
        ..Program::at("/bin/sh")
    };
    let (done, _) = collect_with(&program, config, None).await;
    assert_eq!(done.expect("a good end").counts.records, 0);
}

#[tokio::test]
async fn the_programs_own_failure_keeps_its_category_and_remedy_whatever_its_exit_code() {
    let program = shell(
        r#"
        echo '{"record":{"id":1}}'
        echo '{"error":{"category":"permission","message":"403 for /devices","remedy":"grant devices.read"}}'
        exit 3"#,
    );
    let failure = failure(&program).await;
    assert_eq!(failure.category, Category::Permission);
    assert_eq!(failure.message, "403 for /devices");
    assert_eq!(failure.remedy.as_deref(), Some("grant devices.read"));
}

#[tokio::test]
async fn a_check_answers_fails_and_times_out() {
    let good = start(&shell("")).await;
    assert_eq!(good.check(&json!({}), &Network::by_hand()).await, Ok(()));

    let error = r#"echo '{"error":{"category":"communication","message":"no route to crm:443"}}'"#;
    let bad = start(&shell_with_check("", error)).await;
    let failure = bad.check(&json!({}), &Network::by_hand()).await.expect_err("no route");
    assert_eq!(
        (failure.category, failure.message.as_str()),
        (Category::Communication, "no route to crm:443")
    );

    let hanging = Program {
        check_within: Some("200ms".into()),
        ..shell_with_check("", "echo 'asking crm' >&2; sleep 600")
    };
    let hanging = start(&hanging).await;
    let failure = tokio::time::timeout(LIMIT, hanging.check(&json!({}), &Network::by_hand()))
        .await
        .expect("in time");
    let failure = failure.expect_err("no answer");
    assert_eq!(failure.category, Category::Timeout);
    assert_eq!(
        failure.message,
        "the program did not answer `check` within 200ms; its standard error ended with: asking crm"
    );
}

#[tokio::test]
async fn log_lines_are_bounded_in_number_and_length() {
    let program = Program {
        log_lines_max: Some(10),
        ..shell(
            r#"
            head -c 100000 /dev/zero | tr '\0' x >&2; echo >&2
            i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); done
            echo '{"end":{"records":0}}'"#,
        )
    };
    let (done, collected) = collect(&program).await;
    done.expect("a good end");
    assert_eq!(collected.log.len(), 11);
    assert!(collected.log.iter().all(|(_, text)| text.len() <= 8 * 1024));
    let last = (
        LogLevel::Warn,
        "1991 more log lines of the program were left out".to_owned(),
    );
    assert_eq!(collected.log[10], last);
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_program() {
    // Some 200 MiB, unless it is stopped.
    let program = shell(
        r#"
        big=$(head -c 100000 /dev/zero | tr '\0' x)
        i=0; while [ $i -lt 2000 ]; do echo "{\"record\":{\"id\":$i,\"big\":\"$big\"}}"; i=$((i+1)); done
        echo '{"end":{"records":2000}}'"#,
    );
    let exec = start(&program).await;
    let (sink, mut items) = sink(CancellationToken::new());
    let collection = collection(json!({}), None);
    let mut collecting = Box::pin(run(&exec, &collection, sink));
    let full = async {
        while items.len() < CHUNKS_IN_FLIGHT_MAX {
            tokio::task::yield_now().await;
        }
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
            assert!(items.len() <= CHUNKS_IN_FLIGHT_MAX, "it ran ahead of its reader");
        }
    };
    tokio::time::timeout(LIMIT, async {
        tokio::select! {
            ended = &mut collecting => panic!("it did not wait for its reader: {ended:?}"),
            () = full => {}
        }
    })
    .await
    .expect("it fills what may be in flight");
    let read = async {
        let mut records = 0;
        while let Some(item) = items.next().await {
            if let SinkItem::Records { records: more, .. } = item {
                records += more;
            }
        }
        records
    };
    let both = async { tokio::join!(collecting, read) };
    let (done, records) = tokio::time::timeout(LIMIT, both).await.expect("it goes on");
    assert_eq!((done.expect("a good end").counts.records, records), (2_000, 2_000));
}

#[tokio::test]
async fn a_program_that_does_not_say_what_it_is_is_no_connector() {
    for (script, told) in [
        ("echo hello", "exited well, without a word on how it ended"),
        (
            "echo boom >&2; exit 7",
            "exited with the code 7, without a word on how it ended; its standard error ended with: boom",
        ),
        (
            "echo '{\"end\":{\"records\":0}}'",
            "has answered `spec` with another message",
        ),
        (
            "echo '{\"record\":{}}'",
            "is a record or a cursor, and it was asked for `spec`",
        ),
        (
            "echo '{\"spec\":{\"protocol\":1}}'",
            "is meant as a message `spec`, but is none: missing field `version`",
        ),
    ] {
        let program = Program {
            arguments: vec!["-c".into(), script.into()],
            ..Program::at("/bin/sh")
        };
        let launch = program.judge().expect("a good program");
        let name = muster_connector::ConnectorName::new("mine").expect("a name");
        let error = muster_connectors::exec::Exec::start(name, launch)
            .await
            .expect_err("no connector");
        let mut text = String::new();
        write!(text, "{error}").expect("text");
        assert!(
            text.starts_with("the program of `[exec.mine]` does not say what it is: "),
            "{text}"
        );
        assert!(text.contains(told), "{text}");
    }
}
