//! Log lines that wait to be sent: bounded, and what does not fit is counted.

use std::collections::{BTreeMap, VecDeque};

use muster_core::decide::Work;
use muster_proto::v1;
use prost::Message as _;

/// The most lines that wait.
pub(super) const LINES_MAX: usize = 2_000;

/// The most bytes of text that wait: four full messages.
pub(super) const BYTES_MAX: usize = 1024 * 1024;

/// How many bytes of text make a message that is not small.
const WORTH_BYTES: usize = 16 * 1024;

/// How many lines make one, however short they are.
const WORTH_LINES: usize = LINES_MAX / 4;

/// What the framing of one attempt and one line may take beside the text.
const FRAME_BYTES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct LogQueue {
    lines: VecDeque<(Work, v1::RunnerLogLine)>,
    bytes: usize,
    dropped: BTreeMap<Work, u64>,
}

impl LogQueue {
    /// Queues a line, or counts it as dropped when there is no room.
    pub(super) fn push(&mut self, work: Work, line: v1::RunnerLogLine) {
        if self.lines.len() >= LINES_MAX || self.bytes + line.message.len() > BYTES_MAX {
            *self.dropped.entry(work).or_default() += 1;
            return;
        }
        self.bytes += line.message.len();
        self.lines.push_back((work, line));
    }

    /// Drops the lines of an attempt that is not the runner's any more.
    pub(super) fn forget(&mut self, work: Work) {
        self.dropped.remove(&work);
        self.lines.retain(|(of, _)| *of != work);
        self.bytes = self.lines.iter().map(|(_, line)| line.message.len()).sum();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped.is_empty()
    }

    /// Whether what waits is worth a message by itself.
    pub(super) fn is_worth_a_message(&self) -> bool {
        self.bytes >= WORTH_BYTES || self.lines.len() >= WORTH_LINES
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// As many lines as fit into a message of this many bytes, by attempt and in order; `None` when nothing waits. The
    /// drops are told once all the lines before them have gone.
    pub(super) fn take(&mut self, bytes_max: usize) -> Option<v1::RunnerLogLines> {
        let mut attempts: BTreeMap<Work, v1::AttemptLogLines> = BTreeMap::new();
        let mut bytes = 0;
        while let Some((_, line)) = self.lines.front() {
            bytes += line.encoded_len() + FRAME_BYTES;
            if !attempts.is_empty() && bytes > bytes_max {
                break;
            }
            let Some((work, line)) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= line.message.len();
            attempts.entry(work).or_insert_with(|| of(work)).lines.push(line);
        }
        if self.lines.is_empty() {
            for (work, dropped) in std::mem::take(&mut self.dropped) {
                attempts.entry(work).or_insert_with(|| of(work)).dropped_count = dropped;
            }
        }
        (!attempts.is_empty()).then(|| v1::RunnerLogLines {
            attempts: attempts.into_values().collect(),
        })
    }
}

fn of((execution, attempt): Work) -> v1::AttemptLogLines {
    v1::AttemptLogLines {
        execution_id: execution.to_bytes().to_vec().into(),
        attempt: attempt.0,
        ..v1::AttemptLogLines::default()
    }
}

#[cfg(test)]
mod tests {
    use muster_core::words::{Attempt, ExecutionId};

    use super::*;

    const WORK: Work = (ExecutionId(1), Attempt(1));
    const OTHER: Work = (ExecutionId(2), Attempt(1));

    fn line(bytes: usize) -> v1::RunnerLogLine {
        v1::RunnerLogLine {
            message: "x".repeat(bytes),
            ..v1::RunnerLogLine::default()
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut queue = LogQueue::default();
        for _ in 0..LINES_MAX + 7 {
            queue.push(WORK, line(1));
        }
        let sent = queue.take(usize::MAX).expect("lines");
        assert_eq!(sent.attempts[0].lines.len(), LINES_MAX);
        assert_eq!(sent.attempts[0].dropped_count, 7);
        assert!(queue.take(usize::MAX).is_none() && queue.is_empty());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut queue = LogQueue::default();
        for _ in 0..200 {
            queue.push(WORK, line(8 * 1024));
        }
        assert_eq!(queue.len(), BYTES_MAX / (8 * 1024));
    }

    #[test]
    fn messages_are_bounded_and_the_drops_come_last() {
        let mut queue = LogQueue::default();
        for _ in 0..LINES_MAX + 1 {
            queue.push(WORK, line(400));
        }
        let mut lines = 0;
        let mut dropped = Vec::new();
        while let Some(message) = queue.take(64 * 1024) {
            assert!(message.encoded_len() <= 64 * 1024);
            lines += message.attempts[0].lines.len();
            dropped.push(message.attempts[0].dropped_count);
        }
        assert_eq!(lines, LINES_MAX);
        assert_eq!(dropped.pop(), Some(1));
        assert!(dropped.iter().all(|dropped| *dropped == 0));
    }

    #[test]
    fn lines_of_a_fenced_attempt_are_dropped() {
        let mut queue = LogQueue::default();
        queue.push(WORK, line(5));
        queue.push(OTHER, line(5));
        queue.forget(WORK);
        let sent = queue.take(usize::MAX).expect("the other's");
        assert_eq!(sent.attempts.len(), 1);
        assert_eq!(queue.bytes, 0);
    }
}
