//! What integrations can be filtered by.

use muster_core::entity::Integration;
use muster_core::health::{self, ConditionKind, Conditions};
use muster_core::words::{Category, ConfigurationStatus, Enablement};

use super::comparison::{Is, When, one_of, text};
use super::execution::category;
use super::token::Comparator;
use super::{Comparison, Condition, parse};
use crate::wire::FieldFault;

/// All that there is, as an error tells it.
const KNOWN: &[&str] = &[
    "status",
    "enablement",
    "display_name",
    "connector",
    "pool",
    "data_types",
    "category",
    "condition",
    "create_time",
    "update_time",
    "status_time",
];

/// Which integrations are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IntegrationFilter(Condition<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Status(Is<ConfigurationStatus>),
    Enablement(Is<Enablement>),
    /// In lower case, as the name is unique.
    DisplayName(Is<String>),
    /// In lower case: somewhere in it.
    DisplayNameHas(String),
    Connector(Is<String>),
    Pool(Is<String>),
    DataTypes(Is<String>),
    /// Of a failure that makes it an Error.
    Category(Is<Category>),
    /// One of those that it has.
    Condition(Is<ConditionKind>),
    Created(When),
    Updated(When),
    StatusSince(When),
}

impl IntegrationFilter {
    /// # Errors
    /// [`FieldFault`] with the place of the fault.
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        parse(filter, Term::judge).map(Self)
    }

    /// The one display name, in lower case, that an integration must have to be taken; `None` when it may have others.
    pub(crate) fn display_name(&self) -> Option<&str> {
        self.0.needs(&|term| match term {
            Term::DisplayName(is) => is.only().map(String::as_str),
            _ => None,
        })
    }

    /// The one status that an integration must have to be taken; `None` when it may have others.
    pub(crate) fn status(&self) -> Option<ConfigurationStatus> {
        self.0.needs(&|term| match term {
            Term::Status(is) => is.only().copied(),
            _ => None,
        })
    }

    /// Whether it takes only integrations with a condition that calls for attention.
    pub(crate) fn wants_attention(&self) -> bool {
        self.0.implies(&|term| match term {
            Term::Condition(is) => is.only().is_some_and(|kind| kind.calls_for_attention()),
            _ => false,
        })
    }

    /// Whether an integration is meant. Its conditions are found only where the rest does not settle that, since they cost most.
    pub(crate) fn takes(&self, integration: &Integration, conditions: &mut Conditions<'_>) -> bool {
        let settled = self.0.holds(&|term| term.holds(integration, None));
        let taken = settled.or_else(|| {
            let found = conditions.of(integration);
            self.0.holds(&|term| term.holds(integration, Some(&found)))
        });
        taken == Some(true)
    }
}

impl Term {
    /// Whether it holds of an integration with these conditions; `None` where they are not known and matter.
    fn holds(&self, integration: &Integration, conditions: Option<&[health::Condition]>) -> Option<bool> {
        let definition = &integration.definition;
        Some(match self {
            Self::Status(is) => is.holds(is.value == integration.status()),
            Self::Enablement(is) => is.holds(is.value == integration.enablement),
            Self::DisplayName(is) => is.holds(is.value == definition.display_name.as_str().to_lowercase()),
            Self::DisplayNameHas(part) => definition.display_name.as_str().to_lowercase().contains(part),
            Self::Connector(is) => is.holds(is.value == definition.connector.as_str()),
            Self::Pool(is) => is.holds(is.value == definition.pool.name.as_str()),
            Self::DataTypes(is) => is.holds(integration.collections.keys().any(|one| is.value == one.as_str())),
            Self::Category(is) => {
                let mut failures = integration.failures();
                is.holds(failures.any(|(.., failure)| failure.category == is.value))
            }
            Self::Condition(is) => is.holds(conditions?.iter().any(|one| one.kind() == is.value)),
            Self::Created(when) => when.holds(Some(integration.created)),
            Self::Updated(when) => when.holds(Some(integration.updated)),
            Self::StatusSince(when) => when.holds(Some(integration.status_since)),
        })
    }

