//! Messages and words that the tests share.

use std::time::Duration;

use muster_core::decide::{Assignment, Work};
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{
    Attempt, Configuration, ConnectorName, DataType, ExecutionId, IntegrationId, OrganizationId, Revision, RunnerId,
    SessionId,
};
use muster_proto::v1;
use muster_session::runner::RunnerProfile;
use v1::report::Kind as Said;

pub(crate) const SLOTS: u32 = 2;

/// This many milliseconds after the start of the virtual time, on both clocks.
pub(crate) fn at(millis: u64) -> Now {
    Now {
        stamp: Stamp::from_millis(1_700_000_000_000 + millis),
        moment: Moment::from_start(Duration::from_millis(millis)),
    }
}

pub(crate) fn work(execution: u128, attempt: u32) -> Work {
    (ExecutionId(execution), Attempt(attempt))
}

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::new("acme").expect("a name")
}

pub(crate) fn profile(runner: u128) -> RunnerProfile {
    RunnerProfile {
        runner: RunnerId(runner),
        display_name: format!("hq-{runner}"),
        organization: "organizations/acme".to_owned(),
        pool: "hq".to_owned(),
        version: "0.1.0".to_owned(),
        connectors: vec![v1::ConnectorSpecification {
            connector: "host".to_owned(),
            version: "0.1.0".to_owned(),
            data_types: vec![v1::DataTypeSpecification {
                data_type: "device".to_owned(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        slots: SLOTS,
        host: v1::HostFacts {
            hostname: "dc1".to_owned(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
        },
        sealing_key: String::new(),
    }
}

/// The hello of such a runner, with nothing in hand.
pub(crate) fn hello(runner: u128) -> v1::Hello {
    let profile = profile(runner);
    v1::Hello {
        runner_id: profile.runner.to_bytes().to_vec().into(),
        display_name: profile.display_name,
        organization: profile.organization,
        pool: profile.pool,
        version: profile.version,
        connectors: profile.connectors,
        slots: profile.slots,
        running: Vec::new(),
        finished: Vec::new(),
        host: Some(profile.host),
        local_time: None,
        instance_id: 0,
        sealing_key: profile.sealing_key,
    }
}

pub(crate) fn assignment((execution, attempt): Work) -> Assignment {
    Assignment {
        execution,
        attempt,
        organization: organization(),
        integration: IntegrationId(1),
        data_type: DataType::new("device").expect("a name"),
        connector: ConnectorName::new("host").expect("a name"),
        access_schema: None,
        configuration: Configuration::new(r#"{"port":636}"#).expect("small"),
        revision: Revision(1),
        cursor: None,
    }
}

pub(crate) fn held((execution, attempt): Work) -> v1::HeldAttempt {
    v1::HeldAttempt {
        execution_id: execution.to_bytes().to_vec().into(),
        attempt: attempt.0,
    }
}

pub(crate) fn report((execution, attempt): Work, kind: Said) -> v1::Report {
    v1::Report {
        execution_id: execution.to_bytes().to_vec().into(),
        attempt: attempt.0,
        kind: Some(kind),
    }
}

pub(crate) fn accepted(work: Work) -> v1::Report {
    report(work, Said::Accepted(v1::Accepted {}))
}

pub(crate) fn started(work: Work) -> v1::Report {
    report(work, Said::Started(v1::Started {}))
}

pub(crate) fn completed(work: Work, records: u64, staged: bool) -> v1::Report {
    let counts = v1::Counts {
        records,
        bytes: records * 10,
    };
    report(
        work,
        Said::Completed(v1::Completed {
            counts: Some(counts),
            cursor: None,
            staged,
        }),
    )
}

pub(crate) fn from_runner(kind: v1::runner_message::Kind) -> v1::RunnerMessage {
    v1::RunnerMessage { kind: Some(kind) }
}

pub(crate) fn reports(reports: Vec<v1::Report>) -> v1::RunnerMessage {
    from_runner(v1::runner_message::Kind::Reports(v1::Reports { reports }))
}

pub(crate) fn from_coordinator(kind: v1::coordinator_message::Kind) -> v1::CoordinatorMessage {
    v1::CoordinatorMessage { kind: Some(kind) }
}

pub(crate) fn ack((execution, attempt): Work, kind: v1::ReportKind) -> v1::CoordinatorMessage {
    from_coordinator(v1::coordinator_message::Kind::Acks(v1::Acks {
        acks: vec![v1::Ack {
            execution_id: execution.to_bytes().to_vec().into(),
            attempt: attempt.0,
            kind: kind.into(),
        }],
    }))
}

pub(crate) fn fence((execution, attempt): Work) -> v1::CoordinatorMessage {
    from_coordinator(v1::coordinator_message::Kind::Fences(v1::Fences {
        fences: vec![v1::Fence {
            execution_id: execution.to_bytes().to_vec().into(),
            attempt: attempt.0,
            reason: v1::FenceReason::NotHeld.into(),
        }],
    }))
}

pub(crate) fn assign(work: &[Work]) -> v1::CoordinatorMessage {
    let assignments = work.iter().map(|work| {
        muster_session::wire::assignment_to_wire(assignment(*work)).expect("its configuration is an object")
    });
    from_coordinator(v1::coordinator_message::Kind::Assignments(v1::Assignments {
        assignments: assignments.collect(),
    }))
}

pub(crate) fn welcome(session: u128, lease_s: i64, heartbeat_s: i64, resumed: &[Work]) -> v1::CoordinatorMessage {
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    from_coordinator(v1::coordinator_message::Kind::Welcome(v1::Welcome {
        session_id: SessionId(session).to_bytes().to_vec().into(),
        lease: seconds(lease_s),
        heartbeat_interval: seconds(heartbeat_s),
        resumed: resumed.iter().copied().map(held).collect(),
        ..Default::default()
    }))
}
