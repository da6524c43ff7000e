//! Why a runner cannot run.

use std::io;
use std::path::PathBuf;

use muster_core::words::IdError;
use muster_identity::IdentityError;

use crate::enrollment::IdentityFileError;

use crate::sealing::SealingKeyError;

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
    /// Its identity cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityFileError),
    /// Its identity cannot be used.
    #[error(transparent)]
    Unusable(#[from] IdentityError),
    /// It has no identity, and needs one.
    #[error(
        "this runner has not enrolled (there is no identity in {}), and the coordinator's address says `https`: enroll it by `muster-runner enroll --token \
         TOKEN`; `muster runner enroll-token create` makes a token",
        folder.display()
    )]
    NotEnrolled {
        /// The data folder.
        folder: PathBuf,
    },
    /// It is enrolled for something else than is configured.
    #[error(
        "this runner is enrolled for {enrolled}, and is configured for {configured}: correct the configuration, or enroll it anew by `muster-runner enroll --again`"
    )]
    OtherPool {
        /// For what it is enrolled.
        enrolled: String,
        /// What is configured.
        configured: String,
    },
    /// The key to which secrets are sealed for it.
    #[error(transparent)]
    SealingKey(#[from] SealingKeyError),
    /// It cannot be told by which proxy the coordinator is reached.
    #[error("the proxy: {0}")]
    Proxy(String),
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
