//! Headers that are small on their way and large where they arrive: HPACK lets each byte of a call's headers stand for one that came before.

use futures_util::future::join_all;
use muster_tests::LIMIT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::scene::Scene;

/// What HTTP/2 begins with, and settings that change nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

// The frames and flags of RFC 9113 that occur.
const HEADERS: u8 = 0x1;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// The longest frame that the coordinator takes.
const FRAME_BYTES: usize = 256 * 1024;

/// A call, in the words of RFC 7541: `POST`, `http`, a path, a content type.
const CALL: &[u8] = b"\x83\x86\x04\x26/muster.v1.RunnerService/UploadRecords\x0f\x10\x10application/grpc";

/// A header as whoever sends one writes what it will refer to: no name of HTTP/2's own list, and to be kept.
const KEPT: u8 = 0x40;

/// What stands for the header that was kept last.
const LAST: u8 = 0x80 | 62;

/// At a time, so many calls on each of so many connections.
const CALLS: u32 = 16;
const CONNECTIONS: usize = 64;

/// By how much the coordinator's memory may grow.
const GROWTH_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How a peer's calls have ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// Each of them was refused as one whose headers are too large (431).
    Refused,
    /// It was told to calm down, and its connection closed.
    SentAway,
}

/// The headers of a call with one that is there many times.
struct Headers {
    value_bytes: usize,
    times: usize,
    /// In frames of so many bytes.
    frame_bytes: usize,
}

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, Headers, Ended)] = &[
    ("twice of what headers may have", Headers { value_bytes: 4_000, times: 4, frame_bytes: FRAME_BYTES }, Ended::Refused),
    ("a gigabyte in 256 KiB", Headers { value_bytes: 4_000, times: 250_000, frame_bytes: FRAME_BYTES }, Ended::SentAway),
    ("250,000 headers without a value in 256 KiB", Headers { value_bytes: 0, times: 250_000, frame_bytes: FRAME_BYTES }, Ended::SentAway),
    ("a header in 4,000 frames", Headers { value_bytes: 4_000, times: 1, frame_bytes: 1 }, Ended::SentAway),
];

impl Headers {
    /// Encoded by HPACK.
    fn block(&self) -> Vec<u8> {
        let mut block = CALL.to_vec();
        block.extend([KEPT, 1, b'x']);
        // A length of seven bits, and what is left of it in groups of seven, the least first.
        match self.value_bytes.checked_sub(127) {
            None => block.push(u8::try_from(self.value_bytes).expect("it is small")),
            Some(mut more) => {
                block.push(127);
                while more >= 128 {
                    block.push(u8::try_from(more % 128).expect("it is small") | 0x80);
                    more /= 128;
                }
                block.push(u8::try_from(more).expect("it is small"));
            }
        }
        block.resize(block.len() + self.value_bytes, b'v');
        block.resize(block.len() + self.times - 1, LAST);
        block
    }

    /// As frames of this call.
    fn frames(&self, call: u32) -> Vec<u8> {
        let block = self.block();
        let last = block.len().div_ceil(self.frame_bytes) - 1;
        let mut frames = Vec::new();
        for (number, piece) in block.chunks(self.frame_bytes).enumerate() {
            let kind = if number == 0 { HEADERS } else { CONTINUATION };
            let flags = if number == last { END_HEADERS } else { 0 };
            frames.extend_from_slice(&u32::try_from(piece.len()).expect("it is small").to_be_bytes()[1..]);
            frames.extend([kind, flags]);
            frames.extend_from_slice(&call.to_be_bytes());
            frames.extend_from_slice(piece);
        }
        frames
    }
}

/// Makes its calls on one connection, and says how they end.
async fn attack(scene: &Scene, headers: &Headers) -> Ended {
    let mut connection = TcpStream::connect(scene.world.coordinator.address())
        .await
        .expect("it is served");
    let mut sent = PREFACE.to_vec();
    for call in 0..CALLS {
        // A peer's calls have odd numbers. Each repeats what is to be kept.
        sent.extend(headers.frames(2 * call + 1));
    }
    // One that is sent away may be so before it has said all.
    let _ = connection.write_all(&sent).await;
    let mut refused = 0;
    while refused < CALLS {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.expect("an answer");
        let mut content = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        connection.read_exact(&mut content).await.expect("the whole of it");
        match head[3] {
            GOAWAY => {
                // ENHANCE_YOUR_CALM
                assert_eq!(content[4..8], [0, 0, 0, 0xb], "{}", content.escape_ascii());
                return Ended::SentAway;
            }
            HEADERS => {
                // `:status` is 431: at first spelled out, then by reference.
                let first = content.starts_with(b"\x48\x83\x69\x90\xff");
                assert!(
                    first || refused > 0 && content.starts_with(&[LAST]),
                    "{}",
                    content.escape_ascii()
                );
                refused += 1;
            }
            _ => {}
        }
    }
    Ended::Refused
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_expand_are_not_kept_and_others_work_goes_on() {
    let mut scene = Scene::with_programs(&[]).await;
    let peak_before = scene.world.coordinator.process().peak_bytes();
    for (row, headers, ended) in ROWS {
        let attacks = join_all((0..CONNECTIONS).map(|_| attack(&scene, headers)));
        let client = scene.world.client();
        let work = async {
            let run = client
                .run(&scene.laptops.name, &[])
                .await
                .expect("the others are served");
            client.until_ended(&run[0].name, LIMIT).await
        };
        let both = async { tokio::join!(attacks, work) };
        let (attacks, work) = timeout(2 * LIMIT, both).await.expect("an end in time");
        assert!(attacks.iter().all(|attack| attack == ended), "`{row}`: {attacks:?}");
        assert_eq!(muster_tests::status_of(&work), "COMPLETED", "`{row}`: {work:?}");
    }
    let growth = scene.world.coordinator.process().peak_bytes() - peak_before;
    assert!(growth < GROWTH_BYTES_MAX, "its memory has grown by {growth} bytes");
    scene.nobody_has_panicked();
}
