//! What the coordinator still has to send on a stream: all that is ready goes into one message of its kind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_core::decide::Work;
use muster_core::words::{Attempt, ExecutionId};
use muster_proto::v1;
use prost::Message as _;
use v1::coordinator_message::Kind;

use crate::{MESSAGE_BYTES_MAX, wire};

/// The most acks, fences or cancels of one message: about 110 KiB of them.
const ITEMS_MAX: usize = 4_000;

/// Waiting messages, merged by kind. Nothing leaves before the welcome.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    welcome: Option<v1::Welcome>,
    open: bool,
    acks: BTreeMap<Work, v1::ReportKind>,
    fences: BTreeMap<Work, v1::FenceReason>,
    cancels: BTreeSet<Work>,
    assignments: VecDeque<(Work, v1::Assignment)>,
    checks: VecDeque<v1::Check>,
    reconnect: Option<v1::Reconnect>,
}

impl Outbox {
    pub(super) fn welcome(&mut self, welcome: v1::Welcome) {
        self.welcome = Some(welcome);
    }

    /// The furthest report of an attempt stands for the earlier ones too.
    pub(super) fn ack(&mut self, work: Work, kind: v1::ReportKind) {
        let furthest = self.acks.entry(work).or_insert(kind);
        *furthest = (*furthest).max(kind);
    }

    pub(super) fn fence(&mut self, work: Work, reason: v1::FenceReason) {
        if !self.take_back(work) {
            self.fences.insert(work, reason);
        }
    }

    pub(super) fn cancel(&mut self, work: Work) {
        if !self.take_back(work) {
            self.cancels.insert(work);
        }
    }

    pub(super) fn assign(&mut self, work: Work, assignment: v1::Assignment) {
        self.assignments.push_back((work, assignment));
    }

    pub(super) fn check(&mut self, check: v1::Check) {
        self.checks.push_back(check);
    }

    pub(super) fn reconnect(&mut self, reconnect: v1::Reconnect) {
        self.reconnect = Some(reconnect);
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.acks.len() + self.fences.len() + self.cancels.len() + self.assignments.len() + self.checks.len()
    }

    pub(super) fn has_to_send(&self) -> bool {
        self.welcome.is_some() || (self.open && (self.len() > 0 || self.reconnect.is_some()))
    }

    /// The next message. Slots are freed before they are filled: acks, fences and cancels go before assignments.
    pub(super) fn next(&mut self) -> Option<v1::CoordinatorMessage> {
        let kind = if let Some(welcome) = self.welcome.take() {
            self.open = true;
            Kind::Welcome(welcome)
        } else if !self.open {
            return None;
        } else if !self.acks.is_empty() {
            Kind::Acks(self.next_acks())
        } else if !self.fences.is_empty() {
            Kind::Fences(self.next_fences())
        } else if !self.cancels.is_empty() {
            Kind::Cancels(self.next_cancels())
        } else if !self.assignments.is_empty() {
            Kind::Assignments(self.next_assignments())
        } else if let Some(check) = self.checks.pop_front() {
            Kind::Check(check)
        } else {
            Kind::Reconnect(self.reconnect.take()?)
        };
        Some(v1::CoordinatorMessage { kind: Some(kind) })
    }

    /// An assignment that has not left yet need not leave any more.
    fn take_back(&mut self, work: Work) -> bool {
        let before = self.assignments.len();
        self.assignments.retain(|(waiting, _)| *waiting != work);
        self.assignments.len() < before
    }

    fn next_acks(&mut self) -> v1::Acks {
        let acks = std::iter::from_fn(|| self.acks.pop_first()).take(ITEMS_MAX);
        let acks = acks.map(|((execution, attempt), kind)| v1::Ack {
            execution_id: execution.to_bytes().to_vec().into(),
            attempt: attempt.0,
            kind: kind.into(),
        });
        v1::Acks { acks: acks.collect() }
    }

