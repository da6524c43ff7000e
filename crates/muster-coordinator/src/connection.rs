//! A client's connection that has an end: it is closed when nothing comes on it at first, or when its client does not take what is written for too long,
//! and cut when it has become old, when the time to stop is nearly over, or when a call on it has to end and its client does not let it.
//!
//! Without this a connection that never says a word would stay for ever, and one call that hangs, such as an upload whose runner has stopped,
//! would hold up the shutdown until the process is left to die with an error.

mod standing;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::caller::RunnerCaller;
use crate::limits::Limits;
use crate::tls::Place;
use muster_identity::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

pub(crate) use standing::{Answer, Standing};

/// How long a client may take to say its first word: one that speaks the protocol does so at once.
const FIRST_WORD_WITHIN: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what is written, since its system's buffers are full and it does not read; or of an answer, since it lets no more of
/// that come.
const TAKES_WITHIN: Duration = Duration::from_secs(30);

/// How long a connection lives at the most: 5 min after it was told that it is over, by which calls that were under way should have ended. Streams of runners
/// have: they are told to check in anew before.
const LIVES_FOR: Duration = Duration::from_secs(65 * 60);

/// How bytes come and go.
type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A connection with an end.
pub(crate) struct Connection {
    stream: Transport,
    /// What the client has shown in its handshake; `None` when that was nothing, or there was none.
    certificate: Option<CertificateDer<'static>>,
    /// When the first word is overdue; `None` once it has come.
    overdue: Option<Pin<Box<Sleep>>>,
    /// When it has lived for so long that it is cut, whatever is under way.
    old: Pin<Box<Sleep>>,
    /// When the client must have taken something; `None` while nothing waits for it.
    stalled: Option<Pin<Box<Sleep>>>,
    takes_within: Duration,
    standing: Standing,
    /// How much of a stranger is read; `None` once somebody is known, or where nobody is asked.
    strange: Option<Box<Strange>>,
    /// When it is looked next how it stands; `None` while that cannot become bad.
    look: Option<Pin<Box<Sleep>>>,
    scissors: Scissors,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a stranger has said.
struct Strange {
    address: IpAddr,
    limits: Limits,
    /// What was read and is not counted yet.
    bytes: u32,
    /// When more is read; `None`: now.
    more: Option<Pin<Box<Sleep>>>,
}

impl Strange {
    /// Waits until more may be read.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(more) = &mut self.more {
                std::task::ready!(more.as_mut().poll(context));
                self.more = None;
            }
            if self.bytes == 0 {
                return Poll::Ready(());
            }
            match self.limits.strange_bytes(self.address, self.bytes) {
                Ok(()) => self.bytes = 0,
                Err(wait) => self.more = Some(Box::pin(tokio::time::sleep(wait.time))),
            }
        }
    }
}

/// What cuts one connection.
#[derive(Debug, Clone)]
pub(crate) struct Scissors(CancellationToken);

impl Scissors {
    /// Ends the connection, with all calls on it.
    pub(crate) fn cut(&self) {
        self.0.cancel();
    }
}

impl Connection {
    /// A connection that was just accepted, without TLS. It is cut when `all` is cancelled, with all others.
    pub(crate) fn new(stream: TcpStream, all: &CancellationToken) -> Self {
        Self::over(Either::Left(stream), None, (Standing::default(), None), all)
    }

    /// The same after a handshake with a browser, which shows no certificate and says by each request who it is.
    pub(crate) fn of_browser(stream: TlsStream<TcpStream>, all: &CancellationToken) -> Self {
        Self::over(Either::Right(Box::new(stream)), None, (Standing::default(), None), all)
    }

