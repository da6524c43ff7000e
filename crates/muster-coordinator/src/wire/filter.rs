//! Filters of lists: comparisons by `=`, joined by `AND`.

use muster_core::entity::{Definition, Integration};
use muster_core::words::{ConfigurationStatus, DataType, ExecutionStatus};

use super::FieldFault;

/// The field of every request that a filter stands in.
const FIELD: &str = "filter";

/// The most bytes of a filter: no four comparisons need more.
const FILTER_BYTES_MAX: usize = 1_024;

/// Which integrations are meant. `None` means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IntegrationFilter {
    pub(crate) status: Option<ConfigurationStatus>,
    pub(crate) connector: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) display_name: Option<String>,
}

impl IntegrationFilter {
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        let mut parsed = Self::default();
        for Comparison { name, value } in comparisons(filter)? {
            match name.as_str() {
                "status" => once(&mut parsed.status, &name, configuration_status(&value)?)?,
                "connector" => once(&mut parsed.connector, &name, value)?,
                "pool" => once(&mut parsed.pool, &name, value)?,
                "display_name" => once(&mut parsed.display_name, &name, value)?,
                _ => return Err(unknown(&name, "`status`, `connector`, `pool` or `display_name`")),
            }
        }
        Ok(parsed)
    }

    /// Display names are compared letter case aside, as they are unique.
    pub(crate) fn takes(&self, integration: &Integration) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        let Definition {
            display_name,
            connector,
            pool,
            ..
        } = &integration.definition;
        let named = self.display_name.as_ref();
        self.status.is_none_or(|wanted| wanted == integration.status())
            && is(&self.connector, connector.as_str())
            && is(&self.pool, pool.name.as_str())
            && named.is_none_or(|wanted| wanted.to_lowercase() == display_name.as_str().to_lowercase())
    }
}

/// Which executions are meant. `None` means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ExecutionFilter {
    pub(crate) status: Option<ExecutionStatus>,
    pub(crate) data_type: Option<DataType>,
}

impl ExecutionFilter {
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        let mut parsed = Self::default();
        for Comparison { name, value } in comparisons(filter)? {
            match name.as_str() {
                "status" => once(&mut parsed.status, &name, execution_status(&value)?)?,
                "data_type" => {
                    let data_type = DataType::new(&value)
                        .map_err(|error| FieldFault::new(FIELD, format_args!("compares `data_type`: {error}")))?;
                    once(&mut parsed.data_type, &name, data_type)?;
                }
                _ => return Err(unknown(&name, "`status` or `data_type`")),
            }
        }
        Ok(parsed)
    }

    pub(crate) fn takes(&self, status: ExecutionStatus, data_type: &DataType) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
            && self.data_type.as_ref().is_none_or(|wanted| wanted == data_type)
    }

    /// Whether it can take an execution that is open.
    pub(crate) fn takes_open(&self) -> bool {
        self.status.is_none_or(ExecutionStatus::is_open)
    }

    /// Whether it can take an execution that has ended.
    pub(crate) fn takes_finished(&self) -> bool {
        self.status.is_none_or(|status| !status.is_open())
    }
}

/// `status = ERROR`.
struct Comparison {
    name: String,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Equals,
}

fn comparisons(filter: &str) -> Result<Vec<Comparison>, FieldFault> {
    if filter.len() > FILTER_BYTES_MAX {
        let problem = format_args!("has {} bytes: at most {FILTER_BYTES_MAX} are allowed", filter.len());
        return Err(FieldFault::new(FIELD, problem));
    }
    let mut tokens = tokens(filter)?.into_iter();
    let mut comparisons = Vec::new();
    loop {
        match (tokens.next(), tokens.next(), tokens.next()) {
            (None, ..) if comparisons.is_empty() => return Ok(comparisons),
            (Some(Token::Word(name)), Some(Token::Equals), Some(Token::Word(value) | Token::Text(value))) => {
                comparisons.push(Comparison { name, value });
            }
            _ => return Err(malformed()),
        }
        match tokens.next() {
            None => return Ok(comparisons),
            Some(Token::Word(word)) if word == "AND" => {}
            Some(_) => return Err(malformed()),
        }
    }
}

