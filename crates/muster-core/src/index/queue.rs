//! The queue of one lane: oldest first within an organization, and between organizations the one that holds least goes first.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Stamp;
use crate::words::{ExecutionId, OrganizationId};

/// The place of an execution among those of its organization: by its creation.
pub type Ticket = (Stamp, ExecutionId);

/// Who goes first, as a key that compares across queues: how much its organization holds here already, and since when it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// How many executions of the lane its organization has at runners.
    pub held: u32,
    /// The execution.
    pub ticket: Ticket,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Line {
    /// Nothing of it may be claimed now.
    rests: bool,
    held: u32,
    waiting: BTreeSet<Ticket>,
}

/// The executions of one lane that may be claimed now.
///
/// An integration has at most one open execution a data type, so it cannot crowd out its neighbours by itself: within an organization, age alone
/// decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    lines: BTreeMap<OrganizationId, Line>,
    /// The head of each line that is not empty.
    heads: BTreeSet<(Head, OrganizationId)>,
    /// The first ticket of each line that is not empty.
    firsts: BTreeSet<Ticket>,
    waiting: usize,
}

impl Queue {
    /// The execution that is to be claimed first.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.heads.first().map(|(head, _)| *head)
    }

    /// The one that was created first, of organizations that do not rest; `None` when nobody waits.
    #[must_use]
    pub fn oldest(&self) -> Option<Ticket> {
        self.firsts.first().copied()
    }

    /// How many wait, also those of organizations that rest.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many of the same organization wait before this one; counts at most `most`.
    #[must_use]
    pub fn ahead(&self, organization: &OrganizationId, ticket: Ticket, most: usize) -> usize {
        self.lines
            .get(organization)
            .map_or(0, |line| line.waiting.range(..ticket).take(most).count())
    }

    /// How many of an organization wait.
    #[must_use]
    pub fn waiting_of(&self, organization: &OrganizationId) -> usize {
        self.lines.get(organization).map_or(0, |line| line.waiting.len())
    }

    /// `rests`: nothing of the organization may be claimed now.
    pub(super) fn enqueue(&mut self, organization: &OrganizationId, ticket: Ticket, rests: bool) {
        self.change(organization, |line| {
            line.rests = rests;
            line.waiting.insert(ticket);
        });
    }

    pub(super) fn dequeue(&mut self, organization: &OrganizationId, ticket: Ticket) {
        self.change(organization, |line| {
            line.waiting.remove(&ticket);
        });
    }

    pub(super) fn hold(&mut self, organization: &OrganizationId, rests: bool) {
        self.change(organization, |line| {
            line.rests = rests;
            line.held += 1;
        });
    }

    pub(super) fn release(&mut self, organization: &OrganizationId) {
        self.change(organization, |line| {
            assert!(line.held > 0, "what is released was held");
            line.held -= 1;
        });
    }

    /// Nothing of an organization may be claimed from now on, or it may again.
    pub(super) fn rest(&mut self, organization: &OrganizationId, rests: bool) {
        if self.lines.contains_key(organization) {
            self.change(organization, |line| line.rests = rests);
        }
    }

    pub(super) fn is_unused(&self) -> bool {
        self.lines.is_empty()
    }

    fn change(&mut self, organization: &OrganizationId, change: impl FnOnce(&mut Line)) {
        let line = self.lines.entry(organization.clone()).or_default();
        let (head, before) = (line.head(), line.waiting.len());
        change(line);
        self.waiting = self.waiting + line.waiting.len() - before;
        let new_head = line.head();
        if line.held == 0 && line.waiting.is_empty() {
            self.lines.remove(organization);
        }
        let (first, new_first) = (head.map(|head| head.ticket), new_head.map(|head| head.ticket));
        if head != new_head {
            if let Some(head) = head {
                self.heads.remove(&(head, organization.clone()));
            }
            if let Some(head) = new_head {
                self.heads.insert((head, organization.clone()));
            }
        }
        if first != new_first {
            if let Some(first) = first {
                self.firsts.remove(&first);
            }
            self.firsts.extend(new_first);
        }
    }
}

impl Line {
    fn head(&self) -> Option<Head> {
        if self.rests {
            return None;
        }
        self.waiting.first().map(|ticket| Head {
            held: self.held,
            ticket: *ticket,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(name: &str) -> OrganizationId {
        OrganizationId::new(name).expect("a name")
    }

    fn ticket(n: u64) -> Ticket {
        (Stamp::from_millis(n), ExecutionId(n.into()))
    }

    #[test]
    fn who_holds_least_goes_first_and_then_who_waits_longest() {
        let (many, few) = (organization("many"), organization("few"));
        let mut queue = Queue::default();
        for n in 1..=3 {
            queue.enqueue(&many, ticket(n), false);
        }
        queue.enqueue(&few, ticket(9), false);
        assert_eq!(queue.head().map(|head| head.ticket), Some(ticket(1)));
        queue.dequeue(&many, ticket(1));
        queue.hold(&many, false);
        assert_eq!(queue.head().map(|head| head.ticket), Some(ticket(9)));
        assert_eq!((queue.waiting(), queue.ahead(&many, ticket(3), 10)), (3, 1));
        assert_eq!(queue.oldest(), Some(ticket(2)), "whoever goes first");
        queue.dequeue(&many, ticket(2));
        queue.dequeue(&many, ticket(3));
        assert_eq!(queue.oldest(), Some(ticket(9)));
    }

    #[test]
    fn who_rests_waits_and_is_not_claimed() {
        let (acme, globex) = (organization("acme"), organization("globex"));
        let mut queue = Queue::default();
        queue.enqueue(&acme, ticket(1), true);
        assert_eq!((queue.head(), queue.oldest(), queue.waiting()), (None, None, 1));
        queue.enqueue(&globex, ticket(2), false);
        queue.enqueue(&acme, ticket(0), true);
        assert_eq!(queue.head().map(|head| head.ticket), Some(ticket(2)));
        queue.rest(&acme, false);
        assert_eq!(queue.head().map(|head| head.ticket), Some(ticket(0)));
        queue.rest(&acme, true);
        assert_eq!(queue.oldest(), Some(ticket(2)));
    }

    #[test]
    fn an_empty_queue_leaves_nothing_behind() {
        let acme = organization("acme");
        let mut queue = Queue::default();
        queue.enqueue(&acme, ticket(1), false);
        queue.dequeue(&acme, ticket(1));
        queue.hold(&acme, false);
        queue.release(&acme);
        assert!(queue.is_unused());
        assert_eq!(queue, Queue::default());
    }
}
