//! The messages of the operators' services as the core's words, and back: the one place where they meet.
//!
//! What comes in is judged here, and a fault names the field and what was expected. What goes out is made of copies of entities, outside of the
//! writer's turn. What runners say has its own such place, in `muster_session::wire`.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod connector;
pub(crate) mod definition;
pub(crate) mod enrollment;
pub(crate) mod etag;
pub(crate) mod execution;
pub(crate) mod failure;
mod fault;
pub(crate) mod filter;
pub(crate) mod incident;
pub(crate) mod integration;
pub(crate) mod log_line;
pub(crate) mod name;
pub(crate) mod notifications;
pub(crate) mod organization;
pub(crate) mod page;
pub(crate) mod repeat;
pub(crate) mod runner;
mod shown;
pub(crate) mod time;
pub(crate) mod token;
pub(crate) mod verify;

pub(crate) use fault::FieldFault;
