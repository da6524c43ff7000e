//! The file of a backup: blocks of messages, each with a checksum, and one over all.

use std::io::{self, Read};

use prost::Message;
use sha2::{Digest, Sha256};

use super::piece::{Kind, Piece};
use crate::StoreError;

/// What the file begins with, up to the number of its format.
const BEGIN: &str = "muster backup, format ";

/// The format that is written and read.
const FORMAT: &str = "1";

/// How many bytes of messages a block has before it is packed, or as many as one message.
const BLOCK_BYTES: usize = 1024 * 1024;

/// The most that a block may say of its length: a batch of the most bytes, and what stands around it.
const BLOCK_BYTES_MAX: usize = crate::journal::BATCH_BYTES_MAX + 2 * BLOCK_BYTES;

/// How well it is packed: as well as is worth its time.
const LEVEL: i32 = 3;

const HEADER_BYTES: usize = 20;
const SUM_BYTES: usize = 32;

/// Packs messages into blocks.
pub(super) struct Packer {
    plain: Vec<u8>,
    ordinal: u32,
    sum: Sha256,
}

impl Packer {
    /// One that has packed nothing, and what the file begins with.
    pub(super) fn new() -> (Self, Vec<u8>) {
        let first = format!("{BEGIN}{FORMAT}\n").into_bytes();
        let mut sum = Sha256::new();
        sum.update(&first);
        let packer = Self {
            plain: Vec::with_capacity(BLOCK_BYTES),
            ordinal: 0,
            sum,
        };
        (packer, first)
    }

    /// Takes a message in.
    pub(super) fn take(&mut self, kind: Kind) {
        kind.encode_into(&mut self.plain);
    }

    /// Whether there is enough for a block.
    pub(super) fn is_full(&self) -> bool {
        self.plain.len() >= BLOCK_BYTES
    }

    /// The next bytes of the file: a block with what was taken in.
    pub(super) fn block(&mut self) -> Result<Vec<u8>, StoreError> {
        let packed = zstd::bulk::compress(&self.plain, LEVEL).map_err(|source| StoreError::Backend {
            action: "pack a backup".to_owned(),
            message: source.to_string(),
        })?;
        let too_long = |_| StoreError::misuse("a block of a backup is too long");
        let mut block = Vec::with_capacity(HEADER_BYTES + packed.len());
        block.extend_from_slice(&self.ordinal.to_be_bytes());
        block.extend_from_slice(&u32::try_from(self.plain.len()).map_err(too_long)?.to_be_bytes());
        block.extend_from_slice(&u32::try_from(packed.len()).map_err(too_long)?.to_be_bytes());
        block.extend_from_slice(&crc32c::crc32c(&packed).to_be_bytes());
        block.extend_from_slice(&crc32c::crc32c(&block).to_be_bytes());
        block.extend_from_slice(&packed);
        self.sum.update(&block);
        self.ordinal += 1;
        self.plain.clear();
        Ok(block)
    }

    /// The last bytes of the file, after the last block.
    pub(super) fn end(self) -> Vec<u8> {
        self.sum.finalize().to_vec()
    }
}

/// Reads the messages of a backup, and says where it is not what was written.
pub(super) struct Unpacker<R> {
    file: R,
    /// How many bytes were read.
    at: u64,
    ordinal: u32,
    sum: Sha256,
    /// The messages of the current block, and where in them the next one begins.
    plain: Vec<u8>,
    next: usize,
    /// Where in the file the current block begins.
    block_at: u64,
}

impl<R: Read> Unpacker<R> {
    /// One that has read what the file begins with.
    ///
    /// # Errors
    /// [`StoreError::BackupForeign`] when it is no backup, [`StoreError::Format`] when it is one that this version does not know.
    pub(super) fn new(file: R) -> Result<Self, StoreError> {
        let mut unpacker = Self {
            file,
            at: 0,
            ordinal: 0,
            sum: Sha256::new(),
            plain: Vec::new(),
            next: 0,
            block_at: 0,
        };
        let mut first = Vec::new();
        while first.len() < BEGIN.len() + 8 && first.last() != Some(&b'\n') {
            let mut byte = [0];
            if unpacker.read(&mut byte)? == 0 {
                break;
            }
            first.push(byte[0]);
        }
        unpacker.sum.update(&first);
        let Some(format) = first.strip_prefix(BEGIN.as_bytes()) else {
            return Err(StoreError::BackupForeign);
        };
        let format = String::from_utf8_lossy(format);
        if format.trim_end() != FORMAT || !format.ends_with('\n') {
            return Err(StoreError::BackupFormat {
                found: format
                    .trim_end()
                    .chars()
                    .take(8)
                    .collect::<String>()
                    .escape_debug()
                    .to_string(),
                known: FORMAT,
            });
        }
        Ok(unpacker)
    }

