//! What is known to be right, for each decoder: `tests/fuzz/corpus/NAME`. With `MUSTER_BLESS=1` what can be made here is made anew; the stored values are
//! those of the golden files of `muster-store`.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use muster_core::time::Stamp;
use muster_core::words::{EnrollmentTokenId, Recipients, TokenId};
use muster_identity::{Authority, EnrollmentToken, Pin, SigningRequest};
use muster_proto::v1;
use muster_proto::v1::report::Kind as Said;
use muster_proto::v1::runner_message::Kind;
use prost::Message as _;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
}

/// The corpus of this decoder, in the order of the files' names.
pub fn of(name: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(name)).expect("each has a corpus");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    files.sort();
    let read = files.into_iter().map(|file| fs::read(file).expect("it is readable"));
    read.collect()
}

/// Writes what can be made here.
pub fn make() {
    let texts = [
        (
            "filter",
            "comparisons",
            "status = ERROR AND data_type = \"user\" OR NOT create_time >= \"2026-01-02T03:04:05Z\"",
        ),
        (
            "filter",
            "nested",
            "-(connector = ldap (pool = hq OR pool != \"a b\")) category = PERMISSION",
        ),
        ("filter", "runners", "online = true AND version = \"0.1.0\""),
        (
            "page_token",
            "foreign",
            "AQAAAAAAAAAAAZKkEqk9cQCAAAAAAAAAAadf3cHS7dKNsX2k",
        ),
        (
            "upload",
            "records",
            "{\"id\":1,\"name\":\"Ada\",\"groups\":[\"a\",{\"b\":null}]}\n{\"id\":2.5e3,\"on\":true}\n",
        ),
        ("upload", "escapes", "{\"\\u00e9\":\"\\\"\\\\\\n\\ud83d\\ude00\"}\n"),
        (
            "configuration",
            "coordinator",
            "\0data = \"/var/lib/muster\"\nlisten = \"0.0.0.0:7443\"\npublic_names = [\"muster.example\"]\nretention_days = 30\n",
        ),
        (
            "configuration",
            "runner",
            "\u{1}coordinator = \"https://muster.example:7443\"\npool = \"hq\"\n\n[connector.crm]\nallow = [\"*.crm.example:443\"]\n\n[exec.crm]\nprogram = \"/bin/cat\"\narguments = [\"--all\"]\n",
        ),
    ];
    for (decoder, name, text) in texts {
        put(decoder, name, text.as_bytes());
    }
    let token = muster_coordinator::access::text::TokenText::new(TokenId(7));
    put("access_token", "token", token.reveal().as_bytes());
    let key = muster_identity::authority::new_key().expect("a key");
    let request = SigningRequest::make(&key).expect("a request");
    put("certificate", "request", &request);
    let now = Stamp::from_millis(1_767_225_600_000);
    let (authority, _) = Authority::generate(None, 1, now).expect("an authority");
    put("certificate", "authority", &authority);
    put(
        "certificate",
        "pem",
        muster_identity::pem::certificate(&authority).as_bytes(),
    );
    let pin = Pin::Authority(muster_identity::fingerprint(&authority));
    let token = EnrollmentToken::generate(EnrollmentTokenId(7), pin).expect("a token");
    put("enrollment_token", "token", token.reveal().as_bytes());
    let runner = muster_seal::SealingIdentity::generate();
    let recipients = Recipients::new([runner.key().clone()]).expect("one");
    let sealed = muster_seal::seal("a secret", &recipients).expect("sealed");
    put("sealed", "one", sealed.as_bytes());
    put("runner_messages", "session", &session());
}

/// What a runner says in its life.
fn session() -> Vec<u8> {
    let execution = Bytes::from_static(&[7; 16]);
    let said = |kind| v1::Report {
        execution_id: execution.clone(),
        attempt: 1,
        kind: Some(kind),
    };
    let kinds = [
        Kind::Hello(v1::Hello {
            runner_id: Bytes::from_static(&[8; 16]),
            display_name: "hq-1".to_owned(),
            organization: "organizations/acme".to_owned(),
            pool: "hq".to_owned(),
            version: "0.1.0".to_owned(),
            connectors: vec![v1::ConnectorSpecification {
                connector: "host".to_owned(),
                version: "1.0.0".to_owned(),
                title: "This machine".to_owned(),
                data_types: vec![v1::DataTypeSpecification {
                    data_type: "user".to_owned(),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            slots: 4,
            running: vec![v1::HeldAttempt {
                execution_id: Bytes::from_static(&[9; 16]),
                attempt: 2,
            }],
            ..Default::default()
        }),
        Kind::Heartbeat(v1::Heartbeat::default()),
        Kind::Reports(v1::Reports {
            reports: vec![
                said(Said::Accepted(v1::Accepted {})),
                said(Said::Started(v1::Started {})),
                said(Said::Progress(v1::Progress { records: 5 })),
                said(Said::Completed(v1::Completed {
                    counts: Some(v1::Counts { records: 5, bytes: 500 }),
                    ..Default::default()
                })),
            ],
        }),
        Kind::LogLines(v1::RunnerLogLines {
            attempts: vec![v1::AttemptLogLines {
                execution_id: execution.clone(),
                attempt: 1,
                lines: vec![v1::RunnerLogLine {
                    source: v1::LogSource::Connector.into(),
                    level: v1::LogLevel::Info.into(),
                    message: "half of it".to_owned(),
                }],
                dropped_count: 0,
            }],
        }),
        Kind::Drain(v1::Drain {}),
    ];
    let mut bytes = Vec::new();
    for kind in kinds {
        let message = v1::RunnerMessage { kind: Some(kind) };
        message.encode_length_delimited(&mut bytes).expect("a vector grows");
    }
    bytes
}

fn put(decoder: &str, name: &str, bytes: &[u8]) {
    let folder = folder(decoder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a file");
}
