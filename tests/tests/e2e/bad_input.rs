//! Bad input, at every door: what whoever sent it reads, that it has changed nothing, and that the next caller is served.
//!
//! Each door has a table: a row is a name and what is sent, and the texts of all rows lie beside it in `snapshots/`, to be read as the person who
//! gets them. A new row is one line, and `INSTA_UPDATE=always` writes its text; read it before you keep it. What is the same at every
//! start stands in the snapshots as it comes; identifiers, times, folders and addresses are replaced.
//!
//! Other tables hold what isn't repeated here: `clients/breaches.py` each breach of the runners' protocol with its code and reason,
//! `configuration.rs` each fault of a configuration, `crates/muster/tests/cli/faults.rs` each fault of a command line without a coordinator, and
//! `crates/muster-connectors/tests/exec/endings.rs` each way in which a program can break its word.

mod api;
mod bombs;
mod check_in;
mod cli;
pub(crate) mod clock;
mod connectors;
mod headers;
mod raw;
mod reports;
mod runner_starts;
mod scene;
mod starts;
pub(crate) mod told;
mod unprivileged;
mod upload;
