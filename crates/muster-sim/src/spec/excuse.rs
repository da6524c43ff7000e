//! Whose failure it is not that a runner has lost its work: when the coordinator itself stood still, or had sent the runner away.

use muster_core::words::{RunnerId, Sequence};

use super::Spec;

/// A time in which the coordinator stood still.
#[derive(Debug, Clone)]
struct Standstill {
    /// The newest batch before it.
    before: Sequence,
    /// Whether it was certainly long enough for runners to give up what they hold, and this process knows of it.
    is_sure: bool,
    /// The newest batch that may have check-ins which runners had said before they gave up; `None` while more may come.
    settled: Option<Sequence>,
}

/// What the world knows of the coordinator's process that the journal does not say.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// The newest batch before it began.
    began: Sequence,
    standstills: Vec<Standstill>,
}

impl Process {
    /// A process begins, and takes over this journal: it knows nothing of what was before.
    pub fn begin(&mut self, head: Sequence) {
        self.began = head;
        // What was decided after them may be lost.
        self.standstills.retain(|one| one.before <= head);
        for one in &mut self.standstills {
            one.is_sure = false;
            one.settled = Some(one.settled.unwrap_or(head).min(head));
        }
    }

    /// It has stood still since this batch was decided.
    pub fn stand_still(&mut self, before: Sequence, is_sure: bool) {
        self.standstills.push(Standstill {
            before,
            is_sure,
            settled: None,
        });
    }

    /// It has gone on for so long that whoever checks in after this batch has given up nothing because of that.
    pub fn settle(&mut self, head: Sequence) {
        for one in &mut self.standstills {
            one.settled.get_or_insert(head);
        }
    }
}

/// Whether it is nobody's failure what a runner loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excused {
    /// It is its failure.
    No,
    /// It may be either: what was before a restart is not known any more, and clocks differ.
    Perhaps,
    /// It is not.
    Yes,
}

impl Spec {
    /// Whether it is nobody's failure if a runner loses something in this batch.
    pub(super) fn excused(&self, id: RunnerId, sequence: Sequence) -> Excused {
        let Some(runner) = self.runners.get(&id) else {
            return Excused::No;
        };
        let came_in = runner.came_in_before_batch(sequence);
        let sure = |is_sure: bool| if is_sure { Excused::Yes } else { Excused::Perhaps };
        let standstills = self.process.standstills.iter();
        let stood_still = standstills
            .filter(|one| one.before < sequence && one.settled.is_none_or(|settled| settled >= came_in))
            .map(|one| sure(one.is_sure && one.before >= came_in));
        let owner = runner.profile.organization.as_ref();
        let suspended = owner.and_then(|owner| self.organizations.get(owner)?.suspended);
        let sent_away = suspended
            .filter(|since| *since >= came_in)
            .map(|since| sure(since > came_in && since > self.process.began));
        stood_still.chain(sent_away).max().unwrap_or(Excused::No)
    }
}
