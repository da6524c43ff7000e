//! Where a connector puts what it collects, and the other end, from which it is carried on.
//!
//! The sink pushes back: when nobody takes what lies in it, [`Sink::record`] waits. So the memory of a collection does not grow with its
//! size; it is at most [`CHUNKS_IN_FLIGHT_MAX`] + 1 chunks and one record.

use std::io::{self, Write};

use bytes::Bytes;
use muster_core::words::{Category, Counts, Failure, LogLevel, LogLine};
use serde::Serialize;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio_util::sync::CancellationToken;

use crate::Redactor;

/// A chunk that has reached this size is sent when the next record comes: so large that what it costs to hand it on, from thread to thread and
/// process to process, does not matter beside what it takes to compress it; small enough that the next record mostly still fits.
const CHUNK_BYTES_TARGET: usize = 768 * 1024;

/// The most bytes of one chunk: an upload's message must carry it.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes of one record as JSON: with its line feed it fills a chunk. Real records have a few KiB.
pub const RECORD_BYTES_MAX: usize = CHUNK_BYTES_MAX - 1;

/// The most items that wait between a sink and its reader: one that is being carried and a few more, so that neither end waits for each
/// hiccup of the other.
pub const CHUNKS_IN_FLIGHT_MAX: usize = 4;

/// The most bytes of a log line that are looked through for secrets: of what goes beyond a line's bound, some is left for the longest of them.
const LOOKED_THROUGH_BYTES_MAX: usize = 8 * LogLine::BYTES_MAX;

/// What comes out of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkItem {
    /// Records.
    Records {
        /// Whole JSON objects, each followed by a line feed. At most [`CHUNK_BYTES_MAX`] bytes.
        lines: Bytes,
        /// How many records these are; at least one.
        records: u64,
    },
    /// A line for the execution's log.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// At most [`LogLine::BYTES_MAX`] bytes.
        message: String,
    },
    /// How far the collection is. News, not data: some may be missing.
    Progress {
        /// What the connector has given so far.
        counts: Counts,
        /// How many records there will be; `None` when the connector does not know.
        total: Option<u64>,
    },
}

/// Why a sink takes nothing more. It stays so: a connector that goes on all the same cannot end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Somebody canceled the collection.
    #[error("the collection was canceled")]
    Canceled,
    /// Nobody reads the records any more.
    #[error("the records could not be carried on: whoever took them has stopped")]
    Closed,
    /// It gives more than the runner's configuration lets it.
    #[error(
        "the source has more than {limit}, which is the most that this runner's own configuration lets the connector collect"
    )]
    TooMuch {
        /// How much it may: `1000 records (`records_max`)`.
        limit: String,
    },
    /// What was given is no record: the connector's bug.
    #[error("record {ordinal} was refused: {reason}")]
    Refused {
        /// Which one, counted from 1.
        ordinal: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        let category = match stop {
            Stop::Canceled => Category::Canceled,
            Stop::Closed => Category::Landing,
            // Nothing is wrong with the connector; a person has to choose.
            Stop::TooMuch { .. } => Category::Configuration,
            Stop::Refused { .. } => Category::Connector,
        };
        let failure = Failure::new(category, stop.to_string());
        match stop {
            Stop::TooMuch { .. } => failure.with_remedy(
                "let the integration collect less; or raise the limit in the connector's table `[connector.NAME]` of the runner's \
                 configuration, and restart the runner",
            ),
            Stop::Canceled | Stop::Closed | Stop::Refused { .. } => failure,
        }
    }
}

/// How much one collection may give. `None`: as much as there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most records.
    pub records_max: Option<u64>,
    /// The most bytes of records, as JSON lines and before they are compressed.
    pub bytes_max: Option<u64>,
}

impl Limits {
    /// Which of them these counts exceed.
    fn exceeded(&self, counts: Counts) -> Option<String> {
        let over = |count: u64, max: Option<u64>| max.filter(|max| count > *max);
        let records = over(counts.records, self.records_max).map(|max| format!("{max} records (`records_max`)"));
        records.or_else(|| over(counts.bytes, self.bytes_max).map(|max| format!("{max} bytes (`bytes_max`)")))
    }
}

/// A sink and the items that come out of it. `canceled` makes it stop.
#[must_use]
pub fn sink(canceled: CancellationToken) -> (Sink, Items) {
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
    let sink = Sink {
        sender,
        canceled,
        chunk: Vec::new(),
        chunk_records: 0,
        line: Vec::new(),
        counts: Counts::default(),
        stopped: None,
        limits: Limits::default(),
        redactor: Redactor::default(),
    };
    (sink, Items { receiver })
}

/// The reader's end of a sink.
#[derive(Debug)]
pub struct Items {
    receiver: mpsc::Receiver<SinkItem>,
}

impl Items {
    /// The next item; `None` when the collection has ended and all has been read. Safe to cancel.
    pub async fn next(&mut self) -> Option<SinkItem> {
        self.receiver.recv().await
    }

