//! What the landing asks of the place where its files lie.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use muster_core::words::ExecutionId;
use object_store::MultipartUpload;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use super::LandingError;
use super::place::{StagedName, shelf, shelves};

/// What a place does, as long as it takes.
pub type Doing<'a, T> = BoxFuture<'a, Result<T, LandingError>>;

/// A place for files, as an object store is one, that can also rename and tell what is durable. A [folder](crate::Landing::open) is the real one;
/// the simulator has one with faults.
pub trait Files: fmt::Debug + Send + Sync + 'static {
    /// Begins to write a file that is there, durable, once the upload is complete.
    fn upload<'a>(&'a self, path: &'a Path) -> Doing<'a, Box<dyn MultipartUpload>>;

    /// Writes a small file; it is durable when this returns.
    fn put<'a>(&'a self, path: &'a Path, content: Vec<u8>) -> Doing<'a, ()>;

    /// The content of a small file; `None` when it is not there.
    fn get<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<Bytes>>;

    /// The content of a file, a few KiB at a time; `None` when it is not there.
    fn read<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<BoxStream<'static, Result<Bytes, object_store::Error>>>>;

    /// The checksum of a file; `None` when it is not there.
    fn checksum<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<Checksum>>;

    /// Renames a file, if it is there. To be followed by [`Files::sync`], in any case: an earlier try may have renamed it and not come so far.
    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Doing<'a, ()>;

    /// Makes durable which files a folder has. One that is not there has none.
    fn sync<'a>(&'a self, folder: &'a Path) -> Doing<'a, ()>;

    /// Whether a file is there.
    fn has<'a>(&'a self, path: &'a Path) -> Doing<'a, bool>;

    /// Removes a file, if it is there.
    fn remove<'a>(&'a self, path: &'a Path) -> Doing<'a, ()>;

    /// Removes a file of this name in a folder, if it is there; unfinished ones too, which are not seen otherwise.
    fn remove_named<'a>(&'a self, folder: &'a Path, name: &'a str) -> Doing<'a, ()>;

    /// Makes a folder and those above it; all are durable when this returns.
    fn make<'a>(&'a self, folder: &'a Path) -> Doing<'a, ()>;

    /// The names of all files in a folder, unfinished ones too.
    fn names<'a>(&'a self, folder: &'a Path) -> Doing<'a, Vec<String>>;

    /// The names of all folders in a folder. Of one that is not there: none.
    fn folders<'a>(&'a self, folder: &'a Path) -> Doing<'a, Vec<String>>;

    /// How many bytes a file has, or all the files below a folder together; 0 for what is not there.
    fn bytes<'a>(&'a self, path: &'a Path) -> Doing<'a, u64>;

    /// The names of all files in a folder at once, for the start. Blocks.
    ///
    /// # Errors
    /// [`LandingError`] when the folder cannot be read.
    fn names_now(&self, folder: &Path) -> Result<Vec<String>, LandingError>;

    /// Where a file is, as a URI.
    fn uri(&self, path: &Path) -> String;
}

/// The size and checksum of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How many bytes it has.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl Checksum {
    /// That of a file which holds `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self {
            bytes: content.len() as u64,
            sha256: Sha256::digest(content).into(),
        }
    }
}

/// A file in the staging folder.
#[derive(Debug)]
pub(super) struct StagedFile {
    pub name: StagedName,
    /// What follows the upload's name: `part`, `json`, or either with `#1` while it is being written.
    pub rest: String,
}

impl StagedFile {
    /// `None` for what is not the landing's to judge or to remove.
    fn of(file: &str) -> Option<Self> {
        let (name, rest) = StagedName::of_file(file)?;
        let rest = rest.to_owned();
        Some(Self { name, rest })
    }

    pub(super) fn is_manifest(&self) -> bool {
        self.rest == "json"
    }

    /// Whether nobody has finished writing it.
    pub(super) fn is_unfinished(&self) -> bool {
        self.rest.contains('#')
    }
}

/// All that is staged of an execution, unfinished uploads too.
pub(super) async fn staged_of(files: &dyn Files, execution: ExecutionId) -> Result<Vec<StagedFile>, LandingError> {
    let mut staged = staged_in(files, &shelf(execution)).await?;
    staged.retain(|file| file.name.execution == execution);
    Ok(staged)
}

/// All that is staged in one of the [`shelves`].
pub(super) async fn staged_in(files: &dyn Files, shelf: &Path) -> Result<Vec<StagedFile>, LandingError> {
    Ok(parsed(&files.names(shelf).await?))
}

/// All that is staged. Blocks.
pub(super) fn all_staged_now(files: &dyn Files) -> Result<Vec<StagedFile>, LandingError> {
    let mut staged = Vec::new();
    for shelf in shelves() {
        staged.extend(parsed(&files.names_now(&shelf)?));
    }
    Ok(staged)
}

pub(super) async fn remove_staged(files: &dyn Files, file: &StagedFile) -> Result<(), LandingError> {
    let name = format!("{}.{}", file.name, file.rest);
    files.remove_named(&shelf(file.name.execution), &name).await
}

fn parsed(names: &[String]) -> Vec<StagedFile> {
    names.iter().filter_map(|name| StagedFile::of(name)).collect()
}
