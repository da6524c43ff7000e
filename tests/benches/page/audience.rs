//! A process that has many pages open: it holds their streams, and takes what comes as browsers do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::harness::Outcome;
use crate::harness::child::{Child, say};

/// The role of this process.
pub(crate) const ROLE: &str = "audience";

/// How many pages there are at most from one address: one may make so many connections at once.
const PER_ADDRESS: usize = 250;

/// How long the pages have to begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(60);

/// What to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) http: SocketAddr,
    pub(crate) pages: usize,
}

/// What the pages have got, when it is asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Got {
    pub(crate) pages: usize,
    pub(crate) bytes: u64,
}

/// Opens so many pages, and waits until all have begun.
pub(crate) fn open(http: SocketAddr, pages: usize) -> Outcome<Child> {
    let mut child = Child::play(ROLE, &Settings { http, pages })?;
    let got: Got = child.hear()?;
    if got.pages != pages {
        return Err(format!("{} of {pages} pages are live", got.pages).into());
    }
    Ok(child)
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let got = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let mut pages = JoinSet::new();
        for number in 0..settings.pages {
            pages.spawn(hold(settings.http, number, Arc::clone(&got)));
        }
        let begun = || usize::try_from(got[0].load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let begin = async {
            while begun() < settings.pages {
                if let Some(ended) = pages.try_join_next() {
                    ended??;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Outcome::Ok(())
        };
        tokio::time::timeout(BEGIN_WITHIN, begin).await??;
        say(&Got {
            pages: begun(),
            bytes: got[1].load(Ordering::Relaxed),
        })?;
        match pages.join_next().await {
            Some(ended) => ended?,
            None => Ok(()),
        }
    })
}

/// One page: it ends only with an error.
async fn hold(http: SocketAddr, number: usize, got: Arc<[AtomicU64; 2]>) -> Outcome<()> {
    let mut stream = connect(http, number).await?;
    let request = "GET /live?at=%2Forganizations%2Fdefault%2Fintegrations&seen= HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 64 * 1024];
    let first = stream.read(&mut buffer).await?;
    if !buffer[..first].starts_with(b"HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(&buffer[..first.min(200)]).into_owned().into());
    }
    got[0].fetch_add(1, Ordering::Relaxed);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Err(format!("the stream of page {number} has ended").into()),
            bytes => got[1].fetch_add(bytes as u64, Ordering::Relaxed),
        };
    }
}

/// Connects from one of several addresses of this machine.
async fn connect(http: SocketAddr, number: usize) -> Outcome<TcpStream> {
    let last = u8::try_from(1 + number / PER_ADDRESS)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
    Ok(socket.connect(http).await?)
}
