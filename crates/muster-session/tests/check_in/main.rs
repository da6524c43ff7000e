//! The check-in: each end by itself, and both ends joined over a faulty network to the real core, in virtual time.

mod coordinator_end;
mod messages;
mod properties;
mod runner_end;
mod scenarios;
mod world;
