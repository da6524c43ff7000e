//! What a source must or may grant.

use super::DataType;

/// Something that the source must or may grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// What it is called at the source: `read /etc/shadow`.
    pub name: String,
    /// What it is for, as a person would ask: `to tell which accounts are locked`.
    pub purpose: String,
    /// Whether collecting fails without it. `false`: without it some fields are null.
    pub required: bool,
    /// The data types that use it.
    pub data_types: Vec<DataType>,
}
