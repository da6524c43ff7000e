//! What executions can be filtered by.

use muster_core::entity::{Definition, Execution, Finished};
use muster_core::time::Stamp;
use muster_core::words::{Category, DataType, ExecutionStatus, Outcome};

use super::comparison::{Is, When, one_of, text};
use super::{Comparison, Condition, parse};
use crate::wire::FieldFault;

/// All that there is, as an error tells it.
const KNOWN: &[&str] = &[
    "status",
    "data_type",
    "connector",
    "pool",
    "category",
    "create_time",
    "start_time",
    "end_time",
];

const STATUSES: [ExecutionStatus; 5] = [
    ExecutionStatus::Created,
    ExecutionStatus::Pending,
    ExecutionStatus::Executing,
    ExecutionStatus::Completed,
    ExecutionStatus::Error,
];

/// Which executions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecutionFilter(Condition<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Status(Is<ExecutionStatus>),
    DataType(Is<String>),
    Connector(Is<String>),
    Pool(Is<String>),
    /// Of the last failure.
    Category(Is<Category>),
    Created(When),
    Started(When),
    Ended(When),
}

/// What a filter looks at, of an execution that is open or has ended.
struct Facts<'a> {
    /// `None` before it is created.
    status: Option<ExecutionStatus>,
    data_type: &'a str,
    connector: &'a str,
    pool: &'a str,
    category: Option<Category>,
    created: Stamp,
    started: Option<Stamp>,
    ended: Option<Stamp>,
}

impl ExecutionFilter {
    /// # Errors
    /// [`FieldFault`] with the place of the fault.
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        parse(filter, Term::judge).map(Self)
    }

    pub(crate) fn takes_open(&self, execution: &Execution) -> bool {
        self.takes(&Facts {
            status: Some(execution.status()),
            data_type: execution.data_type.as_str(),
            connector: execution.connector.as_str(),
            pool: execution.pool.name.as_str(),
            category: execution.last_failure.as_ref().map(|failure| failure.category),
            created: execution.created,
            started: execution.started,
            ended: None,
        })
    }

    pub(crate) fn takes_finished(&self, finished: &Finished) -> bool {
        self.takes(&Facts {
            status: Some(finished.status()),
            data_type: finished.data_type.as_str(),
            connector: finished.connector.as_str(),
            pool: finished.pool.name.as_str(),
            category: match &finished.outcome {
                Outcome::Completed { .. } => None,
                Outcome::Error(failure) => Some(failure.category),
            },
            created: finished.created,
            started: finished.started,
            ended: Some(finished.ended),
        })
    }

    /// Whether it takes the execution of this data type that the schedule will create.
    pub(crate) fn takes_upcoming(&self, definition: &Definition, data_type: &DataType, next: Stamp) -> bool {
        self.takes(&Facts {
            status: None,
            data_type: data_type.as_str(),
            connector: definition.connector.as_str(),
            pool: definition.pool.name.as_str(),
            category: None,
            created: next,
            started: None,
            ended: None,
        })
    }

    /// Whether it can take an execution of any of these statuses.
    pub(crate) fn can_take(&self, mut status: impl FnMut(ExecutionStatus) -> bool) -> bool {
        let mut candidates = STATUSES.into_iter().filter(|one| status(*one));
        candidates.any(|candidate| {
            let known = |term: &Term| match term {
                Term::Status(is) => Some(is.holds(is.value == candidate)),
                Term::Ended(when) if candidate.is_open() => Some(when.holds(None)),
                Term::DataType(_)
                | Term::Connector(_)
                | Term::Pool(_)
                | Term::Category(_)
                | Term::Created(_)
                | Term::Started(_)
                | Term::Ended(_) => None,
            };
            self.0.holds(&known) != Some(false)
        })
    }

    fn takes(&self, facts: &Facts<'_>) -> bool {
        let known = |term: &Term| {
            Some(match term {
                Term::Status(is) => is.holds(Some(is.value) == facts.status),
                Term::DataType(is) => is.holds(is.value == facts.data_type),
                Term::Connector(is) => is.holds(is.value == facts.connector),
                Term::Pool(is) => is.holds(is.value == facts.pool),
                Term::Category(is) => is.holds(Some(is.value) == facts.category),
                Term::Created(when) => when.holds(Some(facts.created)),
                Term::Started(when) => when.holds(facts.started),
                Term::Ended(when) => when.holds(facts.ended),
            })
        };
        self.0.holds(&known) == Some(true)
    }
}

impl Term {
    fn judge(comparison: Comparison) -> Result<Self, FieldFault> {
        Ok(match comparison.field.as_str() {
            "status" => Self::Status(comparison.is(status)?),
            "data_type" => Self::DataType(comparison.is(text)?),
            "connector" => Self::Connector(comparison.is(text)?),
            "pool" => Self::Pool(comparison.is(text)?),
            "category" => Self::Category(comparison.is(category)?),
            "create_time" => Self::Created(comparison.when()?),
            "start_time" => Self::Started(comparison.when()?),
            "end_time" => Self::Ended(comparison.when()?),
            _ => return Err(comparison.unknown(KNOWN)),
        })
    }
}

