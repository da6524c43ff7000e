//! The door of records: what a runner uploads for an execution that it holds.

use bytes::Bytes;
use muster_proto::v1;
use muster_proto::v1::upload_records_request::Kind;
use muster_proto::v1::{ExecutionStatus, ReportKind};

use muster_tests::{CONNECTOR, LIMIT, ScriptedRunner, Wanted, Work, eventually, published, staged_files};
use prost::Message as _;

use super::raw;
use super::scene::Scene;
use super::told::answer_text;

const PATH: &str = "/muster.v1.RunnerService/UploadRecords";

const MIB: usize = 1024 * 1024;

/// A part of an upload.
enum Part {
    Header,
    /// The header, but of this attempt.
    Attempt(u32),
    /// The header, but of a runner with this id.
    Runner(&'static [u8]),
    Chunk(&'static [u8]),
    /// One record of so many bytes.
    Record(usize),
    /// An empty line, so many times.
    Lines(usize),
    /// The end, with so many records and bytes.
    End(u64, u64),
    /// Bytes that are no message.
    Garbage(&'static [u8]),
    /// A message without anything in it.
    Nothing,
}
use Part::{Attempt, Chunk, End, Garbage, Header, Lines, Nothing, Record, Runner};

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, &[Part])] = &[
    ("no messages", &[]),
    ("records before the header", &[Chunk(b"{}\n"), End(1, 3)]),
    ("two headers", &[Header, Header]),
    ("an attempt from the future", &[Attempt(7), Chunk(b"{}\n"), End(1, 3)]),
    ("attempt 0", &[Attempt(0)]),
    ("another runner's header", &[Runner(b"another's header"), Chunk(b"{}\n"), End(1, 3)]),
    ("a header with no runner's id", &[Runner(b"me")]),
    ("a record that is a list", &[Header, Chunk(b"{\"id\":1}\n[1]\n"), End(2, 13)]),
    ("a record that is a text", &[Header, Chunk(b"\"laptop\"\n"), End(1, 9)]),
    ("a record that is no JSON", &[Header, Chunk(b"{\"id\":1}\n{\"id\":2\n"), End(2, 17)]),
    ("a record with NaN", &[Header, Chunk(b"{\"id\":NaN}\n"), End(1, 11)]),
    ("a record that is no UTF-8", &[Header, Chunk(b"{\"name\":\"caf\xe9\"}\n"), End(1, 16)]),
    ("a record that nests 10,000 deep", &[Header, Chunk(NESTING.as_bytes()), End(1, 1)]),
    ("an empty line", &[Header, Chunk(b"{}\n\n{}\n"), End(2, 7)]),
    ("a million empty lines", &[Header, Lines(1_000_000), End(0, 1_000_000)]),
    ("a line without its line feed", &[Header, Chunk(b"{}"), End(1, 2)]),
    ("records that are compressed already", &[Header, Chunk(b"\x28\xb5\x2f\xfd\x04\x00\x19\x00\x00{}\n"), End(1, 12)]),
    ("a chunk of 1 MiB and more", &[Header, Record(MIB + 100), End(1, 1)]),
    ("a chunk of 10 MiB", &[Header, Record(10 * MIB), End(1, 1)]),
    ("an upload that ends without an end", &[Header, Chunk(b"{}\n")]),
    ("an end that counts more records than came", &[Header, Chunk(b"{}\n"), End(2, 3)]),
    ("an end that counts other bytes than came", &[Header, Chunk(b"{}\n"), End(1, 4)]),
    ("records after the end", &[Header, Chunk(b"{}\n"), End(1, 3), Chunk(b"{}\n")]),
    ("two ends", &[Header, Chunk(b"{}\n"), End(1, 3), End(1, 3)]),
    ("a message with nothing in it", &[Header, Nothing]),
    ("bytes that are no message", &[Header, Garbage(b"\xff\xff\xff\xff")]),
];

/// A record with 10,000 lists in each other.
const NESTING: &str = include_str!("nesting.jsonl");

impl Part {
    fn message(&self, header: &v1::UploadHeader) -> Bytes {
        let header = || header.clone();
        let kind = match *self {
            Header => Kind::Header(header()),
            Attempt(attempt) => Kind::Header(v1::UploadHeader { attempt, ..header() }),
            Runner(id) => Kind::Header(v1::UploadHeader {
                runner_id: Bytes::from_static(id),
                ..header()
            }),
            Chunk(bytes) => Kind::Chunk(Bytes::from_static(bytes)),
            Record(bytes) => Kind::Chunk(format!("{{\"x\":\"{}\"}}\n", "x".repeat(bytes - 9)).into()),
            Lines(count) => Kind::Chunk("\n".repeat(count).into()),
            End(records, bytes) => {
                let counts = Some(v1::Counts { records, bytes });
                Kind::End(v1::UploadEnd { counts })
            }
            Garbage(bytes) => return Bytes::from_static(bytes),
            Nothing => return Bytes::new(),
        };
        v1::UploadRecordsRequest { kind: Some(kind) }.encode_to_vec().into()
    }
}

/// Work in the hands of a runner of this test.
async fn held(scene: &Scene) -> (ScriptedRunner, Work) {
    let runner = ScriptedRunner::named("uploader", "uploads", 1);
    let mut runner = runner.check_in(&scene.world.coordinator.url()).await;
    let wanted = Wanted::new("records", CONNECTOR).pool("uploads");
    scene.world.client().create_soon(&wanted).await;
    let work = runner.begin_assigned().await;
    (runner, work)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_upload_is_told_what_is_wrong_and_stages_nothing() {
    let mut scene = Scene::with_programs(&[]).await;
    let (mut runner, work) = held(&scene).await;
    let header = runner.upload_header(&work);
    let mut told = scene.told();
    let before = scene.standing().await;
    for (row, parts) in ROWS {
        let messages: Vec<_> = parts.iter().map(|part| part.message(&header)).collect();
        let channel = scene.world.client().channel();
        let answer = raw::call(channel, PATH, tokio_stream::iter(messages)).await;
        told.add(row, &answer_text(answer));
        assert_eq!(scene.standing().await, before, "`{row}` has changed something");
    }

    // One whose connection breaks off has nobody who could be told.
    drop(runner.begin_upload(&work).await);

    // The work is still the runner's, and its next upload is taken.
    let counts = runner.upload(&work, "{\"id\":1}\n").await.expect("a good upload");
    runner.report(vec![work.completed(Some(counts))]).await;
    runner.ack(&work, ReportKind::Finished).await;
    let client = scene.world.client();
    let executions = client.all_executions().await.expect("the next caller is served");
    let execution = executions.iter().find(|one| one.name.ends_with(&work.id()));
    let execution = &execution.expect("it is the runner's").name;
    client.until_status(execution, ExecutionStatus::Completed).await;
    let landing = scene.world.coordinator.landing();
    assert_eq!(published(&landing)[&work.id()].lines, b"{\"id\":1}\n");
    eventually("all that was refused to be gone", LIMIT, async || {
        match &staged_files(&landing)[..] {
            [] => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .await;
    scene.nobody_has_panicked();
    told.is_as_reviewed("upload");
}
