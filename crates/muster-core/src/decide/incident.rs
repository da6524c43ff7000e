//! Incidents: whether one opens or closes, and what becomes of telling it.

pub(in crate::decide) mod clone;
pub mod deliver;
pub mod forget;
pub mod offline;
mod pool;
pub(crate) mod rate;
pub mod review;
mod runner;
