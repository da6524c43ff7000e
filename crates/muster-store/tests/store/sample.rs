//! One of everything that a store keeps.

mod access;
mod audit;
mod identities;

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::entity::{
    Alert, Cause, Channel, Checked, CloneEvidence, Closed, Closing, Collection, Completion, Connector, ConnectorKey,
    Definition, Delivery, DeliveryState, ErrorSeen, Evidence, Execution, Finished, Incident, Integration, LastRunner,
    Notice, NoticeKind, Offer, Organization, OrganizationState, Outdated, PerDataType, Phase, PoolEvidence, Profile,
    RateEvidence, Runner, RunnerEvidence, Trouble,
};
use muster_core::event::{Event, OrganizationChange, Recorded};
use muster_core::health::{End, Tally};
use muster_core::ledger::Entity;
use muster_core::schedule::{Skip, SkipReason};
use muster_core::time::{Interval, Stamp};
use muster_core::words::{
    AccessSchema, Attempt, Claim, Configuration, Counts, Cursor, DataType, EmailAddress, Enablement, ExecutionId,
    Failure, IncidentId, IntegrationId, LogLevel, LogLine, LogSource, Notifications, Origin, Outcome, Percent,
    Permission, Pool, Principal, Quotas, Reason, ReasonKind, Recipients, Release, Request, RequestId, RetentionDays,
    Revision, RunnerId, SealingKey, Slots, Staged, StagedId, Warning,
};

pub(crate) const RUNNER: RunnerId = RunnerId(0x0193_0000_0000_7000_8000_0000_0000_00AA);
pub(crate) const INTEGRATION: IntegrationId = IntegrationId(0x0193_0000_0000_7000_8000_0000_0000_00BB);

const INCIDENT: IncidentId = IncidentId(0x0193_0000_0000_7000_8000_0000_0000_00CC);
const POOL_INCIDENT: IncidentId = IncidentId(0x0193_0000_0000_7000_8000_0000_0000_00CD);
const RUNNER_INCIDENT: IncidentId = IncidentId(0x0193_0000_0000_7000_8000_0000_0000_00CE);

const CLONE_INCIDENT: IncidentId = IncidentId(0x0193_0000_0000_7000_8000_0000_0000_00CF);

const RELEASE: Release = Release { major: 0, minor: 2 };

pub(crate) fn at(millis: u64) -> Stamp {
    Stamp::from_millis(1_732_000_000_000 + millis)
}

pub(crate) fn execution(ordinal: u64) -> ExecutionId {
    ExecutionId(u128::from(at(ordinal * 1_000).millis()) << 80 | 0x7000_8000_0000_0000_0000 | u128::from(ordinal))
}

pub(crate) fn integration(ordinal: u64) -> IntegrationId {
    IntegrationId(INTEGRATION.0 + u128::from(ordinal))
}

fn claim(attempt: u32) -> Claim {
    Claim {
        runner: RUNNER,
        attempt: Attempt(attempt),
    }
}

fn data_type() -> DataType {
    DataType::new("device").unwrap()
}

fn pool() -> Pool {
    Pool {
        organization: Some("acme".parse().unwrap()),
        name: "hq".parse().unwrap(),
    }
}

fn request() -> Request {
    Request {
        id: RequestId(0x0193_0000_0000_4000_8000_0000_0000_00CC),
        digest: [7; 32],
    }
}

fn counts() -> Counts {
    Counts {
        records: 12,
        bytes: 3_456,
    }
}

fn failure() -> Failure {
    let reason = Reason::new(ReasonKind::Untrusted, "dc1:636").with_issuer("Corp Proxy CA");
    Failure::because(reason, "connection refused by dc1:636").with_remedy("open the port")
}

fn staged() -> Staged {
    Staged {
        id: StagedId("staging/1".to_owned()),
        counts: counts(),
        cursor: Some(Cursor::new("page=7").unwrap()),
    }
}

fn skip(reason: SkipReason) -> Skip {
    Skip {
        from: at(10),
        to: at(30),
        count: 3,
        revision: Revision(2),
        reason,
    }
}

