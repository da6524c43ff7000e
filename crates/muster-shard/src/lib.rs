//! One ledger, one writer, one journal: decide, record, then act.
//!
//! ```text
//!            jobs                turns               batches                   released
//! handles ─────────▶ [`writer`] ─────────▶ pipeline ─────────▶ [`committer`] ─────────▶ replies, runners, landing, watchers
//!                     decide, apply         bounded             append, flush
//!                        │                                          │
//!                        └──── tail, changed entities ────▶ [`keeper`]: history, records, trimming
//! ```
//!
//! The **writer** alone changes the state: it drains the jobs that wait, decides and applies, and hands what has happened to the pipeline as one
//! batch. The **committer** takes all batches that have gathered, appends them, flushes once, and releases what depended on them, in their order.
//! So nothing leaves before it is durable, a lone command waits for nobody, and throughput grows with load. The **keeper** writes behind: finished
//! executions to history, changed entities to records, and then it trims the journal.
//! The **verifier** looks slowly through
//! history for damage.
//!
//! [`ShardHandle`] is the only way in.

mod assembly;
mod audited;
mod batch;
mod changed;
mod checks;
mod clock;
mod committer;
mod directory;
mod error;
pub mod figures;
mod handle;
mod hold;
mod keeper;
mod line_watch;
mod maintain;
mod options;
mod outbox;
mod pipeline;
mod release;
mod restored;
mod start;
pub mod stepped;
mod tail;
mod turns;
mod verifier;
mod watch;
mod writer;

pub use checks::{Checks, Ending};
pub use clock::{AHEAD_MAX, ClockFault};
pub use directory::Directory;
pub use error::{FatalError, ShardError};
pub use handle::{Answered, AskError, Kept, Page, Posted, ShardHandle};
pub use line_watch::LineWatch;
pub use maintain::GivenOut;
pub use options::{Options, Retention};
pub use outbox::Outbox;
pub use release::{LandingWork, Note};
pub use restored::fence_all;
pub use start::{Running, Started, start};
pub use verifier::Damage;
pub use watch::{Change, ExecutionState, IntegrationChanged};
pub use writer::Turn;
