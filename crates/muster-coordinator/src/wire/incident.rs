//! Incidents, as answers tell them.

use muster_core::entity::{Cause, Channel, Closing, Delivery, DeliveryState, ErrorSeen, Incident, Notice, NoticeKind};
use muster_core::health::Tally;
use muster_proto::v1;

use super::failure::failure;
use super::name;
use super::notifications::in_percent;
use super::time::{timestamp, whole_seconds};

pub(crate) fn incident(incident: &Incident) -> v1::Incident {
    let Cause::ErrorRate { integration } = incident.cause;
    let state = match incident.closed {
        None => v1::IncidentState::Open,
        Some(_) => v1::IncidentState::Closed,
    };
    let closing = incident
        .closed
        .map_or(v1::IncidentClosing::Unspecified, |closed| closing(closed.closing));
    v1::Incident {
        name: name::of_incident(&incident.organization, incident.id),
        cause: v1::IncidentCause::ErrorRate.into(),
        integration: name::of_integration(&incident.organization, integration),
        state: state.into(),
        open_time: Some(timestamp(incident.opened)),
        close_time: incident.closed.map(|closed| timestamp(closed.at)),
        closing: closing.into(),
        notices: incident.notices.iter().map(|one| notice(incident, one)).collect(),
    }
}

fn notice(incident: &Incident, notice: &Notice) -> v1::IncidentNotice {
    let evidence = &notice.evidence;
    let kind = match notice.kind {
        NoticeKind::Opened => v1::IncidentNoticeKind::Opened,
        NoticeKind::Reminder => v1::IncidentNoticeKind::Reminder,
        NoticeKind::Closed => v1::IncidentNoticeKind::Closed,
    };
    v1::IncidentNotice {
        kind: kind.into(),
        notice_time: Some(timestamp(notice.at)),
        display_name: evidence.display_name.to_string(),
        error_rate: Some(error_rate(evidence.tally, evidence.window)),
        threshold_percent: in_percent(evidence.threshold),
        recovery_percent: in_percent(evidence.recovery),
        errors: evidence.errors.iter().map(|one| error(incident, one)).collect(),
        deliveries: notice.deliveries.iter().map(delivery).collect(),
    }
}

/// How executions have ended within a window.
pub(crate) fn error_rate(tally: Tally, window: std::time::Duration) -> v1::ErrorRate {
    v1::ErrorRate {
        failed_count: tally.failed,
        finished_count: tally.finished,
        window: Some(whole_seconds(window)),
        arithmetic: tally.to_string(),
    }
}

fn error(incident: &Incident, error: &ErrorSeen) -> v1::IncidentError {
    let Cause::ErrorRate { integration } = incident.cause;
    v1::IncidentError {
        data_type: error.data_type.to_string(),
        execution: name::of_execution(&incident.organization, integration, error.execution),
        end_time: Some(timestamp(error.at)),
        failure: Some(failure(&error.failure, None)),
    }
}

fn delivery(delivery: &Delivery) -> v1::NoticeDelivery {
    let Channel::Email(address) = &delivery.channel;
    let (end_time, tries, next_try_time) = match delivery.state {
        DeliveryState::Waiting { tries, next } => (None, tries, Some(timestamp(next))),
        DeliveryState::Sent { at } | DeliveryState::Dead { at } => (Some(timestamp(at)), 0, None),
    };
    v1::NoticeDelivery {
        channel: Some(v1::notice_delivery::Channel::Email(address.to_string())),
        state: delivery_state(&delivery.state).into(),
        end_time,
        tries,
        next_try_time,
        answer: delivery.answer.clone(),
    }
}

/// What has become of a delivery.
pub(crate) fn delivery_state(state: &DeliveryState) -> v1::NoticeDeliveryState {
    match state {
        DeliveryState::Waiting { .. } => v1::NoticeDeliveryState::Waiting,
        DeliveryState::Sent { .. } => v1::NoticeDeliveryState::Sent,
        DeliveryState::Dead { .. } => v1::NoticeDeliveryState::Dead,
    }
}

fn closing(closing: Closing) -> v1::IncidentClosing {
    match closing {
        Closing::Recovered => v1::IncidentClosing::Recovered,
        Closing::Disabled => v1::IncidentClosing::Disabled,
        Closing::Deleted => v1::IncidentClosing::Deleted,
        Closing::Muted => v1::IncidentClosing::Muted,
    }
}
