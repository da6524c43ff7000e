//! `muster-coordinator backup`: all that a coordinator's store holds, in one file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use muster_process::progress::Progress;
use muster_process::{Exit, shutdown};
use muster_proto::v1;
use muster_store::verify::Told;
use muster_store::{Location, Store, StoreError};

use super::{Failure, Kept, serving};
use crate::clock;

const EXAMPLES: &str = "\
Examples:
  muster-coordinator backup --data /var/lib/muster /backups/muster.backup
  muster-coordinator backup --config /etc/muster/coordinator.toml --replace /backups/muster.backup

docs/backup.md goes through it, and through the way back.";

/// Back up the store, also while a coordinator serves it
///
/// The file holds all integrations, open and finished executions, their log lines, and the journal, as they are at one moment: when it is nearly done. What
/// has landed is not in it. A coordinator that serves the store is asked for it, and goes on; otherwise the store is opened here. The file is there once it is
/// whole and on the disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BackUp {
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    shown: serving::Shown,
    /// Put it in the place of a file that is there
    #[arg(long)]
    replace: bool,
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl BackUp {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.kept.settings()?;
        let path = Draft::path(&self.file)?;
        let left = path.clone();
        shutdown::before_end_by_signal(move || drop(fs::remove_file(left)))?;
        let mut draft = Draft::begin(path, &self.file, self.replace)?;
        let mut progress = Progress::new();
        let store = settings.data.join("store");
        muster_store::verify::judge_presence(&store)?;
        match Store::open(&Location::Folder(store)) {
            Ok(store) => of_stopped(&store, &mut draft, &mut progress)?,
            Err(held @ StoreError::Locked { .. }) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let client = serving::client(&settings, &self.shown, &held).await?;
                    of_serving(client, &mut draft, &mut progress).await
                })?;
            }
            Err(error) => return Err(error.into()),
        }
        let left_out = draft.left_out;
        let bytes = draft.end(&mut progress)?;
        progress.clear();
        if left_out > 0 {
            let _ = writeln!(
                io::stderr(),
                "left out: the damaged log lines of {left_out} executions; `muster-coordinator verify` says which"
            );
        }
        // Whoever has closed standard output gets the exit code all the same.
        let _ = writeln!(io::stdout(), "backed up: {} ({bytes} bytes)", self.file.display());
        Ok(Exit::Success)
    }
}

/// Copies a store that nobody serves. As a start does, it lets history take in what a stop had cut off.
fn of_stopped(store: &Store, draft: &mut Draft, progress: &mut Progress) -> Result<(), Failure> {
    let recovered = store.recover()?;
    let ended = recovered
        .ended
        .iter()
        .map(|(sequence, finished)| (*sequence, &**finished));
    store.put_finished(recovered.head, ended)?;
    let version = env!("CARGO_PKG_VERSION");
    let mut unwritten = None;
    let copied = store.back_up(version, clock::now().stamp, &mut |bytes, copied| {
        progress.tell(|| said(copied.records + copied.finished, copied.of));
        draft.left_out = copied.left_out;
        draft.write(&bytes).map_err(|error| {
            unwritten = Some(error);
            StoreError::NotTaken
        })
    });
    match (copied, unwritten) {
        (_, Some(error)) => Err(error),
        (copied, None) => copied.map(drop).map_err(Failure::from),
    }
}

async fn of_serving(mut client: serving::Client, draft: &mut Draft, progress: &mut Progress) -> Result<(), Failure> {
    let answer = client.back_up(v1::BackUpRequest {}).await;
    let mut chunks = answer.map_err(|status| serving::failed(&status))?.into_inner();
    while let Some(next) = chunks.message().await.map_err(|status| serving::failed(&status))? {
        progress.tell(|| said(next.copied_count, next.total_count));
        draft.left_out = next.left_out_count;
        draft.write(&next.chunk)?;
    }
    Ok(())
}

fn said(done: u64, of: u64) -> String {
    format!("backing up: {done} of {of} entities and finished executions")
}

/// How many bytes wait to be synced at most: what a disk takes in some milliseconds. Whoever else syncs on that disk waits for them, as a coordinator does
/// for each of its flushes: it waits for up to a second when the system writes many at once.
const SYNCED_EVERY: usize = 1024 * 1024;

/// What follows the goal's name, and the number of whoever makes it, in the name of a draft.
const DRAFT: &str = ".draft";

/// A file beside the one that is made, which takes its place when it is whole. Removed when it does not come so far; and what a `kill -9` has left
/// of another one is removed by the next for the same goal. Locked as long as somebody makes it, so that it is known to be left.
struct Draft {
    path: PathBuf,
    goal: PathBuf,
    /// Whether the goal may be there.
    replaces: bool,
    /// `None` once it has ended.
    file: Option<File>,
    bytes: u64,
    /// How many of them were not synced.
    unsynced: usize,
    /// How many executions have log lines that are damaged, and so are not in it.
    left_out: u64,
}

impl Draft {
    /// Where this process makes it.
    fn path(goal: &Path) -> Result<PathBuf, Failure> {
        let mut name = goal.file_name().ok_or("name a file, not a folder")?.to_owned();
        name.push(format!(".{}{DRAFT}", std::process::id()));
        Ok(goal.with_file_name(name))
    }

