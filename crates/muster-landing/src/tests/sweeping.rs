use std::future::ready;

use super::*;

#[tokio::test]
async fn a_sweep_keeps_what_is_open_and_removes_the_rest() {
    let bench = Bench::new();
    let first = bench.stage(FIRST).await;
    let second = bench.stage(SECOND).await;
    let swept = bench
        .landing
        .sweep(|_, attempt| ready(attempt == SECOND))
        .await
        .expect("swept");
    assert_eq!(swept, Swept { removed: 2, kept: 2 });
    assert_eq!(bench.staged(FIRST).await, None);
    assert_eq!(bench.staged(SECOND).await, Some(second.clone()));
    let error = bench.publish(&first).await.expect_err("swept");
    assert!(
        matches!(error, PublishError::Impossible(Impossible::Gone(_))),
        "{error:?}"
    );
    bench.publish(&second).await.expect("published");
    bench.assert_published();
}

#[tokio::test]
async fn a_sweep_never_touches_what_is_published_or_is_not_the_landings() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    bench.publish(&staged).await.expect("published");
    let note = bench.folder.path().join(".staging/00/note.txt");
    fs::write(&note, "mine").expect("written");
    bench.landing.sweep(|_, _| ready(false)).await.expect("swept");
    assert!(note.exists());
    fs::remove_file(note).expect("removed");
    bench.assert_published();
}

#[tokio::test]
async fn a_sweep_after_a_crash_removes_unfinished_uploads() {
    let bench = Bench::new();
    let mut stage = bench.begin(FIRST).await;
    stage
        .write(Bytes::from_static(CHUNKS[0].as_bytes()))
        .await
        .expect("written");
    let after = bench.after_a_crash();
    let swept = after.landing.sweep(|_, _| ready(true)).await.expect("swept");
    assert_eq!(swept, Swept { removed: 0, kept: 1 });
    let swept = after.landing.sweep(|_, _| ready(false)).await.expect("swept");
    assert_eq!(swept, Swept { removed: 1, kept: 0 });
    assert_eq!(after.hidden(), Vec::<String>::new());
}

#[tokio::test]
async fn an_attempt_that_was_discarded_or_swept_can_not_finish_its_upload() {
    let bench = Bench::new();
    let discarded = bench.begin(FIRST).await;
    let swept = bench.begin(SECOND).await;
    bench
        .landing
        .discard(destination().execution, FIRST)
        .await
        .expect("discarded");
    bench.landing.sweep(|_, _| ready(false)).await.expect("swept");
    for stage in [discarded, swept] {
        let error = stage.finish().await.expect_err("stopped");
        assert!(matches!(error, StageError::Replaced), "{error:?}");
    }
    eventually(Vec::new(), || bench.hidden()).await;
    bench
        .landing
        .discard(destination().execution, FIRST)
        .await
        .expect("discarded again");
}
