//! What the disk does by itself: no store can make more batches durable in a second than it can flush.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is written before each flush: a small batch of the journal.
const BLOCK_BYTES: usize = 4 * 1024;

/// The size of the file, which is written in full before: a flush of what is measured has no length and no extents to record.
const FILE_BYTES: usize = 64 * 1024 * 1024;

/// Writes of 4 KiB one after the other, each with its fdatasync, into a file that is all there: flushes per second.
pub(crate) fn flushes_per_s(folder: &Path, window: Duration) -> io::Result<f64> {
    let mut file = File::create_new(folder.join("preallocated"))?;
    file.write_all(&vec![0; FILE_BYTES])?;
    file.sync_all()?;
    flush_for(&file, window / 10)?;
    let start = Instant::now();
    let count = flush_for(&file, window)?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn flush_for(file: &File, window: Duration) -> io::Result<u64> {
    let block = [0x5a; BLOCK_BYTES];
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < window {
        file.write_all_at(&block, count * BLOCK_BYTES as u64 % FILE_BYTES as u64)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count)
}
