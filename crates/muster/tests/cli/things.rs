//! Integrations, executions and the like, as a coordinator would tell them.

use std::time::{Duration, SystemTime};

use muster_proto::v1::{
    CollectionSchedule, ConfigurationStatus, Connector, ConnectorSpecification, Counts, DataTypeSpecification,
    Enablement, ErrorCategory, Execution, ExecutionStatus, Explanation, Failure, HostFacts, Integration, LogLevel,
    LogLine, LogSource, Origin, RunNowOrigin, Runner, RunnerStatus, SourcePermission, origin,
};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp, Value};

pub const LAPTOPS: &str = "organizations/default/integrations/01936b1e-0000-7000-8000-00000000aaaa";
pub const SERVERS: &str = "organizations/default/integrations/01936b1e-0000-7000-8000-00000000bbbb";
pub const RACK: &str = "organizations/default/runners/01936b1e-0000-7000-8000-0000000000f7";

/// So many seconds ago, and a half: whole seconds away from where the words for it change.
pub fn ago(seconds: u64) -> Option<Timestamp> {
    Some((SystemTime::now() - Duration::from_secs(seconds) - Duration::from_millis(500)).into())
}

/// In so many seconds, and a half minute.
pub fn ahead(seconds: u64) -> Option<Timestamp> {
    Some((SystemTime::now() + Duration::from_secs(seconds + 30)).into())
}

/// 2026-11-24 09:12:01 UTC and so many seconds.
pub fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: 1_795_511_521 + seconds,
        nanos: 0,
    })
}

pub fn laptops() -> Integration {
    Integration {
        name: LAPTOPS.to_owned(),
        display_name: "laptops".to_owned(),
        connector: "host".to_owned(),
        configuration: Some(object([
            ("depth", Kind::NumberValue(3.0)),
            ("label", Kind::StringValue("hq".to_owned())),
        ])),
        pool: "default".to_owned(),
        data_types: vec![
            CollectionSchedule {
                data_type: "device".to_owned(),
                interval: Some(prost_types::Duration {
                    seconds: 3_600,
                    nanos: 0,
                }),
                next_collection_time: ahead(12 * 60),
                last_execution: execution_name(LAPTOPS, "11112222"),
                last_status: ExecutionStatus::Completed.into(),
                last_end_time: ago(4 * 60 + 10),
                ..CollectionSchedule::default()
            },
            CollectionSchedule {
                data_type: "user".to_owned(),
                interval: Some(prost_types::Duration {
                    seconds: 3_600,
                    nanos: 0,
                }),
                next_collection_time: ahead(20 * 60),
                ..CollectionSchedule::default()
            },
        ],
        enablement: Enablement::Enabled.into(),
        status: ConfigurationStatus::Active.into(),
        status_time: ago(7_300),
        revision: 2,
        create_time: at(0),
        update_time: at(60),
        etag: "etag-1".to_owned(),
        ..Integration::default()
    }
}

pub fn servers() -> Integration {
    Integration {
        name: SERVERS.to_owned(),
        display_name: "Servers of HQ".to_owned(),
        pool: "hq".to_owned(),
        connector: "host".to_owned(),
        data_types: vec![CollectionSchedule {
            data_type: "software".to_owned(),
            interval: Some(prost_types::Duration {
                seconds: 86_400,
                nanos: 0,
            }),
            last_execution: execution_name(SERVERS, "33334444"),
            last_status: ExecutionStatus::Error.into(),
            last_end_time: ago(36 * 3_600 + 60),
            last_failure: Some(failure()),
            ..CollectionSchedule::default()
        }],
        enablement: Enablement::Enabled.into(),
        status: ConfigurationStatus::Error.into(),
        status_message: "software has failed: permission".to_owned(),
        status_remedy: "grant read access to /var/lib/dpkg".to_owned(),
        status_time: ago(36 * 3_600 + 60),
        ..Integration::default()
    }
}

pub fn failure() -> Failure {
    Failure {
        category: ErrorCategory::Permission.into(),
        message: "cannot read /var/lib/dpkg/status".to_owned(),
        remedy: "grant read access to /var/lib/dpkg".to_owned(),
        reason: None,
    }
}

/// An execution's name, whose identifier ends so.
pub fn execution_name(integration: &str, end: &str) -> String {
    format!("{integration}/executions/01936b1e-2f3a-7c4d-8e5f-0123{end}")
}

/// Created ten minutes ago, and nothing since.
pub fn created(integration: &str, end: &str, data_type: &str) -> Execution {
    Execution {
        name: execution_name(integration, end),
        data_type: data_type.to_owned(),
        status: ExecutionStatus::Created.into(),
        connector: "host".to_owned(),
        pool: "default".to_owned(),
        origin: Some(Origin {
            kind: Some(origin::Kind::RunNow(RunNowOrigin {
                principal: "operator alice".to_owned(),
            })),
        }),
        create_time: ago(600),
        explanation: Some(Explanation {
            state: "Created for 10 min: no runner of pool `default` has checked in since 09:12 UTC".to_owned(),
            next_step: "start a runner of this pool".to_owned(),
        }),
        ..Execution::default()
    }
}

