use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// No value that a test waits for takes longer; it only ends a test that would hang.
const LIMIT: Duration = Duration::from_secs(20);

fn text_of(bytes: usize) -> Value {
    // {"a":"…"} has 8 bytes around the text.
    json!({"a": "x".repeat(bytes - 8)})
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_connector() {
    let (mut sink, mut items) = sink(CancellationToken::new());
    let record = text_of(64 * 1024);
    let mut taken = 0;
    // Polling once is enough to see a full sink: nothing else could make room.
    while let Some(result) = poll_once(sink.record(&record)).await {
        result.expect("a good record");
        taken += 1;
        assert!(taken < 1_000, "the sink does not push back");
    }
    let per_chunk = CHUNK_BYTES_TARGET / (64 * 1024);
    assert!(
        taken <= (CHUNKS_IN_FLIGHT_MAX + 1) * per_chunk,
        "{taken} records were taken in"
    );
    assert!(items.next().await.is_some());
    let next = tokio::time::timeout(LIMIT, sink.record(&record)).await;
    assert_eq!(next.expect("room for one more"), Ok(()));
}

#[tokio::test]
async fn a_sink_takes_as_much_as_its_limits_and_nothing_after_that() {
    for (records_max, bytes_max, told) in [
        (Some(3), None, "3 records (`records_max`)"),
        (None, Some(3 * 101), "303 bytes (`bytes_max`)"),
        (Some(3), Some(10_000), "3 records (`records_max`)"),
    ] {
        let (sink, mut items) = sink(CancellationToken::new());
        let mut sink = sink.with_limits(Limits { records_max, bytes_max });
        for _ in 0..3 {
            sink.record(&text_of(100)).await.expect("as much as it may");
        }
        let too_much = Stop::TooMuch { limit: told.to_owned() };
        assert_eq!(sink.record(&text_of(100)).await, Err(too_much.clone()));
        assert_eq!(sink.counts(), Counts { records: 3, bytes: 303 });
        // A connector that does not heed it cannot end well.
        assert_eq!(sink.record(&json!({})).await, Err(too_much.clone()));
        assert_eq!(sink.finish().await, Err(too_much.clone()));
        assert!(items.next().await.is_none());
        let failure = Failure::from(too_much);
        assert_eq!(failure.category, Category::Configuration);
        assert!(failure.remedy.is_some_and(|remedy| remedy.contains("[connector.NAME]")));
    }
}

#[tokio::test]
async fn a_record_whose_call_was_dropped_was_not_taken_and_costs_no_other() {
    let (mut sink, mut items) = sink(CancellationToken::new());
    let mut taken = 0;
    while poll_once(sink.record(&text_of(CHUNK_BYTES_TARGET))).await.is_some() {
        taken += 1;
    }
    assert_eq!(sink.counts().records, taken);
    let read = async {
        let mut read = 0;
        while let Some(SinkItem::Records { records, .. }) = items.next().await {
            read += records;
        }
        read
    };
    let (counts, read) = tokio::join!(sink.finish(), read);
    assert_eq!(counts.expect("a good end").records, taken);
    assert_eq!(read, taken);
}

async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn only_json_objects_are_records() {
    let odd_keys = BTreeMap::from([((1, 2), 3)]);
    for (record, reason) in [
        (json!([1]), "it is not a JSON object"),
        (json!("{"), "it is not a JSON object"),
        (json!(null), "it is not a JSON object"),
    ] {
        let (mut sink, _items) = sink(CancellationToken::new());
        let refused = sink.record(&record).await.expect_err("no object");
        assert_eq!(
            refused,
            Stop::Refused {
                ordinal: 1,
                reason: reason.into()
            }
        );
        assert_eq!(Failure::from(refused).category, Category::Connector);
    }
    let (mut sink, _items) = sink(CancellationToken::new());
    let refused = sink.record(&odd_keys).await.expect_err("a key that is no text");
    assert!(refused.to_string().contains("does not become JSON"), "{refused}");
    assert_eq!(sink.record(&json!({})).await, Err(refused.clone()), "it stays stopped");
    assert_eq!(sink.finish().await, Err(refused));
}

#[tokio::test]
async fn a_record_has_a_largest_size() {
    let (mut largest, mut items) = sink(CancellationToken::new());
    assert_eq!(largest.record(&text_of(RECORD_BYTES_MAX)).await, Ok(()));
    largest.finish().await.expect("a good end");
    let Some(SinkItem::Records { lines, records: 1 }) = items.next().await else {
        panic!("the record")
    };
    assert_eq!(lines.len(), CHUNK_BYTES_MAX);
    let (mut sink, _items) = sink(CancellationToken::new());
    let refused = sink
        .record(&text_of(RECORD_BYTES_MAX + 1))
        .await
        .expect_err("too large");
    assert!(refused.to_string().contains("more than 1048575 bytes"), "{refused}");
}

#[tokio::test]
async fn a_log_line_is_cut_at_a_character() {
    let (mut sink, mut items) = sink(CancellationToken::new());
    sink.log(LogLevel::Warn, "ä".repeat(LogLine::BYTES_MAX))
        .await
        .expect("taken");
    let Some(SinkItem::Log {
        level: LogLevel::Warn,
        message,
    }) = items.next().await
    else {
        panic!("a line")
    };
    assert!(message.len() <= LogLine::BYTES_MAX, "{}", message.len());
    assert!(message.ends_with("ä…"));
}

#[tokio::test]
async fn canceling_wakes_a_connector_that_waits() {
    let token = CancellationToken::new();
    let (mut sink, _items) = sink(token.clone());
    let collect = async {
        loop {
            if let Err(stop) = sink.record(&text_of(CHUNK_BYTES_TARGET)).await {
                return stop;
            }
        }
    };
    let cancel = async { token.cancel() };
    let (stop, ()) = tokio::time::timeout(LIMIT, async { tokio::join!(collect, cancel) })
        .await
        .expect("it stops");
    assert_eq!(stop, Stop::Canceled);
    assert!(sink.is_canceled());
}

#[tokio::test]
async fn a_reader_that_has_gone_stops_the_connector() {
    let (mut sink, items) = sink(CancellationToken::new());
    drop(items);
    assert_eq!(
        sink.record(&text_of(CHUNK_BYTES_TARGET)).await,
        Ok(()),
        "taken, but not yet sent"
    );
    assert_eq!(sink.record(&text_of(CHUNK_BYTES_TARGET)).await, Err(Stop::Closed));
    assert_eq!(
        Failure::from(sink.finish().await.expect_err("closed")).category,
        Category::Landing
    );
}

#[tokio::test]
async fn progress_never_waits() {
    let (mut sink, mut items) = sink(CancellationToken::new());
    sink.record(&json!({"a": 1})).await.expect("taken");
    for _ in 0..CHUNKS_IN_FLIGHT_MAX + 10 {
        sink.progress(Some(7));
    }
    let counts = Counts { records: 1, bytes: 8 };
    assert_eq!(items.next().await, Some(SinkItem::Progress { counts, total: Some(7) }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the sizes of the records: all come out, in order, in chunks that keep their bounds and counts that are true.
    #[test]
    fn all_that_goes_in_comes_out(sizes in prop::collection::vec(8_usize..600_000, 0..20)) {
        block_on(async {
            let (mut sink, mut items) = sink(CancellationToken::new());
            let give = async {
                for size in &sizes {
                    sink.record(&text_of(*size)).await.expect("a good record");
                }
                sink.finish().await.expect("all was given")
            };
            let take = async {
                let (mut all, mut count) = (Vec::new(), 0);
                while let Some(item) = items.next().await {
                    let SinkItem::Records { lines, records } = item else { panic!("{item:?}") };
                    assert!(lines.len() <= CHUNK_BYTES_MAX);
                    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count() as u64, records);
                    all.extend_from_slice(&lines);
                    count += records;
                }
                (all, count)
            };
            let (counts, (all, count)) = tokio::join!(give, take);
            assert_eq!(counts, Counts { records: count, bytes: all.len() as u64 });
            let lengths: Vec<_> = all.split_inclusive(|byte| *byte == b'\n').map(|line| line.len() - 1).collect();
            assert_eq!(lengths, sizes);
        });
    }
}

#[tokio::test]
async fn log_lines_lose_their_secrets_before_they_are_cut_and_records_keep_them() {
    let (sink, mut items) = sink(CancellationToken::new());
    let mut sink = sink.with_redactor(Redactor::new(["hunter22"]));
    sink.record(&json!({"note": "hunter22"})).await.expect("taken");
    // The secret stands where a line is cut.
    let line = format!("{}hunter22 and more", "x".repeat(LogLine::BYTES_MAX - 6));
    sink.log(LogLevel::Info, line).await.expect("taken");
    sink.log(LogLevel::Info, "y".repeat(1_000_000) + "hunter22")
        .await
        .expect("taken");
    sink.finish().await.expect("a good end");
    let mut lines = Vec::new();
    while let Some(item) = items.next().await {
        match item {
            SinkItem::Log { message, .. } => lines.push(message),
            SinkItem::Records { lines, .. } => assert_eq!(lines, "{\"note\":\"hunter22\"}\n"),
            SinkItem::Progress { .. } => {}
        }
    }
    assert!(lines[0].ends_with("xx[re…"), "{}", &lines[0][8_000..]);
    assert!(
        lines
            .iter()
            .all(|line| line.len() <= LogLine::BYTES_MAX && !line.contains("hun"))
    );
}
