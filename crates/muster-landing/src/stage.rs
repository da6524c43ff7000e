//! Staging: an upload becomes durable, and stays invisible.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, Counts, Staged};
use muster_failpoint::failpoint;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload};
use sha2::{Digest as _, Sha256};
use zstd::stream::write::Encoder;

use super::files::{Checksum, Files, remove_staged, staged_of};
use super::folder::{PART_BYTES, blocking};
use super::line::{self, Fields};
use super::live::Ticket;
use super::manifest::Manifest;
use super::{Destination, Inner, Landing, LandingError, StageError};

/// zstd's own default: JSON lines shrink to a tenth or less, at some hundred MB/s.
const COMPRESSION_LEVEL: i32 = 3;

/// The compressor looks back 1 MiB at most, so that an upload costs little more than that.
const WINDOW_LOG: u32 = 20;

impl Landing {
    /// Begins to stage the records of an attempt. It takes the place of an earlier upload of the same attempt: one that is unfinished can no
    /// longer finish. `now` is written into the manifest.
    ///
    /// Waits while too many uploads are being written.
    ///
    /// The caller sees to it that the attempt holds the execution, and lets nobody upload what is past the commit point.
    ///
    /// # Errors
    /// [`LandingError`] when the landing can't be written to.
    pub async fn stage(&self, destination: Destination, attempt: Attempt, now: Stamp) -> Result<Stage, LandingError> {
        let ticket = self.inner.live.begin(destination.execution, attempt).await;
        self.remove_replaced(&ticket).await?;
        let part = ticket.name.part();
        let press = Press::new().map_err(|source| LandingError::Folder {
            doing: "compress",
            what: part.to_string(),
            source,
        })?;
        let upload = self.inner.files.upload(&part).await?;
        failpoint!("upload-begun");
        Ok(Stage {
            landing: Arc::clone(&self.inner),
            destination,
            began: now,
            work: Some(Work {
                judge: Judge::default(),
                pressing: Box::pin(ready(Ok((Box::new(press), None)))),
            }),
            upload,
            ticket,
        })
    }

    /// Removes what a new upload of an attempt makes needless: what earlier processes have left unfinished, and all finished ones but the
    /// newest, to which the ledger may be committing just now.
    async fn remove_replaced(&self, ticket: &Ticket) -> Result<(), LandingError> {
        let place = &*self.inner.files;
        let mut files = staged_of(place, ticket.name.execution).await?;
        files.retain(|file| file.name.attempt == ticket.name.attempt && !self.inner.live.has(file.name));
        let newest = files
            .iter()
            .filter(|file| file.is_manifest())
            .map(|file| file.name.ordinal)
            .max();
        let needless = |ordinal| newest.is_some_and(|newest| ordinal < newest);
        for file in files
            .iter()
            .filter(|file| file.is_unfinished() || needless(file.name.ordinal))
        {
            remove_staged(place, file).await?;
        }
        Ok(())
    }
}

/// An upload that is being staged. Dropping it before it is finished removes what it has written.
#[derive(Debug)]
pub struct Stage {
    landing: Arc<Inner>,
    destination: Destination,
    began: Stamp,
    /// `None` while a chunk is being written, and for good when that has failed.
    work: Option<Work>,
    upload: Box<dyn MultipartUpload>,
    ticket: Ticket,
}

impl Stage {
    /// Adds whole lines, each one JSON object ended by a line feed and at most [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX) long. Returns once they
    /// are judged, and the landing can take more.
    ///
    /// # Errors
    /// [`StageError`]: these lines are at fault, or those before them could not be written. After one, or when this future is dropped before its
    /// end, the stage is of no use any more.
    pub async fn write(&mut self, lines: Bytes) -> Result<(), StageError> {
        let Work { mut judge, pressing } = self.work.take().ok_or(StageError::Broken)?;
        if !self.ticket.is_newest() {
            return Err(StageError::Replaced);
        }
        let judged = lines.clone();
        let judging = blocking(move || judge.take_in(&judged).map(|()| judge));
        let press = self.pressed(pressing).await?;
        // Begun before they are judged, and waited for with the next ones: compressing takes as long as all that comes before it. Lines that are
        // found wrong end the stage, and what was made of them goes with it.
        let pressing = on_press(self.ticket.name.part(), press, move |press| press.take_in(&lines));
        let judge = judging.await??;
        let pressing = Box::pin(pressing);
        self.work = Some(Work { judge, pressing });
        Ok(())
    }

