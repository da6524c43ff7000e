//! What is wrong with a value, in words: what it must be, and what it is, as far as that tells nothing of it. It may be a secret.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// The most values of a list that are told, and the most characters of one text of a schema: schemas come from strangers.
const CHOICES_SHOWN_MAX: usize = 20;
const TEXT_CHARS_MAX: usize = 200;

/// What is wrong, as a sentence that follows the place of the value.
pub(super) fn problem(error: &ValidationError<'_>) -> String {
    let value: &Value = error.instance();
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            format!("must be {}, and is {}", expected(kind), found(value, kind))
        }
        ValidationErrorKind::Enum { options } => match options.as_array().map(Vec::as_slice) {
            Some([only]) => format!("must be {}", shown(only)),
            Some(choices) => format!("must be one of {}", list(choices)),
            None => masked(error),
        },
        ValidationErrorKind::Constant { expected_value } => format!("must be {}", shown(expected_value)),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        ValidationErrorKind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        ValidationErrorKind::MinLength { limit } => sized("at least", *limit, "character", length(value)),
        ValidationErrorKind::MaxLength { limit } => sized("at most", *limit, "character", length(value)),
        ValidationErrorKind::MinItems { limit } => sized("at least", *limit, "item", length(value)),
        ValidationErrorKind::MaxItems { limit } => sized("at most", *limit, "item", length(value)),
        ValidationErrorKind::MinProperties { limit } => sized("at least", *limit, "key", length(value)),
        ValidationErrorKind::MaxProperties { limit } => sized("at most", *limit, "key", length(value)),
        ValidationErrorKind::UniqueItems => "must not have the same item twice".to_owned(),
        ValidationErrorKind::Pattern { pattern } => format!("must match the pattern `{}`", cut(pattern)),
        ValidationErrorKind::Format { format } => format!("must be in the format `{}`", cut(format)),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            format!("is {}, and none of what is allowed here", kind_of(value))
        }
        _ => masked(error),
    }
}

/// What is wrong within a schema itself, where nothing is secret.
pub(super) fn schema_problem(error: &ValidationError<'_>) -> String {
    match error.kind() {
        // In the library's words it is about a network, which is never asked.
        ValidationErrorKind::Referencing(_) => "refers to what is not in this schema".to_owned(),
        ValidationErrorKind::AnyOf { .. } => {
            let value: &Value = error.instance();
            format!("is {}, which means nothing here", shown(value))
        }
        ValidationErrorKind::Format { format } if format == "regex" => {
            "is no regular expression that can be used".to_owned()
        }
        _ => problem(error),
    }
}

/// The library's own words, without the value.
fn masked(error: &ValidationError<'_>) -> String {
    cut(&error.masked().to_string())
}

/// At most [`TEXT_CHARS_MAX`] characters of a text.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn expected(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => named(*one).to_owned(),
        TypeKind::Multiple(all) => all.into_iter().map(named).collect::<Vec<_>>().join(" or "),
    }
}

fn named(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}

fn found(value: &Value, expected: &TypeKind) -> &'static str {
    let wants_whole = match expected {
        TypeKind::Single(one) => *one == JsonType::Integer,
        TypeKind::Multiple(all) => all.into_iter().any(|one| one == JsonType::Integer),
    };
    match value {
        Value::Number(_) if wants_whole => "one with a fraction",
        other => kind_of(other),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn sized(bound: &str, limit: u64, of: &str, has: usize) -> String {
    let plural = if limit == 1 { "" } else { "s" };
    format!("must have {bound} {limit} {of}{plural}, and has {has}")
}

/// How many characters, items or keys it has.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(keys) => keys.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn list(choices: &[Value]) -> String {
    let mut told: Vec<String> = choices.iter().take(CHOICES_SHOWN_MAX).map(shown).collect();
    if choices.len() > CHOICES_SHOWN_MAX {
        told.push(format!("… ({} in all)", choices.len()));
    }
    told.join(", ")
}

/// A value of the schema, as JSON.
fn shown(value: &Value) -> String {
    format!("`{}`", cut(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(schema: Value, value: Value) -> String {
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let error = validator.iter_errors(&value).next().expect("it does not fit");
        problem(&error)
    }

    #[test]
    fn what_it_must_be_and_what_it_is_are_both_told() {
        for (schema, value, told) in [
            (json!({"type": "string"}), json!(5), "must be a string, and is a number"),
            (
                json!({"type": "integer"}),
                json!("5"),
                "must be a whole number, and is a string",
            ),
            (
                json!({"type": "integer"}),
                json!(1.5),
                "must be a whole number, and is one with a fraction",
            ),
            (
                json!({"type": "boolean"}),
                json!(null),
                "must be true or false, and is null",
            ),
            (
                json!({"type": ["string", "null"]}),
                json!([]),
                "must be null or a string, and is an array",
            ),
            (
                json!({"enum": ["full", "quick"]}),
                json!(1),
                r#"must be one of `"full"`, `"quick"`"#,
            ),
            (json!({"enum": ["full"]}), json!(1), r#"must be `"full"`"#),
            (json!({"const": 7}), json!(8), "must be `7`"),
            (json!({"maximum": 100}), json!(101), "must be at most 100"),
            (
                json!({"minLength": 1}),
                json!(""),
                "must have at least 1 character, and has 0",
            ),
            (
                json!({"maxItems": 2}),
                json!([1, 2, 3]),
                "must have at most 2 items, and has 3",
            ),
            (json!({"pattern": "^a$"}), json!("b"), "must match the pattern `^a$`"),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
                json!({}),
                "is an object, and none of what is allowed here",
            ),
        ] {
            assert_eq!(of(schema, value), told);
        }
    }

    #[test]
    fn what_strangers_write_is_cut() {
        let long = of(json!({"pattern": format!("^{}$", "a".repeat(1_000))}), json!("b"));
        assert!(long.chars().count() < 250, "{long}");
        let choices: Vec<_> = (0..1_000).map(|each| json!(each)).collect();
        let many = of(json!({"enum": choices}), json!("x"));
        assert!(many.ends_with("`19`, … (1000 in all)"), "{many}");
    }
}
