//! Why a runner cannot run.

use std::io;
use std::path::PathBuf;

use muster_core::words::IdError;

/// Why a runner cannot run. What happens on the way to the coordinator is none of these: that is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: check its permissions, and the space on its disk", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process holds the data folder.
    #[error("the data folder {} is in use by another runner: stop that, or name another folder", path.display())]
    FolderTaken {
        /// Which folder.
        path: PathBuf,
    },
    /// The file with the runner's identity holds something else.
    #[error("{} is damaged: put it back from a backup, or remove it, which makes this a new runner", file.display())]
    IdentityDamaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        source: IdError,
    },
    /// None of its programs says what it is, and no other connector is allowed.
    #[error(
        "no connector is left: none of the programs in the configuration says what it is. The log lines before this one \
         tell why: mend one of them, or allow a built-in connector by `connectors`"
    )]
    NoConnector,
    /// A connector says about itself what the coordinator would refuse.
    #[error("the specification of the connector `{connector}` cannot be told to a coordinator: {problem}")]
    Specification {
        /// Which connector.
        connector: String,
        /// What is wrong with it.
        problem: String,
    },
}
