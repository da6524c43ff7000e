//! How a value of any length stands in a tree: in pieces of at most [`VALUE_BYTES_MAX`] bytes, with a version, a stamp
//! and a checksum.
//!
//! ```text
//! key | piece (u16)  ->  piece 0: version (u8) | stamp (u64) | length of the body (u32) | CRC-32C (u32) | body …
//!                        piece n: body, continued
//! ```
//!
//! Numbers are big-endian, so that keys sort as numbers do. The checksum covers the key, the stamp and the body: a
//! value under a wrong key is damage too.

use crate::StoreError;
use crate::backend::{Backend, Change, Tree, VALUE_BYTES_MAX};

/// The version of this layout. A value of another one is refused.
pub(crate) const VERSION: u8 = 1;

/// What stands before the body in the first piece.
pub(crate) const HEADER_BYTES: usize = 1 + 8 + 4 + 4;

/// The most bytes of a body: as many pieces as a `u16` numbers.
const BODY_BYTES_MAX: usize = VALUE_BYTES_MAX * u16::MAX as usize - HEADER_BYTES;

/// A value, put together again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole<'a> {
    /// Its key, without the number of the piece.
    pub(crate) key: &'a [u8],
    /// What it was stamped with.
    pub(crate) stamp: u64,
    pub(crate) body: &'a [u8],
    /// The checksum over all of the above.
    pub(crate) checksum: u32,
}

/// What is wrong with a value. The layer that reads it says where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It has a version that is not known here.
    Version(u8),
    /// A sentence without an end.
    Broken(&'static str),
}

impl Flaw {
    /// The error that a reader of `place` returns; `subject` is what was read: "batch 17".
    pub(crate) fn into_error(self, subject: &str, place: impl Into<String>) -> StoreError {
        match self {
            Self::Version(found) => StoreError::Format {
                place: format!("{}, {subject}", place.into()),
                found: found.to_string(),
                known: VERSION,
            },
            Self::Broken(what) => StoreError::damaged(format!("{subject} {what}"), place),
        }
    }
}

/// Adds the pieces of a value, whose body is all of `parts`, to `changes`. Returns its checksum, or `None` when the
/// body is too long.
pub(crate) fn encode(key: &[u8], stamp: u64, parts: &[&[u8]], changes: &mut Vec<Change>) -> Option<u32> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > BODY_BYTES_MAX {
        return None;
    }
    let checksum = checksum(key, stamp, parts);
    let mut piece = Vec::with_capacity((HEADER_BYTES + length).min(VALUE_BYTES_MAX));
    piece.push(VERSION);
    piece.extend_from_slice(&stamp.to_be_bytes());
    piece.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
    piece.extend_from_slice(&checksum.to_be_bytes());
    let mut ordinal = 0;
    let mut left = length;
    for part in parts {
        let mut part = *part;
        while !part.is_empty() {
            if piece.len() == VALUE_BYTES_MAX {
                let next = Vec::with_capacity(left.min(VALUE_BYTES_MAX));
                let value = std::mem::replace(&mut piece, next);
                changes.push(Change::Put {
                    key: piece_key(key, ordinal),
                    value,
                });
                ordinal += 1;
            }
            let (now, later) = part.split_at(part.len().min(VALUE_BYTES_MAX - piece.len()));
            piece.extend_from_slice(now);
            left -= now.len();
            part = later;
        }
    }
    changes.push(Change::Put {
        key: piece_key(key, ordinal),
        value: piece,
    });
    Some(checksum)
}

/// Adds the removal of all pieces of a value whose body has `length` bytes, from piece `first` on.
pub(crate) fn remove(key: &[u8], length: usize, first: u16, changes: &mut Vec<Change>) {
    for ordinal in first..piece_count(length) {
        changes.push(Change::Remove {
            key: piece_key(key, ordinal),
        });
    }
}