fn tokens(filter: &str) -> Result<Vec<Token>, FieldFault> {
    let mut tokens = Vec::new();
    let mut rest = filter.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => {}
            '=' => tokens.push(Token::Equals),
            '"' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => match rest.next() {
                            Some(escaped @ ('"' | '\\')) => text.push(escaped),
                            Some(_) | None => return Err(malformed()),
                        },
                        Some(inner) => text.push(inner),
                        None => return Err(FieldFault::new(FIELD, "has a text without its closing quotation mark")),
                    }
                }
                tokens.push(Token::Text(text));
            }
            first if is_of_word(first) => {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|next| is_of_word(*next)) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            other => {
                let problem = format_args!("has the character {other:?}: put texts between quotation marks");
                return Err(FieldFault::new(FIELD, problem));
            }
        }
    }
    Ok(tokens)
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

fn malformed() -> FieldFault {
    FieldFault::new(
        FIELD,
        "must be comparisons joined by `AND`, such as `status = ERROR AND pool = \"hq\"`",
    )
}

fn unknown(name: &str, known: &str) -> FieldFault {
    FieldFault::new(FIELD, format_args!("compares `{name}`: only {known} can be compared"))
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), FieldFault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(FieldFault::new(
            FIELD,
            format_args!("compares `{name}` twice: compare it once"),
        )),
    }
}

fn configuration_status(value: &str) -> Result<ConfigurationStatus, FieldFault> {
    match value.strip_prefix("CONFIGURATION_STATUS_").unwrap_or(value) {
        "ACTIVE" => Ok(ConfigurationStatus::Active),
        "ERROR" => Ok(ConfigurationStatus::Error),
        "DISABLED" => Ok(ConfigurationStatus::Disabled),
        _ => Err(no_status(value, "`ACTIVE`, `ERROR` or `DISABLED`")),
    }
}

fn execution_status(value: &str) -> Result<ExecutionStatus, FieldFault> {
    match value.strip_prefix("EXECUTION_STATUS_").unwrap_or(value) {
        "CREATED" => Ok(ExecutionStatus::Created),
        "PENDING" => Ok(ExecutionStatus::Pending),
        "EXECUTING" => Ok(ExecutionStatus::Executing),
        "COMPLETED" => Ok(ExecutionStatus::Completed),
        "ERROR" => Ok(ExecutionStatus::Error),
        _ => Err(no_status(
            value,
            "`CREATED`, `PENDING`, `EXECUTING`, `COMPLETED` or `ERROR`",
        )),
    }
}

fn no_status(value: &str, known: &str) -> FieldFault {
    FieldFault::new(FIELD, format_args!("compares `status` with `{value}`: must be {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_joined_by_and() {
        let filter = IntegrationFilter::parse(r#"status = ERROR AND pool="hq" AND display_name = "a \"b\" \\ = AND""#);
        let expected = IntegrationFilter {
            status: Some(ConfigurationStatus::Error),
            connector: None,
            pool: Some("hq".to_owned()),
            display_name: Some(r#"a "b" \ = AND"#.to_owned()),
        };
        assert_eq!(filter, Ok(expected));
        assert_eq!(IntegrationFilter::parse("  "), Ok(IntegrationFilter::default()));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for (filter, expected) in [
            ("status", "joined by `AND`"),
            ("status =", "joined by `AND`"),
            ("status = ERROR AND", "joined by `AND`"),
            ("status = ERROR OR pool = hq", "joined by `AND`"),
            ("AND", "joined by `AND`"),
            ("= = =", "joined by `AND`"),
            ("status = ERROR status = ERROR", "joined by `AND`"),
            (r#"pool = "\n""#, "joined by `AND`"),
            (r#"pool = "hq"#, "closing quotation mark"),
            ("pool != hq", "'!'"),
            ("status = Broken", "must be `ACTIVE`"),
            ("pool = a AND pool = b", "twice"),
            ("name = a", "only `status`, `connector`, `pool` or `display_name`"),
            (&"a".repeat(10_000), "at most 1024"),
        ] {
            let fault = IntegrationFilter::parse(filter).expect_err(filter);
            assert_eq!(fault.field, "filter");
            assert!(fault.problem.contains(expected), "{filter}: {}", fault.problem);
        }
    }

    #[test]
    fn executions_are_told_apart_by_status_and_data_type() {
        let user = DataType::new("user").expect("a name");
        let device = DataType::new("device").expect("a name");
        let filter =
            ExecutionFilter::parse(r#"status = EXECUTION_STATUS_ERROR AND data_type = user"#).expect("a filter");
        assert!(filter.takes(ExecutionStatus::Error, &user));
        assert!(!filter.takes(ExecutionStatus::Completed, &user));
        assert!(!filter.takes(ExecutionStatus::Error, &device));
        assert!(filter.takes_finished() && !filter.takes_open());
        assert!(ExecutionFilter::parse("data_type = \"A\"").is_err());
    }
}
