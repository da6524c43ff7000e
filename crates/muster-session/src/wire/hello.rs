//! The hello: who a runner is, what it offers, and what it still has in hand.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::Duration;

use muster_core::decide::Work;
use muster_core::decide::session::check_in::CheckIn;
use muster_core::entity::{Offer, Profile};
use muster_core::time::Interval;
use muster_core::words::{
    ConnectorName, DataType, DisplayName, Permission, Pool, PoolName, RunnerId, SealingKey, SessionId, Slots,
};
use muster_proto::v1;
use smol_str::SmolStr;

use super::{held_from_wire, id_from_wire, organization_from_wire, specification_to_json};
use crate::error::ProtocolError;

/// The most connectors of a runner: what the dispatcher goes through for each runner.
pub const CONNECTORS_MAX: usize = 100;

/// The most slots of a runner: bounds what one runner's check-in may cost.
pub const SLOTS_MAX: u32 = 1_000;

/// The most attempts of each list in a hello: a runner runs no more than it has slots, and spools no more either.
pub const HELD_MAX: usize = 1_000;

/// The most bytes of a version, an operating system and an architecture: they are shown in tables.
const LABEL_BYTES_MAX: usize = 64;

/// What a rehearsal's runner is called, which nobody sees.
const REHEARSAL_NAME: &str = "rehearsal";

/// The command that a hello asks for.
///
/// # Errors
/// [`ProtocolError::Field`] names the first field that is missing or out of bounds.
pub fn check_in_from_wire(hello: v1::Hello, session: SessionId) -> Result<CheckIn, ProtocolError> {
    let runner = RunnerId::from_bytes(id_from_wire("runner_id", &hello.runner_id)?);
    let running = held("running", &hello.running)?;
    let finished = held("finished", &hello.finished)?;
    let offers = offers(&hello.connectors)?;
    let profile = profile(&hello, &offers)?;
    Ok(CheckIn {
        runner,
        key: None,
        instance: NonZeroU64::new(hello.instance_id),
        session,
        profile,
        offers,
        running,
        finished,
    })
}

/// The command that a rehearsal of one asks for: it offers nothing, and has nothing in hand.
///
/// # Errors
/// [`ProtocolError::Field`] names the first field that is missing or out of bounds.
pub fn rehearsal_from_wire(request: v1::RehearseCheckInRequest, session: SessionId) -> Result<CheckIn, ProtocolError> {
    let runner = RunnerId::from_bytes(id_from_wire("runner_id", &request.runner_id)?);
    let hello = v1::Hello {
        display_name: REHEARSAL_NAME.to_owned(),
        organization: request.organization,
        pool: request.pool,
        version: request.version,
        slots: 1,
        ..v1::Hello::default()
    };
    Ok(CheckIn {
        runner,
        key: None,
        instance: None,
        session,
        profile: profile(&hello, &[])?,
        offers: Vec::new(),
        running: Vec::new(),
        finished: Vec::new(),
    })
}

fn profile(hello: &v1::Hello, offers: &[Offer]) -> Result<Profile, ProtocolError> {
    let display_name =
        DisplayName::new(&hello.display_name).map_err(|error| ProtocolError::field("display_name", error))?;
    let organization = organization_from_wire("organization", &hello.organization)?;
    let name = PoolName::new(&hello.pool).map_err(|error| ProtocolError::field("pool", error))?;
    let hosted = name.as_str() == Pool::HOSTED;
    if hosted && organization.is_some() {
        return Err(ProtocolError::field(
            "pool",
            "`hosted` is the service's own pool: choose another name for the organization's",
        ));
    }
    if !hosted && organization.is_none() {
        return Err(ProtocolError::field(
            "organization",
            "is empty: must be `organizations/{organization}`, since only runners of the pool `hosted` have none",
        ));
    }
    let slots = Some(hello.slots).filter(|slots| (1..=SLOTS_MAX).contains(slots));
    let slots = slots
        .ok_or_else(|| ProtocolError::field("slots", format_args!("is {}: must be 1 to {SLOTS_MAX}", hello.slots)))?;
    let mut connectors: Vec<ConnectorName> = offers.iter().map(|offer| offer.name.clone()).collect();
    connectors.sort();
    Ok(Profile {
        display_name,
        organization: organization.clone(),
        pool: Pool { organization, name },
        version: required_label("version", &hello.version)?,
        platform: platform(hello.host.as_ref())?,
        slots: Slots(slots),
        connectors,
        sealing_key: sealing_key(&hello.sealing_key)?,
    })
}

