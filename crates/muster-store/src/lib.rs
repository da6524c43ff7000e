//! Journal, records, history, log lines and audit logs of a shard, on memory or sled.
//!
//! The layers, from the bottom: an engine of bytes ([`backend`], with [`memory`] and [`sled`]); values in pieces with
//! checksums on top of it; the parts, which still know only bytes ([`journal`], [`records`], [`history`],
//! [`log_lines`]), but for the [`audit`] logs, whose hashes are of what entries say; the disk's messages and what they become in the domain (`codec`); and [`Store`], which holds all of
//! it together and recovers a ledger.
//!
//! What was flushed survives `kill -9` and a power cut. What is damaged is refused with an error that names the damage
//! and the way back; nothing is repaired by a guess.

pub mod audit;
pub mod backend;
pub mod backup;
mod codec;
mod error;
mod finished;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
pub mod journal;
pub mod log_lines;
pub mod memory;
mod note;
mod precedence;
pub mod records;
mod recovery;
pub mod sled;
mod store;
mod tally;
mod value;
pub mod verify;

pub use error::StoreError;
pub use recovery::Recovered;
pub use store::{EntityChange, Location, Store};
pub use tally::Tally;
