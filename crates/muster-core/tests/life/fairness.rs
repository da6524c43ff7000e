//! Between organizations: however much one has queued for the service's own runners, another's single execution gets its turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use muster_core::decide::execution::cancel::Cancel;
use muster_core::decide::integration::create::Create;
use muster_core::decide::organization;
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::{Answer, Command, decide};
use muster_core::dispatch;
use muster_core::entity::{Definition, Profile};
use muster_core::event::Recorded;
use muster_core::ledger::{Ledger, Position};
use muster_core::roster::Limits;
use muster_core::state::State;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{
    DisplayName, ExecutionId, OrganizationId, Pool, PoolName, Principal, Quotas, RetentionDays, RunnerId, Sequence,
    SessionId, Slots,
};
use proptest::prelude::*;

use crate::model::{definition, intervals};

/// A state, moved as a shard does but without looking at all of it after each step: there is too much of it.
struct Shard {
    state: State,
    now: Now,
    head: Sequence,
    chance: fastrand::Rng,
}

impl Shard {
    fn new() -> Self {
        let now = Now {
            stamp: Stamp::from_millis(1_700_000_000_000),
            moment: Moment::from_start(Duration::ZERO),
        };
        Self {
            state: State::starting(Ledger::default(), Limits::default(), Arc::default(), now),
            now,
            head: Sequence(0),
            chance: fastrand::Rng::with_seed(7),
        }
    }

    fn ask(&mut self, command: Command) -> Answer {
        // Each in a millisecond of its own, so that who came first is known.
        self.now.stamp = self.now.stamp.after(Duration::from_millis(1));
        let by = Principal::local();
        let decision = decide(&self.state, &by, command, self.now, &mut self.chance).expect("it is allowed");
        self.head = self.head.next();
        for (ordinal, event) in (0..).zip(decision.events) {
            let position = Position {
                sequence: self.head,
                ordinal,
            };
            let recorded = Recorded {
                at: self.now.stamp,
                by: by.clone(),
                event,
            };
            self.state.apply(position, &recorded);
        }
        for change in decision.roster {
            self.state.change_roster(change, self.now);
        }
        decision.answer
    }

    fn found(&mut self, id: &OrganizationId) {
        self.ask(Command::CreateOrganization(organization::create::Create {
            organization: id.clone(),
            display_name: DisplayName::new(id.as_str()).expect("a name"),
            quotas: Quotas::NONE,
            retention: RetentionDays::default(),
            audit_retention: RetentionDays::AUDIT,
            request: None,
        }));
    }

    /// An integration of the hosted pool, with so many executions queued.
    fn queue(&mut self, id: &OrganizationId, name: u32, executions: usize) {
        let definition = Definition {
            display_name: DisplayName::new(&format!("{id} {name}")).expect("a name"),
            pool: hosted(id),
            ..definition(1)
        };
        self.ask(Command::CreateIntegration(Create {
            organization: id.clone(),
            definition,
            intervals: intervals(executions, 1_000),
            draft: false,
            request: None,
        }));
    }

    fn check_in(&mut self, runner: u128, slots: u32) {
        let any = id("any");
        self.ask(Command::CheckIn(CheckIn {
            runner: RunnerId(runner),
            key: None,
            instance: None,
            session: SessionId(runner),
            profile: Profile {
                display_name: DisplayName::new("hosted-1").expect("a name"),
                organization: None,
                pool: hosted(&any),
                version: "1".into(),
                platform: "test".into(),
                slots: Slots(slots),
                connectors: vec![definition(1).connector],
                sealing_key: None,
            },
            offers: Vec::new(),
            running: Vec::new(),
            finished: Vec::new(),
        }));
    }

    /// Gives away what can be given, and returns whose it was, in this order.
    fn dispatch(&mut self) -> Vec<(OrganizationId, ExecutionId)> {
        let mut given = Vec::new();
        while let Some(claim) = dispatch::next(&self.state) {
            let execution = self
                .state
                .everywhere()
                .execution(claim.execution)
                .expect("it is queued");
            given.push((execution.organization.clone(), execution.id));
            self.ask(Command::Claim(claim));
        }
        given
    }

    fn end(&mut self, (organization, execution): (OrganizationId, ExecutionId)) {
        self.ask(Command::Cancel(Cancel {
            organization,
            execution,
            reason: None,
        }));
    }
}

fn id(name: &str) -> OrganizationId {
    OrganizationId::new(name).expect("a name")
}

fn hosted(organization: &OrganizationId) -> Pool {
    Pool::named(organization, &PoolName::new(Pool::HOSTED).expect("a name"))
}

#[test]
fn a_single_execution_gets_the_next_free_slot_before_a_hundred_thousand_of_another() {
    let mut shard = Shard::new();
    let (many, few) = (id("many"), id("few"));
    shard.found(&many);
    shard.found(&few);
    for name in 0..33_334 {
        shard.queue(&many, name, 3);
    }
    assert!(shard.state.index().open_count_of(&many) >= 100_000);
    shard.check_in(1, 4);
    let mut held = shard.dispatch();
    assert_eq!(held.len(), 4);
    shard.queue(&few, 0, 1);
    assert_eq!(shard.dispatch(), [], "no slot is free");
    shard.end(held.remove(0));
    let next: Vec<_> = shard.dispatch().into_iter().map(|(whose, _)| whose).collect();
    assert_eq!(next, [few]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whoever is given a slot holds no more than anybody else who waits.
    #[test]
    fn whoever_goes_next_holds_least(
        queued in prop::collection::vec(1_usize..12, 1..6),
        slots in 1_u32..9,
        ends in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut shard = Shard::new();
        let ids: Vec<_> = (0..queued.len()).map(|n| id(&format!("o{n}"))).collect();
        let mut waiting: BTreeMap<OrganizationId, usize> = BTreeMap::new();
        for (own, count) in ids.iter().zip(&queued) {
            shard.found(own);
            for name in 0..*count {
                shard.queue(own, u32::try_from(name).expect("it is small"), 1);
            }
            waiting.insert(own.clone(), *count);
        }
        shard.check_in(1, slots);
        let mut held: Vec<(OrganizationId, ExecutionId)> = Vec::new();
        let mut ends = ends.into_iter();
        loop {
            for (whose, execution) in shard.dispatch() {
                let holds = |of: &OrganizationId| held.iter().filter(|(own, _)| own == of).count();
                let least = waiting.iter().filter(|(_, count)| **count > 0).map(|(own, _)| holds(own)).min();
                prop_assert_eq!(Some(holds(&whose)), least, "{} goes before who holds less", whose);
                *waiting.get_mut(&whose).expect("it waits") -= 1;
                held.push((whose, execution));
            }
            let Some(end) = ends.next().filter(|_| !held.is_empty()) else { break };
            let which = end.index(held.len());
            shard.end(held.swap_remove(which));
        }
    }
}
