//! A connection over TLS that remembers why the other end has ended it. In TLS 1.3 a client's certificate is judged when the client believes the
//! handshake to be over: the alert comes with what is read next, and HTTP/2 keeps nothing of it but that the connection broke.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// With what the newest connection of a dialer has failed; `None` while it has not.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<rustls::Error>>>);

impl Fault {
    pub(super) fn get(&self) -> Option<rustls::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, fault: Option<rustls::Error>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// The connection.
pub struct Overheard {
    stream: TlsStream<TcpStream>,
    fault: Fault,
}

impl Overheard {
    pub(super) fn new(stream: TlsStream<TcpStream>, fault: Fault) -> Self {
        Self { stream, fault }
    }

    fn note(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(fault) = inner {
            self.fault.set(Some(fault.clone()));
        }
    }

    /// Where a write fails, what the other end has said before it closed the connection is still there to be read.
    fn listen(&mut self, context: &mut Context<'_>) {
        let mut byte = [0];
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_read(context, &mut ReadBuf::new(&mut byte)) {
            self.note(&error);
        }
    }

    fn written<T>(&mut self, context: &mut Context<'_>, written: io::Result<T>) -> Poll<io::Result<T>> {
        if written.is_err() {
            self.listen(context);
        }
        Poll::Ready(written)
    }
}

impl AsyncRead for Overheard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if let Err(error) = &read {
            self.note(error);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices));
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        self.written(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
