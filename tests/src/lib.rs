//! Builds and drives the real binaries: what the end-to-end tests and the benchmarks stand on.
//!
//! A [`World`] is a coordinator and its folder; runners check in with it, real ones ([`Runner`]) or ones that do only what a test tells them
//! ([`ScriptedRunner`]); a [`Client`] asks as an operator does. Everything that is started is killed when it is dropped, and the logs of what a
//! failing test has started are printed.

mod binaries;
mod browser;
mod client;
mod coordinator;
mod disk;
mod disk_faults;
mod far;
pub mod foreign;
mod history;
pub mod http;
mod landing;
mod mail;
mod previous_release;
mod process;
mod proxy;
mod runner;
mod scripted;
mod source;
mod wait;
mod work;
mod world;

pub use binaries::Binary;
pub use browser::{Browser, Flow};
pub use client::{Client, ORGANIZATION, Wanted, id_of, is_final, status_of};
pub use coordinator::{Coordinator, Ground, free_address};
pub use disk::{Filler, SmallDisk};
pub use disk_faults::DiskFaults;
pub use far::{FarNetwork, Lost};
pub use history::{History, until_nothing_open};
pub use landing::{Published, published, staged_files};
pub use mail::{Mail, MailServer, Way};
pub use previous_release::previous_release;
pub use process::Process;
pub use proxy::{Proxy, Weather};
pub use runner::Runner;
pub use scripted::{CONNECTOR, DATA_TYPE, HOSTED, Identity, ScriptedRunner};
pub use source::passwd_of;
pub use wait::{LIMIT, eventually};
pub use work::Work;
pub use world::World;
