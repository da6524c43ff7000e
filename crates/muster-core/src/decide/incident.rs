//! Incidents: whether one opens or closes, and what becomes of telling it.

pub mod deliver;
pub mod forget;
pub mod review;