    fn begin(path: PathBuf, goal: &Path, replaces: bool) -> Result<Self, Failure> {
        if !replaces && goal.symlink_metadata().is_ok() {
            return Err(there(goal));
        }
        // Whatever it is that cannot be removed takes room, and no more: this backup does not depend on it.
        let _left = remove_left(goal);
        let file = make(&path).map_err(|error| format!("cannot make `{}`: {error}", path.display()))?;
        Ok(Self {
            path,
            goal: goal.to_owned(),
            replaces,
            file: Some(file),
            bytes: 0,
            unsynced: 0,
            left_out: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.put(bytes)
            .map_err(|error| format!("cannot write `{}`: {error}", self.path.display()).into())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        self.unsynced += bytes.len();
        if self.unsynced >= SYNCED_EVERY {
            file.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Puts it in its place, durably, if it is whole on the disk, whatever was said by whoever gave it out; returns how many bytes it has.
    fn end(mut self, progress: &mut Progress) -> Result<u64, Failure> {
        let checked = muster_store::backup::check(&self.path, &mut |told| {
            if let Told::Progress { done, of, .. } = told {
                progress.tell(|| format!("checking: {done} of {} bytes", of.unwrap_or(done)));
            }
        });
        checked.map_err(|error| match error {
            StoreError::BackupDamaged { what, at } => format!(
                "what was written is no whole backup (byte {at}: {what}), so `{}` was left as it was: back up again",
                self.goal.display()
            )
            .into(),
            error => Failure::from(error),
        })?;
        let placed = self.place();
        match placed {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(there(&self.goal)),
            Err(error) => Err(format!("cannot put the backup into `{}`: {error}", self.goal.display()).into()),
            Ok(()) => {
                self.file = None;
                Ok(self.bytes)
            }
        }
    }

    fn place(&self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        if self.replaces {
            fs::rename(&self.path, &self.goal)?;
        } else {
            // Unlike a rename it never takes the place of a file that has come meanwhile.
            fs::hard_link(&self.path, &self.goal)?;
            fs::remove_file(&self.path)?;
        }
        File::open(folder_of(&self.goal))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a file that is locked, and there.
fn make(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        // It holds the configurations of all integrations.
        let file = options.create_new(true).write(true).mode(0o600).open(path)?;
        // Where files know no locks nobody takes one for left. Otherwise somebody may have, in between.
        if take(&file).unwrap_or(true) {
            return Ok(file);
        }
    }
}

/// Removes what others have left of drafts for this goal.
fn remove_left(goal: &Path) -> io::Result<()> {
    let goal_name = goal.file_name().unwrap_or_default();
    for entry in fs::read_dir(folder_of(goal))? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.as_encoded_bytes().strip_prefix(goal_name.as_encoded_bytes());
        let number = number.and_then(|rest| rest.strip_prefix(b".")?.strip_suffix(DRAFT.as_bytes()));
        let is_draft = number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
        if is_draft && entry.file_type()?.is_file() && take(&OpenOptions::new().write(true).open(entry.path())?)? {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Takes a draft that nobody makes; `false` when somebody does, or has removed it. It is ours as long as the file is open.
fn take(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(file.metadata()?.nlink() > 0),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn folder_of(goal: &Path) -> &Path {
    match goal.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

fn there(goal: &Path) -> Failure {
    format!(
        "`{}` is there already: choose another name, or say `--replace`",
        goal.display()
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_takes_the_place_of_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let goal = folder.path().join("muster.backup");
        let store = Store::open(&Location::Memory).expect("memory is there");
        let mut pieces = Vec::new();
        store.recover().expect("it is new");
        let copied = store.back_up("test", clock::now().stamp, &mut |bytes, _| {
            pieces.push(bytes);
            Ok(())
        });
        copied.expect("it is whole");
        let made = |count: usize| {
            let mut draft = Draft::begin(Draft::path(&goal)?, &goal, true)?;
            for piece in &pieces[..count] {
                draft.write(piece)?;
            }
            draft.end(&mut Progress::new())
        };
        made(pieces.len()).expect("it is whole");
        let whole = fs::read(&goal).expect("it is in its place");
        assert_eq!(whole, pieces.concat());
        for count in 0..pieces.len() {
            let refused = made(count).expect_err("it is cut off").to_string();
            assert!(count == 0 || refused.contains("it is cut off"), "{count}: {refused}");
            assert_eq!(fs::read(&goal).expect("it is there"), whole, "{count}");
        }
        assert_eq!(
            fs::read_dir(folder.path()).expect("listed").count(),
            1,
            "a draft is left"
        );
    }

    #[test]
    fn what_was_left_of_a_draft_goes_and_what_is_made_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let goal = folder.path().join("muster.backup");
        let path = |name: &str| folder.path().join(name);
        for others in [
            "muster.backup..draft",
            "muster.backup.x1.draft",
            "muster.backup.1.draft.gz",
            "other.backup.1.draft",
        ] {
            fs::write(path(others), "").expect("written");
        }
        fs::create_dir(path("muster.backup.2.draft")).expect("made");
        fs::write(path("muster.backup.1.draft"), "left").expect("written");
        let made = make(&path("muster.backup.3.draft")).expect("made");
        let listed = || fs::read_dir(folder.path()).expect("listed").count();
        assert_eq!(listed(), 7);
        let draft = Draft::begin(path("muster.backup.4.draft"), &goal, false).expect("it begins");
        assert!(!path("muster.backup.1.draft").exists(), "it takes room for good");
        assert_eq!(listed(), 7, "something else is gone");
        drop((draft, made));
        remove_left(&goal).expect("removed");
        assert!(!path("muster.backup.3.draft").exists(), "nobody makes it any more");
        assert_eq!(listed(), 5);
    }
}
