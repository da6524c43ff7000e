//! Runners, from what the ledger remembers and what the roster sees.

use muster_core::entity::{Barred, Runner};
use muster_core::roster::{Presence, WITHDRAWALS_MAX};
use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, IntegrationId, OrganizationId};
use muster_proto::v1;

use super::name;
use super::time::{skew, timestamp};
use crate::service::said::Said;

/// The most executions of a runner that an answer names.
pub(crate) const EXECUTIONS_SHOWN_MAX: usize = 100;

/// A runner, as an answer tells it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) runner: Runner,
    /// `None` when its lease is over.
    pub(crate) presence: Option<Presence>,
    /// `None` while it may check in.
    pub(crate) barred: Option<Barred>,
    /// What it holds of the organization that asks, at most [`EXECUTIONS_SHOWN_MAX`].
    pub(crate) executions: Vec<(IntegrationId, ExecutionId)>,
}

/// `said` is what it says of itself on its stream; `None` while it has none.
pub(crate) fn runner(organization: &OrganizationId, seen: Seen, said: Option<Said>) -> v1::Runner {
    let Seen {
        runner,
        presence,
        barred,
        executions,
    } = seen;
    let profile = &runner.profile;
    let last_seen = last_seen(&runner, presence.as_ref());
    let (os, arch) = profile.platform.split_once('/').unwrap_or((&profile.platform, ""));
    let executions = executions.into_iter();
    v1::Runner {
        name: name::of_runner(organization, runner.id),
        display_name: profile.display_name.to_string(),
        pool: profile.pool.to_string(),
        version: profile.version.to_string(),
        online: presence.as_ref().is_some_and(|presence| presence.session.is_some()),
        status: status(presence.as_ref(), barred).into(),
        slots: profile.slots.0,
        busy_slots: presence.as_ref().map_or(0, |presence| presence.held),
        connectors: profile.connectors.iter().map(ToString::to_string).collect(),
        last_seen_time: Some(timestamp(last_seen)),
        first_seen_time: Some(timestamp(runner.first_seen)),
        clock_skew: said.as_ref().and_then(|said| said.clock_skew_ms).map(skew),
        executions: executions
            .map(|(integration, id)| name::of_execution(organization, integration, id))
            .collect(),
        // Where the service's own runners run is no organization's to know.
        host: profile.organization.is_some().then(|| v1::HostFacts {
            hostname: said.map(|said| said.hostname).unwrap_or_default(),
            os: os.to_owned(),
            arch: arch.to_owned(),
        }),
        sealing_key: profile
            .sealing_key
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        version_required: presence
            .as_ref()
            .and_then(|presence| presence.required)
            .map(|required| required.to_string())
            .unwrap_or_default(),
        check_in_time: Some(timestamp(runner.checked_in)),
        drain_time: runner.drained.map(timestamp),
        revoke_time: barred.map(|barred| timestamp(barred.since)),
        release_expected: runner
            .outdated
            .map(|outdated| outdated.expected.to_string())
            .unwrap_or_default(),
    }
}

/// When it was last heard, to a heartbeat.
pub(super) fn last_seen(runner: &Runner, presence: Option<&Presence>) -> Stamp {
    match presence {
        Some(presence) => presence.heard_at,
        None => runner.left.unwrap_or(runner.checked_in),
    }
}

pub(super) fn status(presence: Option<&Presence>, barred: Option<Barred>) -> v1::RunnerStatus {
    let presence = presence.filter(|presence| barred.is_none() || presence.session.is_some());
    if presence.is_none() && barred.is_some() {
        return v1::RunnerStatus::Revoked;
    }
    let Some(presence) = presence else {
        return v1::RunnerStatus::Offline;
    };
    if presence.session.is_none() {
        v1::RunnerStatus::Unknown
    } else if presence.draining || presence.drained {
        v1::RunnerStatus::Draining
    } else if presence.withdrawals >= WITHDRAWALS_MAX {
        v1::RunnerStatus::Excluded
    } else if presence.required.is_some() {
        v1::RunnerStatus::TooOld
    } else if presence.free() == 0 {
        v1::RunnerStatus::Busy
    } else {
        v1::RunnerStatus::Ready
    }
}

#[cfg(test)]
mod tests {
    use muster_core::time::{Moment, Stamp};
    use muster_core::words::{SessionId, Slots};

    use super::*;
    use muster_core::entity::BarReason;
    use muster_core::roster::Instances;

    #[test]
    fn a_presence_has_one_status() {
        let ready = Presence {
            session: Some(SessionId(1)),
            pool: None,
            connectors: Vec::new(),
            sealing_key: None,
            slots: Slots(2),
            held: 1,
            heard: Moment::default(),
            heard_at: Stamp::default(),
            draining: false,
            drained: false,
            withdrawals: 0,
            supersessions: 0,
            instances: Instances::default(),
            required: None,
            excuse: None,
        };
        let too_old = Presence {
            required: "1.4.0".parse().ok(),
            ..ready.clone()
        };
        let busy = Presence {
            held: 2,
            ..ready.clone()
        };
        let draining = Presence {
            draining: true,
            ..busy.clone()
        };
        let drained = Presence {
            drained: true,
            ..ready.clone()
        };
        let excluded = Presence {
            withdrawals: WITHDRAWALS_MAX,
            ..ready.clone()
        };
        let away = Presence {
            session: None,
            ..draining.clone()
        };
        for (presence, expected) in [
            (None, v1::RunnerStatus::Offline),
            (Some(&away), v1::RunnerStatus::Unknown),
            (Some(&draining), v1::RunnerStatus::Draining),
            (Some(&drained), v1::RunnerStatus::Draining),
            (Some(&excluded), v1::RunnerStatus::Excluded),
            (Some(&too_old), v1::RunnerStatus::TooOld),
            (Some(&busy), v1::RunnerStatus::Busy),
            (Some(&ready), v1::RunnerStatus::Ready),
        ] {
            assert_eq!(status(presence, None), expected);
        }
        let barred = Some(Barred {
            why: BarReason::Revoked,
            since: Stamp::default(),
        });
        assert_eq!(status(None, barred), v1::RunnerStatus::Revoked);
        assert_eq!(status(Some(&away), barred), v1::RunnerStatus::Revoked);
        assert_eq!(
            status(Some(&ready), barred),
            v1::RunnerStatus::Ready,
            "it is there, where nobody is asked who they are"
        );
    }
}
