//! The words of Muster and the life of an execution: pure decisions over a ledger.
//!
//! What somebody asks is a [`Command`](decide::Command); [`decide`](decide::decide) judges it against the [`State`](state::State) and
//! answers with events (what is now true, and durable), changes of the roster (what is true now, and not durable) and effects (what others
//! are to be told once the events are durable), or with a rejection. Applying an event never fails and decides nothing.
//!
//! There is no I/O here, no clock, no randomness and no task: time and chance are arguments.

pub mod alert;
pub mod audit;
pub mod decide;
pub mod dispatch;
pub mod entity;
pub mod event;
pub mod explain;
pub mod few;
pub mod health;
pub mod index;
pub mod ledger;
pub mod own;
pub mod plant;
pub mod remedy;
pub mod roster;
pub mod schedule;
pub mod state;
pub mod time;
pub mod words;
