//! What is small on its way and large where it arrives: messages that inflate, or that only say how large they are.

use std::process::Command;

use bytes::{BufMut as _, Bytes, BytesMut};
use tonic::Status;
use tonic::codegen::Service as _;

use super::scene::Scene;
use super::told::status_text;

const CREATE: &str = "/muster.v1.IntegrationService/CreateIntegration";
const CHECK_IN: &str = "/muster.v1.RunnerService/CheckIn";
const UPLOAD: &str = "/muster.v1.RunnerService/UploadRecords";

const MIB: usize = 1024 * 1024;

/// What the bombs become.
const INFLATED_MIB: usize = 1024;

/// By how much the coordinator's memory may have grown when all of them have been sent.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is sent.
enum Sent {
    /// 1 MiB of gzip, which becomes 1 GiB; under this name of an encoding, if there is one.
    Bomb(Option<&'static str>),
    /// A message that says that it has 4 GiB, and has none of them.
    Boast,
}
use Sent::{Boast, Bomb};

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, &str, Sent)] = &[
    ("a request that inflates to 1 GiB", CREATE, Bomb(Some("gzip"))),
    ("a message of a check-in that inflates to 1 GiB", CHECK_IN, Bomb(Some("gzip"))),
    ("a message of an upload that inflates to 1 GiB", UPLOAD, Bomb(Some("gzip"))),
    ("the same by an encoding that is none", UPLOAD, Bomb(Some("nonsense"))),
    ("the same without a word on how it is compressed", UPLOAD, Bomb(None)),
    ("a request that says that it has 4 GiB", CREATE, Boast),
    ("a message of an upload that says that it has 4 GiB", UPLOAD, Boast),
];

/// Some MiB of zeros, by gzip. Each MiB is compressed by itself, which makes no difference to who reads it.
fn bomb(mib: usize) -> Bytes {
    let mut gzip = Command::new("/bin/sh");
    gzip.args(["-c", &format!("head -c {MIB} /dev/zero | gzip -9")]);
    let one = gzip.output().expect("there is a gzip").stdout;
    one.repeat(mib).into()
}

impl Sent {
    /// The body of a call: a message behind its flag and its length.
    fn body(&self, bomb: &Bytes) -> Bytes {
        let mut body = BytesMut::new();
        match self {
            Bomb(_) => {
                body.put_u8(1);
                body.put_u32(u32::try_from(bomb.len()).expect("it is small"));
                body.put_slice(bomb);
            }
            Boast => {
                body.put_u8(0);
                body.put_u32(u32::MAX);
            }
        }
        body.freeze()
    }
}

/// What whoever sends it is told.
async fn told_for(scene: &Scene, path: &str, sent: &Sent, bomb: &Bytes) -> Status {
    let mut request = http::Request::post(format!("{}{path}", scene.world.coordinator.url()))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Bomb(Some(encoding)) = sent {
        request = request.header("grpc-encoding", *encoding);
    }
    let body = tonic::body::Body::new(http_body_util::Full::new(sent.body(bomb)));
    let mut channel = scene.world.client().channel();
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .expect("it is there");
    let answer = channel.call(request.body(body).expect("a request")).await;
    let answer = answer.expect("an answer");
    Status::from_header_map(answer.headers()).expect("a refusal is all that comes")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_inflates_is_inflated() {
    let mut scene = Scene::with_programs(&[]).await;
    let bomb = bomb(INFLATED_MIB);
    assert!(bomb.len() < 2 * MIB, "{} bytes", bomb.len());
    let mut told = scene.told();
    let before = scene.standing().await;
    let peak_before = scene.world.coordinator.process().peak_bytes();
    for (row, path, sent) in ROWS {
        told.add(row, &status_text(&told_for(&scene, path, sent, &bomb).await));
        assert_eq!(scene.standing().await, before, "`{row}` has changed something");
    }
    let growth = scene.world.coordinator.process().peak_bytes() - peak_before;
    assert!(growth < GROWTH_BYTES_MAX, "its memory has grown by {growth} bytes");
    scene.nobody_has_panicked();
    told.is_as_reviewed("bombs");
}
