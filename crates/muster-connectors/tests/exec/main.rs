//! The connector `exec`, with real programs: what they may do, what they may not, and how each of their faults is told.

mod endings;
mod environment;
mod examples;
mod forks;
mod inventory;
mod messages;
mod program;
mod skeletons;
