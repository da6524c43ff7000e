//! A text as it reads once an encoding is undone, with the place in the text that each byte comes from.

use std::ops::Range;

/// What stands where a text was cut.
pub(super) const CUT: &[u8] = "…".as_bytes();

/// The fewest characters of base64 or hex that are looked at: what they hold is as long as the shortest secret.
const PACKED_CHARS_MIN: usize = 6;

/// Bytes, and where each comes from.
pub(super) struct View {
    bytes: Vec<u8>,
    sources: Vec<Range<u32>>,
}

/// What stands at a place of an encoded text.
enum Read {
    /// Bytes by themselves, and how many of the text's they take.
    Bytes(Vec<u8>, usize),
    /// So many bytes mean nothing: an escape that was cut.
    Nothing(usize),
    /// A byte that means itself.
    Itself,
}

impl View {
    /// A text as it is.
    pub(super) fn of(text: &str) -> Self {
        let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let sources = (0..text.len()).map(|at| place(at)..place(at + 1)).collect();
        Self {
            bytes: text.as_bytes().to_vec(),
            sources,
        }
    }

    fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// How it reads.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where these bytes come from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let sources = &self.sources[range];
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else {
            return 0..0;
        };
        first.start as usize..last.end as usize
    }

    /// The same text with an encoding of single characters undone; only those that change anything.
    pub(super) fn texts(&self) -> impl Iterator<Item = Self> {
        let has = |byte| memchr::memchr(byte, &self.bytes).is_some();
        let percent = has(b'%').then(|| self.read(percent));
        let form = has(b'+').then(|| self.read(form));
        let escaped = has(b'\\').then(|| self.read(escape));
        percent.into_iter().chain(form).chain(escaped)
    }

    /// What is packed in it as base64 or hex, at each place where it can begin.
    pub(super) fn packed(&self) -> impl Iterator<Item = Self> {
        let base64 = self.runs(is_base64);
        let base64 =
            base64.flat_map(move |run| (0..4).map(move |skip| self.unpack(run.clone(), skip, 6, base64_value)));
        let hex = self.runs(|byte| byte.is_ascii_hexdigit());
        let hex = hex.flat_map(move |run| (0..2).map(move |skip| self.unpack(run.clone(), skip, 4, hex_value)));
        base64.chain(hex)
    }

    fn read(&self, read: impl Fn(&[u8]) -> Read) -> Self {
        let mut view = Self::empty();
        let mut at = 0;
        while at < self.bytes.len() {
            let (bytes, taken) = match read(&self.bytes[at..]) {
                Read::Bytes(bytes, taken) => (bytes, taken),
                Read::Nothing(taken) => {
                    let end = self.sources[at + taken - 1].end;
                    if let Some(last) = view.sources.last_mut() {
                        last.end = end;
                    }
                    at += taken;
                    continue;
                }
                Read::Itself => (vec![self.bytes[at]], 1),
            };
            let source = self.sources[at].start..self.sources[at + taken - 1].end;
            view.sources.extend(std::iter::repeat_n(source, bytes.len()));
            view.bytes.extend(bytes);
            at += taken;
        }
        view
    }

    /// The longest ranges of bytes of this kind, line breaks between them included.
    fn runs(&self, kind: fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
        let belongs = move |byte: u8| kind(byte) || is_line_break(byte);
        let mut at = 0;
        std::iter::from_fn(move || {
            at += self.bytes[at..].iter().position(|byte| belongs(*byte))?;
            let rest = &self.bytes[at..];
            let length = rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
            let run = at..at + length;
            at = run.end;
            Some(run)
        })
        .filter(|run| run.len() >= PACKED_CHARS_MIN)
    }

    /// What characters of so many bits each hold, all but the first few of a run.
    fn unpack(&self, run: Range<usize>, skip: usize, bits: u32, value: fn(u8) -> u32) -> Self {
        let mut view = Self::empty();
        let (mut gathered, mut count) = (0_u32, 0);
        let mut from = 0;
        let places = run.clone().filter(|place| !is_line_break(self.bytes[*place]));
        for place in places.skip(skip) {
            let source = &self.sources[place];
            if count == 0 {
                from = source.start;
            }
            gathered = gathered << bits | value(self.bytes[place]);
            count += bits;
            if count >= 8 {
                count -= 8;
                view.bytes.push((gathered >> count & 0xff) as u8);
                view.sources.push(from..source.end);
                // The rest of this character begins the next byte.
                from = source.start;
            }
        }
        // What was cut there was cut here.
        let after = run.end..self.bytes.len().min(run.end + CUT.len());
        if self.bytes[after.clone()] == *CUT {
            if let Some(last) = view.sources.last_mut() {
                // With the first bits of the byte that was cut.
                last.end = self.sources[run.end - 1].end;
            }
            view.bytes.extend_from_slice(CUT);
            view.sources.extend_from_slice(&self.sources[after]);
        }
        view
    }
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Of either alphabet.
fn base64_value(byte: u8) -> u32 {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    value.into()
}