pub fn executing(integration: &str, end: &str, data_type: &str, records: u64) -> Execution {
    Execution {
        status: ExecutionStatus::Executing.into(),
        runner: RACK.to_owned(),
        attempt: 1,
        claim_time: ago(4),
        start_time: ago(3),
        progress_records: Some(records),
        ..created(integration, end, data_type)
    }
}

pub fn completed(integration: &str, end: &str, data_type: &str, records: u64) -> Execution {
    Execution {
        status: ExecutionStatus::Completed.into(),
        runner: RACK.to_owned(),
        attempt: 1,
        create_time: at(0),
        claim_time: at(3),
        start_time: at(4),
        end_time: at(16),
        counts: Some(Counts {
            records,
            bytes: records * 100,
        }),
        landing_uri: "file:///var/lib/muster/landing/default".to_owned(),
        explanation: None,
        ..created(integration, end, data_type)
    }
}

pub fn failed(integration: &str, end: &str, data_type: &str) -> Execution {
    Execution {
        status: ExecutionStatus::Error.into(),
        failures: 1,
        counts: None,
        landing_uri: String::new(),
        failure: Some(failure()),
        ..completed(integration, end, data_type, 0)
    }
}

pub const RACK_KEY: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

pub fn rack() -> Runner {
    Runner {
        name: RACK.to_owned(),
        display_name: "rack-7".to_owned(),
        pool: "default".to_owned(),
        version: "0.1.0".to_owned(),
        online: true,
        status: RunnerStatus::Ready.into(),
        slots: 8,
        busy_slots: 1,
        connectors: vec!["host".to_owned()],
        last_seen_time: ago(5),
        first_seen_time: at(0),
        clock_skew: Some(prost_types::Duration { seconds: -7, nanos: 0 }),
        executions: vec![execution_name(LAPTOPS, "55556666")],
        host: Some(HostFacts {
            hostname: "rack-7.hq".to_owned(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
        }),
        sealing_key: RACK_KEY.to_owned(),
        version_required: String::new(),
        release_expected: String::new(),
        check_in_time: at(0),
        drain_time: None,
        revoke_time: None,
    }
}

pub fn host() -> Connector {
    let string = |text: &str| Kind::StringValue(text.to_owned());
    let label = object([("type", string("string")), ("title", string("What to call the host"))]);
    let depth = object([("type", string("integer")), ("default", Kind::NumberValue(2.0))]);
    let properties = object([("label", Kind::StructValue(label)), ("depth", Kind::StructValue(depth))]);
    let required = ListValue {
        values: vec![Value {
            kind: Some(string("label")),
        }],
    };
    Connector {
        name: "organizations/default/connectors/host".to_owned(),
        specification: Some(ConnectorSpecification {
            connector: "host".to_owned(),
            version: "0.1.0".to_owned(),
            title: "This machine".to_owned(),
            description: "Collects from the machine that the runner runs on.".to_owned(),
            configuration_schema: Some(object([
                ("properties", Kind::StructValue(properties)),
                ("required", Kind::ListValue(required)),
            ])),
            access_schemas: Vec::new(),
            data_types: [("device", 3_600), ("user", 3_600), ("software", 86_400)]
                .map(|(data_type, seconds)| DataTypeSpecification {
                    data_type: data_type.to_owned(),
                    default_interval: Some(prost_types::Duration { seconds, nanos: 0 }),
                    ..Default::default()
                })
                .into(),
            permissions: vec![SourcePermission {
                permission: "/etc/passwd".to_owned(),
                purpose: "to list accounts".to_owned(),
                required: true,
                data_types: Vec::new(),
            }],
        }),
        pools: vec!["default".to_owned()],
    }
}

pub fn log_line(number: u32, source: LogSource, level: LogLevel, message: &str, attempt: u32) -> LogLine {
    LogLine {
        number,
        time: at(number.into()),
        source: source.into(),
        level: level.into(),
        message: message.to_owned(),
        attempt,
    }
}

fn object<const N: usize>(fields: [(&str, Kind); N]) -> Struct {
    let fields = fields
        .into_iter()
        .map(|(key, kind)| (key.to_owned(), Value { kind: Some(kind) }));
    Struct {
        fields: fields.collect(),
    }
}

/// An object of texts; a dot in a key is an object within.
pub fn object_of(fields: &[(&str, &str)]) -> Struct {
    let mut all = Struct::default();
    for (path, text) in fields {
        let value = Kind::StringValue((*text).to_owned());
        match path.split_once('.') {
            Some((outer, inner)) => {
                let inner = object([(inner, value)]);
                let kind = Some(Kind::StructValue(inner));
                all.fields.insert(outer.to_owned(), Value { kind });
            }
            None => {
                all.fields.insert((*path).to_owned(), Value { kind: Some(value) });
            }
        }
    }
    all
}