    /// The same after a handshake, which had this place.
    pub(crate) fn protected(
        stream: TlsStream<TcpStream>,
        (address, place): (IpAddr, Place),
        limits: &Limits,
        all: &CancellationToken,
    ) -> Self {
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|certificate| certificate.clone().into_owned());
        let standing = match &certificate {
            Some(_) => (Standing::default(), None),
            None => {
                let limits = limits.clone();
                let strange = Box::new(Strange {
                    address,
                    limits,
                    bytes: 0,
                    more: None,
                });
                (Standing::strange(place), Some(strange))
            }
        };
        Self::over(Either::Right(Box::new(stream)), certificate, standing, all)
    }

    fn over(
        stream: Transport,
        certificate: Option<CertificateDer<'static>>,
        (standing, strange): (Standing, Option<Box<Strange>>),
        all: &CancellationToken,
    ) -> Self {
        let own = all.child_token();
        Self {
            stream,
            certificate,
            overdue: Some(Box::pin(tokio::time::sleep(FIRST_WORD_WITHIN))),
            old: Box::pin(tokio::time::sleep(LIVES_FOR)),
            stalled: None,
            takes_within: TAKES_WITHIN,
            standing,
            strange,
            look: None,
            scissors: Scissors(own.clone()),
            cut: Box::pin(own.cancelled_owned()),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Either::Left(stream) => stream,
            Either::Right(stream) => stream.get_ref().0,
        }
    }

    /// What to do where the stream itself has nothing to say: only then, so that a busy connection costs nothing more. A busy one waits often
    /// enough, too.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.cut.as_mut().poll(context).is_ready() {
            let why = "the coordinator has waited for this connection long enough";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)));
        }
        if let Some(overdue) = &mut self.overdue
            && overdue.as_mut().poll(context).is_ready()
        {
            let why = "the client has not said a word";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        if let Some(stalled) = &mut self.stalled
            && stalled.as_mut().poll(context).is_ready()
        {
            let why = "the client does not take what it has asked for";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        if self.old.as_mut().poll(context).is_ready() {
            let why = "it was told that it is over, and what was under way has not ended";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        match self.look(context) {
            Some(why) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why))),
            None => Poll::Pending,
        }
    }

    /// Why it is to end for how it stands. It is looked at now and then: not each time that something is answered.
    fn look(&mut self, context: &mut Context<'_>) -> Option<&'static str> {
        loop {
            let Some(look) = &mut self.look else {
                let next = self.standing.fault_at(self.takes_within)?;
                self.look = Some(Box::pin(tokio::time::sleep_until(next.into())));
                continue;
            };
            if look.as_mut().poll(context).is_pending() {
                return None;
            }
            self.look = None;
            if let Some(why) = self.standing.fault(self.takes_within) {
                return Some(why);
            }
        }
    }

    fn or_wait<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.wait(context),
        }
    }

    fn wrote(&mut self, polled: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.stalled = None;
        } else if self.stalled.is_none() {
            self.stalled = Some(Box::pin(tokio::time::sleep(self.takes_within)));
        }
        self.or_wait(polled, context)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.strange.is_some() && !self.standing.is_strange() {
            self.strange = None;
        }
        if let Some(strange) = &mut self.strange
            && strange.poll_more(context).is_pending()
        {
            return self.wait(context);
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.overdue = None;
        }
        if let Some(strange) = &mut self.strange {
            let read = buffer.filled().len() - before;
            strange.bytes = strange.bytes.saturating_add(u32::try_from(read).unwrap_or(u32::MAX));
        }
        self.or_wait(polled, context)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.or_wait(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.or_wait(polled, context)
    }
}

/// What a call knows of its connection: it is among its request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct ConnectInfo {
    /// Where the connection comes from; `None` when it had gone before that could be asked.
    pub(crate) peer: Option<IpAddr>,
    /// What cuts it.
    pub(crate) scissors: Scissors,
    /// How it stands.
    pub(crate) standing: Standing,
    /// The certificate that the client has shown, which was good then; `None` when it has shown none.
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

impl ConnectInfo {
    /// That of a call from this process itself, made for somebody at this address: there is no connection that could be cut or stand badly.
    pub(crate) fn within(address: IpAddr) -> Self {
        Self {
            peer: Some(address),
            scissors: Scissors(CancellationToken::new()),
            standing: Standing::default(),
            certificate: None,
        }
    }

