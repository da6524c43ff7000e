//! Filters of lists, by AIP-160: comparisons joined by `AND` and `OR`, negated by `NOT` or `-`, grouped by parentheses.
//!
//! [`parse`] reads the grammar, and asks for each comparison what it means; what a list can be filtered by stands in a file of its own. `OR` binds
//! closer than `AND`, as the AIP has it, and comparisons that only stand beside each other are joined by `AND`. What the AIP leaves to a service
//! and is not here: functions, wildcards in texts, and words that are compared with nothing.
//!
//! The parser is our own: the libraries for this grammar that there are nest as deep as their input, and tell no positions.

mod audit;
mod comparison;
mod condition;
mod execution;
mod incident;
mod integration;
mod parse;
mod runner;
mod token;

pub(crate) use audit::AuditFilter;
pub(crate) use execution::ExecutionFilter;
pub(crate) use incident::IncidentFilter;
pub(crate) use integration::IntegrationFilter;
pub(crate) use runner::RunnerFilter;

use super::FieldFault;
use condition::Condition;
use parse::{Comparison, parse};

/// The field of every request that a filter stands in.
const FIELD: &str = "filter";

/// What is wrong at a place of a filter, counted in characters from 1.
fn fault(at: usize, problem: impl std::fmt::Display) -> FieldFault {
    FieldFault::new(FIELD, format_args!("at character {at}: {problem}"))
}
