//! A peer that speaks TCP, TLS and the frames of HTTP/2 by itself, from an address of its own, and so can do what no library would.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use muster_identity::trust::{Shown, client_config};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection};

use crate::secure::{Secure, identity};

// The frames, flags and settings of RFC 9113 that occur.
pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const ACK: u8 = 0x1;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).expect("it is small").to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Settings: a name and a value each.
pub(super) fn settings(all: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = all
        .iter()
        .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
        .collect();
    frame(SETTINGS, 0, 0, &payload)
}

/// The headers of a call, in the words of RFC 7541: `POST`, `https`, a path, a content type; and of who shows one, a token.
pub(super) fn call(path: &str, authorization: Option<&str>) -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 0x04];
    text(&mut block, path);
    block.extend(*b"\x0f\x10\x10application/grpc");
    if let Some(shown) = authorization {
        // `authorization` is the 23rd name of the static list: 15 and 8.
        block.extend([0x0f, 0x08]);
        text(&mut block, shown);
    }
    block
}

fn text(block: &mut Vec<u8>, text: &str) {
    block.push(
        u8::try_from(text.len())
            .ok()
            .filter(|length| *length < 127)
            .expect("it is short"),
    );
    block.extend(text.as_bytes());
}

/// A message as gRPC puts it into a body.
pub(super) fn message(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("it is small");
    [&[0][..], &length.to_be_bytes()[..], bytes].concat()
}

/// Where the coordinator is, and how it is known.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Target {
    pub(super) fn of(secure: &Secure) -> Self {
        Self::showing(secure, None)
    }

    /// The same for a runner that has enrolled with this data folder.
    pub(super) fn of_runner(secure: &Secure, folder: &Path) -> Self {
        Self::showing(secure, Some(identity(folder)))
    }

    fn showing(secure: &Secure, shown: Option<Arc<Shown>>) -> Self {
        let config = client_config(&secure.trust(), shown).expect("it can be trusted");
        Self {
            address: secure.address,
            config: Arc::new(config),
        }
    }

    fn name(&self) -> ServerName<'static> {
        ServerName::IpAddress(self.address.ip().into())
    }

    /// A connection without TLS.
    pub(super) async fn tcp(&self, from: u8) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        // All of 127.0.0.0/8 is this machine.
        socket.bind(SocketAddr::new(IpAddr::from(Ipv4Addr::new(127, 0, 0, from)), 0))?;
        socket.connect(self.address).await
    }

    /// A connection after its handshake.
    pub(super) async fn tls(&self, from: u8) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.tcp(from).await?;
        TlsConnector::from(Arc::clone(&self.config))
            .connect(self.name(), stream)
            .await
    }

    /// What a handshake begins with.
    pub(super) fn client_hello(&self) -> Vec<u8> {
        let mut client = ClientConnection::new(Arc::clone(&self.config), self.name()).expect("a client");
        let mut hello = Vec::new();
        client.write_tls(&mut hello).expect("a vector takes all");
        hello
    }

    /// A connection on which HTTP/2 has begun, with these settings.
    pub(super) async fn http2(&self, from: u8, all: &[(u16, u32)]) -> io::Result<TlsStream<TcpStream>> {
        let mut stream = self.tls(from).await?;
        stream.write_all(PREFACE).await?;
        stream.write_all(&settings(all)).await?;
        Ok(stream)
    }
}

/// How a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a reason of RFC 9113.
    Away(u32),
    /// Without a word.
    Closed,
    /// Not, for as long as it was waited for.
    Open,
}

/// `ENHANCE_YOUR_CALM`.
pub(super) const CALM: End = End::Away(0xb);
/// `PROTOCOL_ERROR`.
pub(super) const PROTOCOL: End = End::Away(0x1);

/// Reads until the other end ends it, at most this long, and answers its pings.
pub(super) async fn until_end(stream: &mut TlsStream<TcpStream>, within: Duration) -> End {
    until_end_saying(stream, within, Vec::new).await
}

/// The same, and says this ten times a second meanwhile.
pub(super) async fn until_end_saying(
    stream: &mut TlsStream<TcpStream>,
    within: Duration,
    mut says: impl FnMut() -> Vec<u8>,
) -> End {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut every = tokio::time::interval(Duration::from_millis(100));
    let reading = async {
        let mut coming = std::pin::pin!(frames(&mut read));
        loop {
            let say = tokio::select! {
                came = coming.next() => match came.unwrap_or(Err(End::Closed)) {
                    Ok(Came::Ping(asked)) => frame(PING, ACK, 0, &asked),
                    Ok(Came::Other) => continue,
                    Err(end) => return end,
                },
                _ = every.tick() => says(),
            };
            // What was said to us before the end is still read.
            let _ = write.write_all(&say).await;
        }
    };
    timeout(within, reading).await.unwrap_or(End::Open)
}

/// What comes, frame by frame, until there is an end.
fn frames<R: AsyncRead + Unpin>(read: &mut R) -> impl Stream<Item = Result<Came, End>> {
    futures_util::stream::unfold(Some(read), |read| async {
        let read = read?;
        let came = next(read).await;
        let goes_on = came.is_ok();
        Some((came, goes_on.then_some(read)))
    })
}

/// Reads until the other end ends it, and answers nothing.
pub(super) async fn end_of(read: &mut (impl AsyncRead + Unpin)) -> End {
    loop {
        if let Err(end) = next(read).await {
            return end;
        }
    }
}

/// A frame that has come.
enum Came {
    Ping(Vec<u8>),
    Other,
}

async fn next(read: &mut (impl AsyncRead + Unpin)) -> Result<Came, End> {
    let mut head = [0; 9];
    read.read_exact(&mut head).await.map_err(|_| End::Closed)?;
    let mut content = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    read.read_exact(&mut content).await.map_err(|_| End::Closed)?;
    match head[3] {
        GOAWAY => Err(End::Away(u32::from_be_bytes([
            content[4], content[5], content[6], content[7],
        ]))),
        PING if head[4] & ACK == 0 => Ok(Came::Ping(content)),
        _ => Ok(Came::Other),
    }
}

/// Waits until the other end closes a connection on which it says nothing; after how long that was, counted from `since`.
pub(super) async fn closed_after(stream: &mut TcpStream, since: Instant, within: Duration) -> Option<Duration> {
    let mut buffer = [0; 1024];
    let reading = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    timeout(within, reading).await.ok().map(|()| since.elapsed())
}
