//! Asks by HTTP as a scraper or a probe does.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wait::LIMIT;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status, such as 200.
    pub status: u16,
    /// The head, with all its lines.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Gets this path on a connection of its own.
///
/// # Errors
/// What became of the connection, or that the answer is none.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<Page> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        parse(&answer).ok_or_else(|| io::Error::other(format!("no answer of HTTP: {answer:?}")))
    };
    let answered = timeout(LIMIT, asked).await;
    answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn parse(answer: &str) -> Option<Page> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (head, body) = (head.to_owned(), body.to_owned());
    Some(Page { status, head, body })
}
