//! How long the coordinator takes to serve again after `kill -9` under full load, and how long a verification of all that it has then takes, a backup, and its
//! restore.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::restart;

/// With so many finished executions as the scale says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verify {
    /// From the start of the process until it serves, after a kill under load.
    pub(crate) restart_s: f64,
    /// The verification of what is kept, while nobody serves it.
    pub(crate) verify_s: f64,
    /// A backup, while nobody serves it.
    pub(crate) backup_s: f64,
    /// Its restore.
    pub(crate) restore_s: f64,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Verify> {
    std::fs::create_dir(folder)?;
    let data = folder.join("data");
    std::fs::create_dir(&data)?;
    let restart_s = restart::measure(binary, &data, scale)?.under_load_s;
    let (file, restored) = (folder.join("backup"), folder.join("restored"));
    Ok(Verify {
        restart_s,
        verify_s: timed(Command::new(binary).arg("verify").arg("--data").arg(&data))?,
        backup_s: timed(Command::new(binary).arg("backup").arg("--data").arg(&data).arg(&file))?,
        restore_s: timed(
            Command::new(binary)
                .arg("restore")
                .arg("--data")
                .arg(&restored)
                .arg(&file),
        )?,
    })
}

/// How long a command takes, which must succeed.
fn timed(command: &mut Command) -> Outcome<f64> {
    let start = Instant::now();
    let output = command.output()?;
    let seconds = start.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(seconds)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?} has ended with {}: {said}", output.status).into())
    }
}
