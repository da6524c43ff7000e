//! Log lines of executions, in bytes. They are not in the journal and are not flushed: a line that was told may be lost
//! in a power cut.
//!
//! ```text
//! execution | number of the first line (u32)  ->  some lines, each with its length before it; the stamp: how many
//! execution | 0xFFFFFFFF                      ->  how many lines were not kept; the stamp: how many were
//! ```

use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::words::{ExecutionId, LogLine};

use crate::StoreError;
use crate::backend::{Backend, Change, Direction, Flow, Tree};
use crate::codec::log_line as codec;
use crate::value::{self, Assembler, Flaw};

/// The number that stands in the key of the counts. No line has it.
const COUNTS_NUMBER: u32 = u32::MAX;

/// The most bytes of an encoded line: a message and what stands beside it.
pub const LINE_BYTES_MAX: usize = LogLine::BYTES_MAX + 64;

/// How many bytes of lines one write holds: the committer's next batch waits for it.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// How many keys are removed at a time: a removal costs sled 8–17 µs.
const REMOVE_KEYS_MAX: usize = 64;

/// How many lines an execution has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineCounts {
    /// Those that are kept: at most [`LogLine::LINES_MAX`].
    pub kept: u32,
    /// Those that came after them.
    pub dropped: u64,
}

/// All lines of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) execution: ExecutionId,
    pub(crate) lines: Vec<Vec<u8>>,
    /// How many came after them and were not kept.
    pub(crate) dropped: u64,
}

/// An execution, and its lines or what is wrong with them.
pub(crate) type NextLines = (ExecutionId, Result<Lines, StoreError>);

/// The log lines of a shard's executions. Any thread may append and read.
pub struct LogLines {
    backend: Arc<dyn Backend>,
    /// One append at a time: it reads the counts before it writes them.
    appending: Mutex<()>,
}

