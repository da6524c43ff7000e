//! Who comes in, and what they may do there: the door before all services.
//!
//! `door` is the layer that every call goes through: it finds out who calls (`authenticate`), judges whether they may by the call's rule, and lets a
//! stream end when what it was let in by does not open any more (`stay`). Whether an object is the caller's to see is judged where its name is known:
//! `Services::judge_organization`.

mod authenticate;
pub mod bootstrap;
mod door;
pub(crate) mod refused;
mod stay;
pub mod text;
mod used;

pub use authenticate::Stranger;
pub use door::Door;
pub(crate) use door::Guard;
pub(crate) use used::Used;
