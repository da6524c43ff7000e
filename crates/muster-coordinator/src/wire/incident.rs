//! Incidents, as answers tell them.

use muster_core::entity::{
    Cause, Channel, Closed, Closing, Delivery, DeliveryState, ErrorSeen, Evidence, Incident, Notice, NoticeKind,
    PoolEvidence, RunnerEvidence,
};
use muster_core::health::Tally;
use muster_proto::v1;

use super::failure::failure;
use super::name;
use super::notifications::in_percent;
use super::time::{timestamp, whole_seconds};

pub(crate) fn incident(incident: &Incident) -> v1::Incident {
    let organization = &incident.organization;
    let state = match incident.closed {
        None => v1::IncidentState::Open,
        Some(_) => v1::IncidentState::Closed,
    };
    let closing = incident
        .closed
        .map_or(v1::IncidentClosing::Unspecified, |closed| closing(closed.closing));
    let mut told = v1::Incident {
        name: name::of_incident(organization, incident.id),
        cause: cause(&incident.cause).into(),
        state: state.into(),
        open_time: Some(timestamp(incident.opened)),
        close_time: incident.closed.map(|closed| timestamp(closed.at)),
        closing: closing.into(),
        notices: incident.notices.iter().map(|one| notice(incident, one)).collect(),
        ..v1::Incident::default()
    };
    match &incident.cause {
        Cause::ErrorRate { integration } => told.integration = name::of_integration(organization, *integration),
        Cause::PoolOffline { pool, .. } => told.pool = pool.to_string(),
        Cause::RunnerOutdated { runner } | Cause::RunnerCloned { runner } => {
            told.runner = name::of_runner(organization, *runner);
        }
    }
    told
}

/// What goes wrong.
pub(crate) fn cause(cause: &Cause) -> v1::IncidentCause {
    match cause {
        Cause::ErrorRate { .. } => v1::IncidentCause::ErrorRate,
        Cause::PoolOffline { .. } => v1::IncidentCause::PoolOffline,
        Cause::RunnerOutdated { .. } => v1::IncidentCause::RunnerOutdated,
        Cause::RunnerCloned { .. } => v1::IncidentCause::RunnerCloned,
    }
}

fn notice(incident: &Incident, notice: &Notice) -> v1::IncidentNotice {
    let kind = match notice.kind {
        NoticeKind::Opened => v1::IncidentNoticeKind::Opened,
        NoticeKind::Reminder => v1::IncidentNoticeKind::Reminder,
        NoticeKind::Closed => v1::IncidentNoticeKind::Closed,
    };
    let remedy = match notice.kind {
        NoticeKind::Opened | NoticeKind::Reminder => notice.evidence.remedy(),
        NoticeKind::Closed => None,
    };
    let mut told = v1::IncidentNotice {
        kind: kind.into(),
        notice_time: Some(timestamp(notice.at)),
        display_name: notice.evidence.called().to_owned(),
        deliveries: notice.deliveries.iter().map(delivery).collect(),
        summary: summary(notice, incident.closed),
        remedy: remedy.unwrap_or_default(),
        ..v1::IncidentNotice::default()
    };
    match &notice.evidence {
        Evidence::ErrorRate(rate) => {
            told.error_rate = Some(error_rate(rate.tally, rate.window));
            told.threshold_percent = in_percent(rate.threshold);
            told.recovery_percent = in_percent(rate.recovery);
            told.errors = rate.errors.iter().map(|one| error(incident, one)).collect();
        }
        Evidence::PoolOffline(pool) => told.pool = Some(standing(incident, pool)),
        Evidence::RunnerOutdated(runner) => told.runner = Some(version(runner)),
        // What there is to say is its summary, and what to do.
        Evidence::RunnerCloned(_) => {}
    }
    told
}

/// What there is to say, in a line.
fn summary(notice: &Notice, closed: Option<Closed>) -> String {
    let closing = closed
        .filter(|_| notice.kind == NoticeKind::Closed)
        .map(|closed| closed.closing);
    match (&notice.evidence, closing) {
        (Evidence::ErrorRate(rate), _) => rate.tally.to_string(),
        (Evidence::PoolOffline(pool), None) => {
            format!("no runner for {}", counted(pool.integrations, "integration"))
        }
        (Evidence::PoolOffline(_), Some(Closing::Unused)) => "no integration relies on it".to_owned(),
        (Evidence::PoolOffline(pool), Some(_)) => match &pool.last {
            Some(last) => format!("`{}` is there", last.display_name),
            None => "a runner is there".to_owned(),
        },
        (Evidence::RunnerOutdated(runner), None) => {
            format!("version {}, {} is expected", runner.version, runner.expected)
        }
        (Evidence::RunnerOutdated(runner), Some(_)) => format!("version {}", runner.version),
        (Evidence::RunnerCloned(runner), _) => {
            format!(
                "its key is used at two places: locked, and no runner of `{}` any more",
                runner.pool
            )
        }
    }
}

/// "1 execution", "2 executions".
pub(crate) fn counted(count: u32, of: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {of}{plural}")
}

fn standing(incident: &Incident, pool: &PoolEvidence) -> v1::PoolStanding {
    let last = pool.last.as_ref();
    v1::PoolStanding {
        last_runner: last.map_or_else(String::new, |last| name::of_runner(&incident.organization, last.runner)),
        last_runner_display_name: last.map_or_else(String::new, |last| last.display_name.to_string()),
        last_runner_time: last.map(|last| timestamp(last.heard)),
        integration_count: pool.integrations,
        execution_count: pool.executions,
    }
}

fn version(runner: &RunnerEvidence) -> v1::RunnerVersion {
    v1::RunnerVersion {
        version: runner.version.to_string(),
        expected_release: runner.expected.to_string(),
        pool: runner.pool.to_string(),
        check_in_time: Some(timestamp(runner.checked_in)),
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
    let integration = incident.cause.integration();
    let execution =
        integration.map(|integration| name::of_execution(&incident.organization, integration, error.execution));
    v1::IncidentError {
        data_type: error.data_type.to_string(),
        execution: execution.unwrap_or_default(),
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
        Closing::Unused => v1::IncidentClosing::Unused,
        Closing::Gone => v1::IncidentClosing::Gone,
    }
}
