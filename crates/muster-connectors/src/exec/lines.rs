//! Lines out of a pipe, each of bounded length.

use std::io;
use std::ops::Range;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at a time.
const READ_BYTES: usize = 256 * 1024;

/// What is next in a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole line lies at [`Lines::line`].
    Line,
    /// A line is longer than it may be. What of it has been read lies at [`Lines::line`], and the rest is passed over.
    TooLong,
    /// Nobody writes into the pipe any more; a last line without a line feed has been given as any other.
    End,
}

/// The lines of a pipe. Holds at most the longest line and what is read at a time.
#[derive(Debug)]
pub(super) struct Lines<R> {
    pipe: R,
    buffer: BytesMut,
    /// The line that was given last, in the buffer, and how much of the buffer it takes with its line feed.
    given: Range<usize>,
    given_whole: usize,
    /// How much of the buffer has been looked through for a line feed.
    searched: usize,
    line_bytes_max: usize,
    /// The line at hand was too long and given already: its rest is passed over.
    passing_over: bool,
    /// Nothing more can be read.
    read_out: bool,
    /// The end was told.
    ended: bool,
    read_bytes: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of this pipe, none of them longer than this many bytes without its line feed.
    pub(super) fn new(pipe: R, line_bytes_max: usize) -> Self {
        Self {
            pipe,
            buffer: BytesMut::new(),
            given: 0..0,
            given_whole: 0,
            searched: 0,
            line_bytes_max,
            passing_over: false,
            read_out: false,
            ended: false,
            read_bytes: READ_BYTES.min(line_bytes_max),
        }
    }

    /// The line that [`Lines::next`] has found.
    pub(super) fn line(&self) -> &[u8] {
        &self.buffer[self.given.clone()]
    }

    /// Whether [`Next::End`] was told.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads nothing more: what has been read is all that there is.
    pub(super) fn give_up(&mut self) {
        self.read_out = true;
    }

    pub(super) fn pipe(&self) -> &R {
        &self.pipe
    }

    /// Goes on to the next line; waits for it. Safe to cancel.
    ///
    /// # Errors
    /// What the operating system says when it cannot read.
    pub(super) async fn next(&mut self) -> io::Result<Next> {
        loop {
            if let Some(next) = self.buffered() {
                return Ok(next);
            }
            if self.read_out {
                self.ended = true;
                return Ok(Next::End);
            }
            self.buffer.reserve(self.read_bytes);
            let count = self.pipe.read_buf(&mut self.buffer).await?;
            self.read_out = count == 0;
        }
    }

    /// Goes on to the next line if there is one that needs no reading.
    pub(super) fn buffered(&mut self) -> Option<Next> {
        self.buffer.advance(self.given_whole);
        self.searched -= self.given_whole;
        self.give(0, 0);
        loop {
            let found = memchr::memchr(b'\n', &self.buffer[self.searched..]);
            let length = found.map_or(self.buffer.len(), |place| self.searched + place);
            let whole = length + usize::from(found.is_some());
            self.searched = whole;
            let is_whole = found.is_some() || (self.read_out && length > 0);
            if self.passing_over {
                self.buffer.advance(whole);
                self.searched = 0;
                self.passing_over = found.is_none();
            } else if length > self.line_bytes_max {
                self.passing_over = found.is_none();
                self.give(self.line_bytes_max, whole);
                return Some(Next::TooLong);
            } else if is_whole {
                self.give(length, whole);
                return Some(Next::Line);
            }
            // Without a line feed there is nothing more in the buffer.
            found?;
        }
    }

    fn give(&mut self, length: usize, whole: usize) {
        self.given = 0..length;
        self.given_whole = whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of a text, however it comes in pieces; those that are too long end with `…`.
    async fn lines(text: &[u8], line_bytes_max: usize, piece: usize) -> Vec<String> {
        let (mut writer, reader) = tokio::io::duplex(piece);
        let write = async move {
            tokio::io::AsyncWriteExt::write_all(&mut writer, text)
                .await
                .expect("written");
        };
        let read = async {
            let mut lines = Lines::new(reader, line_bytes_max);
            let mut all = Vec::new();
            loop {
                let next = lines.next().await.expect("read");
                let line = String::from_utf8_lossy(lines.line()).into_owned();
                match next {
                    Next::Line => all.push(line),
                    Next::TooLong => all.push(line + "…"),
                    Next::End => return all,
                }
            }
        };
        tokio::join!(write, read).1
    }

    #[tokio::test]
    async fn lines_come_whole_whatever_the_pieces_are() {
        for piece in 1..20 {
            assert_eq!(lines(b"one\n\ntwo\nthree", 5, piece).await, ["one", "", "two", "three"]);
            assert_eq!(lines(b"", 5, piece).await, Vec::<String>::new());
            assert_eq!(lines(b"\n", 5, piece).await, [""]);
        }
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_cut_and_its_rest_passed_over() {
        for piece in 1..20 {
            assert_eq!(
                lines(b"12345\n1234567890123\nab\n123456", 5, piece).await,
                ["12345", "12345…", "ab", "12345…"],
                "pieces of {piece}"
            );
        }
    }

    #[tokio::test]
    async fn a_line_without_end_takes_no_more_than_its_bound() {
        let mut lines = Lines::new(tokio::io::repeat(b'x'), 100_000);
        assert_eq!(lines.next().await.expect("read"), Next::TooLong);
        assert_eq!(lines.line().len(), 100_000);
        assert!(lines.buffer.capacity() <= 400_000, "{}", lines.buffer.capacity());
    }
}
