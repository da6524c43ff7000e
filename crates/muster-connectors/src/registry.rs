//! The connectors by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_connector::{Connector, ConnectorName};

use crate::host::Host;

/// Connectors by their names.
#[derive(Clone, Default)]
pub struct Registry {
    connectors: BTreeMap<ConnectorName, Arc<dyn Connector>>,
}

impl Registry {
    /// All connectors that are built in.
    #[must_use]
    pub fn builtin() -> Self {
        let mut registry = Self::default();
        registry.insert(Arc::new(Host::new()));
        registry
    }

    /// Adds a connector, in place of one of the same name.
    pub fn insert(&mut self, connector: Arc<dyn Connector>) {
        self.connectors.insert(connector.spec().name.clone(), connector);
    }

    /// Keeps only the connectors that `allowed` names, as a runner's own configuration does.
    ///
    /// # Errors
    /// The first name that no connector has, so that a slip in a configuration does not pass for a connector that is switched off.
    pub fn only(mut self, allowed: &[ConnectorName]) -> Result<Self, ConnectorName> {
        if let Some(unknown) = allowed.iter().find(|name| !self.connectors.contains_key(name)) {
            return Err(unknown.clone());
        }
        self.connectors.retain(|name, _| allowed.contains(name));
        Ok(self)
    }

    /// The connector of this name; `None` when there is none.
    #[must_use]
    pub fn get(&self, name: &ConnectorName) -> Option<Arc<dyn Connector>> {
        self.connectors.get(name).cloned()
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Connector>> {
        self.connectors.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_may_allow_some_but_not_unknown_ones() {
        let host = ConnectorName::new("host").expect("a name");
        let none = ConnectorName::new("hosts").expect("a name");
        let registry = Registry::builtin();
        assert!(registry.get(&host).is_some());
        assert_eq!(registry.clone().only(&[]).ok().map(|some| some.iter().count()), Some(0));
        assert!(
            registry
                .clone()
                .only(std::slice::from_ref(&host))
                .is_ok_and(|some| some.get(&host).is_some())
        );
        assert_eq!(registry.only(&[host, none.clone()]).err(), Some(none));
    }

    #[test]
    fn every_specification_is_fit_for_people() {
        for connector in Registry::builtin().iter() {
            let spec = connector.spec();
            spec.validate(&serde_json::json!({}))
                .expect("an empty configuration is good for all of today's connectors");
            let properties = spec.config_schema["properties"].as_object().expect("properties");
            for (name, property) in properties {
                assert!(property["title"].is_string(), "{name} has no title");
                assert!(property["description"].is_string(), "{name} has no description");
            }
            for permission in &spec.permissions {
                for data_type in &permission.data_types {
                    assert!(
                        spec.data_type(data_type).is_some(),
                        "{data_type} of {} is not offered",
                        permission.name
                    );
                }
            }
        }
    }
}
