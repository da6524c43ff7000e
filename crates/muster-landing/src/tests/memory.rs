//! Memory does not grow with an upload. Measured in a process of its own, since other tests would be measured too.

use std::process::Command;

use futures_util::TryStreamExt;

use super::*;

const UPLOAD_BYTES: usize = 200 * 1024 * 1024;
const CHUNK_BYTES: usize = 1024 * 1024;
const GROWTH_KIB_MAX: u64 = 32 * 1024;

/// Set for the process that is measured.
const MEASURED: &str = "MUSTER_TEST_LANDING_MEMORY";

#[test]
fn memory_does_not_grow_with_an_upload() {
    let output = Command::new(std::env::current_exe().expect("this test's program"))
        .args(["--exact", "--ignored", "--nocapture", "tests::memory::a_large_upload"])
        .env(MEASURED, "1")
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "nothing was measured: {text}");
}

#[tokio::test]
#[ignore = "measured in a process of its own, by the test above"]
async fn a_large_upload() {
    if std::env::var_os(MEASURED).is_none() {
        return;
    }
    let bench = Bench::new();
    let mut chance = fastrand::Rng::with_seed(7);
    let chunk = chunk(&mut chance);
    let before = peak_kib();
    let mut stage = bench.begin(FIRST).await;
    let chunks = UPLOAD_BYTES.div_ceil(chunk.len());
    for _ in 0..chunks {
        stage.write(chunk.clone()).await.expect("written");
    }
    let staged = stage.finish().await.expect("staged");
    assert_eq!(staged.counts.bytes, (chunks * chunk.len()) as u64);
    bench.publish(&staged).await.expect("published");
    let lines = bench
        .landing
        .read(&destination())
        .await
        .expect("readable")
        .expect("visible");
    let read = lines
        .try_fold(0, async |sum, lines| Ok(sum + lines.len() as u64))
        .await
        .expect("read");
    assert_eq!(read, staged.counts.bytes);
    let compressed = fs::metadata(bench.data()).expect("the data").len();
    assert!(
        compressed / 1024 > 2 * GROWTH_KIB_MAX,
        "{compressed} bytes are too few to tell"
    );
    let growth = peak_kib() - before;
    assert!(growth < GROWTH_KIB_MAX, "the peak grew by {growth} KiB");
}

/// Lines of random text: they compress badly, so that what is kept of the compressed bytes would be seen too.
fn chunk(chance: &mut fastrand::Rng) -> Bytes {
    let mut chunk = String::with_capacity(CHUNK_BYTES);
    while chunk.len() < CHUNK_BYTES - 17 * 1024 {
        let text: String = std::iter::repeat_with(|| chance.alphanumeric())
            .take(16 * 1024)
            .collect();
        chunk.push_str(&format!("{{\"id\":\"{text}\"}}\n"));
    }
    Bytes::from(chunk)
}

/// The most memory that this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("a peak");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