/// In how many pieces a body of `length` bytes stands.
pub(crate) fn piece_count(length: usize) -> u16 {
    u16::try_from((HEADER_BYTES + length).div_ceil(VALUE_BYTES_MAX)).unwrap_or(u16::MAX)
}

/// The key of a piece.
pub(crate) fn piece_key(key: &[u8], ordinal: u16) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 2);
    full.extend_from_slice(key);
    full.extend_from_slice(&ordinal.to_be_bytes());
    full
}

/// A key in a tree as the value's own key and the number of the piece; `None` when it is too short to be one.
pub(crate) fn split_key(full: &[u8]) -> Option<(&[u8], u16)> {
    full.split_last_chunk::<2>()
        .map(|(key, ordinal)| (key, u16::from_be_bytes(*ordinal)))
}

fn checksum(key: &[u8], stamp: u64, parts: &[&[u8]]) -> u32 {
    let mut sum = crc32c::crc32c(key);
    sum = crc32c::crc32c_append(sum, &stamp.to_be_bytes());
    for part in parts {
        sum = crc32c::crc32c_append(sum, part);
    }
    sum
}

/// The header of a first piece, and the part of the body that follows it.
struct Header<'a> {
    stamp: u64,
    length: usize,
    checksum: u32,
    body: &'a [u8],
}

fn header(piece: &[u8]) -> Result<Header<'_>, Flaw> {
    const SHORT: Flaw = Flaw::Broken("is too short to be a value");
    let (version, rest) = piece.split_first().ok_or(SHORT)?;
    if *version != VERSION {
        return Err(Flaw::Version(*version));
    }
    let (stamp, rest) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let (checksum, body) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    Ok(Header {
        stamp: u64::from_be_bytes(*stamp),
        length: u32::from_be_bytes(*length) as usize,
        checksum: u32::from_be_bytes(*checksum),
        body,
    })
}

/// The checksum of the value that a first piece begins, and the length of its body.
pub(crate) fn describe(piece: &[u8]) -> Result<(u32, usize), Flaw> {
    header(piece).map(|header| (header.checksum, header.length))
}

/// A value that was read by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) stamp: u64,
    pub(crate) body: Vec<u8>,
    pub(crate) checksum: u32,
}

/// Reads the value of a key; `None` when there is none. One that is written at the same time in more pieces than one
/// may look broken.
pub(crate) fn read(
    backend: &dyn Backend,
    tree: Tree,
    key: &[u8],
    broken: impl Fn(Flaw) -> StoreError,
) -> Result<Option<Owned>, StoreError> {
    let mut assembler = Assembler::default();
    let mut count = 1;
    let mut ordinal = 0;
    while ordinal < count {
        let full_key = piece_key(key, ordinal);
        let Some(piece) = backend.get(tree, &full_key)? else {
            return if ordinal == 0 {
                Ok(None)
            } else {
                Err(broken(Flaw::Broken("lacks a piece")))
            };
        };
        if ordinal == 0 {
            count = piece_count(describe(&piece).map_err(&broken)?.1);
        }
        if let Some(whole) = assembler.feed(&full_key, &piece).map_err(&broken)? {
            return Ok(Some(Owned {
                stamp: whole.stamp,
                body: whole.body.to_vec(),
                checksum: whole.checksum,
            }));
        }
        ordinal += 1;
    }
    Err(broken(Flaw::Broken("lacks its last pieces")))
}

/// Puts values together from their pieces, which come in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    key: Vec<u8>,
    stamp: u64,
    length: usize,
    checksum: u32,
    body: Vec<u8>,
    /// The number of the piece that must come next; `None` between two values.
    next: Option<u16>,
}