fn hex_value(byte: u8) -> u32 {
    char::from(byte).to_digit(16).unwrap_or_default()
}

fn form(rest: &[u8]) -> Read {
    match rest {
        [b'+', ..] => Read::Bytes(vec![b' '], 1),
        _ => percent(rest),
    }
}

fn percent(rest: &[u8]) -> Read {
    match rest {
        [b'%', digits @ ..] => match number(digits, 2) {
            Ok(number) => Read::Bytes(vec![number as u8], 3),
            Err(taken) => cut_or_itself(rest, 1 + taken),
        },
        _ => Read::Itself,
    }
}

/// Escapes of JSON, and of what else prints texts in quotes.
fn escape(rest: &[u8]) -> Read {
    let [b'\\', kind, digits @ ..] = rest else {
        return match rest {
            [b'\\'] => Read::Nothing(1),
            _ => Read::Itself,
        };
    };
    let byte = |byte| Read::Bytes(vec![byte], 2);
    match kind {
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'b' => byte(0x08),
        b'f' => byte(0x0c),
        b'0' => byte(0),
        b'x' => match number(digits, 2) {
            Ok(number) => Read::Bytes(vec![number as u8], 4),
            Err(taken) => cut_or_itself(rest, 2 + taken),
        },
        b'u' if digits.first() == Some(&b'{') => braced(rest),
        b'u' => unicode(rest),
        b'U' => match number(digits, 8) {
            Ok(number) => character(number, 10),
            Err(taken) => cut_or_itself(rest, 2 + taken),
        },
        _ if rest[1..].starts_with(CUT) => Read::Nothing(1),
        other if other.is_ascii_punctuation() => byte(*other),
        _ => Read::Itself,
    }
}

/// `\u{e4}`, as Rust prints it.
fn braced(rest: &[u8]) -> Read {
    let digits = &rest[3..];
    let count = digits
        .iter()
        .take(6)
        .take_while(|digit| digit.is_ascii_hexdigit())
        .count();
    match (number(digits, count), digits.get(count)) {
        (Ok(number), Some(b'}')) => character(number, 3 + count + 1),
        _ => cut_or_itself(rest, 3 + count),
    }
}

/// `\u00e4`, or two of them for a character beyond 16 bits.
fn unicode(rest: &[u8]) -> Read {
    let first = match number(&rest[2..], 4) {
        Ok(number) => number,
        Err(taken) => return cut_or_itself(rest, 2 + taken),
    };
    if !(0xd800..0xdc00).contains(&first) {
        return character(first, 6);
    }
    let second = rest[6..].strip_prefix(br"\u").map(|digits| number(digits, 4));
    match second {
        Some(Ok(second @ 0xdc00..0xe000)) => character(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12),
        _ => Read::Nothing(6),
    }
}

fn character(number: u32, taken: usize) -> Read {
    match char::from_u32(number) {
        Some(character) => Read::Bytes(character.to_string().into_bytes(), taken),
        None => Read::Nothing(taken),
    }
}

/// A number of so many hex digits; or how many there are of a number that is none.
fn number(digits: &[u8], count: usize) -> Result<u32, usize> {
    let there = digits
        .iter()
        .take(count)
        .take_while(|digit| digit.is_ascii_hexdigit())
        .count();
    if there < count {
        return Err(there);
    }
    Ok(digits[..count]
        .iter()
        .fold(0, |number, digit| number << 4 | hex_value(*digit)))
}

/// An escape of which only so many bytes are there: cut off, or none.
fn cut_or_itself(rest: &[u8], there: usize) -> Read {
    let after = &rest[there..];
    if after.is_empty() || after.starts_with(CUT) {
        Read::Nothing(there)
    } else {
        Read::Itself
    }
}
