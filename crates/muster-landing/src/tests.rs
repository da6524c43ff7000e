//! The landing in a real folder.

mod memory;
mod publishing;
mod reading;
mod staging;
mod sweeping;
mod verifying;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backon::ExponentialBuilder;
use bytes::Bytes;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, DataType, ExecutionId, IntegrationId, OrganizationId, Staged};
use tempfile::TempDir;

use super::*;

const FIRST: Attempt = Attempt(1);
const SECOND: Attempt = Attempt(2);

/// Two chunks of an upload.
const CHUNKS: [&str; 2] = [
    "{\"id\":1,\"name\":\"ä\"}\n{\"id\":2}\n",
    "{\"id\":3,\"tags\":[\"x\"]}\n",
];

/// A landing in a folder that ends with it.
struct Bench {
    landing: Landing,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::at(TempDir::new().expect("a folder"))
    }

    fn at(folder: TempDir) -> Self {
        let quick = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(1))
            .with_max_times(2);
        Self {
            landing: Landing::open_with(folder.path(), quick).expect("a landing"),
            folder,
        }
    }

    /// What a process finds that is started after this one was killed just now: the same files, and nothing else. (The real one lives on, so
    /// that nothing can tidy up first.)
    fn after_a_crash(&self) -> Self {
        let folder = TempDir::new().expect("a folder");
        copy(self.folder.path(), folder.path());
        Self::at(folder)
    }

    /// The same landing in the process's next life.
    fn restarted(self) -> Self {
        drop(self.landing);
        Self::at(self.folder)
    }

    async fn stage(&self, attempt: Attempt) -> Staged {
        let mut stage = self.begin(attempt).await;
        for chunk in CHUNKS {
            stage
                .write(Bytes::from_static(chunk.as_bytes()))
                .await
                .expect("written");
        }
        stage.finish().await.expect("staged")
    }

    async fn begin(&self, attempt: Attempt) -> Stage {
        let now = Stamp::from_millis(1_772_323_200_000);
        self.landing.stage(destination(), attempt, now).await.expect("a stage")
    }

    async fn staged(&self, attempt: Attempt) -> Option<Staged> {
        self.landing
            .staged(destination().execution, attempt)
            .await
            .expect("an answer")
    }

    async fn publish(&self, staged: &Staged) -> Result<Published, PublishError> {
        self.landing.publish(&destination(), staged).await
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join(destination().data().as_ref())
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join(destination().manifest().as_ref())
    }

    /// All files that a glob finds, relative to the landing.
    fn visible(&self) -> Vec<String> {
        self.files(|name| !name.starts_with('.'))
    }

    /// All files that are staged, finished or not.
    fn hidden(&self) -> Vec<String> {
        let mut files = self.files(|_| true);
        files.retain(|file| file.starts_with(".staging") && file != ".staging/lock");
        files
    }

    fn files(&self, enter: fn(&str) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.folder.path(), enter, &mut found);
        let mut files: Vec<_> = found
            .iter()
            .map(|file| {
                file.strip_prefix(self.folder.path())
                    .expect("below")
                    .display()
                    .to_string()
            })
            .collect();
        files.sort();
        files
    }

    /// Holds what must hold after a good publish.
    fn assert_published(&self) {
        assert_eq!(
            self.visible(),
            [destination().manifest().to_string(), destination().data().to_string()].sorted()
        );
        assert_eq!(self.hidden(), Vec::<String>::new());
        let unpacked = zstd::decode_all(fs::File::open(self.data()).expect("the data")).expect("zstd");
        assert_eq!(String::from_utf8(unpacked).expect("UTF-8"), CHUNKS.concat());
    }
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl<const N: usize> Sorted for [String; N] {
    fn sorted(mut self) -> Self {
        self.sort();
        self
    }
}

fn destination() -> Destination {
    Destination {
        organization: OrganizationId::new("acme").expect("a name"),
        integration: IntegrationId(0x11),
        data_type: DataType::new("device").expect("a name"),
        execution: ExecutionId(0x019c_a670_0000_7c4d_8e5f_0123_4567_89ab),
    }
}

fn walk(folder: &Path, enter: fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if !enter(&entry.file_name().to_string_lossy()) {
            continue;
        }
        match entry.file_type().expect("a type").is_dir() {
            true => walk(&entry.path(), enter, found),
            false => found.push(entry.path()),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("a copy");
        }
    }
}

/// Waits until `seen` gives `wanted`.
async fn eventually<T: PartialEq + std::fmt::Debug>(wanted: T, seen: impl Fn() -> T) {
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        let now = seen();
        if now == wanted {
            return;
        }
        assert!(Instant::now() < limit, "last seen: {now:?}, wanted: {wanted:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
