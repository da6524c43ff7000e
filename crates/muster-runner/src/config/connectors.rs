//! `[connector.NAME]` and `deny`: what each connector of this runner may reach, and how much it may collect.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_connector::reach::{Destination, Reach, Rules};
use muster_connector::{ConnectorName, Limits, Network};
use muster_process::config::{Found, OpenTable};
use muster_process::nearest;
use serde::Deserialize;

/// How many records one collection may give when nobody says: many times what any directory has, and an end for a source that never ends.
const RECORDS_MAX_DEFAULT: u64 = 10_000_000;

/// How many bytes of records one collection may give when nobody says: 10 GiB.
const BYTES_MAX_DEFAULT: u64 = 10 * 1024 * 1024 * 1024;

/// The most destinations of one list.
const DESTINATIONS_MAX: usize = 1_000;

/// The table, as the documentation has it. A test holds it against the fields of [`Table`].
pub(super) const TABLE: OpenTable = OpenTable {
    key: "connector",
    documentation: "\
What a connector of this runner may do: NAME is a built-in one or that of an `[exec.NAME]`. A connector without such a table has the defaults. \
docs/runner-security.md tells what is held to it, and by what.",
    example: r#"[connector.NAME]

# What it may reach: names, `*.` and the end of names, addresses and networks, each with a port,
# ports or none: `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:8000-8100`.
# Without any, everything but what `deny` has, loopback, link-local addresses and the metadata of
# clouds; these are reached only if an address or a network within them stands here.
allow = []

# The most records of one collection.
records_max = 10000000

# The most bytes of records of one collection, before they are compressed.
bytes_max = 10737418240
"#,
};

/// One such table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    records_max: Option<u64>,
    #[serde(default)]
    bytes_max: Option<u64>,
}

/// What a connector may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// What it may reach.
    pub network: Network,
    /// How much it may collect.
    pub limits: Limits,
}

/// What the connectors of a runner may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guards {
    tables: BTreeMap<ConnectorName, (Rules, Limits)>,
    deny: Rules,
}

impl Guards {
    /// What this connector may do.
    #[must_use]
    pub fn of(&self, connector: &ConnectorName) -> Guard {
        let (allow, limits) = self
            .tables
            .get(connector)
            .cloned()
            .unwrap_or_else(|| (Rules::default(), limits(None, None)));
        Guard {
            network: Network::new(Reach {
                connector: connector.to_string(),
                allow,
                deny: self.deny.clone(),
                by_hand: false,
            }),
            limits,
        }
    }

    /// Judges `deny` and the tables that were found, of a runner that has these connectors. What is wrong is told, and left out.
    pub(super) fn judge(deny: Vec<Destination>, known: &[ConnectorName], found: &mut Found<'_>) -> Self {
        let place = found.place("deny").to_string();
        let mut tables = BTreeMap::new();
        for table in found.tables::<Table>(TABLE.key) {
            let Some(name) = known.iter().find(|name| name.as_str() == table.name) else {
                let meant = nearest(&table.name, known.iter().map(ConnectorName::as_str));
                let meant = meant.map(|meant| format!(": is `{meant}` meant?")).unwrap_or_default();
                found.fault_in(
                    &table,
                    None,
                    format_args!("this runner has no connector of this name{meant}"),
                );
                continue;
            };
            let Table {
                allow,
                records_max,
                bytes_max,
            } = &table.value;
            if allow.len() > DESTINATIONS_MAX {
                let count = allow.len();
                found.fault_in(
                    &table,
                    Some("allow"),
                    format_args!("has {count}: at most {DESTINATIONS_MAX} are allowed"),
                );
            }
            let mut destinations = Vec::new();
            for written in allow.iter().take(DESTINATIONS_MAX) {
                match written.parse() {
                    Ok(destination) => destinations.push(destination),
                    Err(error) => found.fault_in(&table, Some("allow"), error),
                }
            }
            for (field, value) in [("records_max", records_max), ("bytes_max", bytes_max)] {
                if *value == Some(0) {
                    found.fault_in(
                        &table,
                        Some(field),
                        "is 0: a connector that may collect nothing is left out of `connectors`",
                    );
                }
            }
            let place = found.place_in(&table, "allow").to_string();
            tables.insert(
                name.clone(),
                (Rules { place, destinations }, limits(*records_max, *bytes_max)),
            );
        }
        let deny = Rules {
            place,
            destinations: deny,
        };
        Self { tables, deny }
    }
}

fn limits(records_max: Option<u64>, bytes_max: Option<u64>) -> Limits {
    Limits {
        records_max: Some(records_max.unwrap_or(RECORDS_MAX_DEFAULT)),
        bytes_max: Some(bytes_max.unwrap_or(BYTES_MAX_DEFAULT)),
    }
}

/// The folder in which the folders of programs' runs are made.
pub(crate) fn runs_in(data_folder: &std::path::Path) -> PathBuf {
    data_folder.join("runs")
}

#[cfg(test)]
pub(super) fn fields() -> &'static [&'static str] {
    muster_process::config::fields_of::<Table>()
}
