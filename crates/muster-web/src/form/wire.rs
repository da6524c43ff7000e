//! JSON as the API carries it.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Value};

/// The greatest whole number that the API's numbers hold together with all below it.
pub(super) const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// An object of the API as JSON.
pub(crate) fn value_of(object: &Struct) -> Value {
    let fields = object.fields.iter();
    Value::Object(fields.map(|(key, value)| (key.clone(), one(value))).collect())
}

fn one(value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::StringValue(value)) => Value::String(value.clone()),
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within 2^53")]
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() <= WHOLE_MAX => {
            Value::from(*number as i64)
        }
        Some(Kind::NumberValue(number)) => Value::from(*number),
        Some(Kind::ListValue(list)) => list.values.iter().map(one).collect(),
        Some(Kind::StructValue(object)) => value_of(object),
    }
}

/// JSON as an object of the API; what is none becomes an empty one.
pub(crate) fn struct_of(value: Value) -> Struct {
    let object = match value {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    let fields = object.into_iter().map(|(key, value)| (key, carried(value)));
    Struct {
        fields: fields.collect(),
    }
}

fn carried(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::String(value) => Kind::StringValue(value),
        // Every number without arbitrary precision has a double.
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(carried).collect(),
        }),
        Value::Object(_) => Kind::StructValue(struct_of(value)),
    };
    prost_types::Value { kind: Some(kind) }
}
