//! Whether what was typed fits the connector and the runners that there are: told before anything is sent, with the nearest name.

use muster_proto::v1::Connector;
use serde_json::{Map, Value};

use super::Scheduled;
use crate::client::Client;
use crate::configuration::from_wire;
use crate::error::{Error, Kind, Unfit};
use crate::judge::{Given, judge};
use crate::list;
use crate::names;
use crate::output::note;
use crate::output::text::clean;
use muster_process::nearest;

/// The pool of the service's own runners.
pub const HOSTED: &str = "hosted";

/// Judges a configuration by the connector's schema.
///
/// # Errors
/// [`Error::Unfit`] with every fault.
pub fn configuration(
    doing: impl Into<String>,
    connector: &Connector,
    configuration: &Map<String, Value>,
    given: Given<'_>,
) -> Result<(), Error> {
    let specification = connector.specification.as_ref();
    let Some(schema) = specification.and_then(|one| one.configuration_schema.as_ref()) else {
        return Ok(());
    };
    let schema = Value::Object(from_wire(schema));
    judge(&schema, configuration, given).map_err(|faults| {
        let connector = clean(names::id(&connector.name));
        Error::Unfit(Box::new(Unfit {
            doing: doing.into(),
            next: format!("see what the connector needs: muster connector spec {connector}"),
            connector,
            faults: faults
                .into_iter()
                .map(|(path, fault)| (clean(&path), clean(&fault)))
                .collect(),
        }))
    })
}

/// Judges whether the connector can be configured in this way.
///
/// # Errors
/// [`Error::Unknown`] with the nearest one.
pub fn access_schema(connector: &Connector, given: Option<&str>) -> Result<(), Error> {
    let Some((given, specification)) = given.zip(connector.specification.as_ref()) else {
        return Ok(());
    };
    let known = || {
        specification
            .access_schemas
            .iter()
            .map(|one| one.access_schema.as_str())
    };
    if known().any(|one| one == given) {
        return Ok(());
    }
    let name = clean(names::id(&connector.name));
    let place = match known().collect::<Vec<_>>()[..] {
        [] => format!("of connector `{name}`, which has one way of being configured"),
        ref known => format!("among those of connector `{name}` ({})", clean(&known.join(", "))),
    };
    Err(Error::Unknown {
        kind: Kind::AccessSchema,
        given: clean(given),
        place,
        nearest: nearest(given, known()).map(clean),
        next: format!("muster connector spec {name}"),
    })
}

/// Judges whether the connector offers the data types that the flags name.
///
/// # Errors
/// [`Error::Unknown`] for the first that it does not offer.
pub fn data_types(connector: &Connector, scheduled: &Scheduled) -> Result<(), Error> {
    let Some(specification) = &connector.specification else {
        return Ok(());
    };
    let offered: Vec<&str> = specification
        .data_types
        .iter()
        .map(|one| one.data_type.as_str())
        .collect();
    let name = clean(names::id(&connector.name));
    let place = format!("among those of connector `{name}`");
    let next = format!("muster connector spec {name}");
    scheduled
        .names()
        .try_for_each(|given| one_of(given, &offered, &place, &next))
}

/// Judges whether a data type is one of these.
///
/// # Errors
/// [`Error::Unknown`] with the nearest one.
pub fn one_of(given: &str, known: &[&str], place: &str, next: &str) -> Result<(), Error> {
    if known.contains(&given) {
        return Ok(());
    }
    Err(Error::Unknown {
        kind: Kind::DataType,
        given: clean(given),
        place: format!("{place} ({})", clean(&known.join(", "))),
        nearest: nearest(given, known.iter().copied()).map(clean),
        next: next.to_owned(),
    })
}

/// Says beside the result that no runner serves this pool so far: a runner may come later, or the pool's name is a slip.
pub async fn note_pool(client: &Client, pool: &str) {
    // The result is there; without a list of runners there is nothing to add.
    let Ok(runners) = list::runners(client, list::PAGE_MAX).await else {
        return;
    };
    let pools = || runners.items.iter().map(|runner| runner.pool.as_str());
    if runners.more || pools().any(|known| known == pool) {
        return;
    }
    let pool = clean(pool);
    if pool == HOSTED {
        note(
            "note: no runner of pool `hosted` has ever checked in; it is the service's own: ask who runs the coordinator",
        );
        return;
    }
    match nearest(&pool, pools()) {
        Some(meant) => note(format!(
            "note: no runner of pool `{pool}` has ever checked in; did you mean `{}`?",
            clean(meant)
        )),
        None => note(format!(
            "note: no runner of pool `{pool}` has ever checked in; add one:  muster runner enroll-token create --pool {pool}  (where runners need no token:  \
             muster-runner --pool {pool})"
        )),
    }
}