    /// The runner that the certificate names, which the handshake has judged; `None` when none was shown. Whether it is still good is for each call to judge.
    pub(crate) fn runner(&self) -> Option<RunnerCaller> {
        let said = muster_identity::judge::says(self.certificate.as_ref()?).ok()?;
        Some(RunnerCaller {
            runner: said.name.runner,
            organization: said.name.pool.organization,
        })
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectInfo;

    fn connect_info(&self) -> ConnectInfo {
        ConnectInfo {
            peer: self.tcp().peer_addr().ok().map(|peer| peer.ip()),
            scissors: self.scissors.clone(),
            standing: self.standing.clone(),
            certificate: self.certificate.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::standing::STRANGE_FOR;
    use super::*;

    /// A connection of which the test is the client.
    async fn connected(cut: &CancellationToken) -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("it has one")).await;
        let (stream, _) = listener.accept().await.expect("somebody has connected");
        (client.expect("it listens"), Connection::new(stream, cut))
    }

    async fn reads(connection: &mut Connection) -> io::Result<u8> {
        let read = timeout(2 * FIRST_WORD_WITHIN, connection.read_u8()).await;
        read.expect("it waits for ever")
    }

    #[tokio::test]
    async fn a_client_that_does_not_say_a_word_is_not_waited_for() {
        let (_client, mut connection) = connected(&CancellationToken::new()).await;
        let error = reads(&mut connection).await.expect_err("nothing has come");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn after_its_first_word_a_client_may_be_silent_until_the_cut() {
        let cut = CancellationToken::new();
        let (mut client, mut connection) = connected(&cut).await;
        client.write_u8(7).await.expect("written");
        assert_eq!(reads(&mut connection).await.expect("it has come"), 7);
        assert!(connection.overdue.is_none(), "it has to say something again");
        let silent = timeout(Duration::from_millis(1), connection.read_u8()).await;
        assert!(silent.is_err(), "{silent:?}");
        // Another one's scissors are not this one's.
        let (_other_client, other) = connected(&cut).await;
        other.connect_info().scissors.cut();
        let silent = timeout(Duration::from_millis(1), connection.read_u8()).await;
        assert!(silent.is_err(), "{silent:?}");
        // Cancelled while it is read from, as on a server.
        let (read, ()) = tokio::join!(reads(&mut connection), async { cut.cancel() });
        assert_eq!(read.expect_err("it is cut").kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_not_waited_for() {
        let (_client, mut connection) = connected(&CancellationToken::new()).await;
        connection.takes_within = Duration::from_millis(50);
        // More than the system's buffers take.
        let bytes = vec![0; 64 << 20];
        let written = timeout(2 * FIRST_WORD_WITHIN, connection.write_all(&bytes)).await;
        let error = written.expect("it waits for ever").expect_err("nobody reads");
        assert_eq!(error.to_string(), "the client does not take what it has asked for");
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_of_an_answer_is_not_waited_for() {
        let (mut client, mut connection) = connected(&CancellationToken::new()).await;
        client.write_u8(7).await.expect("written");
        reads(&mut connection).await.expect("it has come");
        connection.takes_within = Duration::from_millis(50);
        let answer = || connection.standing.answer(Full::new(Bytes::from_static(b"an answer")));
        let (mut taken, mut untaken) = (answer(), answer());
        let taken = taken.frame().await;
        // It is looked at while this one waits, and is over before it has to be.
        assert!(timeout(Duration::from_millis(10), connection.read_u8()).await.is_err());
        drop(taken);
        assert!(timeout(Duration::from_millis(100), connection.read_u8()).await.is_err());
        let _untaken = untaken.frame().await;
        let error = reads(&mut connection).await.expect_err("it waits");
        assert_eq!(error.to_string(), "the client does not take what it has asked for");
    }

    #[tokio::test]
    async fn a_stranger_who_does_not_call_is_not_waited_for() {
        let cut = CancellationToken::new();
        for (is_known, calls) in [(false, false), (false, true), (true, false)] {
            let (mut client, mut connection) = connected(&cut).await;
            client.write_u8(7).await.expect("written");
            reads(&mut connection).await.expect("it has come");
            connection.standing = Standing::strange(Place::any());
            connection.standing.called_before(STRANGE_FOR);
            connection.takes_within = Duration::from_millis(20);
            if calls {
                connection.standing.note_call();
            }
            if is_known {
                connection.standing.note_known();
            }
            let read = timeout(Duration::from_millis(200), connection.read_u8()).await;
            if is_known || calls {
                assert!(read.is_err(), "it is cut: {read:?}");
            } else {
                let error = read.expect("it waits for ever").expect_err("nothing has come");
                assert_eq!(error.to_string(), "nobody is known on it, and nobody calls");
            }
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_old_is_cut() {
        let (mut client, mut connection) = connected(&CancellationToken::new()).await;
        client.write_u8(7).await.expect("written");
        reads(&mut connection).await.expect("it has come");
        connection.old = Box::pin(tokio::time::sleep(Duration::from_millis(20)));
        let error = reads(&mut connection).await.expect_err("it is over");
        assert!(error.to_string().contains("told that it is over"), "{error}");
    }

    #[tokio::test]
    async fn a_call_can_cut_its_connection() {
        let (mut client, mut connection) = connected(&CancellationToken::new()).await;
        client.write_u8(7).await.expect("written");
        reads(&mut connection).await.expect("it has come");
        let scissors = connection.connect_info().scissors;
        let (read, ()) = tokio::join!(reads(&mut connection), async { scissors.cut() });
        assert_eq!(read.expect_err("it is cut").kind(), io::ErrorKind::ConnectionAborted);
    }
}
