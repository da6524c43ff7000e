//! `google.protobuf.Struct` and JSON text.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::{Map, Number, Value as Json};

/// How deep a value may be nested. The decoder of the other end gives up at 100 messages, and each level of a struct is
/// three.
const DEPTH_MAX: usize = 28;

/// The largest whole number that a double tells from its neighbours, 2^53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A value that the other side has no form for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is no JSON object.
    #[error("not a JSON object: {0}")]
    NotAnObject(String),
    /// JSON has no such number.
    #[error("the number {0} has no form in JSON: use a finite one")]
    NotFinite(String),
    /// It is nested too deeply.
    #[error("nested more than {DEPTH_MAX} levels deep: make it flatter")]
    TooDeep,
}

/// The struct of a JSON object.
///
/// # Errors
/// [`JsonError`] when the text is no JSON object, or nested too deeply.
pub fn struct_from_json(json: &str) -> Result<Struct, JsonError> {
    match serde_json::from_str(json) {
        Ok(Json::Object(object)) => struct_of(object, 0),
        Ok(other) => Err(JsonError::NotAnObject(kind_of(&other).to_owned())),
        Err(error) => Err(JsonError::NotAnObject(error.to_string())),
    }
}

/// The JSON text of a struct, with its keys sorted: equal structs have equal texts.
///
/// # Errors
/// [`JsonError`] when a number is not finite, or the struct is nested too deeply.
pub fn json_from_struct(object: &Struct) -> Result<String, JsonError> {
    object_of(object, 0).map(|object| Json::Object(object).to_string())
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "it is null",
        Json::Bool(_) => "it is a boolean",
        Json::Number(_) => "it is a number",
        Json::String(_) => "it is a text",
        Json::Array(_) => "it is a list",
        Json::Object(_) => "it is an object",
    }
}

fn struct_of(object: Map<String, Json>, depth: usize) -> Result<Struct, JsonError> {
    let fields: Result<BTreeMap<_, _>, _> = object
        .into_iter()
        .map(|(key, value)| Ok((key, value_of(value, depth + 1)?)))
        .collect();
    Ok(Struct { fields: fields? })
}

fn value_of(json: Json, depth: usize) -> Result<Value, JsonError> {
    if depth > DEPTH_MAX {
        return Err(JsonError::TooDeep);
    }
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(it) => Kind::BoolValue(it),
        Json::Number(number) => Kind::NumberValue(
            number
                .as_f64()
                .ok_or_else(|| JsonError::NotFinite(number.to_string()))?,
        ),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(list) => {
            let values: Result<Vec<_>, _> = list.into_iter().map(|value| value_of(value, depth + 1)).collect();
            Kind::ListValue(ListValue { values: values? })
        }
        Json::Object(object) => Kind::StructValue(struct_of(object, depth)?),
    };
    Ok(Value { kind: Some(kind) })
}

pub(super) fn object_of(object: &Struct, depth: usize) -> Result<Map<String, Json>, JsonError> {
    object
        .fields
        .iter()
        .map(|(key, value)| Ok((key.clone(), json_of(value, depth + 1)?)))
        .collect()
}

fn json_of(value: &Value, depth: usize) -> Result<Json, JsonError> {
    if depth > DEPTH_MAX {
        return Err(JsonError::TooDeep);
    }
    Ok(match &value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(it)) => Json::Bool(*it),
        Some(Kind::NumberValue(number)) => number_of(*number)?,
        Some(Kind::StringValue(text)) => Json::String(text.clone()),
        Some(Kind::ListValue(list)) => {
            let values: Result<Vec<_>, _> = list.values.iter().map(|value| json_of(value, depth + 1)).collect();
            Json::Array(values?)
        }
        Some(Kind::StructValue(object)) => Json::Object(object_of(object, depth)?),
    })
}

/// A whole number is written as one: people write `port: 636`, and a schema says `integer`.
fn number_of(number: f64) -> Result<Json, JsonError> {
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within 2^53")]
        return Ok(Json::from(number as i64));
    }
    Number::from_f64(number)
        .map(Json::Number)
        .ok_or_else(|| JsonError::NotFinite(number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_the_wire() {
        let json = r#"{"a":[1,2.5,null,true,"x"],"b":{"c":{}},"port":636}"#;
        let object = struct_from_json(json).expect("an object");
        assert_eq!(json_from_struct(&object).expect("it is finite"), json);
    }

    #[test]
    fn what_has_no_form_is_refused() {
        assert!(matches!(struct_from_json("[]"), Err(JsonError::NotAnObject(_))));
        assert!(matches!(struct_from_json("{"), Err(JsonError::NotAnObject(_))));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(struct_from_json(&deep), Err(JsonError::TooDeep));
        let nan = Value {
            kind: Some(Kind::NumberValue(f64::NAN)),
        };
        let object = Struct {
            fields: [("a".to_owned(), nan)].into(),
        };
        assert!(matches!(json_from_struct(&object), Err(JsonError::NotFinite(_))));
    }

    #[test]
    fn what_is_just_deep_enough_is_decoded_within_a_message() {
        use prost::Message as _;
        let levels = DEPTH_MAX - 1;
        let deep = format!("{}1{}", "{\"a\":".repeat(levels + 1), "}".repeat(levels + 1));
        let assignment = muster_proto::v1::Assignment {
            configuration: Some(struct_from_json(&deep).expect("deep, and not too deep")),
            ..Default::default()
        };
        let message = muster_proto::v1::CoordinatorMessage {
            kind: Some(muster_proto::v1::coordinator_message::Kind::Assignments(
                muster_proto::v1::Assignments {
                    assignments: vec![assignment],
                },
            )),
        };
        let bytes = message.encode_to_vec();
        assert_eq!(
            muster_proto::v1::CoordinatorMessage::decode(bytes.as_slice()).expect("it is decoded"),
            message
        );
    }
}