    /// How much has been written so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.work.as_ref().map(|work| work.judge.counts).unwrap_or_default()
    }

    /// Makes all that was written durable. When this returns, [`Landing::staged`] tells of it, also after a restart.
    ///
    /// # Errors
    /// [`StageError`]: nothing is staged.
    pub async fn finish(mut self) -> Result<Staged, StageError> {
        let Work { judge, pressing } = self.work.take().ok_or(StageError::Broken)?;
        let press = self.pressed(pressing).await?;
        let (press, last) = on_press(self.ticket.name.part(), press, Press::end).await?;
        if !last.is_empty() {
            self.put(last).await?;
        }
        if !self.ticket.is_newest() {
            return Err(StageError::Replaced);
        }
        let name = self.ticket.name;
        let part = name.part();
        failpoint!("upload-written");
        self.upload.complete().await.map_err(|source| self.failed(source))?;
        failpoint!("upload-complete");
        let Judge { counts, fields } = judge;
        let manifest = Manifest::new(name, &self.destination, counts, &press.sum(), &fields, self.began);
        let files: &dyn Files = &*self.landing.files;
        if let Err(error) = files.put(&name.manifest(), manifest.to_bytes()).await {
            // Best effort: a sweep finds it otherwise.
            drop(files.remove(&part).await);
            return Err(error.into());
        }
        failpoint!("upload-staged");
        Ok(Staged {
            id: name.id(),
            counts,
            cursor: None,
        })
    }

    /// Waits until the compressor has done with what it was given last, and writes the part that has become whole.
    async fn pressed(&mut self, pressing: Pressing) -> Result<Box<Press>, StageError> {
        let (press, part) = pressing.await?;
        if let Some(part) = part {
            self.put(part).await?;
        }
        Ok(press)
    }

    async fn put(&mut self, part: Vec<u8>) -> Result<(), StageError> {
        let written = self.upload.put_part(PutPayload::from(part)).await;
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: object_store::Error) -> StageError {
        StageError::Landing(LandingError::Store {
            doing: "write",
            what: self.ticket.name.part().to_string(),
            source,
        })
    }
}

/// What is done with each chunk.
struct Work {
    judge: Judge,
    pressing: Pressing,
}

/// The compressor at work on a chunk; then it and a part, if it has enough for one.
type Pressing = Pin<Box<dyn Future<Output = Result<(Box<Press>, Option<Vec<u8>>), StageError>> + Send>>;

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work")
            .field("judge", &self.judge)
            .finish_non_exhaustive()
    }
}

/// Begins some work of the compressor. A mebibyte takes it milliseconds: too long for a thread that serves others.
fn on_press<T: Send + 'static>(
    part: Path,
    mut press: Box<Press>,
    work: impl FnOnce(&mut Press) -> std::io::Result<T> + Send + 'static,
) -> impl Future<Output = Result<(Box<Press>, T), StageError>> + Send + 'static {
    let done = blocking(move || work(&mut press).map(|done| (press, done)));
    async move {
        done.await?.map_err(|source| {
            StageError::Landing(LandingError::Folder {
                doing: "compress",
                what: part.to_string(),
                source,
            })
        })
    }
}

/// Judges and counts the lines that pass through.
#[derive(Debug, Default)]
struct Judge {
    counts: Counts,
    fields: Fields,
}

impl Judge {
    fn take_in(&mut self, lines: &[u8]) -> Result<(), StageError> {
        self.counts.records += line::judge(lines, self.counts.records, &mut self.fields)?;
        self.counts.bytes += lines.len() as u64;
        Ok(())
    }
}

/// Compresses and sums what passes through. Holds the compressor's window and less than a part and a compressed chunk.
struct Press {
    encoder: Encoder<'static, Vec<u8>>,
    sha256: Sha256,
    compressed_bytes: u64,
}

impl Press {
    fn new() -> std::io::Result<Self> {
        let mut encoder = Encoder::new(Vec::new(), COMPRESSION_LEVEL)?;
        encoder.window_log(WINDOW_LOG)?;
        // Readers that know nothing of the manifest notice damage by this.
        encoder.include_checksum(true)?;
        Ok(Self {
            encoder,
            sha256: Sha256::new(),
            compressed_bytes: 0,
        })
    }

    /// Takes in a chunk, and gives out a part once there is enough for one.
    fn take_in(&mut self, lines: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        std::io::Write::write_all(&mut self.encoder, lines)?;
        Ok((self.encoder.get_ref().len() >= PART_BYTES).then(|| self.give_out()))
    }

    /// Gives out the last part, which may be empty.
    fn end(&mut self) -> std::io::Result<Vec<u8>> {
        self.encoder.do_finish()?;
        Ok(self.give_out())
    }

    fn give_out(&mut self) -> Vec<u8> {
        let part = std::mem::take(self.encoder.get_mut());
        self.sha256.update(&part);
        self.compressed_bytes += part.len() as u64;
        part
    }

    fn sum(self) -> Checksum {
        Checksum {
            bytes: self.compressed_bytes,
            sha256: self.sha256.finalize().into(),
        }
    }
}
