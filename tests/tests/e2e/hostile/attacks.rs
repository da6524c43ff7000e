//! What hostile peers do. Each attack says how it has ended, and panics where the coordinator lets it go on for longer than it may.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use muster_identity::RunnerName;
use muster_proto::v1;
use muster_proto::v1::runner_message::Kind;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout, timeout_at};

use super::peer::{
    ACK, CALM, CONTINUATION, DATA, END_HEADERS, End, HEADERS, INITIAL_WINDOW_SIZE, PING, PROTOCOL, RST_STREAM,
    SETTINGS, Target, WINDOW_UPDATE, call, closed_after, end_of, frame, message, settings, until_end, until_end_saying,
};

/// How long an attack that can go on without an end does.
const FOR: Duration = Duration::from_secs(2);

/// The coordinator's limit for a handshake, and for the first word after it.
const SILENT_FOR: Duration = Duration::from_secs(5);
/// And for an answer of which nothing is taken.
const UNTAKEN_FOR: Duration = Duration::from_secs(30);
/// What a busy machine may need more.
const SPARE: Duration = Duration::from_secs(5);

/// How long one peer's answer is waited for.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// A call that everybody may make, and that is answered with much.
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const WHO_AM_I: &str = "/muster.v1.AccessService/WhoAmI";

fn spread(times: &[Duration]) -> String {
    let least = times.iter().min().copied().unwrap_or_default();
    let most = times.iter().max().copied().unwrap_or_default();
    format!("{:.1}–{:.1} s", least.as_secs_f64(), most.as_secs_f64())
}

/// The slowest greeting: some say a byte of a ClientHello each second, some nothing.
pub(super) async fn slow_loris(target: &Target) -> String {
    const EACH: usize = 300;
    let hello = target.client_hello();
    let peers = (0..2 * EACH).map(|number| {
        let hello = &hello;
        async move {
            let mut stream = target.tcp(2).await.expect("the system takes it");
            let since = Instant::now();
            if number >= EACH {
                return closed_after(&mut stream, since, SILENT_FOR + SPARE).await;
            }
            let (mut read, mut write) = stream.split();
            let mut buffer = [0; 64];
            let mut bytes = hello.iter();
            loop {
                tokio::select! {
                    read = read.read(&mut buffer) => if read.is_ok_and(|read| read > 0) {} else {
                        return Some(since.elapsed());
                    },
                    () = sleep(Duration::from_secs(1)) => {
                        let byte = *bytes.next().expect("it is longer than the time");
                        let _ = write.write_all(&[byte]).await;
                    }
                }
            }
        }
    });
    let closed: Option<Vec<Duration>> = join_all(peers).await.into_iter().collect();
    let closed = closed.expect("all are closed in time");
    assert!(
        closed.iter().all(|after| *after < SILENT_FOR + SPARE),
        "{}",
        spread(&closed)
    );
    format!("{} closed after {}", closed.len(), spread(&closed))
}

/// A crowd that connects and says nothing.
pub(super) async fn idle_tcp(target: &Target, count: usize) -> String {
    let mut streams = Vec::with_capacity(count);
    for number in 0..count {
        let stream = target.tcp(3 + u8::try_from(number % 4).expect("it is small")).await;
        streams.push((stream.expect("the system takes it"), Instant::now()));
    }
    let closing = streams
        .iter_mut()
        .map(|(stream, since)| closed_after(stream, *since, SILENT_FOR + SPARE));
    let closed: Option<Vec<Duration>> = join_all(closing).await.into_iter().collect();
    let closed = closed.expect("all are closed in time");
    format!("{count} closed after {}", spread(&closed))
}

/// A crowd that shakes hands and then says nothing.
pub(super) async fn idle_tls(target: &Target) -> String {
    const COUNT: usize = 500;
    /// At a time, so that their own handshakes are in time.
    const AT_A_TIME: usize = 50;
    let mut streams = Vec::with_capacity(COUNT);
    while streams.len() < COUNT {
        for stream in join_all((0..AT_A_TIME).map(|_| target.tls(7))).await {
            streams.push((stream.expect("it is in time"), Instant::now()));
        }
    }
    let closing = streams.iter_mut().map(|(stream, since)| async move {
        let end = until_end(stream, SILENT_FOR + SPARE).await;
        (end == End::Closed).then(|| since.elapsed())
    });
    let closed: Option<Vec<Duration>> = join_all(closing).await.into_iter().collect();
    let closed = closed.expect("all are closed in time");
    format!("{COUNT} closed after {}", spread(&closed))
}

