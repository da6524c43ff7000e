//! The life of executions under any sequence of commands from two runners, people and time.

mod model;
mod properties;
