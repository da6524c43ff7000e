//! The services, called through their generated clients over real connections.

pub mod access;
mod audit;
mod connectors;
mod errors;
mod executions;
mod health;
mod incidents;
mod integrations;
mod leftovers;
mod limits;
mod log_lines;
mod maintenance;
mod manners;
mod organizations;
mod raw;
mod rig;
mod runners;
mod served;
mod streams;
mod uploads;
mod watching_executions;
mod watching_integrations;
