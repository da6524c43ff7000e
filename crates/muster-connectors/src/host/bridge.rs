//! From reading files, which blocks a thread, to the sink, which waits without one.

use muster_connector::{Category, Failure, LogLevel, Sink};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

/// The most records that a reading thread is ahead of the sink: enough that neither waits for each record of the other.
const AHEAD_MAX: usize = 64;

enum Item<R> {
    Record(R),
    Warning(String),
}

/// Where a reading thread puts what it finds.
pub(super) struct Emitter<R> {
    items: mpsc::Sender<Item<R>>,
}

/// Nobody wants more: the collection was stopped. The reading thread ends; why is known to the one who stopped it.
#[derive(Debug)]
pub(super) struct Unwanted;

/// Why a reading thread ended early.
#[derive(Debug)]
pub(super) enum Ended {
    Unwanted,
    Failed(Failure),
}

impl From<Unwanted> for Ended {
    fn from(_: Unwanted) -> Self {
        Self::Unwanted
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<R> Emitter<R> {
    /// Gives a record to the sink; waits while that is behind.
    pub(super) fn record(&self, record: R) -> Result<(), Unwanted> {
        self.send(Item::Record(record))
    }

    /// Writes a warning into the execution's log.
    pub(super) fn warn(&self, message: impl Into<String>) -> Result<(), Unwanted> {
        self.send(Item::Warning(message.into()))
    }

    /// What was read; `None`, and a warning that names what is missing for it, when it could not be.
    pub(super) fn readable<T>(
        &self,
        what: &str,
        read: Result<T, std::io::Error>,
        without: &str,
    ) -> Result<Option<T>, Unwanted> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error) => self
                .warn(format!("/{what} cannot be read, so {without}: {error}"))
                .map(|()| None),
        }
    }

    fn send(&self, item: Item<R>) -> Result<(), Unwanted> {
        self.items.blocking_send(item).map_err(|_| Unwanted)
    }
}

/// Runs `read` on a thread where it may block, and gives what it emits to the sink.
pub(super) async fn read_blocking<R: Serialize + Send + Sync + 'static>(
    sink: &mut Sink,
    read: impl FnOnce(&Emitter<R>) -> Result<(), Ended> + Send + 'static,
) -> Result<(), Failure> {
    let (sender, mut items) = mpsc::channel(AHEAD_MAX);
    let thread = spawn_blocking(move || read(&Emitter { items: sender }));
    loop {
        let item = tokio::select! {
            biased;
            () = sink.canceled() => return Err(muster_connector::Stop::Canceled.into()),
            item = items.recv() => item,
        };
        match item {
            Some(Item::Record(record)) => sink.record(&record).await?,
            Some(Item::Warning(message)) => sink.log(LogLevel::Warn, message).await?,
            None => break,
        }
    }
    match thread.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Ended::Failed(failure))) => Err(failure),
        Ok(Err(Ended::Unwanted)) => Err(muster_connector::Stop::Closed.into()),
        Err(error) => Err(crashed(&error)),
    }
}

/// Runs `work` on a thread where it may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    spawn_blocking(work).await.map_err(|error| crashed(&error))
}

fn crashed(error: &JoinError) -> Failure {
    Failure::new(
        Category::Connector,
        format!("the connector host crashed while it read: {error}"),
    )
}
