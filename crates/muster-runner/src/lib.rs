//! The runner: checks in, claims executions and carries them out.
//!
//! [`run()`] is a whole runner, in the process that calls it; the binary `muster-runner` is it and a command line:
//!
//! ```no_run
//! use muster_connectors::Registry;
//! use muster_process::Tasks;
//! use muster_runner::{Settings, run};
//!
//! # async fn example(tasks: Tasks) -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings { data_folder: Some("/tmp/runner".into()), ..Settings::default() };
//! let config = settings.into_config(Registry::builtin())?;
//! run(config, tasks).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Whether and when to check in, what is held and what must be reported is the session's to know
//! ([`muster_session::runner`]); the `link` drives it, the `executor` carries out what it says, the `checker` beside it what is to be checked, the `spool` keeps what
//! it could not hand over.

mod check_in;
mod checker;
mod collect;
pub mod command;
pub mod config;
pub mod dial;
mod doctor;
mod durable;
mod enrollment;
mod error;
mod executor;
mod identity;
mod link;
pub mod proxy;
mod run;
pub mod sealing;
pub mod secrets;
mod spans;
mod specification;
mod spool;
mod status;
mod upload;

pub use config::{Config, Settings};
pub use error::RunnerError;
pub use run::run;
pub use specification::specification;