impl LogLines {
    pub(crate) fn open(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            appending: Mutex::new(()),
        }
    }

    /// Appends lines to those of an execution. From the [`LogLine::LINES_MAX`]th on they are only counted.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when a line is longer than [`LINE_BYTES_MAX`]; [`StoreError`] of the engine.
    pub fn append(&self, execution: ExecutionId, lines: &[Vec<u8>]) -> Result<LineCounts, StoreError> {
        if let Some(line) = lines.iter().find(|line| line.len() > LINE_BYTES_MAX) {
            let bytes = line.len();
            return Err(StoreError::misuse(format!(
                "a log line has {bytes} bytes; the most is {LINE_BYTES_MAX}"
            )));
        }
        let _one = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = self.counts(execution)?;
        let room = LogLine::LINES_MAX.saturating_sub(counts.kept as usize);
        let (kept, dropped) = lines.split_at(lines.len().min(room));
        if !dropped.is_empty() {
            counts.dropped += dropped.len() as u64;
            if kept.is_empty() {
                self.write(execution, counts, &[])?;
            }
        }
        let mut rest = kept;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|line| {
                bytes += 4 + line.len();
                bytes <= WRITE_BYTES_MAX
            });
            let (now, later) = rest.split_at(fits.count().max(1));
            counts = self.write(execution, counts, now)?;
            rest = later;
        }
        Ok(counts)
    }

    /// How many lines there are.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn counts(&self, execution: ExecutionId) -> Result<LineCounts, StoreError> {
        let key = value::piece_key(&key(execution, COUNTS_NUMBER), 0);
        let Some(piece) = self.backend.get(Tree::LogLines, &key)? else {
            return Ok(LineCounts::default());
        };
        let mut assembler = Assembler::default();
        let whole = assembler.feed(&key, &piece).map_err(|flaw| broken(execution, flaw))?;
        let counts = whole.and_then(|whole| {
            Some(LineCounts {
                kept: u32::try_from(whole.stamp).ok()?,
                dropped: u64::from_be_bytes(whole.body.try_into().ok()?),
            })
        });
        counts.ok_or_else(|| broken(execution, Flaw::Broken("have counts of a wrong length")))
    }

    /// Hands the lines from number `from` (counted from 0) on to `visit`, in order, with their numbers, until it
    /// breaks.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, [`StoreError::Damaged`], or what `visit` returns.
    pub fn read_from(
        &self,
        execution: ExecutionId,
        from: u32,
        visit: &mut dyn FnMut(u32, &[u8]) -> Flow,
    ) -> Result<(), StoreError> {
        let first = key(execution, self.write_with(execution, from)?);
        let end = key(execution, COUNTS_NUMBER);
        let mut assembler = Assembler::default();
        let range = (Bound::Included(&first[..]), Bound::Excluded(&end[..]));
        self.backend
            .scan(Tree::LogLines, range, Direction::Forward, &mut |full_key, piece| {
                let whole = assembler
                    .feed(full_key, piece)
                    .map_err(|flaw| broken(execution, flaw))?;
                let Some(whole) = whole else {
                    return Ok(ControlFlow::Continue(()));
                };
                let mut number =
                    number_of(whole.key).ok_or_else(|| broken(execution, Flaw::Broken("have a wrong key")))?;
                let mut rest = whole.body;
                while !rest.is_empty() {
                    let Some((line, later)) = split_line(rest) else {
                        return Err(broken(execution, Flaw::Broken("are shorter than they say")));
                    };
                    if number >= from && visit(number, line)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    number += 1;
                    rest = later;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        match assembler.unfinished() {
            Some(_) => Err(broken(execution, Flaw::Broken("lack a piece"))),
            None => Ok(()),
        }
    }

    /// Goes through the lines of all executions, and hands each execution to `visit`: how many lines it has, or what is
    /// wrong with them.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or what `visit` returns.
    pub fn verify(
        &self,
        visit: &mut dyn FnMut(ExecutionId, Result<LineCounts, StoreError>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut current: Option<Checked> = None;
        let range = (Bound::Unbounded, Bound::Unbounded);
        self.backend
            .scan(Tree::LogLines, range, Direction::Forward, &mut |full_key, piece| {
                let Some(execution) = execution_of(full_key) else {
                    return Err(StoreError::damaged("a key is no execution's", "log lines"));
                };
                if current.as_ref().is_none_or(|one| one.execution != execution)
                    && let Some(before) = current.replace(Checked::new(execution))
                {
                    let (execution, result) = before.end();
                    visit(execution, result)?;
                }
                if let Some(current) = &mut current {
                    current.take(full_key, piece);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        match current {
            Some(last) => {
                let (execution, result) = last.end();
                visit(execution, result)
            }
            None => Ok(()),
        }
    }

    /// The first execution after `after` (`None`: the first of all) that has lines, with its counts and all of its lines, or with what is wrong with them.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub(crate) fn next_after(&self, after: Option<ExecutionId>) -> Result<Option<NextLines>, StoreError> {
        let _one = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or_else(Vec::new, |after| value::piece_key(&key(after, COUNTS_NUMBER), u16::MAX));
        let mut found = None;
        let range = (Bound::Excluded(&from[..]), Bound::Unbounded);
        self.backend
            .scan(Tree::LogLines, range, Direction::Forward, &mut |full_key, _| {
                found = execution_of(full_key);
                // A key that is no execution's is damage of its own; what stands behind it is none, and must not be passed over with it.
                Ok(match found {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                })
            })?;
        let Some(execution) = found else { return Ok(None) };
        match self.all_of(execution) {
            Ok(lines) => Ok(Some((execution, Ok(lines)))),
            Err(damage @ StoreError::Damaged { .. }) => Ok(Some((execution, Err(damage)))),
            Err(error) => Err(error),
        }
    }

    fn all_of(&self, execution: ExecutionId) -> Result<Lines, StoreError> {
        let counts = self.counts(execution)?;
        let mut lines = Vec::new();
        self.read_from(execution, 0, &mut |_, line| {
            lines.push(line.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        if lines.len() != counts.kept as usize {
            return Err(broken(execution, Flaw::Broken("are not as many as were written")));
        }
        let dropped = counts.dropped;
        Ok(Lines {
            execution,
            lines,
            dropped,
        })
    }

    /// Writes the lines of an execution that has none.
    ///
    /// # Errors
    /// As [`LogLines::append`].
    pub(crate) fn restore(&self, lines: &Lines) -> Result<(), StoreError> {
        self.append(lines.execution, &lines.lines)?;
        let counts = LineCounts {
            dropped: lines.dropped,
            ..self.counts(lines.execution)?
        };
        self.write(lines.execution, counts, &[]).map(drop)
    }

    /// Removes all lines of these executions.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn remove(&self, executions: &[ExecutionId]) -> Result<(), StoreError> {
        let _one = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        for execution in executions {
            let (first, last) = (
                key(*execution, 0),
                value::piece_key(&key(*execution, COUNTS_NUMBER), u16::MAX),
            );
            loop {
                let mut changes = Vec::new();
                let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
                self.backend
                    .scan(Tree::LogLines, range, Direction::Forward, &mut |key, _| {
                        changes.push(Change::Remove { key: key.to_vec() });
                        let is_full = changes.len() == REMOVE_KEYS_MAX;
                        Ok(if is_full {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        })
                    })?;
                if changes.is_empty() {
                    break;
                }
                self.backend.write(Tree::LogLines, changes)?;
            }
        }
        Ok(())
    }

    /// Writes lines and the counts after them; returns these.
    fn write(&self, execution: ExecutionId, before: LineCounts, lines: &[Vec<u8>]) -> Result<LineCounts, StoreError> {
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let counts = LineCounts {
            kept: before.kept.saturating_add(count),
            ..before
        };
        let mut body = Vec::new();
        for line in lines {
            // Judged before: it fits into two bytes.
            body.extend_from_slice(&(line.len() as u32).to_be_bytes());
            body.extend_from_slice(line);
        }
        let mut changes = Vec::new();
        let too_long = || StoreError::misuse("log lines are too many bytes for one write");
        if !lines.is_empty() {
            let first = key(execution, before.kept);
            value::encode(&first, u64::from(count), &[&body], &mut changes).ok_or_else(too_long)?;
        }
        let dropped = counts.dropped.to_be_bytes();
        let last = key(execution, COUNTS_NUMBER);
        value::encode(&last, u64::from(counts.kept), &[&dropped], &mut changes).ok_or_else(too_long)?;
        self.backend.write(Tree::LogLines, changes)?;
        Ok(counts)
    }

    /// The number of the first line of the write that has line `number` in it; of the last write when there is no such
    /// line.
    fn write_with(&self, execution: ExecutionId, number: u32) -> Result<u32, StoreError> {
        let number = number.min(COUNTS_NUMBER - 1);
        let (first, last) = (key(execution, 0), value::piece_key(&key(execution, number), u16::MAX));
        let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        let mut found = 0;
        self.backend
            .scan(Tree::LogLines, range, Direction::Backward, &mut |full_key, _| {
                let number = value::split_key(full_key).and_then(|(key, _)| number_of(key));
                found = number.unwrap_or_default();
                Ok(ControlFlow::Break(()))
            })?;
        Ok(found)
    }
}

/// The lines of an execution, as far as they were looked through.
struct Checked {
    execution: ExecutionId,
    assembler: Assembler,
    /// How many lines there were so far.
    lines: u32,
    counts: Option<LineCounts>,
    flaw: Option<Flaw>,
}

impl Checked {
    fn new(execution: ExecutionId) -> Self {
        Self {
            execution,
            assembler: Assembler::default(),
            lines: 0,
            counts: None,
            flaw: None,
        }
    }

    fn take(&mut self, full_key: &[u8], piece: &[u8]) {
        if self.flaw.is_none() {
            self.flaw = self.try_take(full_key, piece).err();
        }
    }

    fn try_take(&mut self, full_key: &[u8], piece: &[u8]) -> Result<(), Flaw> {
        const WRONG: Flaw = Flaw::Broken("are not as many as they say");
        let Some(whole) = self.assembler.feed(full_key, piece)? else {
            return Ok(());
        };
        let number = number_of(whole.key).ok_or(Flaw::Broken("have a wrong key"))?;
        let stamp = u32::try_from(whole.stamp).map_err(|_| WRONG)?;
        if number == COUNTS_NUMBER {
            let dropped = whole.body.try_into().map_err(|_| WRONG)?;
            self.counts = Some(LineCounts {
                kept: stamp,
                dropped: u64::from_be_bytes(dropped),
            });
            return Ok(());
        }
        if number != self.lines {
            return Err(Flaw::Broken("lack some in their middle"));
        }
        let mut rest = whole.body;
        for _ in 0..stamp {
            let (line, later) = split_line(rest).ok_or(WRONG)?;
            if line.len() > LINE_BYTES_MAX || codec::decode(line).is_err() {
                return Err(Flaw::Broken("have one that is none"));
            }
            rest = later;
        }
        self.lines += stamp;
        if !rest.is_empty() || self.lines as usize > LogLine::LINES_MAX {
            return Err(WRONG);
        }
        Ok(())
    }

    fn end(self) -> (ExecutionId, Result<LineCounts, StoreError>) {
        let lines = self.lines;
        let judged = match (self.flaw, self.assembler.unfinished(), self.counts) {
            (Some(flaw), _, _) => Err(flaw),
            (None, Some(_), _) => Err(Flaw::Broken("lack a piece")),
            (None, None, Some(counts)) if counts.kept == lines => Ok(counts),
            (None, None, _) => Err(Flaw::Broken("are not as many as were written")),
        };
        (self.execution, judged.map_err(|flaw| broken(self.execution, flaw)))
    }
}

fn execution_of(full_key: &[u8]) -> Option<ExecutionId> {
    full_key.first_chunk::<16>().map(|id| ExecutionId::from_bytes(*id))
}

fn key(execution: ExecutionId, number: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&execution.to_bytes());
    key[16..].copy_from_slice(&number.to_be_bytes());
    key
}

fn number_of(key: &[u8]) -> Option<u32> {
    key.get(16..)?.try_into().ok().map(u32::from_be_bytes)
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

fn broken(execution: ExecutionId, flaw: Flaw) -> StoreError {
    flaw.into_error("its log lines", format!("execution {execution}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryBackend;

    fn read(lines: &LogLines, execution: u128, from: u32) -> Vec<(u32, usize)> {
        let mut found = Vec::new();
        lines
            .read_from(ExecutionId(execution), from, &mut |number, line| {
                assert!(line.iter().all(|byte| u32::from(*byte) == number % 251));
                found.push((number, line.len()));
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        found
    }

    #[test]
    fn lines_are_read_from_any_number_and_bounded() {
        let memory = MemoryBackend::new();
        let lines = LogLines::open(Arc::new(memory.clone()));
        let length = |number: u32| (number as usize * 37) % LINE_BYTES_MAX;
        let all: Vec<Vec<u8>> = (0..1_200)
            .map(|number| vec![(number % 251) as u8; length(number)])
            .collect();
        let mut rest = all.as_slice();
        for size in [1, 7, 300, 500, 150, 242] {
            let (now, later) = rest.split_at(size);
            lines.append(ExecutionId(2), now).unwrap();
            rest = later;
        }
        lines.append(ExecutionId(1), &[vec![0; 3]]).unwrap();
        lines.append(ExecutionId(3), &[vec![0; 4]]).unwrap();

        let expected: Vec<_> = (0..1_000).map(|number| (number, length(number))).collect();
        for from in [0, 1, 2, 7, 8, 307, 500, 999] {
            assert_eq!(read(&lines, 2, from), expected[from as usize..], "from {from}");
        }
        assert_eq!(read(&lines, 2, 1_000), []);
        assert_eq!(
            lines.counts(ExecutionId(2)).unwrap(),
            LineCounts {
                kept: 1_000,
                dropped: 200
            }
        );

        lines.remove(&[ExecutionId(2), ExecutionId(9)]).unwrap();
        assert_eq!(read(&lines, 2, 0), []);
        assert_eq!(lines.counts(ExecutionId(2)).unwrap(), LineCounts::default());
        assert_eq!(read(&lines, 1, 0), [(0, 3)]);
        assert_eq!(read(&lines, 3, 0), [(0, 4)]);
    }
}