fn status(value: &str) -> Result<ExecutionStatus, String> {
    let names = ["CREATED", "PENDING", "EXECUTING", "COMPLETED", "ERROR"];
    let known: Vec<_> = names.into_iter().zip(STATUSES).collect();
    one_of(value, "EXECUTION_STATUS_", &known)
}

/// A category by its name on the wire.
pub(super) fn category(value: &str) -> Result<Category, String> {
    let names: Vec<_> = Category::ALL
        .into_iter()
        .map(|one| (one.as_str().to_uppercase(), one))
        .collect();
    let known: Vec<_> = names.iter().map(|(name, one)| (name.as_str(), *one)).collect();
    one_of(value, "ERROR_CATEGORY_", &known)
}

#[cfg(test)]
mod tests {
    use muster_core::entity::Phase;
    use muster_core::words::{
        Attempt, ConnectorName, ExecutionId, Failure, IntegrationId, OrganizationId, Origin, Pool, PoolName,
    };

    use super::*;

    fn open() -> Execution {
        let organization = OrganizationId::new("default").expect("a name");
        Execution {
            id: ExecutionId(1),
            integration: IntegrationId(1),
            data_type: DataType::new("user").expect("a name"),
            connector: ConnectorName::new("ldap").expect("a name"),
            pool: Pool::named(&organization, &PoolName::new("hq").expect("a name")),
            sealed_to: None,
            organization,
            origin: Origin::Activation,
            created: Stamp::from_millis(1_764_057_600_000),
            phase: Phase::Created { not_before: None },
            since: Stamp::default(),
            attempt: Attempt(1),
            revision: None,
            claimed: None,
            started: None,
            failures: 1,
            last_failure: Some(Failure::new(Category::Timeout, "too slow")),
            reported: Vec::new(),
        }
    }

    fn filter(text: &str) -> ExecutionFilter {
        ExecutionFilter::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn every_field_tells_executions_apart() {
        // It was created on 25 November 2025 at 08:00.
        for (taken, text) in [
            (true, ""),
            (true, "status = CREATED"),
            (false, "status = EXECUTION_STATUS_ERROR"),
            (true, "status != ERROR AND data_type = user"),
            (false, "data_type = device OR data_type = software"),
            (true, "NOT connector = okta AND pool = \"hq\""),
            (true, "category = TIMEOUT"),
            (false, "category = ERROR_CATEGORY_PERMISSION"),
            (
                true,
                "create_time >= \"2025-11-25T08:00:00Z\" AND create_time < \"2025-11-25T10:00:00+01:00\"",
            ),
            (false, "create_time > \"2025-11-25T08:00:00Z\""),
            (false, "end_time > \"2025-11-25T08:00:00Z\""),
            (true, "NOT end_time > \"2025-11-25T08:00:00Z\""),
            (false, "start_time <= \"2030-01-01T00:00:00Z\""),
        ] {
            assert_eq!(filter(text).takes_open(&open()), taken, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_there_need_not_be_looked_for() {
        let looks = |text: &str| {
            let filter = filter(text);
            (
                filter.can_take(ExecutionStatus::is_open),
                filter.can_take(|status| !status.is_open()),
            )
        };
        assert_eq!(looks("data_type = user"), (true, true));
        assert_eq!(looks("status = PENDING AND data_type = user"), (true, false));
        assert_eq!(looks("status = ERROR OR status = COMPLETED"), (false, true));
        assert_eq!(looks("NOT (status = ERROR OR status = COMPLETED)"), (true, false));
        assert_eq!(looks("end_time > \"2025-11-25T08:00:00Z\""), (false, true));
        assert_eq!(looks("status = ERROR OR pool = hq"), (true, true));
    }

    #[test]
    fn what_cannot_be_compared_is_told_with_what_can() {
        for (text, expected) in [
            (
                "state = ERROR",
                "at character 1: `state` cannot be compared: this list is filtered by `status`, `data_type`",
            ),
            ("statu = ERROR", "did you mean `status`?"),
            (
                "status = Broken",
                "at character 10: `status` is compared with `Broken`: must be one of `CREATED`, `PENDING`",
            ),
            ("status > ERROR", "at character 8: `status` is compared by `=` or `!=`"),
            (
                "create_time > yesterday",
                "at character 15: `create_time` is compared with `yesterday`: must be a time by RFC 3339",
            ),
            (
                "create_time : x",
                "at character 13: `create_time` is compared by `=`, `!=`, `<`",
            ),
            ("category = broken", "must be one of `PERMISSION`"),
        ] {
            let fault = ExecutionFilter::parse(text).expect_err(text);
            assert_eq!(fault.field, "filter");
            assert!(fault.problem.contains(expected), "{text}: {}", fault.problem);
        }
    }
}
