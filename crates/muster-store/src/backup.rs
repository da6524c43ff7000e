//! A backup: all of a store in one file, made while it is served, and the way back.
//!
//! # Why what is copied bit by bit fits together
//!
//! A backup is a store as it was after one batch of the journal, the cut `S`, although nobody stops while it is copied. The journal is the truth, and records
//! and history are what it has made so far; so they are copied first, as they are when they are read, and the journal last, up to what is durable then:
//!
//! 1. *Hold*: from here to the end nothing is forgotten. The journal is not trimmed, and no record of an ended execution is removed. So the journal begins at
//!    the same anchor `A` all the time. `X` is what history has absorbed now; it holds `A ≤ X`, since the journal is trimmed only past what history has.
//! 2. *Records*, each as it is when it is read: some older, some newer. A record is written only after its stamp is flushed, and was written before `S` was
//!    chosen, so no stamp is above `S`. A change that a record does not have is of a batch after `A` (the journal was trimmed only past changes that records
//!    had), so it is in the journal: replay over records of any age between `A` and `S` makes the state at `S` (DESIGN.md, section 4).
//! 3. *History*: the entries of batches up to `X`. They were all put before the hold, and never change. What ended after `X` is made by the replay: its
//!    record or its creation is there, since records are removed only after history holds the end for good, and during the hold not at all. So each finished
//!    execution is in the copy of history or in what the replay makes, and in one of them only. Counts and digests are not copied; a restore makes them anew.
//! 4. *Log lines*, of each execution at one moment. Nothing was promised of them: damaged ones are left out.
//! 5. *Journal*, from `A` to `S`, which is what is flushed when the copying gets here.
//!
//! Each part is judged as it is copied: checksums and the chain, and that records and history add up to what was written, with what is written meanwhile
//! counted in. What is damaged, but for log lines, makes no backup.
//!
//! # The file
//!
//! ```text
//! "muster backup, format 1\n"
//! blocks, each:  ordinal (u32) | length (u32) | packed length (u32) | CRC-32C of what is packed | CRC-32C of these four | packed by zstd
//! SHA-256 of all of the above
//! ```
//!
//! What is in the blocks, one after the other, is messages with their lengths before them; the last one says how many there were. A block is at most a
//! few MiB, but for a batch that is larger. Numbers are big-endian. Nothing in it depends on an engine.

mod copy;
mod file;
mod piece;
mod restore;
#[cfg(test)]
mod tests;

pub use copy::{Copied, Hold};
pub use restore::{Restored, check, restore};
