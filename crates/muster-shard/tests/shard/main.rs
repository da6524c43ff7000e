//! A whole shard: threads, store and handle.

mod audit;
mod backup;
mod damage;
mod directory;
mod durability;
mod figures;
mod lifecycle;
mod maintain;
mod rig;
mod standstill;
mod stepped;
mod verify;
