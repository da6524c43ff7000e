//! The spans of what a runner works on: they put the execution's name on every line that the log has about it.

use std::collections::BTreeMap;

use muster_core::decide::{Assignment, Work};
use tracing::Span;

/// The spans of all work from its assignment until nothing more is said about it, so as many as the session holds.
#[derive(Debug, Default)]
pub(crate) struct Spans(BTreeMap<Work, Named>);

#[derive(Debug)]
struct Named {
    /// `organizations/…/integrations/…`.
    integration: String,
    span: Span,
}

/// The span of work whose name is known, and not what it is about.
fn named(integration: &str, (execution, attempt): Work) -> Span {
    tracing::error_span!(
        "execution",
        execution = %format_args!("{integration}/executions/{execution}"),
        %attempt
    )
}

impl Spans {
    /// The span of a new piece of work. It is of the highest level, so that each line has the name whatever is filtered.
    pub(crate) fn begin(&mut self, assignment: &Assignment) -> Span {
        let integration = format!(
            "organizations/{}/integrations/{}",
            assignment.organization, assignment.integration
        );
        let span = tracing::error_span!(
            "execution",
            execution = %format_args!("{integration}/executions/{}", assignment.execution),
            attempt = %assignment.attempt,
            connector = %assignment.connector,
            data_type = %assignment.data_type,
        );
        let named = Named {
            integration,
            span: span.clone(),
        };
        self.0.insert((assignment.execution, assignment.attempt), named);
        span
    }

    /// The same for work of an earlier process, whose result is still to be handed over.
    pub(crate) fn recall(&mut self, work: Work, integration: String) {
        let span = named(&integration, work);
        self.0.insert(work, Named { integration, span });
    }

    /// The span of work that is not taken.
    pub(crate) fn of_untaken(&self, work: Work, integration: &str) -> Span {
        let known = self.0.get(&work).map(|known| known.span.clone());
        known.unwrap_or_else(|| named(integration, work))
    }

    /// The span of this work. Where nobody has named its integration, such as in what an older version has kept, only the id is known: the last part of
    /// the name.
    pub(crate) fn of(&self, (execution, attempt): Work) -> Span {
        let known = self.0.get(&(execution, attempt)).map(|known| known.span.clone());
        known.unwrap_or_else(|| tracing::error_span!("execution", %execution, %attempt))
    }

    /// The integration of this work, as resource name; `None` where it is not known.
    pub(crate) fn integration(&self, work: Work) -> Option<&str> {
        self.0.get(&work).map(|known| known.integration.as_str())
    }

    /// Nothing more is said about this work.
    pub(crate) fn end(&mut self, work: Work) {
        self.0.remove(&work);
    }
}
