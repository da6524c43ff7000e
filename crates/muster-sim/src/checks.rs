//! Checks: what people ask for, what runners say, and what whoever waits is told. A runner's word names its check, so that nobody else's passes for it.

use std::collections::BTreeMap;

use muster_core::decide::{CheckEnd, CheckOrder};
use muster_core::event::{Event, Recorded};
use muster_core::words::{Category, CheckId, Failure, IntegrationId, Principal, Revision, RunnerId, Sequence};
use muster_proto::v1;
use muster_session::wire;
use muster_shard::Ending;

use crate::agenda::Millis;
use crate::jobs::Work;
use crate::trace::{broken, say};
use crate::world::{Due, World};

/// A check that a runner was asked for.
#[derive(Debug, Clone)]
struct Asked {
    runner: RunnerId,
    integration: IntegrationId,
    revision: Revision,
    /// Whether its failure is in the journal.
    recorded: bool,
}

/// A result in the journal.
#[derive(Debug)]
struct Ended {
    of: (RunnerId, IntegrationId, Revision),
    /// The check that it names, where it is a failure.
    said: Option<CheckId>,
    sequence: Sequence,
}

/// All checks there ever were.
#[derive(Default)]
pub struct Checks {
    asked: BTreeMap<CheckId, Asked>,
    /// Every result in the journal.
    results: Vec<Ended>,
    /// Whoever waits, and for a check of what.
    waiting: BTreeMap<CheckId, IntegrationId>,
}

impl World {
    /// A runner is told to check.
    pub(crate) fn note_check_asked(&mut self, which: usize, check: &v1::Check) {
        let order = match wire::check_from_wire(check.clone()) {
            Ok(order) => order,
            Err(error) => broken!("a check makes no sense: {error}"),
        };
        let runner = &self.runners[which];
        if runner
            .organization
            .as_ref()
            .is_some_and(|own| *own != order.organization)
        {
            broken!("{} is to check what is another organization's", runner.name);
        }
        let asked = Asked {
            runner: runner.id,
            integration: order.integration,
            revision: order.revision,
            recorded: false,
        };
        if self.checks.asked.insert(order.check, asked).is_some() {
            broken!("{} is asked for a second time", order.check);
        }
    }

    /// A runner begins a check.
    pub(crate) fn begin_check(&mut self, which: usize, order: &CheckOrder) {
        let takes = match self.chance.u32(0..8) {
            0 => 80_000,
            1..3 => self.chance.u64(10_000..59_000),
            _ => self.chance.u64(5..4_000),
        };
        let limit = u64::try_from(order.time_limit.as_millis()).unwrap_or(u64::MAX);
        let at = self.now + takes.min(limit);
        self.runners[which].checking.insert(order.check, at);
        self.wake_at(Due::Checked(which), at);
    }

