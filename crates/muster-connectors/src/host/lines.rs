//! Reads lines of bounded length out of files that may hold anything.

use std::io::{self, BufRead, Read};

/// The most bytes of a line that is looked at; a line of `/etc/group` with thousands of members has some 10 KiB.
pub(super) const LINE_BYTES_MAX: usize = 256 * 1024;

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its bytes without the line feed; not always UTF-8.
    Text(&'a [u8]),
    /// It has more than [`LINE_BYTES_MAX`] bytes and was passed over.
    TooLong,
}

/// The lines of a reader, one at a time.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let bound = LINE_BYTES_MAX as u64 + 1;
        if self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() > LINE_BYTES_MAX {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Text(&self.line)))
    }
}

/// The bytes as text, each part that is not UTF-8 shown as `�`; `None` when there are none.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes as a number; `None` when they are none.
pub(super) fn number<N: std::str::FromStr>(bytes: &[u8]) -> Option<N> {
    str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// Seconds since the Unix epoch as RFC 3339 text in UTC; `None` when there is no such time.
pub(super) fn time(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_huge_line_is_passed_over() {
        let mut file = b"one\n".to_vec();
        file.extend(std::iter::repeat_n(b'x', 3 * LINE_BYTES_MAX));
        file.extend(b"\n\nlast");
        let mut lines = Lines::new(&file[..]);
        for expected in [Line::Text(b"one"), Line::TooLong, Line::Text(b""), Line::Text(b"last")] {
            assert_eq!(lines.next().expect("readable"), Some(expected));
        }
        assert_eq!(lines.next().expect("readable"), None);
    }

    proptest! {
        #[test]
        fn lines_of_anything_are_those_between_line_feeds(file in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut lines = Lines::new(&file[..]);
            let mut all = Vec::new();
            while let Some(Line::Text(line)) = lines.next().expect("readable") {
                all.push(line.to_vec());
            }
            let mut expected: Vec<_> = file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(all, expected);
        }
    }
}
