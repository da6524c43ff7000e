//! A whole shard: threads, store and handle.

mod durability;
mod lifecycle;
mod rig;
