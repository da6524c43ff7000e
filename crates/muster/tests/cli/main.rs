//! The real `muster` binary against a coordinator in memory: what an operator reads, and with which code it ends.

mod command;
mod coordinator;
mod execution;
mod faults;
mod integration;
mod stream;
mod things;
