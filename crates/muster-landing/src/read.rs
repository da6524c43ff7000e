//! Reading published records.

use std::io;

use async_compression::tokio::bufread::ZstdDecoder;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::{Destination, LINE_BYTES_MAX, Landing, LandingError};

/// How many bytes of lines are gathered before they are given out.
const CHUNK_BYTES: usize = 256 * 1024;

/// How much is decompressed at once.
const READ_BYTES: usize = 64 * 1024;

/// Chunks of whole JSON lines, each ended by a line feed, at most [`LINE_BYTES_MAX`] bytes together.
pub type Lines = BoxStream<'static, Result<Bytes, LandingError>>;

impl Landing {
    /// The published records of an execution, as they were uploaded. `None` when none are visible, which they are only under the organization,
    /// integration and data type that they belong to.
    ///
    /// # Errors
    /// [`LandingError`] when the landing can't be read, also in mid-stream; [`LandingError::Damaged`] when the records are not what was written.
    pub async fn read(&self, destination: &Destination) -> Result<Option<Lines>, LandingError> {
        let path = destination.data();
        let Some(bytes) = self.inner.files.read(&path).await? else {
            return Ok(None);
        };
        let lines = Unpacked {
            what: path.to_string(),
            reader: ZstdDecoder::new(StreamReader::new(bytes.map_err(io::Error::other))),
            buffer: BytesMut::new(),
        };
        Ok(Some(stream::try_unfold(lines, Unpacked::next).boxed()))
    }
}

/// Decompressed bytes that are cut between lines. Holds at most a line and what is decompressed at once.
struct Unpacked<R> {
    what: String,
    reader: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Unpacked<R> {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, LandingError> {
        loop {
            if self.buffer.len() >= CHUNK_BYTES
                && let Some(lines) = self.cut()
            {
                return Ok(Some((lines, self)));
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(self.damaged(format!("it has a line of more than {LINE_BYTES_MAX} bytes")));
            }
            self.buffer.reserve(READ_BYTES);
            let read = (&mut self.reader)
                .take(READ_BYTES as u64)
                .read_buf(&mut self.buffer)
                .await;
            if read.map_err(|error| self.unreadable(error))? == 0 {
                break;
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let lines = self
            .cut()
            .ok_or_else(|| self.damaged("its last line does not end".to_owned()))?;
        Ok(Some((lines, self)))
    }

    /// Takes as many whole lines as fit into a chunk; `None` when the first does not end.
    fn cut(&mut self) -> Option<Bytes> {
        let within = &self.buffer[..self.buffer.len().min(LINE_BYTES_MAX)];
        let end = within.iter().rposition(|byte| *byte == b'\n')? + 1;
        Some(self.buffer.split_to(end).freeze())
    }

    fn damaged(&self, reason: String) -> LandingError {
        LandingError::Damaged {
            what: self.what.clone(),
            reason,
        }
    }

    fn unreadable(&self, error: io::Error) -> LandingError {
        // What comes from the object store was wrapped on its way into the decompressor; all else is the decompressor's.
        match error.downcast::<object_store::Error>() {
            Ok(source) => LandingError::Store {
                doing: "read",
                what: self.what.clone(),
                source,
            },
            Err(error) => self.damaged(error.to_string()),
        }
    }
}
