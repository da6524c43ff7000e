//! The connectors that runners carry, usable without any coordinator.
//!
//! One module per connector. `docs/connectors.md` says how to add one, `docs/records.md` what each record holds.

pub mod exec;
pub mod host;
mod registry;

pub use registry::Registry;