fn sealing_key(key: &str) -> Result<Option<SealingKey>, ProtocolError> {
    let key = Some(key).filter(|key| !key.is_empty());
    let key = key.map(str::parse).transpose();
    key.map_err(|error| ProtocolError::field("sealing_key", error))
}

fn platform(host: Option<&v1::HostFacts>) -> Result<SmolStr, ProtocolError> {
    let Some(host) = host else {
        return Ok(SmolStr::new_static("unknown"));
    };
    let os = required_label("host.os", &host.os)?;
    let arch = required_label("host.arch", &host.arch)?;
    Ok(SmolStr::from(format!("{os}/{arch}")))
}

fn offers(specifications: &[v1::ConnectorSpecification]) -> Result<Vec<Offer>, ProtocolError> {
    if specifications.is_empty() || specifications.len() > CONNECTORS_MAX {
        return Err(ProtocolError::field(
            "connectors",
            format_args!("are {}: must be 1 to {CONNECTORS_MAX}", specifications.len()),
        ));
    }
    let mut names = BTreeSet::new();
    let offers = specifications.iter().enumerate().map(|(index, specification)| {
        let offer = offer(specification).map_err(|error| error.under(format_args!("connectors[{index}]")))?;
        if names.insert(offer.name.clone()) {
            Ok(offer)
        } else {
            Err(ProtocolError::field(
                format!("connectors[{index}].connector"),
                format_args!("`{}` is there twice: name each connector once", offer.name),
            ))
        }
    });
    offers.collect()
}

fn offer(specification: &v1::ConnectorSpecification) -> Result<Offer, ProtocolError> {
    let name =
        ConnectorName::new(&specification.connector).map_err(|error| ProtocolError::field("connector", error))?;
    let version = required_label("version", &specification.version)?;
    data_types(&specification.data_types)?;
    let text =
        specification_to_json(specification).map_err(|error| ProtocolError::field("configuration_schema", error))?;
    Ok(Offer {
        name,
        version,
        specification: text.into(),
        permissions: specification.permissions.iter().map(permission).collect(),
    })
}

/// What of it has no name that a data type may have is for data types that nobody can collect.
fn permission(permission: &v1::SourcePermission) -> Permission {
    let data_types = permission.data_types.iter().filter_map(|name| DataType::new(name).ok());
    Permission {
        name: permission.permission.clone(),
        purpose: permission.purpose.clone(),
        required: permission.required,
        data_types: data_types.collect(),
    }
}

fn data_types(offered: &[v1::DataTypeSpecification]) -> Result<(), ProtocolError> {
    if offered.is_empty() {
        return Err(ProtocolError::field(
            "data_types",
            "are none: a connector collects at least one",
        ));
    }
    let mut names = BTreeSet::new();
    for (index, one) in offered.iter().enumerate() {
        let field = |name: &str| format!("data_types[{index}].{name}");
        let name = DataType::new(&one.data_type).map_err(|error| ProtocolError::field(field("data_type"), error))?;
        if !names.insert(name) {
            return Err(ProtocolError::field(
                field("data_type"),
                format_args!("`{}` is there twice: name each data type once", one.data_type),
            ));
        }
        if let Some(length) = one.default_interval {
            // What is negative is too short, too. Not by prost's own conversion: it overflows for the most negative duration.
            let seconds = u64::try_from(length.seconds).unwrap_or(0);
            Interval::new(Duration::from_secs(seconds))
                .map_err(|error| ProtocolError::field(field("default_interval"), error))?;
        }
    }
    Ok(())
}

fn held(field: &str, list: &[v1::HeldAttempt]) -> Result<Vec<Work>, ProtocolError> {
    if list.len() > HELD_MAX {
        return Err(ProtocolError::field(
            field,
            format_args!("has {} attempts: at most {HELD_MAX} are allowed", list.len()),
        ));
    }
    let held = list.iter().enumerate();
    held.map(|(index, held)| held_from_wire(held).map_err(|error| error.under(format_args!("{field}[{index}]"))))
        .collect()
}

fn required_label(field: &str, text: &str) -> Result<SmolStr, ProtocolError> {
    if text.is_empty() || text.len() > LABEL_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(ProtocolError::field(
            field,
            format_args!("must be 1 to {LABEL_BYTES_MAX} bytes of text without control characters"),
        ));
    }
    Ok(SmolStr::new(text))
}
