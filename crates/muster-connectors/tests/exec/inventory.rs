//! The source of the example in Python: an inventory's API, as small as it can be.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The token that it takes.
pub(crate) const TOKEN: &str = "t0ken";

/// How many devices it has, in pages of at most this many.
pub(crate) const DEVICES: usize = 1_200;
const PAGE: usize = 500;

/// Listens on a port of its own; whoever serves it goes on until the future is dropped.
pub(crate) async fn listen() -> (SocketAddr, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            // Clients come one after the other. One that breaks off is its own affair.
            let _ = answer(stream).await;
        }
    };
    (address, serve)
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let (status, body) = match path {
        _ if !head.contains(&format!("Authorization: Bearer {TOKEN}\r\n")) => ("401 Unauthorized", json!({})),
        "/v2/devices" => (
            "200 OK",
            devices(parameter("changed_since").unwrap_or_default(), parameter("page")),
        ),
        "/v2/users" => (
            "200 OK",
            json!({"items": [{"login": "ada"}, {"login": "grace"}], "total": 2}),
        ),
        _ => ("404 Not Found", json!({})),
    };
    let body = body.to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}

fn devices(changed_since: &str, page: Option<&str>) -> Value {
    let all: Vec<Value> = (0..DEVICES)
        .map(|number| json!({"id": format!("d-{number}"), "changed_at": format!("{number:06}")}))
        .filter(|device| device["changed_at"].as_str() >= Some(changed_since))
        .collect();
    let first: usize = page.and_then(|page| page.parse().ok()).unwrap_or(0);
    let items = &all[first..all.len().min(first + PAGE)];
    let next = (first + PAGE < all.len()).then(|| (first + PAGE).to_string());
    json!({"items": items, "next": next, "total": all.len()})
}