fn definition() -> Definition {
    Definition {
        display_name: "Corp directory".parse().unwrap(),
        connector: "ldap".parse().unwrap(),
        access_schema: Some(AccessSchema::new("single-domain").expect("a name")),
        configuration: Configuration::new(r#"{"host":"dc1"}"#).unwrap(),
        pool: pool(),
        sealed_to: recipients(),
        notifications: Notifications {
            enabled: true,
            recipients: [address()].into(),
            recovery: Some(Percent::from_hundredths(1_250).unwrap()),
            reminder: None,
            ..Notifications::default()
        },
    }
}

fn intervals() -> PerDataType<Interval> {
    let software = "software".parse().unwrap();
    [(data_type(), Interval::HOUR), (software, Interval::DAY)]
        .into_iter()
        .collect()
}

fn address() -> EmailAddress {
    EmailAddress::new("oncall@example.com").unwrap()
}

fn evidence() -> Evidence {
    Evidence::ErrorRate(RateEvidence {
        display_name: "Corp directory".parse().unwrap(),
        tally: Tally {
            failed: 7,
            finished: 20,
        },
        window: Duration::from_secs(86_400),
        threshold: Percent::THIRTY,
        recovery: Percent::THIRTY.two_thirds(),
        errors: vec![ErrorSeen {
            data_type: data_type(),
            execution: execution(8),
            at: at(10),
            failure: failure(),
        }],
    })
}

fn pool_evidence() -> Evidence {
    Evidence::PoolOffline(PoolEvidence {
        pool: "hq".parse().unwrap(),
        last: Some(LastRunner {
            runner: RUNNER,
            display_name: "runner one".parse().unwrap(),
            heard: at(5),
        }),
        integrations: 3,
        executions: 7,
    })
}

fn runner_evidence() -> Evidence {
    Evidence::RunnerOutdated(RunnerEvidence {
        display_name: "runner one".parse().unwrap(),
        pool: "hq".parse().unwrap(),
        version: "0.1.0".into(),
        expected: RELEASE,
        checked_in: at(6),
    })
}

fn clone_evidence() -> Evidence {
    Evidence::RunnerCloned(CloneEvidence {
        display_name: "runner one".parse().unwrap(),
        pool: "hq".parse().unwrap(),
        locked: at(7),
    })
}

fn outdated() -> Outdated {
    Outdated {
        since: at(4),
        expected: RELEASE,
    }
}

/// With a notice of every kind, and a delivery in every state.
fn incident() -> Incident {
    let delivery = |state, answer: &str| Delivery {
        channel: Channel::Email(address()),
        state,
        answer: answer.to_owned(),
    };
    let deliveries = vec![
        delivery(DeliveryState::Waiting { tries: 2, next: at(20) }, "451 later"),
        delivery(DeliveryState::Sent { at: at(21) }, "250 ok"),
        delivery(DeliveryState::Dead { at: at(22) }, "550 no"),
    ];
    let kinds = [NoticeKind::Opened, NoticeKind::Reminder, NoticeKind::Closed];
    let notices = (4..).zip(kinds).map(|(ordinal, kind)| Notice {
        ordinal,
        kind,
        at: at(11),
        evidence: evidence(),
        deliveries: deliveries.clone(),
    });
    Incident {
        id: INCIDENT,
        organization: "acme".parse().unwrap(),
        cause: Cause::ErrorRate {
            integration: INTEGRATION,
        },
        opened: at(11),
        closed: Some(Closed {
            at: at(13),
            closing: Closing::Recovered,
        }),
        noticed: 7,
        notices: notices.collect(),
    }
}

fn sealing_key() -> SealingKey {
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        .parse()
        .unwrap()
}

fn recipients() -> Option<Recipients> {
    Some(Recipients::new([sealing_key()]).unwrap())
}

fn profile() -> Profile {
    Profile {
        display_name: "runner one".parse().unwrap(),
        organization: None,
        pool: Pool {
            organization: None,
            name: "hosted".parse().unwrap(),
        },
        version: "0.1.0".into(),
        platform: "linux/x86_64".into(),
        slots: Slots(8),
        connectors: vec!["host".parse().unwrap(), "ldap".parse().unwrap()],
        sealing_key: Some(sealing_key()),
    }
}

fn offer() -> Offer {
    Offer {
        name: "ldap".parse().unwrap(),
        version: "1.2.3".into(),
        specification: r#"{"schema":{}}"#.into(),
        permissions: vec![Permission {
            name: "devices.read".to_owned(),
            purpose: "lists devices".to_owned(),
            required: true,
            data_types: vec![data_type()],
        }],
    }
}

/// An event of every kind, and of every kind of what stands in them.
pub(crate) fn events() -> Vec<Recorded> {
    let next: BTreeMap<_, _> = [(data_type(), at(60_000))].into();
    let events = vec![
        Event::IntegrationCreated {
            integration: INTEGRATION,
            organization: "acme".parse().unwrap(),
            definition: definition(),
            intervals: intervals(),
            enablement: Enablement::Draft,
            next: BTreeMap::new(),
            request: Some(request()),
        },
        Event::IntegrationUpdated {
            integration: INTEGRATION,
            definition: definition(),
            intervals: intervals(),
            revision: Revision(2),
            next: next.clone(),
        },
        Event::IntegrationEnabled {
            integration: INTEGRATION,
            next,
        },
        Event::ScheduleAdvanced {
            integration: INTEGRATION,
            data_type: data_type(),
            skip: Some(skip(SkipReason::StillOpen)),
            next: at(120_000),
        },
        Event::ScheduleAdvanced {
            integration: INTEGRATION,
            data_type: data_type(),
            skip: Some(skip(SkipReason::Missed)),
            next: at(180_000),
        },
        created(1, Origin::Activation),
        created(2, Origin::RunNow(Principal::local())),
        created(
            3,
            Origin::Schedule {
                nominal: at(60_000),
                revision: Revision(1),
            },
        ),
        Event::ExecutionClaimed {
            execution: execution(1),
            claim: claim(1),
            revision: Revision(2),
        },
        Event::ExecutionStarted {
            execution: execution(1),
            claim: claim(1),
        },
        Event::ExecutionReturned {
            execution: execution(2),
            failures: 1,
            failure: Some(failure()),
            reported: Some(claim(1)),
            not_before: Some(at(5_000)),
        },
        Event::ExecutionReturned {
            execution: execution(2),
            failures: 1,
            failure: None,
            reported: None,
            not_before: None,
        },
        Event::ExecutionRerouted {
            execution: execution(2),
            pool: pool(),
            sealed_to: recipients(),
        },
        Event::LandingCommitted {
            execution: execution(1),
            claim: claim(1),
            staged: staged(),
        },
        Event::ExecutionCompleted {
            execution: execution(1),
            integration: INTEGRATION,
            data_type: data_type(),
            counts: counts(),
            cursor: Some(Cursor::new("page=8").unwrap()),
            warning: Some(Warning::ZeroRecords { before: 4 }),
        },
        Event::ExecutionFailed {
            execution: execution(2),
            integration: INTEGRATION,
            data_type: data_type(),
            failures: 3,
            failure: failure(),
            reported: Some(claim(3)),
        },
        Event::RunnerCheckedIn {
            runner: RUNNER,
            profile: profile(),
            outdated: Some(outdated()),
        },
        Event::RunnerLeft {
            runner: RUNNER,
            last_heard: at(70_000),
        },
        Event::ConnectorOffered {
            connector: ConnectorKey {
                organization: Some("acme".parse().unwrap()),
                name: "ldap".parse().unwrap(),
            },
            offer: offer(),
        },
        Event::ThresholdReached {
            integration: INTEGRATION,
        },
        Event::ThresholdLeft {
            integration: INTEGRATION,
        },
        Event::IncidentOpened {
            incident: INCIDENT,
            organization: "acme".parse().unwrap(),
            cause: Cause::ErrorRate {
                integration: INTEGRATION,
            },
            evidence: evidence(),
            channels: vec![Channel::Email(address())],
        },
        Event::IncidentReminded {
            incident: INCIDENT,
            integration: Some(INTEGRATION),
            evidence: evidence(),
            channels: vec![Channel::Email(address())],
        },
        Event::DeliveryTried {
            incident: INCIDENT,
            notice: 1,
            delivery: 0,
            state: DeliveryState::Waiting { tries: 1, next: at(9) },
            answer: "451 later".to_owned(),
        },
        Event::IncidentClosed {
            incident: INCIDENT,
            integration: Some(INTEGRATION),
            closing: Closing::Muted,
            evidence: evidence(),
            channels: Vec::new(),
        },
        Event::IncidentForgotten { incident: INCIDENT },
        Event::IntegrationChecked {
            integration: INTEGRATION,
            revision: Revision(1),
            runner: RUNNER,
            failure: Some(failure()),
        },
        Event::IntegrationPaused {
            integration: integration(1),
            until: at(90_000),
            next: [(data_type(), at(95_000))].into(),
        },
        Event::IncidentOpened {
            incident: POOL_INCIDENT,
            organization: "acme".parse().unwrap(),
            cause: Cause::PoolOffline {
                organization: "acme".parse().unwrap(),
                pool: "hq".parse().unwrap(),
            },
            evidence: pool_evidence(),
            channels: vec![Channel::Email(address())],
        },
        Event::IncidentReminded {
            incident: POOL_INCIDENT,
            integration: None,
            evidence: pool_evidence(),
            channels: Vec::new(),
        },
        Event::IncidentClosed {
            incident: POOL_INCIDENT,
            integration: None,
            closing: Closing::Unused,
            evidence: pool_evidence(),
            channels: Vec::new(),
        },
        Event::IncidentForgotten {
            incident: POOL_INCIDENT,
        },
        Event::IncidentOpened {
            incident: RUNNER_INCIDENT,
            organization: "acme".parse().unwrap(),
            cause: Cause::RunnerOutdated { runner: RUNNER },
            evidence: runner_evidence(),
            channels: Vec::new(),
        },
        Event::IncidentClosed {
            incident: RUNNER_INCIDENT,
            integration: None,
            closing: Closing::Gone,
            evidence: runner_evidence(),
            channels: Vec::new(),
        },
        Event::IncidentForgotten {
            incident: RUNNER_INCIDENT,
        },
        Event::IncidentOpened {
            incident: CLONE_INCIDENT,
            organization: "acme".parse().unwrap(),
            cause: Cause::RunnerCloned { runner: RUNNER },
            evidence: clone_evidence(),
            channels: Vec::new(),
        },
        Event::IntegrationDisabled {
            integration: integration(1),
        },
        Event::IntegrationDeleted {
            integration: integration(1),
        },
        Event::ExecutionFenced {
            execution: execution(2),
            attempt: muster_core::words::Attempt(1_732_600_000),
        },
        Event::RunnerDrained {
            runner: RUNNER,
            is_drained: true,
        },
    ];
    let forgotten = [
        Event::ScheduleAdvanced {
            integration: INTEGRATION,
            data_type: data_type(),
            skip: Some(skip(SkipReason::QuotaReached)),
            next: at(9_000),
        },
        Event::RunnerForgotten { runner: RunnerId(7) },
        Event::ConnectorForgotten {
            connector: ConnectorKey {
                organization: Some("umbrella".parse().unwrap()),
                name: "ldap".parse().unwrap(),
            },
        },
    ];
    let events = events.into_iter().chain(organization_changes()).chain(forgotten);
    let events = events.chain(identities::events().into_iter().map(Event::Identity));
    let principals = [Principal::local(), Principal::Runner(RUNNER), Principal::Coordinator];
    let recorded = events.into_iter().zip(principals.into_iter().cycle());
    let access = access::events().into_iter().map(Event::Access);
    let recorded = recorded.chain(access.map(|event| (event, access::principal())));
    let recorded = recorded.chain(audit::events().into_iter().map(|event| (event, access::principal())));
    recorded
        .zip(0..)
        .map(|((event, by), ordinal)| Recorded {
            at: at(ordinal),
            by,
            event,
        })
        .collect()
}

pub(crate) fn created(ordinal: u64, origin: Origin) -> Event {
    Event::ExecutionCreated {
        execution: execution(ordinal),
        organization: "acme".parse().unwrap(),
        integration: INTEGRATION,
        data_type: data_type(),
        connector: "ldap".parse().unwrap(),
        pool: pool(),
        sealed_to: recipients(),
        origin,
    }
}

/// A batch that creates one execution and says nothing else.
pub(crate) fn batch(ordinal: u64) -> Vec<Recorded> {
    vec![Recorded {
        at: at(ordinal),
        by: Principal::Coordinator,
        event: created(ordinal, Origin::Activation),
    }]
}

fn open_execution(ordinal: u64, phase: Phase) -> Entity {
    Entity::Execution(Execution {
        id: execution(ordinal),
        organization: "acme".parse().unwrap(),
        integration: INTEGRATION,
        data_type: data_type(),
        connector: "ldap".parse().unwrap(),
        pool: pool(),
        sealed_to: recipients(),
        origin: Origin::RunNow(Principal::Runner(RUNNER)),
        created: at(1),
        phase,
        since: at(2),
        attempt: Attempt(2),
        revision: Some(Revision(2)),
        claimed: Some(at(3)),
        started: Some(at(4)),
        failures: 1,
        last_failure: Some(failure()),
        reported: vec![claim(1)],
    })
}

/// An entity of every kind and phase.
pub(crate) fn entities() -> Vec<Entity> {
    let collection = Collection {
        interval: Interval::new(Duration::from_secs(90)).unwrap(),
        schedule: Revision(3),
        next: Some(at(60_000)),
        skipped: Some(Box::new(skip(SkipReason::Missed))),
        cursor: Some(Cursor::new("page=9").unwrap()),
        completed: Some(Completion {
            execution: execution(7),
            at: at(8),
            counts: counts(),
            counts_before: Some(Counts { records: 3, bytes: 4 }),
            is_suspect: true,
        }),
        trouble: Some(Box::new(Trouble {
            execution: execution(8),
            since: at(9),
            at: at(10),
            failure: failure(),
        })),
    };
    vec![
        Entity::Integration(Integration {
            id: INTEGRATION,
            organization: "acme".parse().unwrap(),
            definition: definition(),
            revision: Revision(4),
            version: 9,
            enablement: Enablement::Enabled,
            status_since: at(3),
            created: at(1),
            updated: at(2),
            request: Some(Box::new(request())),
            collections: [(data_type(), collection)].into_iter().collect(),
            window: [(at(5), true, Some(0)), (at(6), false, None)]
                .map(|(at, failed, place)| End { at, failed, place })
                .into_iter()
                .collect(),
            alert: Alert::Open {
                incident: INCIDENT,
                told: at(12),
            },
            paused_until: Some(at(90_000)),
            checked: Some(Box::new(Checked {
                at: at(13),
                runner: RUNNER,
                revision: Revision(4),
                failure: Some(failure()),
                failing_since: Some(at(11)),
            })),
        }),
        open_execution(11, Phase::Created { not_before: None }),
        open_execution(
            12,
            Phase::Created {
                not_before: Some(at(5)),
            },
        ),
        open_execution(13, Phase::Pending(claim(2))),
        open_execution(14, Phase::Executing(claim(2))),
        open_execution(15, Phase::Landing(claim(2), staged())),
        Entity::Runner(Runner {
            id: RUNNER,
            profile: profile(),
            first_seen: at(1),
            checked_in: at(2),
            left: Some(at(3)),
            drained: Some(at(4)),
            outdated: Some(outdated()),
        }),
        Entity::Connector(Connector {
            key: ConnectorKey {
                organization: None,
                name: "ldap".parse().unwrap(),
            },
            offer: offer(),
            offered_at: at(4),
        }),
        Entity::Incident(incident()),
        Entity::Person(access::person()),
        Entity::Token(access::token()),
        organization("acme", OrganizationState::Active),
        organization(
            "globex",
            OrganizationState::Suspended {
                since: at(5),
                reason: "unpaid".to_owned(),
            },
        ),
        organization("initech", OrganizationState::Closing { since: at(6) }),
        organization("hooli", OrganizationState::Deleted { at: at(7) }),
    ]
    .into_iter()
    .chain(identities::entities())
    .collect()
}

/// A finished execution of one of `integrations` integrations: a good end, a bad one, and one that never began, in
/// turn.
pub(crate) fn finished(ordinal: u64, integrations: u64) -> Finished {
    let outcome = match ordinal % 3 {
        0 => Outcome::Completed {
            counts: counts(),
            warning: None,
        },
        1 => Outcome::Completed {
            counts: Counts::default(),
            warning: Some(Warning::ZeroRecords { before: 12 }),
        },
        _ => Outcome::Error(failure()),
    };
    let began = !ordinal.is_multiple_of(4);
    Finished {
        id: execution(ordinal),
        organization: "acme".parse().unwrap(),
        integration: integration(ordinal % integrations),
        data_type: data_type(),
        connector: "ldap".parse().unwrap(),
        pool: pool(),
        origin: Origin::Activation,
        created: at(1),
        claimed: began.then(|| at(2)),
        started: began.then(|| at(3)),
        ended: at(4),
        attempt: Attempt(2),
        revision: Some(Revision(2)),
        runner: began.then_some(RUNNER),
        failures: 1,
        reported: vec![claim(1)],
        staged: began.then(|| StagedId("staging/2".to_owned())),
        outcome,
    }
}

/// A log line of every source and level.
pub(crate) fn log_lines() -> Vec<LogLine> {
    let sources = [
        LogSource::Coordinator,
        LogSource::Runner,
        LogSource::Connector,
        LogSource::Runner,
    ];
    let levels = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
    let lines = sources.into_iter().zip(levels).zip(0..);
    lines
        .map(|((source, level), ordinal)| LogLine {
            at: at(ordinal),
            source,
            level,
            message: format!("line {ordinal} of the ärger"),
            attempt: (ordinal > 0).then(|| Attempt(u32::try_from(ordinal).expect("it is small"))),
        })
        .collect()
}

/// An organization of this name.
fn organization(name: &str, state: OrganizationState) -> Entity {
    Entity::Organization(Organization {
        id: name.parse().unwrap(),
        display_name: "Acme Corp.".parse().unwrap(),
        state,
        quotas: quotas(),
        retention: RetentionDays::new(90).unwrap(),
        audit_retention: RetentionDays::new(800).unwrap(),
        version: 3,
        created: at(1),
        updated: at(5),
        request: Some(request()),
    })
}

/// Every kind of change.
fn organization_changes() -> impl Iterator<Item = Event> {
    let changes = [
        OrganizationChange::Created {
            display_name: "Acme Corp.".parse().unwrap(),
            quotas: Quotas::NONE,
            retention: RetentionDays::default(),
            audit_retention: RetentionDays::AUDIT,
            request: Some(request()),
        },
        OrganizationChange::Updated {
            display_name: "Acme".parse().unwrap(),
            quotas: quotas(),
            retention: RetentionDays::new(90).unwrap(),
            audit_retention: RetentionDays::new(800).unwrap(),
        },
        OrganizationChange::Suspended {
            reason: "unpaid".to_owned(),
        },
        OrganizationChange::Resumed,
        OrganizationChange::Closing,
        OrganizationChange::Deleted,
    ];
    changes.into_iter().map(|change| Event::OrganizationChanged {
        organization: "umbrella".parse().unwrap(),
        change,
    })
}

fn quotas() -> Quotas {
    Quotas {
        integrations: Some(10),
        runners: Some(20),
        open_executions: Some(30),
        uploads_per_second: Some(40),
        records_mib: Some(50),
    }
}