    fn judge(comparison: Comparison) -> Result<Self, FieldFault> {
        Ok(match comparison.field.as_str() {
            "status" => Self::Status(comparison.is(status)?),
            "enablement" => Self::Enablement(comparison.is(enablement)?),
            "display_name" if comparison.comparator == Comparator::Has => {
                Self::DisplayNameHas(comparison.value.to_lowercase())
            }
            "display_name" => Self::DisplayName(comparison.is(|value| Ok(value.to_lowercase()))?),
            "connector" => Self::Connector(comparison.is(text)?),
            "pool" => Self::Pool(comparison.is(text)?),
            "data_types" => Self::DataTypes(comparison.has(text)?),
            "category" => Self::Category(comparison.is(category)?),
            "condition" => Self::Condition(comparison.is(condition)?),
            "create_time" => Self::Created(comparison.when()?),
            "update_time" => Self::Updated(comparison.when()?),
            "status_time" => Self::StatusSince(comparison.when()?),
            _ => return Err(comparison.unknown(KNOWN)),
        })
    }
}

fn status(value: &str) -> Result<ConfigurationStatus, String> {
    let known = [
        ("ACTIVE", ConfigurationStatus::Active),
        ("ERROR", ConfigurationStatus::Error),
        ("DISABLED", ConfigurationStatus::Disabled),
    ];
    one_of(value, "CONFIGURATION_STATUS_", &known)
}

fn enablement(value: &str) -> Result<Enablement, String> {
    let known = [
        ("DRAFT", Enablement::Draft),
        ("ENABLED", Enablement::Enabled),
        ("DISABLED", Enablement::Disabled),
    ];
    one_of(value, "ENABLEMENT_", &known)
}

fn condition(value: &str) -> Result<ConditionKind, String> {
    let known = [
        ("STALE", ConditionKind::Stale),
        ("WAITING_FOR_RUNNER", ConditionKind::WaitingForRunner),
        ("WARNING", ConditionKind::Warning),
        ("NEVER_COLLECTED", ConditionKind::NeverCollected),
    ];
    one_of(value, "INTEGRATION_CONDITION_KIND_", &known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_that_is_needed_is_looked_up() {
        let needed = |text: &str| {
            let filter = IntegrationFilter::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            filter.display_name().map(str::to_owned)
        };
        assert_eq!(needed("display_name = \"Corp AD\"").as_deref(), Some("corp ad"));
        assert_eq!(needed("pool = hq AND (display_name = corp)").as_deref(), Some("corp"));
        assert_eq!(needed("display_name != corp"), None);
        assert_eq!(needed("display_name = corp OR pool = hq"), None);
        assert_eq!(needed("NOT display_name = corp"), None);
    }

    #[test]
    fn a_part_of_a_display_name_is_asked_for_by_a_colon() {
        let filter = IntegrationFilter::parse("display_name:\"Corp\"").expect("a filter");
        assert_eq!(filter.display_name(), None, "many may have it");
    }

    #[test]
    fn those_that_call_for_attention_are_known_by_the_filter() {
        let wants = |text: &str| {
            let filter = IntegrationFilter::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            filter.wants_attention()
        };
        assert!(wants("status = ACTIVE AND (condition = STALE OR condition = WARNING)"));
        assert!(wants("condition = INTEGRATION_CONDITION_KIND_WAITING_FOR_RUNNER"));
        for other in [
            "",
            "condition != STALE",
            "NOT condition = STALE",
            "condition = NEVER_COLLECTED",
            "condition = STALE OR condition = NEVER_COLLECTED",
            "condition = STALE OR pool = hq",
        ] {
            assert!(!wants(other), "`{other}` takes others, too");
        }
        let fault = IntegrationFilter::parse("condition = OLD").expect_err("no such condition");
        assert!(fault.problem.contains("`WAITING_FOR_RUNNER`"), "{}", fault.problem);
    }

    #[test]
    fn one_of_several_is_asked_for_by_a_colon() {
        assert!(IntegrationFilter::parse("data_types:user").is_ok());
        let fault = IntegrationFilter::parse("data_types = user").expect_err("not by `=`");
        assert_eq!(
            fault.problem,
            "at character 12: `data_types` is compared by `:`, which asks whether it has the value"
        );
    }
}
