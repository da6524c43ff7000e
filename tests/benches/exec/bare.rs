//! The limit: the same program, piped into `zstd`, into a file that is then made durable.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::Outcome;
use crate::harness::child::ROLE_FLAG;

/// The landing's level, which is also that of `zstd` when nobody says.
const LEVEL: &str = "-3";

/// How long it takes to compress so many records.
pub(crate) fn measure(folder: &Path, records: u64) -> Outcome<Duration> {
    let path = folder.join("bare.zst");
    let file = File::create(&path)?;
    let start = Instant::now();
    let mut source = Command::new(std::env::current_exe()?)
        .args([ROLE_FLAG, &records.to_string(), "collect"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let pipe = source.stdout.take().ok_or("the program has no standard output")?;
    let compressed = Command::new("zstd")
        .args([LEVEL, "--quiet", "--stdout"])
        .stdin(pipe)
        .stdout(file.try_clone()?)
        .status();
    let compressed = compressed.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no `zstd` on the path: install it, it is what is compared with".into(),
        _ => error.to_string(),
    })?;
    if !compressed.success() || !source.wait()?.success() {
        return Err("the bare pipe has failed".into());
    }
    file.sync_all()?;
    let took = start.elapsed();
    std::fs::remove_file(path)?;
    Ok(took)
}
