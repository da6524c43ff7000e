use std::io::{Seek, SeekFrom, Write};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::publish::{Publication, Step};
use super::*;

/// Carries out the first `steps` steps of a publish.
async fn begin(bench: &Bench, staged: &Staged, steps: usize) {
    let destination = destination();
    let publication = Publication::new(&bench.landing.inner, &destination, staged).expect("a publication");
    for step in &Step::ALL[..steps] {
        publication.carry_out(*step).await.expect("done");
    }
}

#[tokio::test]
async fn what_is_published_is_what_was_uploaded_and_has_a_manifest() {
    let bench = Bench::new();
    let staged = bench.stage(SECOND).await;
    let published = bench.publish(&staged).await.expect("published");
    bench.assert_published();
    assert_eq!(published.counts, staged.counts);
    assert_eq!(
        published.uri,
        format!("file://{}", bench.data().canonicalize().expect("a file").display())
    );

    let manifest: Value = serde_json::from_slice(&fs::read(bench.manifest()).expect("a manifest")).expect("JSON");
    let data = fs::read(bench.data()).expect("the data");
    let sha256: [u8; 32] = Sha256::digest(&data).into();
    let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(manifest["sha256"], hex);
    assert_eq!(manifest["compressed_bytes"], data.len());
    assert_eq!(
        (&manifest["records"], &manifest["attempt"]),
        (&Value::from(3), &Value::from(2))
    );
    assert_eq!(manifest["bytes"], CHUNKS.concat().len());
    assert_eq!(manifest["schema"]["fields"]["id"], serde_json::json!(["integer"]));
    assert_eq!(bench.staged(SECOND).await, None);
}

#[tokio::test]
async fn data_is_visible_all_at_once_and_never_without_its_manifest() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    for steps in 0..=Step::ALL.len() {
        begin(&bench, &staged, steps).await;
        let visible = bench.visible();
        if visible.iter().any(|file| file.ends_with(".jsonl.zst")) {
            assert!(steps >= 4, "{steps}");
            assert!(visible.contains(&destination().manifest().to_string()), "{visible:?}");
            let unpacked = zstd::decode_all(fs::File::open(bench.data()).expect("the data")).expect("whole");
            assert_eq!(unpacked, CHUNKS.concat().as_bytes());
        } else {
            assert!(steps < 4, "{steps}");
        }
    }
}

#[tokio::test]
async fn a_publish_that_a_crash_cut_off_after_any_step_is_repeated_to_the_same_bytes() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    let whole = bench.after_a_crash();
    whole.publish(&staged).await.expect("published");
    let read = |bench: &Bench| {
        (
            fs::read(bench.data()).expect("data"),
            fs::read(bench.manifest()).expect("a manifest"),
        )
    };
    let expected = read(&whole);
    for steps in 0..=Step::ALL.len() {
        let cut_off = bench.after_a_crash();
        begin(&cut_off, &staged, steps).await;
        let after = cut_off.after_a_crash();
        after
            .publish(&staged)
            .await
            .unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
        after.assert_published();
        assert_eq!(read(&after), expected, "after {steps} steps");
    }
}

#[tokio::test]
async fn files_may_survive_a_power_cut_in_any_combination_of_places() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    begin(&bench, &staged, 2).await;
    // The data's new place was flushed, the manifest's was not.
    let hidden = bench.hidden();
    let part = hidden.iter().find(|file| file.ends_with(".part")).expect("a part");
    fs::rename(bench.folder.path().join(part), bench.data()).expect("renamed");
    let after = bench.after_a_crash();
    after.publish(&staged).await.expect("published");
    after.assert_published();
}

#[tokio::test]
async fn publishing_again_changes_nothing() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    let first = bench.publish(&staged).await.expect("published");
    let written = fs::metadata(bench.data())
        .and_then(|data| data.modified())
        .expect("a time");
    assert_eq!(bench.publish(&staged).await.expect("published"), first);
    let bench = bench.restarted();
    bench.publish(&staged).await.expect("published");
    assert_eq!(
        fs::metadata(bench.data())
            .and_then(|data| data.modified())
            .expect("a time"),
        written
    );
    bench.assert_published();
}

/// Damages the file whose name ends so, wherever it is now.
fn damage(bench: &Bench, ending: &str, how: fn(&Path)) {
    let mut files = bench.visible();
    files.extend(bench.hidden());
    let file = files
        .iter()
        .find(|file| file.ends_with(ending))
        .expect("a file to damage");
    how(&bench.folder.path().join(file));
}

fn flip(file: &Path) {
    let mut content = fs::read(file).expect("content");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    let mut file = fs::OpenOptions::new().write(true).open(file).expect("a file");
    file.seek(SeekFrom::Start(0)).expect("the start");
    file.write_all(&content).expect("written");
}

fn cut(file: &Path) {
    let length = fs::metadata(file).expect("a file").len();
    fs::OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|file| file.set_len(length / 2))
        .expect("cut");
}

fn remove(file: &Path) {
    fs::remove_file(file).expect("removed");
}

