//! What every binary of Muster does alike: configuration, telemetry, tasks, shutdown.
//!
//! ```no_run
//! use muster_process::{Exit, Process, Tasks, telemetry};
//!
//! fn main() -> Exit {
//!     let process = Process { telemetry: telemetry::Settings::default(), ..Process::default() };
//!     muster_process::run(&process, |tasks: Tasks| async move {
//!         tasks.spawn_essential("listener", listen(tasks.token()));
//!         tasks.token().cancelled().await;
//!         Ok::<(), std::io::Error>(())
//!     })
//! }
//! # async fn listen(_: tokio_util::sync::CancellationToken) -> Result<(), std::io::Error> { Ok(()) }
//! ```
//!
//! Nothing here knows what a coordinator or a runner is.

pub mod config;
pub mod exit;
mod nearest;
pub mod progress;
pub mod run;
pub mod shutdown;
pub mod spawn;
pub mod telemetry;

pub use config::{ConfigError, load};
pub use exit::Exit;
pub use nearest::nearest;
pub use run::{Process, run};
pub use spawn::{TaskError, Tasks};
