//! A whole shard: threads, store and handle.

mod damage;
mod durability;
mod lifecycle;
mod rig;
mod stepped;
mod verify;
