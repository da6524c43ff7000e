//! An integration as a form: what its inputs are called, what stands in them, and what is asked of the API for what was typed.

mod mails;

use muster_proto::v1::{AccessSchema, CollectionSchedule, ConnectorSpecification, DataTypeSpecification, Integration};
use prost_types::Duration;
use serde_json::Value;

pub(crate) use mails::{MAIL, mails, recipients};
use mails::{fill_mails, read_mails};

use crate::form::{self, CONFIGURATION, Faults, Field, ROOT, Typed, span};

/// The input of the interval of a data type.
pub(crate) fn every(data_type: &str) -> String {
    format!("every:{data_type}")
}

/// The pool that something new is of, where none is known.
pub(crate) const POOL: &str = "default";

/// The input that says which data types are collected.
pub(crate) const COLLECT: &str = "collect";

/// A data type that can be collected.
pub(crate) struct Collectable {
    /// Its name.
    pub(crate) data_type: String,
    /// What people call it.
    pub(crate) title: String,
    /// How often the connector would collect it, where it says so.
    pub(crate) default: Option<Duration>,
    /// Whether the connector offers it.
    pub(crate) is_offered: bool,
}

/// What an integration of one connector, in one of its ways, can say.
pub(crate) struct Definition<'a> {
    /// What is known of the connector; `None` when no runner has ever offered it, or none does any more.
    pub(crate) specification: Option<&'a ConnectorSpecification>,
    /// The configuration.
    pub(crate) configuration: Field,
    /// What can be collected.
    pub(crate) collectables: Vec<Collectable>,
}

impl<'a> Definition<'a> {
    /// Of an integration as it is, if there is one.
    pub(crate) fn new(
        specification: Option<&'a ConnectorSpecification>,
        access_schema: &str,
        integration: Option<&Integration>,
    ) -> Self {
        let ways = specification.map_or(&[][..], |known| &known.access_schemas);
        let way = ways.iter().find(|way| way.access_schema == access_schema);
        let of_all = specification.and_then(|known| known.configuration_schema.as_ref());
        let of_way = way.and_then(|way| way.configuration_schema.as_ref());
        let schemas: Vec<Value> = of_all.into_iter().chain(of_way).map(form::value_of).collect();
        let offered = specification.map_or(&[][..], |known| &known.data_types);
        let mut collectables: Vec<Collectable> = offered.iter().map(collectable).collect();
        for kind in integration.map_or(&[][..], |known| &known.data_types) {
            if offered.iter().all(|known| known.data_type != kind.data_type) {
                collectables.push(Collectable {
                    title: kind.data_type.clone(),
                    data_type: kind.data_type.clone(),
                    default: kind.interval,
                    is_offered: false,
                });
            }
        }
        Self {
            specification,
            configuration: form::configuration(&schemas),
            collectables,
        }
    }

