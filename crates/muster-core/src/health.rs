//! How well an integration is: a fold of the ends of its executions.

pub mod condition;
pub mod window;

pub use condition::{Condition, ConditionKind, Conditions};
pub use window::{End, Tally, Window};
