//! The note beside the engine: a small file of two places that are written in turn.
//!
//! A write that is torn by a power cut hurts the place that it was for; the other one still holds the note before. It
//! is never synced, since what it says is only ever a lower bound of what the engine holds.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::StoreError;
use crate::backend::Note;

/// How far the two places are apart: a sector, so that one write touches one of them.
const PLACE_BYTES: u64 = 512;

/// A place: the ordinal of the note (8 bytes), the note, and the CRC-32C of both.
const ENTRY_BYTES: usize = 8 + size_of::<Note>() + 4;

/// The file of a note.
#[derive(Debug)]
pub(crate) struct NoteFile {
    path: PathBuf,
    file: File,
    /// How many notes were kept so far: the next one goes to the place of its parity.
    kept: Mutex<u64>,
    found: Note,
}

impl NoteFile {
    /// Makes the file, with a note of zeros in both places, durably.
    pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
        let file = File::create(path).map_err(StoreError::io("create", path))?;
        for ordinal in 0..2 {
            let entry = encode(ordinal, &[0; size_of::<Note>()]);
            file.write_all_at(&entry, place(ordinal))
                .map_err(StoreError::io("write", path))?;
        }
        file.sync_all().map_err(StoreError::io("sync", path))
    }

    /// Opens the file and reads the newest note that is whole.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when none is.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    StoreError::damaged("its file is not there", path.display().to_string())
                }
                _ => StoreError::io("open", path)(error),
            })?;
        let mut newest = None;
        for ordinal in 0..2 {
            let mut entry = [0; ENTRY_BYTES];
            if file.read_exact_at(&mut entry, place(ordinal)).is_ok() {
                newest = newest.max(decode(&entry));
            }
        }
        let Some((ordinal, found)) = newest else {
            return Err(StoreError::damaged(
                "neither of its two notes is whole",
                path.display().to_string(),
            ));
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            kept: Mutex::new(ordinal.saturating_add(1)),
            found,
        })
    }

    /// What the file said when it was opened.
    pub(crate) fn found(&self) -> Note {
        self.found
    }

    /// Keeps a note.
    pub(crate) fn keep(&self, note: &Note) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.file
            .write_all_at(&encode(*kept, note), place(*kept))
            .map_err(StoreError::io("write", &self.path))?;
        *kept = kept.saturating_add(1);
        Ok(())
    }
}

fn place(ordinal: u64) -> u64 {
    (ordinal % 2) * PLACE_BYTES
}

fn encode(ordinal: u64, note: &Note) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    entry[..8].copy_from_slice(&ordinal.to_be_bytes());
    entry[8..ENTRY_BYTES - 4].copy_from_slice(note);
    let checksum = crc32c::crc32c(&entry[..ENTRY_BYTES - 4]);
    entry[ENTRY_BYTES - 4..].copy_from_slice(&checksum.to_be_bytes());
    entry
}

/// The ordinal and the note; `None` when the checksum does not match.
fn decode(entry: &[u8; ENTRY_BYTES]) -> Option<(u64, Note)> {
    let (rest, checksum) = entry.split_last_chunk::<4>()?;
    if crc32c::crc32c(rest) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (ordinal, note) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*ordinal), note.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_note_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        NoteFile::create(&path).unwrap();
        let file = NoteFile::open(&path).unwrap();
        assert_eq!(file.found(), [0; 40]);
        for byte in 1..=5 {
            file.keep(&[byte; 40]).unwrap();
        }
        assert_eq!(NoteFile::open(&path).unwrap().found(), [5; 40]);

        let mut bytes = std::fs::read(&path).unwrap();
        let newest = bytes.iter().position(|byte| *byte == 5 && bytes.len() > 40).unwrap();
        let newest = bytes[newest..].iter().position(|byte| *byte == 5).unwrap() + newest;
        bytes[newest + 8] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let found = NoteFile::open(&path).unwrap().found();
        assert!(found == [4; 40] || found == [5; 40], "{found:?}");
    }
}