    /// The ways in which the connector can be configured.
    pub(crate) fn ways(&self) -> &'a [AccessSchema] {
        self.specification.map_or(&[], |known| &known.access_schemas)
    }

    /// What stands in the form for an integration.
    pub(crate) fn typed(&self, integration: &Integration) -> Typed {
        let mut typed = Typed::default();
        typed.set("display_name", &integration.display_name);
        typed.set("pool", &integration.pool);
        typed.set("access_schema", &integration.access_schema);
        let configuration = integration.configuration.as_ref().map(form::value_of);
        form::fill(&self.configuration, ROOT, configuration.as_ref(), &mut typed);
        for kind in &self.collectables {
            let collected = integration
                .data_types
                .iter()
                .find(|known| known.data_type == kind.data_type);
            if collected.is_some() {
                typed.add(COLLECT, &kind.data_type);
            }
            let interval = collected.and_then(|known| known.interval.as_ref());
            typed.set(every(&kind.data_type), interval.map(span::text).unwrap_or_default());
        }
        fill_mails(integration.error_notifications.as_ref(), &mut typed);
        typed
    }

    /// What stands in the form of a new one, which is to be collected by this pool.
    pub(crate) fn blank(&self, access_schema: &str, pool: &str) -> Typed {
        let schedule = |kind: &Collectable| CollectionSchedule {
            data_type: kind.data_type.clone(),
            ..CollectionSchedule::default()
        };
        self.typed(&Integration {
            access_schema: access_schema.to_owned(),
            pool: pool.to_owned(),
            data_types: self.collectables.iter().map(schedule).collect(),
            ..Integration::default()
        })
    }

    /// What is asked of the API for what was typed, and what is wrong with it before it is asked.
    pub(crate) fn read(&self, typed: &Typed) -> (Integration, Faults) {
        self.asked(typed, form::read(&self.configuration, ROOT, typed))
    }

    /// The same for an integration that is there, for which `base` stood in the form: what nobody has changed of its configuration stays as it is.
    pub(crate) fn read_changed(&self, typed: &Typed, base: &Typed, before: &Integration) -> (Integration, Faults) {
        let stored = before.configuration.as_ref().map(form::value_of);
        let configuration = form::read_changed(&self.configuration, ROOT, (typed, base), stored.as_ref());
        self.asked(typed, configuration)
    }

    fn asked(&self, typed: &Typed, configuration: Option<Value>) -> (Integration, Faults) {
        let mut faults = Faults::default();
        form::check(&self.configuration, (ROOT, CONFIGURATION), typed, &mut faults);
        if configuration.as_ref().is_some_and(|value| !value.is_object()) && faults.is_empty() {
            faults.add(
                CONFIGURATION,
                "must be a JSON object, such as {\"url\": \"https://crm.example\"}",
            );
        }
        let data_types = self.schedules(typed, "integration.data_types", &mut faults);
        if data_types.is_empty() && !self.collectables.is_empty() {
            faults.add(
                "integration.data_types",
                "choose at least one: to collect nothing, disable the integration",
            );
        }
        let integration = Integration {
            display_name: typed.get("display_name").to_owned(),
            pool: typed.get("pool").to_owned(),
            access_schema: typed.get("access_schema").to_owned(),
            configuration: configuration.map(form::struct_of),
            data_types,
            error_notifications: Some(read_mails(typed, &mut faults)),
            ..Integration::default()
        };
        (integration, faults)
    }

    /// The data types that are collected, with the intervals that were typed. Faults are told below `path`.
    pub(crate) fn schedules(&self, typed: &Typed, path: &str, faults: &mut Faults) -> Vec<CollectionSchedule> {
        let chosen = self
            .collectables
            .iter()
            .filter(|kind| typed.has(COLLECT, &kind.data_type));
        let schedules = chosen.enumerate().map(|(at, kind)| CollectionSchedule {
            data_type: kind.data_type.clone(),
            interval: length(
                typed.get(&every(&kind.data_type)),
                &format!("{path}[{at}].interval"),
                faults,
            ),
            ..CollectionSchedule::default()
        });
        schedules.collect()
    }

    /// The place of a data type among those that are collected, as the API counts them; `None` for one that is not.
    pub(crate) fn place(&self, typed: &Typed, data_type: &str) -> Option<usize> {
        let mut chosen = self
            .collectables
            .iter()
            .filter(|kind| typed.has(COLLECT, &kind.data_type));
        chosen.position(|kind| kind.data_type == data_type)
    }

    /// The fields that are another than before, as a mask names them.
    pub(crate) fn changed(base: &Typed, typed: &Typed) -> Vec<String> {
        let mut paths: Vec<&str> = typed.differences(base).into_iter().filter_map(field_of).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter().map(str::to_owned).collect()
    }
}

/// The field of an integration that an input belongs to.
fn field_of(name: &str) -> Option<&'static str> {
    let of_mail = |name: &str| mails().iter().any(|mail| mail.name == name);
    match name {
        "display_name" => Some("display_name"),
        "pool" => Some("pool"),
        "access_schema" => Some("access_schema"),
        COLLECT => Some("data_types"),
        name if name.starts_with("every:") => Some("data_types"),
        name if of_mail(name) => Some("error_notifications"),
        name if name == ROOT || name.starts_with("v/") || name.starts_with("v|") => Some("configuration"),
        "v?" | "v*" => Some("configuration"),
        _ => None,
    }
}

fn collectable(offered: &DataTypeSpecification) -> Collectable {
    let title = Some(&offered.title).filter(|title| !title.is_empty());
    Collectable {
        data_type: offered.data_type.clone(),
        title: title.unwrap_or(&offered.data_type).clone(),
        default: offered.default_interval,
        is_offered: true,
    }
}

fn length(text: &str, path: &str, faults: &mut Faults) -> Option<Duration> {
    if text.trim().is_empty() {
        return None;
    }
    match span::parse(text) {
        Ok(length) => Some(length),
        Err(problem) => {
            faults.add(path, problem);
            None
        }
    }
}

#[cfg(test)]
mod tests;
