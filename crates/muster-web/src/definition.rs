//! An integration as a form: what its inputs are called, what stands in them, and what is asked of the API for what was typed.

use muster_proto::v1::{
    AccessSchema, CollectionSchedule, ConnectorSpecification, DataTypeSpecification, ErrorNotifications, Integration,
};
use prost_types::Duration;
use serde_json::Value;

use crate::form::{self, CONFIGURATION, Faults, Field, Kind, ROOT, Typed, span};

/// A field of mails: its input, what the API calls it, and how it is said.
pub(crate) struct Mail {
    /// The name of its input.
    pub(crate) name: &'static str,
    /// Its name in `ErrorNotifications`.
    pub(crate) of: &'static str,
    /// Its field.
    pub(crate) field: Field,
    /// Whether it is one that few need.
    pub(crate) is_rare: bool,
}

impl Mail {
    /// What the API calls it.
    pub(crate) fn path(&self) -> String {
        format!("{NOTIFICATIONS}.{}", self.of)
    }
}

const NOTIFICATIONS: &str = "integration.error_notifications";

/// The input of the switch of mails.
pub(crate) const MAIL: &str = "mail";

/// All fields of mails, in their order.
pub(crate) fn mails() -> Vec<Mail> {
    let number = |is_whole| Kind::Number { is_whole };
    let text = || Kind::Text {
        input: "text",
        length_max: Some(40),
        examples: Vec::new(),
    };
    let all = [
        (
            "mail",
            "enabled",
            "Error email notifications",
            "A mail when too much fails, again while that goes on, and when it is over.",
            "",
            Kind::Flag { default: false },
        ),
        (
            "recipients",
            "recipients",
            "Recipients",
            "Addresses, at most 20.",
            "ops@example.com",
            Kind::Lines { are_numbers: false },
        ),
        (
            "threshold",
            "threshold_percent",
            "Threshold (percent)",
            "The error rate at which people are told: Error / (Completed + Error).",
            "30",
            number(false),
        ),
        (
            "recovery",
            "recovery_percent",
            "Recovery (percent)",
            "The error rate below which it is over. Empty: two thirds of the threshold.",
            "",
            number(false),
        ),
        (
            "window",
            "window",
            "Window",
            "Over which time the rate is taken: 1m to 1d.",
            "1d",
            text(),
        ),
        (
            "sample",
            "sample_min",
            "Sample",
            "How many executions must have ended in it: with few a day a higher one spares a mail for a single failure.",
            "1",
            number(true),
        ),
        (
            "hold",
            "hold",
            "Hold",
            "For how long the threshold must have been reached: 0s to 1d.",
            "0s",
            text(),
        ),
        (
            "reminder",
            "reminder",
            "Reminder",
            "How often people are told again while it goes on: 1m to 30d; 0s: never.",
            "1d",
            text(),
        ),
    ];
    let all = all
        .into_iter()
        .enumerate()
        .map(|(at, (name, of, title, help, placeholder, kind))| Mail {
            name,
            of,
            field: Field::new(title, help, placeholder, kind),
            is_rare: at > 2,
        });
    all.collect()
}

/// The input of the interval of a data type.
pub(crate) fn every(data_type: &str) -> String {
    format!("every:{data_type}")
}

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

    /// What stands in the form of a new one.
    pub(crate) fn blank(&self, access_schema: &str) -> Typed {
        let schedule = |kind: &Collectable| CollectionSchedule {
            data_type: kind.data_type.clone(),
            ..CollectionSchedule::default()
        };
        self.typed(&Integration {
            access_schema: access_schema.to_owned(),
            pool: "default".to_owned(),
            data_types: self.collectables.iter().map(schedule).collect(),
            ..Integration::default()
        })
    }

    /// What is asked of the API for what was typed, and what is wrong with it before it is asked.
    pub(crate) fn read(&self, typed: &Typed) -> (Integration, Faults) {
        let mut faults = Faults::default();
        let configuration = form::read(&self.configuration, ROOT, typed);
        if configuration.as_ref().is_some_and(|value| !value.is_object()) {
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

fn fill_mails(notifications: Option<&ErrorNotifications>, typed: &mut Typed) {
    let none = ErrorNotifications::default();
    let of = notifications.unwrap_or(&none);
    let percent = |percent: Option<f64>| percent.map(|percent| percent.to_string()).unwrap_or_default();
    let length = |length: &Option<Duration>| length.as_ref().map(span::text).unwrap_or_default();
    typed.set(MAIL, "set");
    if of.enabled {
        typed.add(MAIL, "true");
    }
    typed.set("recipients", of.recipients.join("\n"));
    typed.set("threshold", percent(of.threshold_percent));
    typed.set("recovery", percent(of.recovery_percent));
    typed.set("window", length(&of.window));
    typed.set(
        "sample",
        of.sample_min.map(|count| count.to_string()).unwrap_or_default(),
    );
    typed.set("hold", length(&of.hold));
    typed.set("reminder", length(&of.reminder));
}

fn read_mails(typed: &Typed, faults: &mut Faults) -> ErrorNotifications {
    let path = |of: &str| format!("{NOTIFICATIONS}.{of}");
    ErrorNotifications {
        enabled: typed.has(MAIL, "true"),
        recipients: recipients(typed),
        threshold_percent: number(typed.get("threshold"), &path("threshold_percent"), faults),
        recovery_percent: number(typed.get("recovery"), &path("recovery_percent"), faults),
        window: length(typed.get("window"), &path("window"), faults),
        sample_min: number(typed.get("sample"), &path("sample_min"), faults),
        hold: length(typed.get("hold"), &path("hold"), faults),
        reminder: length(typed.get("reminder"), &path("reminder"), faults),
    }
}

/// The addresses that were typed, one a line or with commas between them.
pub(crate) fn recipients(typed: &Typed) -> Vec<String> {
    let parts = typed.get("recipients").split(['\n', ',', ';']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn number<N: std::str::FromStr>(text: &str, path: &str, faults: &mut Faults) -> Option<N> {
    let text = text.trim().trim_end_matches('%').trim_end();
    if text.is_empty() {
        return None;
    }
    let number = text.parse().ok();
    if number.is_none() {
        faults.add(path, "must be a number");
    }
    number
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
