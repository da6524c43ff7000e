//! Notifications and incidents; events and records share their messages.

use std::iter;
use std::time::Duration;

use muster_core::entity::{
    Alert, Cause, Channel, Closed, Closing, Delivery, DeliveryState, Incident, Notice, NoticeKind,
};
use muster_core::health::{End, Window};
use muster_core::planted;
use muster_core::time::Stamp;
use muster_core::words::{EmailAddress, IncidentId, IntegrationId, Notifications, Percent, PoolName, RunnerId};

use super::evidence::EvidenceMessage;
use super::word::{IdMessage, id, organization};
use super::{CodecError, judged, required};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NotificationsMessage {
    #[prost(bool, tag = "1")]
    enabled: bool,
    #[prost(string, repeated, tag = "2")]
    recipients: Vec<String>,
    /// In hundredths of a percent.
    #[prost(uint32, tag = "3")]
    threshold: u32,
    /// In hundredths of a percent.
    #[prost(uint32, optional, tag = "4")]
    recovery: Option<u32>,
    #[prost(uint64, tag = "5")]
    window_s: u64,
    #[prost(uint32, tag = "6")]
    sample_min: u32,
    #[prost(uint64, tag = "7")]
    hold_s: u64,
    #[prost(uint64, optional, tag = "8")]
    reminder_s: Option<u64>,
}

impl From<&Notifications> for NotificationsMessage {
    fn from(notifications: &Notifications) -> Self {
        Self {
            enabled: notifications.enabled,
            recipients: notifications.recipients.iter().map(ToString::to_string).collect(),
            threshold: notifications.threshold.hundredths(),
            recovery: notifications.recovery.map(Percent::hundredths),
            window_s: notifications.window.as_secs(),
            sample_min: notifications.sample_min,
            hold_s: notifications.hold.as_secs(),
            reminder_s: notifications.reminder.map(|reminder| reminder.as_secs()),
        }
    }
}

impl TryFrom<NotificationsMessage> for Notifications {
    type Error = CodecError;

    fn try_from(message: NotificationsMessage) -> Result<Self, CodecError> {
        let recipients = message.recipients.iter().map(|text| address(text));
        Ok(Self {
            enabled: message.enabled,
            recipients: recipients.collect::<Result<_, _>>()?,
            threshold: percent(message.threshold)?,
            recovery: message.recovery.map(percent).transpose()?,
            window: Duration::from_secs(message.window_s),
            sample_min: message.sample_min,
            hold: Duration::from_secs(message.hold_s),
            reminder: message.reminder_s.map(Duration::from_secs),
        })
    }
}

fn address(text: &str) -> Result<EmailAddress, CodecError> {
    judged(EmailAddress::new(text), "e-mail address")
}

pub(super) fn percent(hundredths: u32) -> Result<Percent, CodecError> {
    judged(Percent::from_hundredths(hundredths), "share")
}

/// What stands for the place of a data type that is not known.
const NOWHERE: u8 = u8::MAX;

/// The ends of a window: of each the milliseconds since the one before, the first since the epoch, doubled, and one more if it failed.
pub(super) fn window_ends(window: &Window) -> Vec<u64> {
    let mut before = 0;
    let lacking = usize::from(planted!("ends-not-written"));
    let steps = window.ends().skip(lacking).map(|End { at, failed, .. }| {
        let step = at.millis() - before;
        before = at.millis();
        step << 1 | u64::from(failed)
    });
    steps.collect()
}

/// Of each end the place of its data type, in a byte.
pub(super) fn window_places(window: &Window) -> Vec<u8> {
    let places = window.ends().map(|end| end.place.map(u8::try_from));
    places
        .map(|place| place.and_then(Result::ok).unwrap_or(NOWHERE))
        .collect()
}