/// Connections, one after the other and some at a time, on each of which these bytes are said again and again until it ends. Counts how each has ended.
async fn again_and_again(target: &Target, from: u8, bytes: &(dyn Fn(u32) -> Vec<u8> + Sync)) -> Vec<End> {
    const AT_A_TIME: usize = 8;
    let until = Instant::now() + FOR;
    let peers = (0..AT_A_TIME).map(|_| async move {
        let mut ends = Vec::new();
        while Instant::now() < until {
            let Ok(mut stream) = target.http2(from, &[]).await else {
                ends.push(End::Closed);
                continue;
            };
            let (mut read, mut write) = tokio::io::split(&mut stream);
            let writing = async {
                for round in 0.. {
                    if Instant::now() >= until || write.write_all(&bytes(round)).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let mut reading = std::pin::pin!(end_of(&mut read));
            let end = tokio::select! {
                end = &mut reading => Some(end),
                () = writing => None,
            };
            ends.push(match end {
                Some(end) => end,
                // It has ended, or the time is over; what it said of that may still come.
                None => timeout(Duration::from_secs(1), reading).await.unwrap_or(End::Open),
            });
        }
        ends
    });
    join_all(peers).await.into_iter().flatten().collect()
}

fn counted(ends: &[End]) -> String {
    let count = |end: End| ends.iter().filter(|one| **one == end).count();
    let away = ends.iter().filter(|end| matches!(end, End::Away(_))).count();
    format!(
        "{} sent away, {} of them to calm down; {} closed",
        away,
        count(CALM),
        count(End::Closed)
    )
}

/// Calls that are taken back as soon as they are made.
pub(super) async fn rapid_reset(target: &Target) -> String {
    const CALLS: u32 = 100;
    let block = call(WHO_AM_I, None);
    let ends = again_and_again(target, 8, &|round| {
        let calls = (0..CALLS).flat_map(|number| {
            // A peer's calls have odd numbers.
            let stream = 2 * (round * CALLS + number) + 1;
            let mut both = frame(HEADERS, END_HEADERS, stream, &block);
            both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            both
        });
        calls.collect()
    })
    .await;
    assert!(ends.contains(&CALM), "{ends:?}");
    counted(&ends)
}

/// Headers that go on and on.
pub(super) async fn continuation(target: &Target) -> String {
    let block = call(WHO_AM_I, None);
    let more = [b"\x40\x01x\x7f\x81\x07".to_vec(), vec![b'v'; 1024]].concat();
    let ends = again_and_again(target, 9, &|round| match round {
        0 => frame(HEADERS, 0, 1, &block),
        _ => frame(CONTINUATION, 0, 1, &more).repeat(16),
    })
    .await;
    assert!(ends.contains(&CALM), "{ends:?}");
    counted(&ends)
}

/// Updates of windows by nothing.
pub(super) async fn empty_updates(target: &Target) -> String {
    let ends = again_and_again(target, 10, &|_| frame(WINDOW_UPDATE, 0, 0, &0_u32.to_be_bytes())).await;
    assert!(ends.contains(&PROTOCOL), "{ends:?}");
    counted(&ends)
}

/// Settings and pings by the thousand; each asks for an answer, which nobody reads here.
pub(super) async fn settings_and_pings(target: &Target) -> String {
    const PEERS: usize = 4;
    let flood = [
        settings(&[(INITIAL_WINDOW_SIZE, 65_535)]).repeat(100),
        frame(PING, 0, 0, &[7; 8]).repeat(100),
    ]
    .concat();
    let until = Instant::now() + FOR;
    let peers = (0..PEERS).map(|_| {
        let flood = &flood;
        async move {
            let mut stream = target.http2(11, &[]).await.expect("it is in time");
            let mut sent = 0_usize;
            while Instant::now() < until {
                match timeout_at(until.into(), stream.write_all(flood)).await {
                    Ok(Ok(())) => sent += flood.len(),
                    // It is not read any more, since its answers are not; or it is closed.
                    Ok(Err(_)) | Err(_) => break,
                }
            }
            sent
        }
    });
    let sent: usize = join_all(peers).await.into_iter().sum();
    format!("{PEERS} peers have brought {} KiB", sent / 1024)
}

/// Frames of data, of settings and of resets that mean nothing, for calls that were never made.
pub(super) async fn nonsense(target: &Target) -> String {
    let ends = again_and_again(target, 12, &|round| match round % 3 {
        0 => frame(DATA, 0, 0, b"of no call"),
        1 => frame(SETTINGS, ACK, 0, b"acknowledged"),
        _ => frame(0x7f, 0xff, u32::MAX >> 1, &[0; 64]),
    })
    .await;
    assert!(ends.iter().any(|end| matches!(end, End::Away(_))), "{ends:?}");
    counted(&ends)
}

/// Peers who ask for much and take nothing of it: their windows are as small as they can be, and stay so.
pub(super) struct Unread(JoinSet<(End, Duration)>);

impl Unread {
    pub(super) async fn begin(target: &Target, token: &str) -> Self {
        const PEERS: usize = 100;
        let shown = format!("Bearer {token}");
        let streams = join_all((0..PEERS).map(|_| async {
            let mut stream = target
                .http2(13, &[(INITIAL_WINDOW_SIZE, 1)])
                .await
                .expect("it is in time");
            let mut calls = Vec::new();
            for number in 0..16_u32 {
                let (path, asked) = match number % 2 {
                    0 => (REFLECTION, reflected("muster.v1.IntegrationService")),
                    _ => ("/muster.v1.ExecutionService/WatchExecutions", watch()),
                };
                let stream = 2 * number + 1;
                calls.extend(frame(HEADERS, END_HEADERS, stream, &call(path, Some(&shown))));
                calls.extend(frame(DATA, u8::from(number % 2 == 1), stream, &message(&asked)));
            }
            stream.write_all(&calls).await.expect("it is taken");
            (stream, Instant::now())
        }))
        .await;
        // The pings that ask whether they are there are answered.
        let ends = streams.into_iter().map(|(mut stream, since)| async move {
            let end = until_end(&mut stream, UNTAKEN_FOR + SPARE).await;
            (end, since.elapsed())
        });
        Self(ends.collect())
    }

    /// Waits until all are cut.
    pub(super) async fn until_cut(self) -> String {
        let ends = self.0.join_all().await;
        let cut: Vec<Duration> = ends
            .iter()
            .filter(|(end, _)| *end != End::Open)
            .map(|(_, after)| *after)
            .collect();
        let spread = spread(&cut);
        // A few stay for longer, for a reason that is not known: nothing that they have asked for was taken either.
        assert!(
            cut.len() * 10 >= ends.len() * 9,
            "{} of {} closed after {spread}",
            cut.len(),
            ends.len()
        );
        format!("{} of {} closed after {spread}", cut.len(), ends.len())
    }
}

/// A runner that checks in and takes nothing of what it is told, and asks for more and more: its window is as small as it can be, and stays so.
pub(super) struct Deaf(JoinSet<(End, Duration)>);

impl Deaf {
    pub(super) async fn begin(target: &Target, name: &RunnerName) -> Self {
        /// Each is answered: nobody holds what they are about.
        const REPORTS: usize = 50;
        let mut hello = crate::wrong_certificates::message(name, 1);
        if let Some(Kind::Hello(hello)) = &mut hello.kind {
            hello.connectors[0].connector = "deaf".to_owned();
        }
        let mut stream = target
            .http2(15, &[(INITIAL_WINDOW_SIZE, 1)])
            .await
            .expect("it is in time");
        let block = call("/muster.v1.RunnerService/CheckIn", None);
        let mut said = frame(HEADERS, END_HEADERS, 1, &block);
        said.extend(frame(DATA, 0, 1, &message(&hello.encode_to_vec())));
        stream.write_all(&said).await.expect("it is taken");
        let reports = v1::RunnerMessage {
            kind: Some(Kind::Reports(v1::Reports {
                reports: vec![
                    v1::Report {
                        execution_id: vec![7; 16].into(),
                        attempt: 1,
                        kind: Some(v1::report::Kind::Started(v1::Started::default())),
                    };
                    REPORTS
                ],
            })),
        };
        let reports = frame(DATA, 0, 1, &message(&reports.encode_to_vec()));
        let since = Instant::now();
        let asking = async move {
            let end = until_end_saying(&mut stream, UNTAKEN_FOR + SPARE, || reports.clone()).await;
            (end, since.elapsed())
        };
        Self(std::iter::once(asking).collect())
    }

    /// Waits until it is cut.
    pub(super) async fn until_cut(self) -> String {
        let [(end, after)] = self.0.join_all().await[..] else {
            panic!("there is one")
        };
        assert_ne!(end, End::Open, "it may ask for ever");
        format!("{end:?} after {:.1} s", after.as_secs_f64())
    }
}

/// What asks for the description of a service: field 4 of the request, which has no type here.
fn reflected(service: &str) -> Vec<u8> {
    let length = u8::try_from(service.len()).expect("it is short");
    [&[0x22, length][..], service.as_bytes()].concat()
}

fn watch() -> Vec<u8> {
    v1::WatchExecutionsRequest {
        parent: crate::secure::PARENT.to_owned(),
        ..Default::default()
    }
    .encode_to_vec()
}

/// What is small on its way, sent as an upload: a megabyte of gzip that becomes a gigabyte, and a message that only says how large it is.
pub(super) async fn bombs(target: &Target) -> String {
    const PEERS: usize = 16;
    let block = [call("/muster.v1.RunnerService/UploadRecords", None), encoded()].concat();
    // It would be inflated before anybody could see what it is: a refusal comes before.
    let bomb = [&[1][..], &(1_u32 << 20).to_be_bytes()[..], &vec![0; 1 << 20][..]].concat();
    let until = Instant::now() + FOR;
    let peers = (0..PEERS).map(|_| {
        let (block, bomb) = (&block, &bomb);
        async move {
            let mut refused = 0_usize;
            while Instant::now() < until {
                let mut stream = target.http2(14, &[]).await.expect("it is in time");
                let mut sent = frame(HEADERS, END_HEADERS, 1, block);
                for piece in bomb.chunks(16 * 1024) {
                    sent.extend(frame(DATA, 0, 1, piece));
                }
                let _ = timeout(ENDS_WITHIN, stream.write_all(&sent)).await;
                refused += 1;
            }
            refused
        }
    });
    let sent: usize = join_all(peers).await.into_iter().sum();
    format!("{sent} uploads of 1 MiB that call themselves gzip")
}

/// `grpc-encoding: gzip`
fn encoded() -> Vec<u8> {
    b"\x00\x0dgrpc-encoding\x04gzip".to_vec()
}
