//! The store as its users see it: one contract for all engines, and what the one on disk has to withstand.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test itself does")]

mod child;
mod contract;
mod damage;
mod disk;
mod golden;
mod kill;
mod power;
mod sample;