    /// How many items wait; at most [`CHUNKS_IN_FLIGHT_MAX`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether no item waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

/// The connector's end: takes records, log lines and progress.
#[derive(Debug)]
pub struct Sink {
    sender: mpsc::Sender<SinkItem>,
    canceled: CancellationToken,
    chunk: Vec<u8>,
    chunk_records: u64,
    /// The record at hand; kept to keep its allocation.
    line: Vec<u8>,
    counts: Counts,
    stopped: Option<Stop>,
    limits: Limits,
    redactor: Redactor,
}

impl Sink {
    /// The same sink, out of whose log lines these secrets are taken.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// The same sink, which takes no more than this.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What takes secrets out of the collection's texts.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Takes a record: anything that becomes a JSON object. Waits while the reader is behind. Safe to cancel: when the
    /// future is dropped before its end, the record was not taken, and nothing that was taken before is lost.
    ///
    /// # Errors
    /// [`Stop`]: canceled, nobody reads any more, there is more than its [`Limits`] let through, or this is no JSON object or one of more
    /// than [`RECORD_BYTES_MAX`] bytes.
    pub async fn record<T: Serialize + ?Sized>(&mut self, record: &T) -> Result<(), Stop> {
        self.go_on()?;
        if let Err(reason) = write_line(&mut self.line, record) {
            let ordinal = self.counts.records + 1;
            return Err(self.stop(Stop::Refused { ordinal, reason }));
        }
        let with_it = Counts {
            records: self.counts.records + 1,
            bytes: self.counts.bytes + self.line.len() as u64,
        };
        if let Some(limit) = self.limits.exceeded(with_it) {
            return Err(self.stop(Stop::TooMuch { limit }));
        }
        if self.chunk.len() >= CHUNK_BYTES_TARGET || self.chunk.len() + self.line.len() > CHUNK_BYTES_MAX {
            self.flush().await?;
        }
        self.chunk.extend_from_slice(&self.line);
        self.chunk_records += 1;
        self.counts = with_it;
        Ok(())
    }

    /// Writes a line into the execution's log, without the secrets that the sink's redactor knows; one of more than [`LogLine::BYTES_MAX`] bytes
    /// is cut. Waits while the reader is behind.
    ///
    /// # Errors
    /// [`Stop`]: canceled, or nobody reads any more.
    pub async fn log(&mut self, level: LogLevel, message: impl Into<String>) -> Result<(), Stop> {
        self.go_on()?;
        let message = cut(message.into(), LOOKED_THROUGH_BYTES_MAX);
        let message = cut(self.redactor.redact_own(message), LogLine::BYTES_MAX);
        self.room().await?.send(SinkItem::Log { level, message });
        Ok(())
    }

    /// Tells how far the collection is; `total` is `None` when nobody knows how many records there will be. Never waits: while the reader is
    /// behind, it is dropped.
    pub fn progress(&self, total: Option<u64>) {
        let counts = self.counts;
        // A full or closed channel is no fault here: the next record notices the latter.
        let _ = self.sender.try_send(SinkItem::Progress { counts, total });
    }

    /// What was taken so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the collection was canceled.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.canceled.is_cancelled()
    }

    /// Ends when the collection is canceled.
    pub async fn canceled(&self) {
        self.canceled.cancelled().await;
    }

    /// The token that says that the collection is canceled, for work that does not hold the sink.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.canceled.clone()
    }

    /// Sends what is left and tells how much there was. After this the reader's end says `None`.
    ///
    /// # Errors
    /// The [`Stop`] that a connector was told before, even if it did not heed it, or that is met now.
    pub async fn finish(mut self) -> Result<Counts, Stop> {
        self.go_on()?;
        self.flush().await?;
        Ok(self.counts)
    }

    fn go_on(&mut self) -> Result<(), Stop> {
        if let Some(stop) = &self.stopped {
            return Err(stop.clone());
        }
        if self.canceled.is_cancelled() {
            return Err(self.stop(Stop::Canceled));
        }
        Ok(())
    }

    fn stop(&mut self, stop: Stop) -> Stop {
        self.stopped = Some(stop.clone());
        stop
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let room = self.room().await?;
        // Nothing waits from here on, so no record is lost when the future is dropped.
        // The next one is most likely as large: it should not have to grow again.
        let next = Vec::with_capacity(self.chunk.capacity());
        let lines = Bytes::from(std::mem::replace(&mut self.chunk, next));
        let records = std::mem::take(&mut self.chunk_records);
        room.send(SinkItem::Records { lines, records });
        Ok(())
    }

    /// Waits until there is room for one more item.
    async fn room(&mut self) -> Result<OwnedPermit<SinkItem>, Stop> {
        let room = tokio::select! {
            biased;
            () = self.canceled.cancelled() => Err(Stop::Canceled),
            room = self.sender.clone().reserve_owned() => room.map_err(|_| Stop::Closed),
        };
        room.map_err(|stop| self.stop(stop))
    }
}

/// Writes the record as one line of JSON over what `line` held; says what is wrong with it.
fn write_line<T: Serialize + ?Sized>(line: &mut Vec<u8>, record: &T) -> Result<(), String> {
    line.clear();
    let mut bounded = Bounded { line };
    if let Err(error) = serde_json::to_writer(&mut bounded, record) {
        return Err(if error.is_io() {
            format!("it has more than {RECORD_BYTES_MAX} bytes: split it, or leave out what is not needed")
        } else {
            format!("it does not become JSON: {error}")
        });
    }
    if line.first() != Some(&b'{') {
        return Err("it is not a JSON object".to_owned());
    }
    // Only a raw JSON text that a connector passes through can hold one: JSON escapes those inside of texts.
    if line.contains(&b'\n') {
        return Err("it has a line feed between its fields, so it is no JSON line".to_owned());
    }
    line.push(b'\n');
    Ok(())
}

/// Takes at most [`RECORD_BYTES_MAX`] bytes, so that a record that is too large costs no more than the largest that is allowed.
struct Bounded<'a> {
    line: &'a mut Vec<u8>,
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.line.len() + bytes.len() > RECORD_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cut(mut message: String, bytes_max: usize) -> String {
    if message.len() > bytes_max {
        message.truncate(message.floor_char_boundary(bytes_max - '…'.len_utf8()));
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests;
