//! The real `muster` binary against a coordinator in memory: what an operator reads, and with which code it ends.

mod access;
mod alerts;
mod audit;
mod checks;
mod command;
mod contexts;
mod coordinator;
mod enrollment;
mod examples;
mod execution;
mod faults;
mod here;
mod integration;
mod organizations;
mod output;
mod own;
mod shells;
mod stream;
mod things;
