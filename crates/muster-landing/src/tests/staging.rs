use muster_core::words::Counts;

use super::*;

#[tokio::test]
async fn what_is_staged_is_counted_and_invisible() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    let bytes = CHUNKS.concat().len() as u64;
    assert_eq!(staged.counts, Counts { records: 3, bytes });
    assert_eq!(bench.visible(), Vec::<String>::new());
    let hidden = bench.hidden();
    assert_eq!(hidden.len(), 2, "{hidden:?}");
    assert!(!hidden.iter().any(|file| file.ends_with(".jsonl.zst")), "{hidden:?}");
}

#[tokio::test]
async fn a_restart_knows_what_is_staged() {
    let bench = Bench::new();
    assert_eq!(bench.staged(FIRST).await, None);
    let staged = bench.stage(FIRST).await;
    let after = bench.after_a_crash();
    assert_eq!(after.staged(FIRST).await, Some(staged));
    assert_eq!(after.staged(SECOND).await, None);
}

#[tokio::test]
async fn an_upload_that_a_crash_cut_off_is_not_staged_and_gives_way_to_the_next() {
    let bench = Bench::new();
    let mut stage = bench.begin(FIRST).await;
    stage
        .write(Bytes::from_static(CHUNKS[0].as_bytes()))
        .await
        .expect("written");
    let after = bench.after_a_crash();
    assert_eq!(after.hidden().len(), 1, "{:?}", after.hidden());
    assert_eq!(after.staged(FIRST).await, None);
    let staged = after.stage(FIRST).await;
    assert_eq!(after.hidden().len(), 2, "{:?}", after.hidden());
    after.publish(&staged).await.expect("published");
    after.assert_published();
}

#[tokio::test]
async fn a_line_that_is_no_record_is_refused_with_its_number() {
    let bench = Bench::new();
    let mut stage = bench.begin(FIRST).await;
    stage.write(Bytes::from_static(b"{}\n{}\n")).await.expect("written");
    let error = stage
        .write(Bytes::from_static(b"{}\n[]\n{}\n"))
        .await
        .expect_err("a list");
    assert!(matches!(error, StageError::Line { number: 4, .. }), "{error:?}");
    let error = stage.write(Bytes::from_static(b"{}\n")).await.expect_err("broken");
    assert!(matches!(error, StageError::Broken), "{error:?}");
    let error = stage.finish().await.expect_err("broken");
    assert!(matches!(error, StageError::Broken), "{error:?}");
    assert_eq!(bench.staged(FIRST).await, None);
    eventually(Vec::new(), || bench.hidden()).await;
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    let bench = Bench::new();
    let mut stage = bench.begin(FIRST).await;
    stage
        .write(Bytes::from_static(CHUNKS[0].as_bytes()))
        .await
        .expect("written");
    assert_eq!(bench.hidden().len(), 1);
    drop(stage);
    eventually(Vec::new(), || bench.hidden()).await;
}

#[tokio::test]
async fn the_newest_upload_of_an_attempt_wins() {
    let bench = Bench::new();
    let mut older = bench.begin(FIRST).await;
    older.write(Bytes::from_static(b"{}\n")).await.expect("written");
    let other_attempt = bench.begin(SECOND).await;
    let newer = bench.stage(FIRST).await;
    let error = older.finish().await.expect_err("replaced");
    assert!(matches!(error, StageError::Replaced), "{error:?}");
    assert_eq!(bench.staged(FIRST).await, Some(newer));
    other_attempt
        .finish()
        .await
        .expect("attempts do not replace each other");
}

#[tokio::test]
async fn a_finished_upload_can_be_published_until_two_newer_ones_are_there() {
    let bench = Bench::new();
    let first = bench.stage(FIRST).await;
    let second = bench.stage(FIRST).await;
    assert_eq!(bench.staged(FIRST).await, Some(second));
    assert_eq!(bench.hidden().len(), 4);
    // The third begins when the second is there, so it removes the first.
    let third = bench.begin(FIRST).await;
    let error = bench.publish(&first).await.expect_err("gone");
    assert!(
        matches!(error, PublishError::Impossible(Impossible::Gone(_))),
        "{error:?}"
    );
    let third = third.finish().await.expect("staged");
    let after = bench.after_a_crash();
    assert_eq!(after.staged(FIRST).await, Some(third));
}

#[tokio::test]
async fn an_upload_may_be_empty() {
    let bench = Bench::new();
    let staged = bench.begin(FIRST).await.finish().await.expect("staged");
    assert_eq!(staged.counts, Counts::default());
    bench.publish(&staged).await.expect("published");
    let unpacked = zstd::decode_all(fs::File::open(bench.data()).expect("the data")).expect("zstd");
    assert_eq!(unpacked, b"");
}

#[tokio::test]
async fn one_process_at_a_time_has_a_landing() {
    let bench = Bench::new();
    let error = Landing::open(bench.folder.path()).expect_err("in use");
    assert!(matches!(error, LandingError::InUse { .. }), "{error:?}");
    bench.restarted();
}

#[test]
fn a_landing_is_made_with_all_folders_above_it_and_must_be_a_folder() {
    let folder = TempDir::new().expect("a folder");
    drop(Landing::open(&folder.path().join("a/b/c")).expect("a landing"));
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let error = Landing::open(&file).expect_err("a file");
    assert!(matches!(error, LandingError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("make it a folder"), "{error}");
}
