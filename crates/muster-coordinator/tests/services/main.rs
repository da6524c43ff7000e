//! The operators' services, called through their generated clients over a real connection.

mod connectors;
mod executions;
mod integrations;
mod log_lines;
mod rig;
mod runners;
mod watching;