#[tokio::test]
async fn damaged_or_lost_records_are_never_published_and_never_stay_visible() {
    for (steps, ending, how) in [
        (0, ".part", flip as fn(&Path)),
        (0, ".part", cut),
        (0, ".part", remove),
        (0, ".json", cut),
        (0, ".json", remove),
        (3, ".part", flip),
        (3, ".part", remove),
        (3, ".manifest.json", cut),
        (4, ".jsonl.zst", flip),
        (4, ".jsonl.zst", cut),
        (4, ".manifest.json", cut),
    ] {
        let bench = Bench::new();
        let staged = bench.stage(FIRST).await;
        begin(&bench, &staged, steps).await;
        damage(&bench, ending, how);
        let error = bench.publish(&staged).await.expect_err("damaged");
        let PublishError::Impossible(impossible) = &error else {
            panic!("{ending} after {steps} steps: {error:?}");
        };
        assert!(
            matches!(impossible, Impossible::Gone(_) | Impossible::Damaged { .. }),
            "{impossible:?}"
        );
        assert!(error.to_string().contains(&staged.id.0), "{error}");
        assert_eq!(bench.visible(), Vec::<String>::new(), "{ending} after {steps} steps");
        bench
            .landing
            .discard(destination().execution, FIRST)
            .await
            .expect("discarded");
        assert_eq!(bench.hidden(), Vec::<String>::new(), "{ending} after {steps} steps");
    }
}

#[tokio::test]
async fn records_that_vanish_while_they_are_published_are_told_to_be_gone() {
    for ending in [".part", ".manifest.json"] {
        let bench = Bench::new();
        let staged = bench.stage(FIRST).await;
        begin(&bench, &staged, 3).await;
        damage(&bench, ending, remove);
        let destination = destination();
        let publication = Publication::new(&bench.landing.inner, &destination, &staged).expect("a publication");
        let error = publication.carry_out(Step::PlaceData).await.expect_err("gone");
        assert!(
            matches!(error, PublishError::Impossible(Impossible::Gone(_))),
            "{ending}: {error:?}"
        );
    }
}

#[tokio::test]
async fn records_are_published_only_where_they_belong() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    let organization = OrganizationId::new("other").expect("a name");
    let elsewhere = Destination {
        organization,
        ..destination()
    };
    let error = bench.landing.publish(&elsewhere, &staged).await.expect_err("foreign");
    assert!(
        matches!(error, PublishError::Impossible(Impossible::Foreign { .. })),
        "{error:?}"
    );
    assert_eq!(bench.visible(), Vec::<String>::new());
    bench.publish(&staged).await.expect("published");
}

#[tokio::test]
async fn a_second_attempt_does_not_overwrite_what_is_published() {
    let bench = Bench::new();
    let first = bench.stage(FIRST).await;
    bench.publish(&first).await.expect("published");
    let second = bench.stage(SECOND).await;
    let error = bench.publish(&second).await.expect_err("occupied");
    assert!(
        matches!(error, PublishError::Impossible(Impossible::Occupied { .. })),
        "{error:?}"
    );
    bench
        .landing
        .discard(destination().execution, SECOND)
        .await
        .expect("discarded");
    bench.assert_published();
}

#[tokio::test]
async fn what_a_restore_has_undone_is_replaced_whatever_step_a_crash_follows() {
    let after = Attempt::at_restore(Stamp::from_millis(1_772_323_200_000)).next();
    for crash_after in 0..=Step::ALL.len() {
        let bench = Bench::new();
        let undone = bench.stage(SECOND).await;
        bench.publish(&undone).await.expect("published");
        let staged = bench.stage(after).await;
        begin(&bench, &staged, crash_after).await;
        let bench = bench.after_a_crash();
        bench.publish(&staged).await.expect("published");
        bench.assert_published();
        let manifest = fs::read_to_string(bench.manifest()).expect("visible");
        assert!(manifest.contains(&staged.id.0), "after step {crash_after}: {manifest}");
        let back = bench.stage(SECOND).await;
        let refused = bench.publish(&back).await.expect_err("an attempt of before");
        assert!(
            matches!(refused, PublishError::Impossible(Impossible::Occupied { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn publishing_removes_what_else_was_staged_of_the_execution() {
    let bench = Bench::new();
    bench.stage(FIRST).await;
    bench.stage(SECOND).await;
    let newest = bench.stage(SECOND).await;
    assert_eq!(bench.hidden().len(), 6, "{:?}", bench.hidden());
    bench.publish(&newest).await.expect("published");
    bench.assert_published();
}

#[tokio::test]
async fn a_trouble_that_passes_is_transient() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    let obstacle = bench.folder.path().join("organization=acme");
    fs::write(&obstacle, "").expect("a file");
    let error = bench.publish(&staged).await.expect_err("a file in the way");
    assert!(matches!(error, PublishError::Transient(_)), "{error:?}");
    fs::remove_file(&obstacle).expect("removed");
    bench.publish(&staged).await.expect("published");
    bench.assert_published();
}