    /// How many bytes of the file were read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next message. After [`Kind::End`] nothing may follow: then [`Unpacker::end`] is to be called.
    ///
    /// # Errors
    /// [`StoreError::BackupDamaged`] says where.
    pub(super) fn next(&mut self) -> Result<Kind, StoreError> {
        while self.next == self.plain.len() {
            self.read_block()?;
        }
        let mut rest = &self.plain[self.next..];
        let before = rest.len();
        let piece = Piece::decode_length_delimited(&mut rest)
            .ok()
            .and_then(|piece| piece.kind)
            .ok_or_else(|| self.damaged("a message in it cannot be read"))?;
        self.next += before - rest.len();
        Ok(piece)
    }

    /// Compares the checksum over all, after the last message.
    ///
    /// # Errors
    /// [`StoreError::BackupDamaged`].
    pub(super) fn end(mut self) -> Result<(), StoreError> {
        self.block_at = self.at;
        if self.next != self.plain.len() {
            return Err(self.damaged("something follows its end"));
        }
        let expected = std::mem::take(&mut self.sum).finalize();
        let mut sum = [0; SUM_BYTES];
        self.read_exact(&mut sum)?;
        if sum != expected.as_slice() {
            return Err(self.damaged("its checksum is another"));
        }
        if self.read(&mut [0])? != 0 {
            return Err(self.damaged("something follows its end"));
        }
        Ok(())
    }

    fn read_block(&mut self) -> Result<(), StoreError> {
        self.block_at = self.at;
        let mut header = [0; HEADER_BYTES];
        self.read_exact(&mut header)?;
        let number = |place: usize| {
            let bytes = [header[place], header[place + 1], header[place + 2], header[place + 3]];
            u32::from_be_bytes(bytes)
        };
        let (ordinal, length, packed_length, checksum) = (number(0), number(4), number(8), number(12));
        let (length, packed_length) = (length as usize, packed_length as usize);
        if crc32c::crc32c(&header[..HEADER_BYTES - 4]) != number(16) {
            return Err(self.damaged("what should be its next block does not match its checksum"));
        }
        if ordinal != self.ordinal || length > BLOCK_BYTES_MAX || packed_length > BLOCK_BYTES_MAX || length == 0 {
            return Err(self.damaged("what should be its next block is none"));
        }
        let mut packed = vec![0; packed_length];
        self.read_exact(&mut packed)?;
        if crc32c::crc32c(&packed) != checksum {
            return Err(self.damaged("a block does not match its checksum"));
        }
        self.sum.update(header);
        self.sum.update(&packed);
        self.plain = zstd::bulk::decompress(&packed, length).map_err(|_| self.damaged("a block cannot be unpacked"))?;
        if self.plain.len() != length {
            return Err(self.damaged("a block is shorter than it says"));
        }
        self.next = 0;
        self.ordinal += 1;
        Ok(())
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        let mut done = 0;
        while done < bytes.len() {
            match self.read(&mut bytes[done..])? {
                0 => {
                    return Err(StoreError::BackupDamaged {
                        what: "it is cut off".to_owned(),
                        at: self.at,
                    });
                }
                read => done += read,
            }
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, StoreError> {
        loop {
            match self.file.read(bytes) {
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(StoreError::BackupUnreadable { at: self.at, source });
                }
            }
        }
    }

    /// Damage in the current block.
    pub(super) fn damaged(&self, what: &str) -> StoreError {
        StoreError::BackupDamaged {
            what: what.to_owned(),
            at: self.block_at,
        }
    }
}
