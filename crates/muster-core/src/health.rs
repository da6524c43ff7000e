//! How well an integration is: a fold of the ends of its executions.

pub mod window;

pub use window::{Tally, Window};