    /// The checks of a runner have ended whose time has come.
    pub(crate) fn end_checks(&mut self, which: usize) {
        if !self.is_awake(which, Due::Checked(which)) {
            return;
        }
        let now = self.now;
        let ended: Vec<CheckId> = self.runners[which]
            .checking
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(check, _)| *check)
            .collect();
        for check in ended {
            let failure = self.chance.bool().then(|| says(check));
            let runner = &mut self.runners[which];
            runner.checking.remove(&check);
            if let Some(end) = &mut runner.end {
                end.checked(check, failure);
            }
        }
        if let Some(at) = self.runners[which].checking.values().min().copied() {
            self.wake_at(Due::Checked(which), at);
        }
        self.wake(Due::Runner(which), 0);
    }

    /// Somebody's runner says how a check has ended that it was not asked for, or says it again.
    pub(crate) fn say_check_again(&mut self, which: usize) -> bool {
        let all: Vec<CheckId> = self.checks.asked.keys().rev().take(4).copied().collect();
        let runner = &self.runners[which];
        let checked_in = runner
            .end
            .as_ref()
            .is_some_and(muster_session::runner::RunnerEnd::is_checked_in);
        let (Some(link), true, false) = (runner.link, checked_in, all.is_empty()) else {
            return false;
        };
        let check = all[self.chance.usize(0..all.len())];
        let result = v1::CheckResult {
            check_id: check.to_bytes().to_vec().into(),
            failure: Some(wire::failure_to_wire(&says(check))),
        };
        let kind = Some(v1::runner_message::Kind::CheckResult(result));
        self.send_up(link, v1::RunnerMessage { kind });
        true
    }

    /// A result is in the journal: whoever was asked has said it, and once.
    pub(crate) fn check_checked(&mut self, sequence: Sequence, recorded: &Recorded) {
        let Event::IntegrationChecked {
            integration,
            revision,
            runner,
            failure,
        } = &recorded.event
        else {
            return;
        };
        if recorded.by != Principal::Runner(*runner) {
            broken!("{} says how a check of {runner} has ended", recorded.by);
        }
        let said = match failure {
            None => None,
            Some(failure) => match failure.message.parse::<CheckId>() {
                Ok(check) => Some(check),
                Err(_) => broken!("no runner has said: {failure:?}"),
            },
        };
        let of = (*runner, *integration, *revision);
        let asked = |one: &Asked| (one.runner, one.integration, one.revision) == of;
        if let Some(check) = said {
            match self.checks.asked.get_mut(&check) {
                Some(one) if asked(one) && !one.recorded => one.recorded = true,
                one => broken!("nobody has asked {runner} for this, or it has said it before: {recorded:?}, {one:?}"),
            }
        }
        // A good end does not say of which check it is.
        let told = self.checks.results.iter().filter(|one| one.of == of).count();
        if told >= self.checks.asked.values().filter(|one| asked(one)).count() {
            broken!("{runner} has ended more checks than it was asked for: {recorded:?}");
        }
        self.checks.results.push(Ended { of, said, sequence });
    }

    /// Somebody waits for a check.
    pub(crate) fn await_check(&mut self, check: CheckId, integration: IntegrationId, ending: Ending) {
        self.checks.waiting.insert(check, integration);
        self.start(Work::AwaitCheck(check, ending));
    }

    /// Whoever waited for a check is told.
    pub(crate) fn check_told_end(&mut self, check: CheckId, end: &CheckEnd) {
        say!(self, "a check has ended: {end:?}");
        let Some(integration) = self.checks.waiting.remove(&check) else {
            broken!("{check} ends twice: {end:?}");
        };
        let (failure, outdated) = match end {
            CheckEnd::Unanswered { .. } => return self.trace.count("a check has no answer"),
            CheckEnd::Reported { failure, outdated, .. } => (failure, *outdated),
        };
        let asked = self.checks.asked.get(&check).cloned();
        let Some(asked) = asked else {
            broken!("{check} is answered, and nobody was asked");
        };
        if outdated {
            let current = self.spec.existing(integration).map(|one| one.revision);
            if current == Ok(asked.revision) {
                broken!("{check} is told as outdated, and {integration} is as it was");
            }
            return self.trace.count("a check is outdated");
        }
        let mut results = self.checks.results.iter();
        let named = failure.as_ref().map(|_| check);
        let of = (asked.runner, integration, asked.revision);
        let Some(sequence) = results
            .find(|one| one.of == of && one.said == named)
            .map(|one| one.sequence)
        else {
            broken!("{check} is told, and not in the journal: {end:?}");
        };
        self.check_told(sequence, "the end of a check");
        self.trace.count(if failure.is_some() {
            "a check fails"
        } else {
            "a check is good"
        });
    }

    /// Nobody hears anything of the process that has ended.
    pub(crate) fn forget_waiting(&mut self) {
        self.checks.waiting.clear();
    }

    /// At the end nobody waits for ever.
    pub(crate) fn check_nobody_waits(&self) {
        if let Some(check) = self.checks.waiting.keys().next() {
            broken!("somebody still waits for {check}");
        }
    }
}

/// When a check of a runner will have ended, by its id.
pub type Checking = BTreeMap<CheckId, Millis>;

fn says(check: CheckId) -> Failure {
    Failure::new(Category::Permission, check.to_string())
}
