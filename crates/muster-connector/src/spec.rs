//! What a connector says about itself.

use muster_core::time::Interval;
use muster_core::words::{ConnectorName, DataType, Permission};
use serde_json::Value;

use crate::{Invalid, validate};

/// What a connector is, needs and offers. The coordinator keeps it, so that configurations can be judged when no runner is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Names it among all connectors.
    pub name: ConnectorName,
    /// Its own version, such as `0.1.0`.
    pub version: String,
    /// What people call it: a few words.
    pub title: String,
    /// What it reads and how: a few sentences.
    pub description: String,
    /// The JSON Schema (draft 2020-12) of its configuration. Every property has a `title` and a `description`: forms are made of them.
    pub config_schema: Value,
    /// What it can collect, in the order in which people see it.
    pub data_types: Vec<DataTypeSpec>,
    /// What the source must or may grant.
    pub permissions: Vec<Permission>,
}

impl Spec {
    /// The data type of this name; `None` when the connector does not offer it.
    #[must_use]
    pub fn data_type(&self, name: &DataType) -> Option<&DataTypeSpec> {
        self.data_types.iter().find(|data_type| data_type.name == *name)
    }

    /// Judges a configuration by the schema.
    ///
    /// # Errors
    /// [`Invalid`] names every fault of the configuration with its place, or says that the schema itself is none.
    pub fn validate(&self, config: &Value) -> Result<(), Invalid> {
        validate(&self.config_schema, config)
    }
}

/// One thing that a connector can collect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataTypeSpec {
    /// Its name: `device`.
    pub name: DataType,
    /// What people call it: `Devices`.
    pub title: String,
    /// How often it is collected when nobody says otherwise.
    pub default_interval: Interval,
    /// The fields of a record that together tell it from all others of one collection. None of them is ever null.
    pub primary_key: Vec<String>,
    /// Whether a collection with a cursor sends only what has changed since. `false`: every collection is a full picture.
    pub incremental: bool,
}
