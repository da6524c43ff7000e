//! The coordinator: gRPC services, landing, dispatch.
//!
//! It decides nothing: what may happen stands in `muster-core`, and what has happened in the shard. Here are its doors.

pub mod access;
mod audit;
pub mod caller;
mod clock;
pub mod command;
mod connection;
pub mod disks;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod identity;
mod kept;
mod kept_key;
mod landed;
pub mod limits;
mod mail;
mod metrics;
mod named;
mod notifier;
pub mod organizations;
mod publisher;
mod server;
pub mod service;
pub mod settings;
mod status;
mod stuck;
mod tls;
mod web;
mod wire;

/// The landing, as the coordinator opens it.
pub use muster_landing as landing;
pub use server::{Coordinator, CoordinatorError};
pub use settings::Settings;
