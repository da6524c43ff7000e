//! The spans of what a runner works on: they put the execution's name on every line that the log has about it.

use std::collections::BTreeMap;

use muster_core::decide::{Assignment, Work};
use tracing::Span;

/// The spans of all work from its assignment until nothing more is said about it, so as many as the session holds.
#[derive(Debug, Default)]
pub(crate) struct Spans(BTreeMap<Work, Span>);

impl Spans {
    /// The span of a new piece of work. It is of the highest level, so that each line has the name whatever is filtered.
    pub(crate) fn begin(&mut self, assignment: &Assignment) -> Span {
        let span = tracing::error_span!(
            "execution",
            execution = %format_args!(
                "organizations/{}/integrations/{}/executions/{}",
                assignment.organization, assignment.integration, assignment.execution
            ),
            attempt = %assignment.attempt,
            connector = %assignment.connector,
            data_type = %assignment.data_type,
        );
        self.0.insert((assignment.execution, assignment.attempt), span.clone());
        span
    }

    /// The span of this work. Of what was assigned to an earlier process, or was not taken, only the id is known: the last part of the name.
    pub(crate) fn of(&self, (execution, attempt): Work) -> Span {
        let known = self.0.get(&(execution, attempt)).cloned();
        known.unwrap_or_else(|| tracing::error_span!("execution", %execution, %attempt))
    }

    /// Nothing more is said about this work.
    pub(crate) fn end(&mut self, work: Work) {
        self.0.remove(&work);
    }
}
