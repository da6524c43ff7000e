//! The life of executions under any sequence of commands from two runners, people and time.

mod access;
mod alerts;
mod checks;
mod conditions;
mod drained;
mod ends;
mod enrollment;
mod excuse;
mod explanations;
mod fairness;
mod minimum;
mod model;
mod offline;
mod organizations;
mod outdated;
mod pools;
mod properties;
mod remedies;
mod roll;
mod sealed;
mod stuck;