/// The window of these ends. An end without a place was written when windows knew of none.
pub(super) fn window(ends: &[u64], places: &[u8]) -> Window {
    let mut at = 0_u64;
    let places = places.iter().copied().chain(iter::repeat(NOWHERE));
    let ends = ends.iter().zip(places).map(|(end, place)| {
        at = at.saturating_add(end >> 1);
        End {
            at: Stamp::from_millis(at),
            failed: end & 1 == 1,
            place: (place != NOWHERE).then_some(place.into()),
        }
    });
    ends.collect()
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct AlertMessage {
    #[prost(oneof = "AlertKind", tags = "1, 2, 3")]
    kind: Option<AlertKind>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
enum AlertKind {
    /// Since when, in milliseconds.
    #[prost(uint64, tag = "1")]
    Quiet(u64),
    /// Since when, in milliseconds.
    #[prost(uint64, tag = "2")]
    Reached(u64),
    #[prost(message, tag = "3")]
    Open(OpenMessage),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct OpenMessage {
    #[prost(message, optional, tag = "1")]
    incident: Option<IdMessage>,
    #[prost(uint64, tag = "2")]
    told_ms: u64,
}

impl From<&Alert> for AlertMessage {
    fn from(alert: &Alert) -> Self {
        let kind = match alert {
            Alert::Quiet { since } => AlertKind::Quiet(since.millis()),
            Alert::Reached { since } => AlertKind::Reached(since.millis()),
            Alert::Open { incident, told } => AlertKind::Open(OpenMessage {
                incident: incident_id(*incident),
                told_ms: told.millis(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<AlertMessage> for Alert {
    type Error = CodecError;

    fn try_from(message: AlertMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Unknown("state of an alert"))? {
            AlertKind::Quiet(since) => Self::Quiet {
                since: Stamp::from_millis(since),
            },
            AlertKind::Reached(since) => Self::Reached {
                since: Stamp::from_millis(since),
            },
            AlertKind::Open(open) => Self::Open {
                incident: id(open.incident, IncidentId, "incident")?,
                told: Stamp::from_millis(open.told_ms),
            },
        })
    }
}

/// An incident's id on the disk.
pub(super) fn incident_id(id: IncidentId) -> Option<IdMessage> {
    Some(IdMessage::new(id.0))
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CauseMessage {
    #[prost(oneof = "CauseKind", tags = "1, 2, 3, 4")]
    kind: Option<CauseKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum CauseKind {
    /// Of which integration.
    #[prost(message, tag = "1")]
    ErrorRate(IdMessage),
    #[prost(message, tag = "2")]
    PoolOffline(PoolOfflineMessage),
    /// Which runner.
    #[prost(message, tag = "3")]
    RunnerOutdated(IdMessage),
    /// Which runner.
    #[prost(message, tag = "4")]
    RunnerCloned(IdMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
struct PoolOfflineMessage {
    #[prost(string, tag = "1")]
    organization: String,
    #[prost(string, tag = "2")]
    pool: String,
}

impl From<&Cause> for CauseMessage {
    fn from(cause: &Cause) -> Self {
        let kind = match cause {
            Cause::ErrorRate { integration } => CauseKind::ErrorRate(IdMessage::new(integration.0)),
            Cause::PoolOffline { organization, pool } => CauseKind::PoolOffline(PoolOfflineMessage {
                organization: organization.to_string(),
                pool: pool.to_string(),
            }),
            Cause::RunnerOutdated { runner } => CauseKind::RunnerOutdated(IdMessage::new(runner.0)),
            Cause::RunnerCloned { runner } => CauseKind::RunnerCloned(IdMessage::new(runner.0)),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<CauseMessage> for Cause {
    type Error = CodecError;

    fn try_from(message: CauseMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Unknown("cause of an incident"))? {
            CauseKind::ErrorRate(integration) => Ok(Self::ErrorRate {
                integration: id(Some(integration), IntegrationId, "integration")?,
            }),
            CauseKind::PoolOffline(message) => Ok(Self::PoolOffline {
                organization: organization(&message.organization)?,
                pool: judged(PoolName::new(&message.pool), "pool")?,
            }),
            CauseKind::RunnerOutdated(runner) => Ok(Self::RunnerOutdated {
                runner: id(Some(runner), RunnerId, "runner")?,
            }),
            CauseKind::RunnerCloned(runner) => Ok(Self::RunnerCloned {
                runner: id(Some(runner), RunnerId, "runner")?,
            }),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ChannelMessage {
    #[prost(oneof = "ChannelKind", tags = "1")]
    kind: Option<ChannelKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ChannelKind {
    /// To which address.
    #[prost(string, tag = "1")]
    Email(String),
}

impl From<&Channel> for ChannelMessage {
    fn from(channel: &Channel) -> Self {
        let kind = match channel {
            Channel::Email(address) => ChannelKind::Email(address.to_string()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<ChannelMessage> for Channel {
    type Error = CodecError;

    fn try_from(message: ChannelMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Unknown("kind of channel"))? {
            ChannelKind::Email(text) => Ok(Self::Email(address(&text)?)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ClosingMessage {
    Unspecified = 0,
    Recovered = 1,
    Disabled = 2,
    Deleted = 3,
    Muted = 4,
    Unused = 5,
    Gone = 6,
}

impl From<Closing> for ClosingMessage {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::Recovered => Self::Recovered,
            Closing::Disabled => Self::Disabled,
            Closing::Deleted => Self::Deleted,
            Closing::Muted => Self::Muted,
            Closing::Unused => Self::Unused,
            Closing::Gone => Self::Gone,
        }
    }
}

/// Why an incident is over.
pub(super) fn closing(number: i32) -> Result<Closing, CodecError> {
    const UNKNOWN: CodecError = CodecError::Unknown("end of an incident");
    match ClosingMessage::try_from(number).map_err(|_| UNKNOWN)? {
        ClosingMessage::Unspecified => Err(UNKNOWN),
        ClosingMessage::Recovered => Ok(Closing::Recovered),
        ClosingMessage::Disabled => Ok(Closing::Disabled),
        ClosingMessage::Deleted => Ok(Closing::Deleted),
        ClosingMessage::Muted => Ok(Closing::Muted),
        ClosingMessage::Unused => Ok(Closing::Unused),
        ClosingMessage::Gone => Ok(Closing::Gone),
    }
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct DeliveryStateMessage {
    #[prost(oneof = "DeliveryStateKind", tags = "1, 2, 3")]
    kind: Option<DeliveryStateKind>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
enum DeliveryStateKind {
    #[prost(message, tag = "1")]
    Waiting(WaitingMessage),
    /// When, in milliseconds.
    #[prost(uint64, tag = "2")]
    Sent(u64),
    /// Since when, in milliseconds.
    #[prost(uint64, tag = "3")]
    Dead(u64),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct WaitingMessage {
    #[prost(uint32, tag = "1")]
    tries: u32,
    #[prost(uint64, tag = "2")]
    next_ms: u64,
}

impl From<&DeliveryState> for DeliveryStateMessage {
    fn from(state: &DeliveryState) -> Self {
        let kind = match state {
            DeliveryState::Waiting { tries, next } => DeliveryStateKind::Waiting(WaitingMessage {
                tries: *tries,
                next_ms: next.millis(),
            }),
            DeliveryState::Sent { at } => DeliveryStateKind::Sent(at.millis()),
            DeliveryState::Dead { at } => DeliveryStateKind::Dead(at.millis()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<DeliveryStateMessage> for DeliveryState {
    type Error = CodecError;

    fn try_from(message: DeliveryStateMessage) -> Result<Self, CodecError> {
        Ok(match message.kind.ok_or(CodecError::Unknown("state of a delivery"))? {
            DeliveryStateKind::Waiting(waiting) => Self::Waiting {
                tries: waiting.tries,
                next: Stamp::from_millis(waiting.next_ms),
            },
            DeliveryStateKind::Sent(at) => Self::Sent {
                at: Stamp::from_millis(at),
            },
            DeliveryStateKind::Dead(at) => Self::Dead {
                at: Stamp::from_millis(at),
            },
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct IncidentMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(string, tag = "2")]
    organization: String,
    #[prost(message, optional, tag = "3")]
    cause: Option<CauseMessage>,
    #[prost(uint64, tag = "4")]
    opened_ms: u64,
    /// Absent while it is open.
    #[prost(message, optional, tag = "5")]
    closed: Option<ClosedMessage>,
    #[prost(uint32, tag = "6")]
    noticed: u32,
    #[prost(message, repeated, tag = "7")]
    notices: Vec<NoticeMessage>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ClosedMessage {
    #[prost(uint64, tag = "1")]
    at_ms: u64,
    #[prost(enumeration = "ClosingMessage", tag = "2")]
    closing: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NoticeMessage {
    #[prost(uint32, tag = "1")]
    ordinal: u32,
    #[prost(enumeration = "NoticeKindMessage", tag = "2")]
    kind: i32,
    #[prost(uint64, tag = "3")]
    at_ms: u64,
    #[prost(message, optional, tag = "4")]
    evidence: Option<EvidenceMessage>,
    #[prost(message, repeated, tag = "5")]
    deliveries: Vec<DeliveryMessage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum NoticeKindMessage {
    Unspecified = 0,
    Opened = 1,
    Reminder = 2,
    Closed = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DeliveryMessage {
    #[prost(message, optional, tag = "1")]
    channel: Option<ChannelMessage>,
    #[prost(message, optional, tag = "2")]
    state: Option<DeliveryStateMessage>,
    #[prost(string, tag = "3")]
    answer: String,
}

impl From<&Incident> for IncidentMessage {
    fn from(incident: &Incident) -> Self {
        Self {
            id: incident_id(incident.id),
            organization: incident.organization.to_string(),
            cause: Some((&incident.cause).into()),
            opened_ms: incident.opened.millis(),
            closed: incident.closed.map(|closed| ClosedMessage {
                at_ms: closed.at.millis(),
                closing: ClosingMessage::from(closed.closing).into(),
            }),
            noticed: incident.noticed,
            notices: incident.notices.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<IncidentMessage> for Incident {
    type Error = CodecError;

    fn try_from(message: IncidentMessage) -> Result<Self, CodecError> {
        let closed = message.closed.map(|closed| {
            Ok::<_, CodecError>(Closed {
                at: Stamp::from_millis(closed.at_ms),
                closing: closing(closed.closing)?,
            })
        });
        Ok(Self {
            id: id(message.id, IncidentId, "incident")?,
            organization: organization(&message.organization)?,
            cause: required(message.cause, "cause")?.try_into()?,
            opened: Stamp::from_millis(message.opened_ms),
            closed: closed.transpose()?,
            noticed: message.noticed,
            notices: message
                .notices
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Notice> for NoticeMessage {
    fn from(notice: &Notice) -> Self {
        let kind = match notice.kind {
            NoticeKind::Opened => NoticeKindMessage::Opened,
            NoticeKind::Reminder => NoticeKindMessage::Reminder,
            NoticeKind::Closed => NoticeKindMessage::Closed,
        };
        let deliveries = notice.deliveries.iter().map(|delivery| DeliveryMessage {
            channel: Some((&delivery.channel).into()),
            state: Some((&delivery.state).into()),
            answer: delivery.answer.clone(),
        });
        Self {
            ordinal: notice.ordinal,
            kind: kind.into(),
            at_ms: notice.at.millis(),
            evidence: Some((&notice.evidence).into()),
            deliveries: deliveries.collect(),
        }
    }
}

impl TryFrom<NoticeMessage> for Notice {
    type Error = CodecError;

    fn try_from(message: NoticeMessage) -> Result<Self, CodecError> {
        const UNKNOWN: CodecError = CodecError::Unknown("kind of notice");
        let kind = match NoticeKindMessage::try_from(message.kind).map_err(|_| UNKNOWN)? {
            NoticeKindMessage::Unspecified => return Err(UNKNOWN),
            NoticeKindMessage::Opened => NoticeKind::Opened,
            NoticeKindMessage::Reminder => NoticeKind::Reminder,
            NoticeKindMessage::Closed => NoticeKind::Closed,
        };
        let deliveries = message.deliveries.into_iter().map(|delivery| {
            Ok(Delivery {
                channel: required(delivery.channel, "channel")?.try_into()?,
                state: required(delivery.state, "state")?.try_into()?,
                answer: delivery.answer,
            })
        });
        Ok(Self {
            ordinal: message.ordinal,
            kind,
            at: Stamp::from_millis(message.at_ms),
            evidence: required(message.evidence, "evidence")?.try_into()?,
            deliveries: deliveries.collect::<Result<_, CodecError>>()?,
        })
    }
}