    fn next_fences(&mut self) -> v1::Fences {
        let fences = std::iter::from_fn(|| self.fences.pop_first()).take(ITEMS_MAX);
        let fences = fences.map(|((execution, attempt), reason)| v1::Fence {
            execution_id: execution.to_bytes().to_vec().into(),
            attempt: attempt.0,
            reason: reason.into(),
        });
        v1::Fences {
            fences: fences.collect(),
        }
    }

    fn next_cancels(&mut self) -> v1::Cancels {
        let cancels = std::iter::from_fn(|| self.cancels.pop_first()).take(ITEMS_MAX);
        v1::Cancels {
            cancels: cancels.map(cancel).collect(),
        }
    }

    /// As many as fit into a message; one that does not fit at all goes alone.
    fn next_assignments(&mut self) -> v1::Assignments {
        let mut assignments = Vec::new();
        let mut bytes = 0;
        while let Some((_, assignment)) = self.assignments.front() {
            // The length of a repeated field's item takes at most five bytes more.
            bytes += assignment.encoded_len() + 5;
            if !assignments.is_empty() && bytes > MESSAGE_BYTES_MAX {
                break;
            }
            assignments.extend(self.assignments.pop_front().map(|(_, assignment)| assignment));
        }
        v1::Assignments { assignments }
    }
}

fn cancel((execution, attempt): (ExecutionId, Attempt)) -> v1::Cancel {
    let held = wire::held_to_wire((execution, attempt));
    v1::Cancel {
        execution_id: held.execution_id,
        attempt: held.attempt,
        reason: "the execution was canceled".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(execution: u128, attempt: u32) -> Work {
        (ExecutionId(execution), Attempt(attempt))
    }

    fn kinds(outbox: &mut Outbox) -> Vec<Kind> {
        std::iter::from_fn(|| outbox.next())
            .filter_map(|message| message.kind)
            .collect()
    }

    #[test]
    fn nothing_leaves_before_the_welcome() {
        let mut outbox = Outbox::default();
        outbox.ack(work(1, 1), v1::ReportKind::Accepted);
        assert!(outbox.next().is_none() && !outbox.has_to_send());
        outbox.welcome(v1::Welcome::default());
        let sent = kinds(&mut outbox);
        assert!(matches!(sent[..], [Kind::Welcome(_), Kind::Acks(_)]), "{sent:?}");
    }

    #[test]
    fn the_furthest_ack_stands_for_all() {
        let mut outbox = Outbox {
            open: true,
            ..Outbox::default()
        };
        outbox.ack(work(1, 1), v1::ReportKind::Started);
        outbox.ack(work(1, 1), v1::ReportKind::Accepted);
        outbox.ack(work(2, 1), v1::ReportKind::Finished);
        let sent = kinds(&mut outbox);
        let [Kind::Acks(acks)] = &sent[..] else {
            panic!("one message: {sent:?}")
        };
        let acked: Vec<v1::ReportKind> = acks.acks.iter().map(v1::Ack::kind).collect();
        assert_eq!(acked, [v1::ReportKind::Started, v1::ReportKind::Finished]);
    }

    #[test]
    fn an_assignment_that_is_fenced_before_it_leaves_does_not_leave() {
        let mut outbox = Outbox {
            open: true,
            ..Outbox::default()
        };
        outbox.assign(work(1, 1), v1::Assignment::default());
        outbox.fence(work(1, 1), v1::FenceReason::Withdrawn);
        assert!(outbox.next().is_none());
    }

    #[test]
    fn large_assignments_go_in_several_messages() {
        let mut outbox = Outbox {
            open: true,
            ..Outbox::default()
        };
        for n in 1..=5 {
            let assignment = v1::Assignment {
                cursor: Some("x".repeat(100 * 1024)),
                ..v1::Assignment::default()
            };
            outbox.assign(work(n, 1), assignment);
        }
        let sent = std::iter::from_fn(|| outbox.next()).collect::<Vec<_>>();
        assert_eq!(sent.len(), 3, "two fit into one message");
        assert!(sent.iter().all(|message| message.encoded_len() <= MESSAGE_BYTES_MAX));
    }
}
