//! A whole runner against a coordinator that does what each test says.

mod checks;
mod confined;
mod connectors;
mod coordinator;
mod drain;
mod faults;
mod harness;
mod life;
mod process;
mod reconnect;
mod uploads;
