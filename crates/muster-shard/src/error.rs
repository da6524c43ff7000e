//! Why a shard cannot answer.

/// Why a shard cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It has stopped: at a shutdown, or because its store has failed. Whether what was asked has happened is not known.
    #[error("the coordinator is stopping, so the outcome is not known: try again in a moment")]
    Stopped,
    /// Its store could not be read.
    #[error("the store could not be read: {0}")]
    Store(String),
    /// Somebody goes through all of its store already.
    #[error("a backup is being made, or the store is being verified: try again when that has ended")]
    UnderWay,
    /// What was given out has not been taken, so it was ended before its end.
    #[error("nothing of it was taken for {} s, so it was ended before it was whole: begin anew, and take what comes", .0.as_secs_f64())]
    NotTaken(std::time::Duration),
    /// What was to be read of its store is damaged.
    #[error("{0}")]
    Damaged(String),
}

/// Why a shard cannot start, or has ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum FatalError {
    /// Its store is damaged, or could not be read or written. What was told until then is durable.
    #[error(transparent)]
    Store(#[from] muster_store::StoreError),
    /// The system gave it no thread.
    #[error(
        "the thread `{name}` could not be started: end other processes, or raise the limit of threads (`ulimit -u`)"
    )]
    Thread {
        /// Which thread.
        name: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
