//! What the store alone does on this disk: batches and events, entries of history, and the disk's own limit beside
//! them.
//!
//! `cargo run --release -p muster-store --example throughput -- [SECONDS] [FOLDER]`

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_core::words::{ExecutionId, IntegrationId, Sequence};
use muster_store::history::HistoryEntry;
use muster_store::{Location, Store};

/// As the coordinator has it: sled frees on its own threads what others have allocated, which the C library's allocator
/// serializes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// About what an event of an execution's life has as bytes.
const EVENT_BYTES: usize = 60;
/// About what a finished execution has.
const ENTRY_BYTES: usize = 150;
/// How many integrations there are, as in the project's benchmark of lifecycles.
const INTEGRATIONS: u64 = 50_000;
/// How many batches history may absorb at most when it is measured alone.
const HISTORY_BATCHES: u64 = 20_000;
/// How many entries history is given at a time.
const ENTRIES: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let span = Duration::from_secs(arguments.next().map_or(Ok(5), |text| text.parse())?);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;

    println!(
        "bare write + fdatasync    {:>9.0} /s",
        bare_flushes(folder.path(), span)?
    );
    for events in [1, 100, 1_000, 10_000] {
        let store = open(&folder.path().join(format!("journal-{events}")))?;
        let batches = journal(&store, span, events)?;
        println!(
            "journal, {events:>6} events   {batches:>9.0} batches/s {:>9.0} events/s",
            batches * events as f64
        );
    }
    let store = open(&folder.path().join("history"))?;
    println!("history alone             {:>9.0} entries/s", history(&store, span)?);
    let store = open(&folder.path().join("both"))?;
    let (batches, entries) = both(&store, span)?;
    println!(
        "both, 1000 events a batch {batches:>9.0} batches/s {:>9.0} events/s {entries:>9.0} entries/s",
        batches * 1_000.0
    );
    let begin = Instant::now();
    let path = folder.path().join("both");
    drop(store);
    println!("close                     {:>9.3} s", begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let store = Store::open(&Location::Folder(path))?;
    let opened = begin.elapsed();
    let head = store.journal().replay(&mut |_| Ok(()))?;
    println!(
        "open                      {:>9.3} s, replay of {} batches {:.3} s",
        opened.as_secs_f64(),
        head.sequence,
        (begin.elapsed() - opened).as_secs_f64()
    );
    Ok(())
}

fn open(folder: &Path) -> Result<Store, Box<dyn Error>> {
    let store = Store::open(&Location::Folder(folder.to_owned()))?;
    store.recover()?;
    Ok(store)
}

/// What the disk does: 4 KiB over and over in a file that is not grown, each made durable.
fn bare_flushes(folder: &Path, span: Duration) -> Result<f64, Box<dyn Error>> {
    let file = File::create(folder.join("bare"))?;
    file.write_all_at(&vec![0; 1 << 20], 0)?;
    file.sync_all()?;
    let begin = Instant::now();
    let mut count = 0_u64;
    while begin.elapsed() < span {
        file.write_all_at(&[count as u8; 4_096], (count % 256) * 4_096)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

/// Batches per second, each flushed before the next.
fn journal(store: &Store, span: Duration, events: usize) -> Result<f64, Box<dyn Error>> {
    let bytes: Vec<u8> = (0..events * EVENT_BYTES).map(|index| (index * 31) as u8).collect();
    let first = store.journal().head().sequence;
    let mut sequence = first;
    let begin = Instant::now();
    while begin.elapsed() < span {
        sequence = sequence.next();
        store.journal().append(&[(sequence, bytes.clone())])?;
        store.flush()?;
    }
    Ok((sequence.0 - first.0) as f64 / begin.elapsed().as_secs_f64())
}

/// Entries per second, with time-ordered ids of random integrations, and a checkpoint of the tallies every ten seconds.
fn history(store: &Store, span: Duration) -> Result<f64, Box<dyn Error>> {
    // History takes only what is flushed in the journal, so that is there beforehand: the time of flushes is the
    // committer's, not history's.
    for sequence in 1..=HISTORY_BATCHES {
        store.journal().append(&[(Sequence(sequence), Vec::new())])?;
    }
    store.flush()?;
    let mut chance = fastrand::Rng::with_seed(7);
    let begin = Instant::now();
    let mut checkpoint = begin;
    let mut count = 0_u64;
    let mut batch = store.history().absorbed();
    while begin.elapsed() < span && batch < Sequence(HISTORY_BATCHES) {
        batch = batch.next();
        let entries: Vec<_> = (0..ENTRIES)
            .map(|ordinal| HistoryEntry {
                integration: IntegrationId(u128::from(chance.u64(..INTEGRATIONS)) << 64 | 1),
                execution: ExecutionId(u128::from(count + ordinal) << 80 | u128::from(chance.u64(..))),
                sequence: batch,
                bytes: vec![ordinal as u8; ENTRY_BYTES],
            })
            .collect();
        store.history().put(batch, batch, &entries)?;
        count += ENTRIES;
        if checkpoint.elapsed() > Duration::from_secs(10) {
            store.history().checkpoint()?;
            checkpoint = Instant::now();
        }
    }
    store.history().checkpoint()?;
    store.flush()?;
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

/// The journal and history at the same time, each on a thread of its own; history follows the journal's batches.
fn both(store: &Store, span: Duration) -> Result<(f64, f64), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let bytes = vec![7; 1_000 * EVENT_BYTES];
    let committer = {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || {
                let begin = Instant::now();
                let mut sequence = store.journal().head().sequence;
                let first = sequence;
                while !stop.load(Ordering::Relaxed) {
                    sequence = sequence.next();
                    store.journal().append(&[(sequence, bytes.clone())])?;
                    store.flush()?;
                }
                Ok::<_, muster_store::StoreError>((sequence.0 - first.0) as f64 / begin.elapsed().as_secs_f64())
            })?
    };
    let mut chance = fastrand::Rng::with_seed(7);
    let begin = Instant::now();
    let mut count = 0_u64;
    let mut checkpoint = begin;
    while begin.elapsed() < span {
        let flushed = store.journal().flushed();
        let absorbed = store.history().absorbed();
        if flushed == absorbed {
            std::thread::yield_now();
            continue;
        }
        // A batch of 1,000 events ends some 250 executions.
        let entries: Vec<_> = (absorbed.0 + 1..=flushed.0)
            .flat_map(|sequence| (0..250).map(move |ordinal| (sequence, ordinal)))
            .map(|(sequence, ordinal)| HistoryEntry {
                integration: IntegrationId(u128::from(chance.u64(..INTEGRATIONS)) << 64 | 1),
                execution: ExecutionId(u128::from(sequence) << 80 | u128::from(chance.u64(..)) << 10 | ordinal),
                sequence: Sequence(sequence),
                bytes: vec![ordinal as u8; ENTRY_BYTES],
            })
            .collect();
        count += entries.len() as u64;
        store.history().put(flushed, flushed, &entries)?;
        if checkpoint.elapsed() > Duration::from_secs(10) {
            store.history().checkpoint()?;
            checkpoint = Instant::now();
        }
    }
    let entries = count as f64 / begin.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let batches = committer.join().map_err(|_| "the committer panicked")??;
    Ok((batches, entries))
}
