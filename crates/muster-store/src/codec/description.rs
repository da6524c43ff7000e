//! The messages of what is said about integrations, runners and connectors; events and records share them.

use muster_core::entity::{Definition, Offer, Outdated, PerDataType, Profile};
use muster_core::time::{Interval, Stamp};
use muster_core::words::{AccessSchema, Configuration, DisplayName, Notifications, Permission, Slots};

use super::alert::NotificationsMessage;
use super::evidence::ReleaseMessage;
use super::seal::{keys, recipients};
use super::word::{PoolMessage, connector_name, data_type, interval, owner};
use super::{CodecError, judged, required};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DefinitionMessage {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(string, tag = "2")]
    connector: String,
    #[prost(string, tag = "3")]
    configuration: String,
    #[prost(message, optional, tag = "4")]
    pool: Option<PoolMessage>,
    /// In an event what is collected. In the record of an integration older versions have written what its collections say as well.
    #[prost(message, repeated, tag = "5")]
    intervals: Vec<IntervalMessage>,
    #[prost(string, optional, tag = "6")]
    access_schema: Option<String>,
    /// Absent: off, with the default settings.
    #[prost(message, optional, tag = "7")]
    notifications: Option<NotificationsMessage>,
    /// Empty: nothing is sealed.
    #[prost(string, repeated, tag = "8")]
    sealed_to: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntervalMessage {
    #[prost(string, tag = "1")]
    data_type: String,
    #[prost(uint64, tag = "2")]
    seconds: u64,
}

impl DefinitionMessage {
    /// With what is collected.
    pub(super) fn collecting(mut self, intervals: &PerDataType<Interval>) -> Self {
        let intervals = intervals.iter();
        let intervals = intervals.map(|(data_type, interval)| IntervalMessage {
            data_type: data_type.to_string(),
            seconds: interval.length().as_secs(),
        });
        self.intervals = intervals.collect();
        self
    }

    /// What is collected.
    pub(super) fn intervals(&self) -> Result<PerDataType<Interval>, CodecError> {
        let mut intervals = PerDataType::with_capacity(self.intervals.len());
        for message in &self.intervals {
            intervals.insert(data_type(&message.data_type)?, interval(message.seconds)?);
        }
        Ok(intervals)
    }
}

impl From<&Definition> for DefinitionMessage {
    fn from(definition: &Definition) -> Self {
        Self {
            display_name: definition.display_name.to_string(),
            connector: definition.connector.to_string(),
            configuration: definition.configuration.as_str().to_owned(),
            pool: Some((&definition.pool).into()),
            intervals: Vec::new(),
            access_schema: definition.access_schema.as_ref().map(ToString::to_string),
            notifications: (definition.notifications != Notifications::default())
                .then(|| (&definition.notifications).into()),
            sealed_to: keys(definition.sealed_to.as_ref()),
        }
    }
}

impl TryFrom<DefinitionMessage> for Definition {
    type Error = CodecError;

    fn try_from(message: DefinitionMessage) -> Result<Self, CodecError> {
        let access_schema = message
            .access_schema
            .map(|name| judged(AccessSchema::new(&name), "access schema"));
        Ok(Self {
            display_name: judged(DisplayName::new(&message.display_name), "display name")?,
            connector: connector_name(&message.connector)?,
            configuration: judged(Configuration::new(&message.configuration), "configuration")?,
            pool: required(message.pool, "pool")?.try_into()?,
            sealed_to: recipients(&message.sealed_to)?,
            access_schema: access_schema.transpose()?,
            notifications: message
                .notifications
                .map_or_else(|| Ok(Notifications::default()), TryInto::try_into)?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProfileMessage {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(string, optional, tag = "2")]
    organization: Option<String>,
    #[prost(message, optional, tag = "3")]
    pool: Option<PoolMessage>,
    #[prost(string, tag = "4")]
    version: String,
    #[prost(string, tag = "5")]
    platform: String,
    #[prost(uint32, tag = "6")]
    slots: u32,
    #[prost(string, repeated, tag = "7")]
    connectors: Vec<String>,
    #[prost(string, optional, tag = "8")]
    sealing_key: Option<String>,
}

impl From<&Profile> for ProfileMessage {
    fn from(profile: &Profile) -> Self {
        Self {
            display_name: profile.display_name.to_string(),
            organization: profile.organization.as_ref().map(ToString::to_string),
            pool: Some((&profile.pool).into()),
            version: profile.version.to_string(),
            platform: profile.platform.to_string(),
            slots: profile.slots.0,
            connectors: profile.connectors.iter().map(ToString::to_string).collect(),
            sealing_key: profile.sealing_key.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<ProfileMessage> for Profile {
    type Error = CodecError;

    fn try_from(message: ProfileMessage) -> Result<Self, CodecError> {
        let connectors = message.connectors.iter().map(|name| connector_name(name));
        Ok(Self {
            display_name: judged(DisplayName::new(&message.display_name), "display name")?,
            organization: owner(message.organization)?,
            pool: required(message.pool, "pool")?.try_into()?,
            version: message.version.into(),
            platform: message.platform.into(),
            slots: Slots(message.slots),
            connectors: connectors.collect::<Result<_, CodecError>>()?,
            sealing_key: message
                .sealing_key
                .map(|key| judged(key.parse(), "sealing key"))
                .transpose()?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OfferMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(string, tag = "3")]
    specification: String,
    /// Missing in what older versions have written, until a runner offers it again.
    #[prost(message, repeated, tag = "4")]
    permissions: Vec<PermissionMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PermissionMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    purpose: String,
    #[prost(bool, tag = "3")]
    required: bool,
    #[prost(string, repeated, tag = "4")]
    data_types: Vec<String>,
}

impl From<&Permission> for PermissionMessage {
    fn from(permission: &Permission) -> Self {
        Self {
            name: permission.name.clone(),
            purpose: permission.purpose.clone(),
            required: permission.required,
            data_types: permission.data_types.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<PermissionMessage> for Permission {
    type Error = CodecError;

    fn try_from(message: PermissionMessage) -> Result<Self, CodecError> {
        let data_types = message.data_types.iter().map(|name| data_type(name));
        Ok(Self {
            name: message.name,
            purpose: message.purpose,
            required: message.required,
            data_types: data_types.collect::<Result<_, CodecError>>()?,
        })
    }
}

impl From<&Offer> for OfferMessage {
    fn from(offer: &Offer) -> Self {
        Self {
            name: offer.name.to_string(),
            version: offer.version.to_string(),
            specification: offer.specification.to_string(),
            permissions: offer.permissions.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<OfferMessage> for Offer {
    type Error = CodecError;

    fn try_from(message: OfferMessage) -> Result<Self, CodecError> {
        Ok(Self {
            name: connector_name(&message.name)?,
            version: message.version.into(),
            specification: message.specification.into(),
            permissions: message
                .permissions
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, CodecError>>()?,
        })
    }
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct OutdatedMessage {
    #[prost(uint64, tag = "1")]
    since_ms: u64,
    #[prost(message, optional, tag = "2")]
    expected: Option<ReleaseMessage>,
}

impl From<Outdated> for OutdatedMessage {
    fn from(outdated: Outdated) -> Self {
        Self {
            since_ms: outdated.since.millis(),
            expected: Some(outdated.expected.into()),
        }
    }
}

impl TryFrom<OutdatedMessage> for Outdated {
    type Error = CodecError;

    fn try_from(message: OutdatedMessage) -> Result<Self, CodecError> {
        Ok(Self {
            since: Stamp::from_millis(message.since_ms),
            expected: required(message.expected, "release")?.into(),
        })
    }
}
