//! The store as its users see it: one contract for all engines, and what the one on disk has to withstand.

mod contract;
mod damage;
mod disk;
mod golden;
mod kill;
mod sample;
