//! What runners lose because the coordinator itself stood still, or had sent them away, is nobody's failure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::progress;
use muster_core::entity::{Execution, Organization, Phase};
use muster_core::event::{Event, OrganizationChange, Recorded};
use muster_core::ledger::Ledger;
use muster_core::time::Moment;
use muster_core::words::{Category, RunnerId};

use crate::model::{Model, definition, intervals, organization};

/// The least standstill after which a runner may be back too late to keep its work, by the default lease.
const LONG: Duration = Duration::from_secs(15);

/// A lease with its grace, by default.
const LEASE: Duration = Duration::from_secs(65);

/// An account of its own of who is excused until it checks in anew. All runners are of one organization.
#[derive(Debug, Clone, Default)]
pub struct Excuses {
    present: BTreeSet<RunnerId>,
    /// With until when a check-in ends it not.
    excused: BTreeMap<RunnerId, Moment>,
    arrived: Option<RunnerId>,
}

impl Excuses {
    /// Takes in an event, with the ledger as it was before.
    pub fn take(&mut self, recorded: &Recorded, ledger: &Ledger) {
        match &recorded.event {
            Event::RunnerCheckedIn { runner, .. } => {
                self.present.insert(*runner);
                self.arrived = Some(*runner);
            }
            Event::RunnerLeft { runner, .. } => {
                self.present.remove(runner);
                self.excused.remove(runner);
            }
            Event::OrganizationChanged {
                organization,
                change: OrganizationChange::Suspended { .. },
            } if ledger.organization(organization).is_some_and(Organization::is_active) => {
                self.excuse_all(Moment::default());
            }
            Event::ExecutionReturned { execution, failure, .. } => {
                let held = ledger.execution(*execution).expect("it is open");
                match failure {
                    Some(failure) => self.judge(held, failure.category, ledger),
                    None => assert!(
                        matches!(held.phase, Phase::Pending(_)) || self.is_excused(held, ledger),
                        "what has started is not withdrawn: {recorded:?}"
                    ),
                }
            }
            Event::ExecutionFailed { execution, failure, .. } => {
                let held = ledger.execution(*execution).expect("it is open");
                self.judge(held, failure.category, ledger);
            }
            _ => {}
        }
    }

    /// All of a command's events have been taken: who has checked in has no excuse any more.
    pub fn end_batch(&mut self, now: Moment) {
        if let Some(arrived) = self.arrived.take()
            && self.excused.get(&arrived).is_some_and(|until| *until <= now)
        {
            self.excused.remove(&arrived);
        }
    }

    pub fn stand_still(&mut self, span: Duration, now: Moment) {
        if span >= LONG {
            self.excuse_all(now.after(LEASE));
        }
    }

    /// Nobody knows any more, but that runners were sent away.
    pub fn restart(&mut self, rests: bool) {
        self.excused.clear();
        if rests {
            self.excuse_all(Moment::default());
        }
    }

    fn excuse_all(&mut self, until: Moment) {
        self.excused.extend(self.present.iter().map(|runner| (*runner, until)));
    }

    fn is_excused(&self, execution: &Execution, ledger: &Ledger) -> bool {
        let owner = ledger.organization(&execution.organization);
        let rests = !owner.is_some_and(Organization::is_active);
        let holder = execution.holder();
        rests || holder.is_some_and(|claim| self.excused.contains_key(&claim.runner))
    }

    fn judge(&self, execution: &Execution, category: Category, ledger: &Ledger) {
        assert!(
            category != Category::RunnerLost || !self.is_excused(execution, ledger),
            "it is nobody's failure: {execution:?}, {self:?}"
        );
    }
}

/// A model of which the first runner executes the only execution.
fn executing() -> Model {
    let mut model = Model::new(11);
    model.create(muster_core::decide::integration::create::Create {
        organization: organization(),
        definition: definition(0),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    });
    model.check_in(0, false);
    model.dispatch();
    let work = *model.runners[0].work.first().expect("it is assigned");
    model.report(0, work, 1, |report| Command::Start(progress::Start(report)), false);
    model
}

/// Whether the only execution is held, how often it was claimed, and how often it has failed.
fn stands(model: &Model) -> (bool, u32, u32) {
    let one = model.state.everywhere().executions().next().expect("it is open");
    (one.holder().is_some(), one.attempt.0, one.failures)
}

#[test]
fn what_a_runner_gave_up_while_the_coordinator_stood_still_is_queued_again_without_a_failure() {
    let mut model = executing();
    model.stand_still(Duration::from_secs(600));
    model.tick();
    assert_eq!(stands(&model), (true, 1, 0), "its lease is not over");
    // It had come anew while nobody heard it, and stopped its work by itself after that: then it comes back without it.
    model.disconnect(0);
    model.check_in(0, false);
    assert_eq!(stands(&model), (true, 1, 0));
    model.disconnect(0);
    model.check_in(0, true);
    assert_eq!(stands(&model), (false, 1, 0));
    model.dispatch();
    let work = *model.runners[0].work.first().expect("it is assigned again");
    model.report(0, work, 1, |report| Command::Start(progress::Start(report)), false);
    // What it loses once it has been back for a lease, and has come again, it loses by itself.
    model.pass(LEASE);
    model.check_in(0, false);
    model.check_in(0, true);
    assert_eq!(stands(&model), (false, 2, 1));
    model.assert_replay();
}

#[test]
fn what_ends_with_a_lease_after_a_resumption_is_no_failure_either() {
    for restarts in [false, true] {
        let mut model = executing();
        model.rest(true);
        model.disconnect(0);
        if restarts {
            model.restart();
        }
        model.pass(Duration::from_secs(60));
        model.tick();
        model.rest(false);
        assert_eq!(stands(&model), (true, 1, 0), "its lease is not over");
        model.pass(Duration::from_secs(10));
        model.tick();
        assert_eq!(stands(&model), (false, 1, 0), "it was sent away, and is late");
        model.assert_replay();
    }
}

#[test]
fn what_a_runner_gave_up_while_it_was_sent_away_is_no_failure_when_it_comes_back() {
    let mut model = executing();
    model.rest(true);
    model.disconnect(0);
    model.pass(Duration::from_secs(55));
    model.rest(false);
    model.check_in(0, true);
    assert_eq!(stands(&model), (false, 1, 0));
    model.assert_replay();
}
