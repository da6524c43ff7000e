//! What connectors say about themselves, as the JSON text that the ledger keeps: the core does not read it, so it has a
//! form of its own.
//!
//! The keys are the names of the message's fields; a configuration schema is the JSON Schema itself, an interval a
//! number of seconds.

use muster_proto::v1;
use serde_json::{Map, Value as Json, json};

use super::json::{JsonError, object_of, struct_from_json};

/// The JSON text of a specification. Equal specifications have equal texts.
///
/// # Errors
/// [`JsonError`] when a schema has no form in JSON.
pub fn specification_to_json(specification: &v1::ConnectorSpecification) -> Result<String, JsonError> {
    let access_schemas: Result<Vec<Json>, JsonError> =
        specification.access_schemas.iter().map(access_to_json).collect();
    let data_types: Vec<Json> = specification.data_types.iter().map(data_type_to_json).collect();
    let permissions: Vec<Json> = specification.permissions.iter().map(permission_to_json).collect();
    let text = json!({
        "connector": specification.connector,
        "version": specification.version,
        "title": specification.title,
        "description": specification.description,
        "configuration_schema": schema_to_json(specification.configuration_schema.as_ref())?,
        "access_schemas": access_schemas?,
        "data_types": data_types,
        "permissions": permissions,
    });
    Ok(text.to_string())
}

/// The specification of a text that [`specification_to_json`] made. What the text does not have is empty: an older
/// version wrote less.
///
/// # Errors
/// [`JsonError`] when the text is no JSON object, or a schema in it is nested too deeply.
pub fn specification_from_json(json: &str) -> Result<v1::ConnectorSpecification, JsonError> {
    let object = match serde_json::from_str(json) {
        Ok(Json::Object(object)) => object,
        Ok(_) => return Err(JsonError::NotAnObject("it is another value".to_owned())),
        Err(error) => return Err(JsonError::NotAnObject(error.to_string())),
    };
    let access_schemas: Result<Vec<_>, JsonError> = objects(&object, "access_schemas").map(access_from_json).collect();
    Ok(v1::ConnectorSpecification {
        connector: text(&object, "connector"),
        version: text(&object, "version"),
        title: text(&object, "title"),
        description: text(&object, "description"),
        configuration_schema: schema_from_json(&object)?,
        access_schemas: access_schemas?,
        data_types: objects(&object, "data_types").map(data_type_from_json).collect(),
        permissions: objects(&object, "permissions").map(permission_from_json).collect(),
    })
}

fn access_to_json(access: &v1::AccessSchema) -> Result<Json, JsonError> {
    Ok(json!({
        "access_schema": access.access_schema,
        "title": access.title,
        "description": access.description,
        "configuration_schema": schema_to_json(access.configuration_schema.as_ref())?,
    }))
}

fn access_from_json(object: &Map<String, Json>) -> Result<v1::AccessSchema, JsonError> {
    Ok(v1::AccessSchema {
        access_schema: text(object, "access_schema"),
        title: text(object, "title"),
        description: text(object, "description"),
        configuration_schema: schema_from_json(object)?,
    })
}

fn data_type_to_json(data_type: &v1::DataTypeSpecification) -> Json {
    json!({
        "data_type": data_type.data_type,
        "default_interval_s": data_type.default_interval.map(|interval| interval.seconds),
        "primary_key": data_type.primary_key,
        "title": data_type.title,
        "incremental": data_type.incremental,
    })
}

fn data_type_from_json(object: &Map<String, Json>) -> v1::DataTypeSpecification {
    let seconds = object.get("default_interval_s").and_then(Json::as_i64);
    v1::DataTypeSpecification {
        data_type: text(object, "data_type"),
        default_interval: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        primary_key: texts(object, "primary_key"),
        title: text(object, "title"),
        incremental: object.get("incremental").and_then(Json::as_bool).unwrap_or_default(),
    }
}

fn permission_to_json(permission: &v1::SourcePermission) -> Json {
    json!({
        "permission": permission.permission,
        "purpose": permission.purpose,
        "required": permission.required,
        "data_types": permission.data_types,
    })
}

fn permission_from_json(object: &Map<String, Json>) -> v1::SourcePermission {
    v1::SourcePermission {
        permission: text(object, "permission"),
        purpose: text(object, "purpose"),
        required: object.get("required").and_then(Json::as_bool).unwrap_or(false),
        data_types: texts(object, "data_types"),
    }
}

fn schema_to_json(schema: Option<&prost_types::Struct>) -> Result<Json, JsonError> {
    Ok(match schema {
        Some(schema) => Json::Object(object_of(schema, 0)?),
        None => Json::Null,
    })
}

fn schema_from_json(object: &Map<String, Json>) -> Result<Option<prost_types::Struct>, JsonError> {
    match object.get("configuration_schema") {
        None | Some(Json::Null) => Ok(None),
        Some(schema) => struct_from_json(&schema.to_string()).map(Some),
    }
}

fn text(object: &Map<String, Json>, key: &str) -> String {
    object.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn texts(object: &Map<String, Json>, key: &str) -> Vec<String> {
    let list = object.get(key).and_then(Json::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect()
}

fn objects<'a>(object: &'a Map<String, Json>, key: &str) -> impl Iterator<Item = &'a Map<String, Json>> {
    let list = object.get(key).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_survives_the_ledger() {
        let schema = struct_from_json(r#"{"type":"object","properties":{"port":{"type":"integer","maximum":65535}}}"#)
            .expect("an object");
        let specification = v1::ConnectorSpecification {
            connector: "ldap".to_owned(),
            version: "1.2.3".to_owned(),
            title: "Active Directory".to_owned(),
            description: "Reads a directory".to_owned(),
            configuration_schema: Some(schema.clone()),
            access_schemas: vec![v1::AccessSchema {
                access_schema: "single-domain".to_owned(),
                title: "A single domain".to_owned(),
                description: "For one domain".to_owned(),
                configuration_schema: Some(schema),
            }],
            data_types: vec![v1::DataTypeSpecification {
                data_type: "user".to_owned(),
                default_interval: Some(prost_types::Duration {
                    seconds: 3_600,
                    nanos: 0,
                }),
                primary_key: vec!["sid".to_owned()],
                title: "Users".to_owned(),
                incremental: true,
            }],
            permissions: vec![v1::SourcePermission {
                permission: "Directory.Read.All".to_owned(),
                purpose: "to read".to_owned(),
                required: true,
                data_types: vec!["user".to_owned()],
            }],
        };
        let text = specification_to_json(&specification).expect("it is finite");
        assert_eq!(specification_from_json(&text), Ok(specification));
    }
}
