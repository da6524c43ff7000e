//! The HTTP listener, by friends and by hostile peers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use muster_proto::v1::{ExecutionStatus, ReportKind};
use muster_tests::{CONNECTOR, LIMIT, ScriptedRunner, Wanted, World, eventually, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Fewer connections than one address may make at once.
const CROWD: usize = 490;
/// More than that.
const TOO_MANY: usize = 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_stops_is_not_ready_and_lives() {
    let mut world = World::start_with(&[]).await;
    let (client, url) = (world.client(), world.coordinator.url());
    let http = world.coordinator.http_address();
    for (path, said) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = http::get(http, path).await.expect("it is answered");
        assert_eq!((answer.status, answer.body.as_str()), (200, said), "{path}");
    }
    // An upload that does not go on is waited for when it stops.
    let mut runner = ScriptedRunner::named("runner", "default", 1).check_in(&url).await;
    client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let work = runner.begin_assigned().await;
    let _upload = runner.begin_upload(&work).await;
    world.coordinator.process().signal(nix::sys::signal::Signal::SIGTERM);
    eventually("a stop that is told", LIMIT, async || {
        let answer = http::get(http, "/readyz").await.map_err(|error| error.to_string())?;
        let is_told = answer.status == 503 && answer.body.contains("the coordinator is shutting down");
        is_told.then_some(()).ok_or_else(|| format!("{answer:?}"))
    })
    .await;
    let alive = http::get(http, "/healthz").await.expect("it lives");
    assert_eq!(alive.status, 200, "{alive:?}");
    assert_eq!(world.coordinator.process().ended(LIMIT).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said_by_its_status() {
    let world = World::start().await;
    let address = world.coordinator.http_address();
    let fill = |bytes: usize| "x".repeat(bytes);
    let many = (0..100).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    for (what, request, status) in [
        (
            "an unknown path",
            "GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "404",
        ),
        (
            "a name that somebody has made lead here",
            "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
            "421",
        ),
        (
            "a method that changes things",
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "405",
        ),
        (
            "a huge header",
            format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", fill(64 << 10)),
            "431",
        ),
        (
            "too many headers",
            format!("GET /metrics HTTP/1.1\r\n{many}\r\n"),
            "431",
        ),
        (
            "a huge path",
            format!("GET /{} HTTP/1.1\r\n\r\n", fill(64 << 10)),
            "431",
        ),
        ("no HTTP", "\u{16}\u{3}\u{1} hello\r\n\r\n".to_owned(), "400"),
        (
            "the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "",
        ),
    ] {
        let answer = raw(address, &request).await;
        let told = answer
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .unwrap_or_default();
        assert_eq!(told, status, "{what}: {answer:?}");
    }
    let head = http::get(address, "/metrics").await.expect("it is answered").head;
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
}

/// Sends this, and returns what comes until the other end closes or nothing comes for a while.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    // It may have closed before all of it is sent.
    let (_, _) = tokio::join!(
        write.write_all(request.as_bytes()),
        timeout(Duration::from_secs(2), read.read_to_end(&mut answer))
    );
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_hold_http_do_not_disturb_grpc_and_are_let_go() {
    let world = World::start().await;
    let (client, address) = (world.client(), world.coordinator.http_address());
    let mut runner = ScriptedRunner::named("runner", "default", 1)
        .check_in(&world.coordinator.url())
        .await;
    let began = Instant::now();
    // Some say nothing, some say one letter of a request each second.
    let mut silent = Vec::new();
    for _ in 0..CROWD {
        silent.push(TcpStream::connect(address).await.expect("it listens"));
    }
    let slow = TcpStream::connect(address).await.expect("it listens");
    let (mut read, mut write) = slow.into_split();
    let mut drip = tokio::task::JoinSet::new();
    drip.spawn(async move {
        for letter in "GET /metrics HTTP/1.1\r\nHost: somewhere-far-away\r\n\r\n".bytes() {
            if write.write_all(&[letter]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });

    // Meanwhile work goes on, as fast as ever.
    let created = client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let execution = client.open_execution(&created.name).await;
    let work = runner.assignment().await;
    runner
        .report(vec![work.accepted(), work.started(), work.completed(None)])
        .await;
    runner.ack(&work, ReportKind::Finished).await;
    client.until_status(&execution, ExecutionStatus::Completed).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "it took {took:?}");

    // The slow one is closed before it has said all it has to say, and the silent ones are.
    let mut answer = Vec::new();
    let closed = timeout(LIMIT, read.read_to_end(&mut answer)).await;
    closed.expect("it is closed").ok();
    assert!(!String::from_utf8_lossy(&answer).contains("muster_"), "it got the page");
    for stream in &mut silent {
        let closed = timeout(LIMIT, stream.read(&mut [0; 1])).await;
        let told = closed.expect("it is closed");
        assert!(matches!(told, Ok(0) | Err(_)), "{told:?}");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "they were held for {took:?}");
    eventually("a place", LIMIT, async || {
        let answer = http::get(address, "/readyz").await.map_err(|error| error.to_string())?;
        (answer.status == 200)
            .then_some(())
            .ok_or_else(|| format!("{answer:?}"))
    })
    .await;
}

/// How many long forms of people who are known are taken in at once.
const LONG_FORMS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_do_not_come_take_no_memory_beyond_a_bound_and_hold_up_no_others() {
    let world = World::start().await;
    let address = world.coordinator.http_address();
    let path = "/organizations/default/integrations/new?connector=nothing";
    let head = |length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    // All but the last byte of as much as a form may have.
    let most = 512 << 10;
    let mut held = Vec::new();
    for _ in 0..LONG_FORMS {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(head(most).as_bytes()).await.expect("sent");
        stream.write_all(&vec![b'a'; most - 1]).await.expect("sent");
        held.push(stream);
    }
    let short = raw(address, &format!("{}a=b", head(3))).await;
    assert!(short.starts_with("HTTP/1.1 200"), "{short:.200}");
    let page = http::get(address, "/organizations/default/integrations").await;
    assert_eq!(page.expect("it is answered").status, 200);
    let long = format!("{}{}", head(10_000), "a".repeat(10_000));
    eventually("a long form that waits for a place", LIMIT, async || {
        match raw(address, &long).await {
            none if none.is_empty() => Ok(()),
            answer => Err(answer),
        }
    })
    .await;
    held.pop();
    let told = raw(address, &long).await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told:.200}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_too_many_connections_or_requests_is_refused_by_http_alone() {
    let world = World::start().await;
    let (client, address) = (world.client(), world.coordinator.http_address());
    // On one connection, so that these are requests alone.
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let (mut read, mut write) = stream.split();
    let all = request.repeat(3_000);
    let mut answers = Vec::new();
    let reading = timeout(Duration::from_secs(3), read.read_to_end(&mut answers));
    let (_, _) = tokio::join!(write.write_all(all.as_bytes()), reading);
    let answers = String::from_utf8_lossy(&answers);
    let refused = answers.matches("HTTP/1.1 429").count();
    assert!(refused > 500, "{refused} of 3000 were refused");
    assert!(answers.contains("retry-after: "), "{answers:.2000}");

    let mut closed = 0;
    let mut open = Vec::new();
    for _ in 0..TOO_MANY {
        let mut stream = TcpStream::connect(address).await.expect("the system takes it");
        match timeout(Duration::from_millis(1), stream.read(&mut [0; 1])).await {
            Ok(_) => closed += 1,
            Err(_) => open.push(stream),
        }
    }
    // Whether a connection is closed shows late where the machine is busy; the last ones are among those that had the time.
    for mut stream in open.drain(..) {
        if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_millis(1), stream.read(&mut [0; 1])).await {
            closed += 1;
        }
    }
    assert!(closed > 100, "{closed} of {} were closed", TOO_MANY);
    client
        .create(&Wanted::new("source", CONNECTOR))
        .await
        .expect_err("nobody has offered its connector, as ever");
    client.runners().await.expect("gRPC answers as ever");
}
