//! `muster-coordinator restore`: a store as a backup holds it.
//!
//! It is made beside its place and takes it by a rename, when the backup has been read to its end, every checksum was right, and what was open in it is
//! fenced: so nobody ever finds a part of it, or one that believes what happened after the backup.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use muster_core::time::Stamp;
use muster_process::Exit;
use muster_process::progress::Progress;
use muster_shard::AHEAD_MAX;
use muster_store::verify::Told;
use muster_store::{Location, Store, backup};

use super::{Failure, Kept};
use crate::clock;

/// Where the store is made, in the folder that it is for.
const DRAFT: &str = "store.restoring";

const EXAMPLES: &str = "\
Examples:
  muster-coordinator restore --data /var/lib/muster /backups/muster.backup

docs/backup.md goes through it.";

/// Restore a backup into a folder that is empty, or not there
///
/// Runners that still work on something from before are told to stop, whatever became of it after the backup was made, and it is done again. Bring what has
/// landed back after this, if it was lost too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restore {
    #[command(flatten)]
    kept: Kept,
    /// The machine's clock is right although the backup is more than a year old
    #[arg(long)]
    trust_clock: bool,
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Restore {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let data = self.kept.settings()?.data;
        fs::create_dir_all(&data).map_err(|error| format!("cannot make `{}`: {error}", data.display()))?;
        // Held to the end: two at a time would take each other's place.
        let folder = File::open(&data).map_err(|error| format!("cannot open `{}`: {error}", data.display()))?;
        if folder.try_lock().is_err() {
            return Err(format!(
                "another restore into `{}` goes on: wait until it has ended",
                data.display()
            )
            .into());
        }
        judge_empty(&data)?;
        let draft = data.join(DRAFT);
        let made = self.make(&draft);
        let (restored, fenced) = match made {
            Ok(made) => made,
            Err(error) => {
                // Nothing of it is of use to anybody.
                let _ = fs::remove_dir_all(&draft);
                return Err(error);
            }
        };
        put_in_place(&data, &draft)?;
        let made = time(restored.made);
        let mut stdout = io::stdout();
        // Whoever has closed standard output gets the exit code all the same.
        let _ = writeln!(
            stdout,
            "restored: {} as it was at {made}; executions that were open then and begin anew: {fenced}",
            data.display()
        );
        Ok(Exit::Success)
    }

    /// Makes the store, and fences what was open in it.
    fn make(&self, draft: &Path) -> Result<(backup::Restored, u64), Failure> {
        let mut progress = Progress::new();
        let restored = backup::restore(&self.file, draft, &mut |told| {
            if let Told::Progress { done, of: Some(of), .. } = told {
                progress.tell(|| format!("restoring: {} of {} MiB", done >> 20, of >> 20));
            }
        })?;
        progress.clear();
        let wall = clock::now().stamp;
        judge_clock(wall, restored.made, self.trust_clock)?;
        let store = Store::open(&Location::Folder(draft.to_owned()))?;
        let fenced = muster_shard::fence_all(&store, wall)?;
        Ok((restored, fenced))
    }
}

/// Refuses a clock that cannot be right: attempts go on from it, so that none is given out twice, and stamps never go back.
fn judge_clock(wall: Stamp, made: Stamp, is_trusted: bool) -> Result<(), Failure> {
    let way_out = if wall < made {
        "set the clock right"
    } else if wall.since(made) > AHEAD_MAX && !is_trusted {
        "set the clock right; if it is right, and the backup is that old, add `--trust-clock`"
    } else {
        return Ok(());
    };
    Err(format!(
        "the clock of this machine says {}, and the backup was made at {}: {way_out}, then restore it",
        time(wall),
        time(made)
    )
    .into())
}

/// A time as people write it.
fn time(stamp: Stamp) -> String {
    let made = i64::try_from(stamp.millis()).unwrap_or_default();
    format!("{:.0}", Timestamp::from_millisecond(made).unwrap_or_default())
}

/// Refuses a folder with something in it, but for what an earlier restore that was stopped has left, and removes that.
fn judge_empty(data: &Path) -> Result<(), Failure> {
    let unreadable = |error: io::Error| format!("cannot look into `{}`: {error}", data.display());
    let mut left = None;
    for entry in fs::read_dir(data).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        if name == DRAFT {
            left = Some(entry.path());
        } else if name != "lost+found" {
            return Err(format!(
                "the folder `{}` is not empty (`{}` is in it), and a backup is restored into an empty one only: name another, or move what is there away",
                data.display(),
                name.display()
            )
            .into());
        }
    }
    if let Some(left) = left {
        fs::remove_dir_all(&left).map_err(|error| format!("cannot remove `{}`: {error}", left.display()))?;
    }
    Ok(())
}

fn put_in_place(data: &Path, draft: &Path) -> Result<(), Failure> {
    let placed = (|| {
        fs::rename(draft, data.join("store"))?;
        File::open(data)?.sync_all()?;
        let data = fs::canonicalize(data)?;
        data.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    })();
    placed.map_err(|error: io::Error| format!("cannot put the store into `{}`: {error}", data.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_cannot_be_right_restores_nothing() {
        let made = Stamp::from_millis(1_790_000_000_000);
        let after = |wait| made.after(wait);
        assert!(judge_clock(made, made, false).is_ok());
        assert!(judge_clock(after(AHEAD_MAX), made, false).is_ok());
        let late = after(AHEAD_MAX + std::time::Duration::from_secs(1));
        assert!(judge_clock(late, made, false).is_err());
        assert!(judge_clock(late, made, true).is_ok());
        let early = Stamp::from_millis(made.millis() - 1);
        assert!(judge_clock(early, made, true).is_err());
    }
}