impl Assembler {
    /// Takes a piece; returns the value that it completes.
    pub(crate) fn feed<'a>(&'a mut self, full_key: &'a [u8], piece: &'a [u8]) -> Result<Option<Whole<'a>>, Flaw> {
        let (key, ordinal) = split_key(full_key).ok_or(Flaw::Broken("has a key that is too short"))?;
        match self.next {
            None if ordinal != 0 => return Err(Flaw::Broken("lacks its first piece")),
            None => {
                let first = header(piece)?;
                if first.body.len() == first.length {
                    return check(key, first.stamp, first.body, first.checksum).map(Some);
                }
                if first.body.len() > first.length {
                    return Err(Flaw::Broken("is longer than it says"));
                }
                self.key.clear();
                self.key.extend_from_slice(key);
                self.stamp = first.stamp;
                self.length = first.length;
                self.checksum = first.checksum;
                self.body.clear();
                self.body.extend_from_slice(first.body);
                self.next = Some(1);
                return Ok(None);
            }
            Some(next) if key != self.key || ordinal != next => return Err(Flaw::Broken("lacks a piece")),
            Some(_) => {}
        }
        self.body.extend_from_slice(piece);
        if self.body.len() > self.length {
            return Err(Flaw::Broken("is longer than it says"));
        }
        if self.body.len() < self.length {
            self.next = ordinal.checked_add(1);
            return Ok(None);
        }
        self.next = None;
        check(&self.key, self.stamp, &self.body, self.checksum).map(Some)
    }

    /// The key of the value that has begun and lacks pieces; `None` between two values.
    pub(crate) fn unfinished(&self) -> Option<&[u8]> {
        self.next.map(|_| self.key.as_slice())
    }
}

fn check<'a>(key: &'a [u8], stamp: u64, body: &'a [u8], expected: u32) -> Result<Whole<'a>, Flaw> {
    if checksum(key, stamp, &[body]) != expected {
        return Err(Flaw::Broken("does not match its checksum"));
    }
    Ok(Whole {
        key,
        stamp,
        body,
        checksum: expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(key: &[u8], parts: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut changes = Vec::new();
        encode(key, 7, parts, &mut changes).unwrap();
        changes
            .into_iter()
            .map(|change| match change {
                Change::Put { key, value } => (key, value),
                Change::Remove { key } => panic!("{key:?} removed"),
            })
            .collect()
    }

    fn assemble(pieces: &[(Vec<u8>, Vec<u8>)]) -> Result<Option<Vec<u8>>, Flaw> {
        let mut assembler = Assembler::default();
        let mut found = None;
        for (key, value) in pieces {
            if let Some(whole) = assembler.feed(key, value)? {
                found = Some(whole.body.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn values_of_every_length_come_back() {
        for length in [0, 1, 4_078, 4_079, 4_080, 8_175, 8_176, 100_000] {
            let body: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let (left, right) = body.split_at(length / 3);
            let pieces = pieces(b"key", &[left, right]);
            assert_eq!(pieces.len(), usize::from(piece_count(length)), "{length}");
            assert!(pieces.iter().all(|(_, value)| value.len() <= VALUE_BYTES_MAX));
            assert_eq!(assemble(&pieces), Ok(Some(body)), "{length}");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let pieces = pieces(b"key", &[&[9; 5_000]]);
        for place in 0..pieces.len() {
            for bit in 0..pieces[place].1.len() * 8 {
                let mut damaged = pieces.clone();
                damaged[place].1[bit / 8] ^= 1 << (bit % 8);
                let found = assemble(&damaged);
                assert!(!matches!(found, Ok(Some(_))), "piece {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_lost_piece_and_a_foreign_key_are_found() {
        let pieces = pieces(b"key", &[&[9; 10_000]]);
        assert_eq!(assemble(&pieces[1..]), Err(Flaw::Broken("lacks its first piece")));
        let hole = [pieces[0].clone(), pieces[2].clone()];
        assert_eq!(assemble(&hole), Err(Flaw::Broken("lacks a piece")));
        let mut moved = super::tests::pieces(b"key", &[&[9; 10]]);
        moved[0].0[0] = b'K';
        assert_eq!(assemble(&moved), Err(Flaw::Broken("does not match its checksum")));
    }
}
