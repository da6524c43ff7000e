//! A shard that is driven step by step: what is told, and when.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use muster_core::decide::execution::{Report, fail::Fail};
use muster_core::decide::integration::create::Create;
use muster_core::decide::organization::found::Found;
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::{Answer, Command};
use muster_core::entity::{Alert, Definition, Profile};
use muster_core::time::{Interval, Moment, Stamp};
use muster_core::words::{
    Category, Claim, DataType, DisplayName, EmailAddress, Failure, IntegrationId, Notifications, Principal,
    RetentionDays, RunnerId, SessionId, Slots,
};
use muster_shard::Options;
use muster_shard::stepped::{CommitStep, Reading, SteppedShard};
use muster_store::Store;
use muster_store::memory::MemoryBackend;

use crate::rig::{definition, intervals, organization};

pub fn at(seconds: u64) -> Reading {
    let since = Duration::from_secs(seconds);
    Reading {
        wall: Stamp::from_millis(0).after(since),
        moment: Moment::from_start(since),
    }
}

pub fn open(disk: &MemoryBackend, now: Reading) -> SteppedShard {
    let options = Options {
        seed: Some(7),
        ..Options::default()
    };
    let store = Store::on(Arc::new(disk.clone())).expect("a store");
    let mut shard = SteppedShard::open(store, &options, now).expect("it is sound");
    if shard.state().everywhere().organizations().next().is_none() {
        let found = Command::FoundOrganizations(Found {
            organization: organization(),
            retention: RetentionDays::default(),
        });
        ask(&mut shard, now, Principal::Coordinator, vec![found]);
    }
    shard
}

/// Creates an integration, and hands what the committer did until it was answered to `seen`, step by step.
pub fn create(shard: &mut SteppedShard, now: Reading, seen: &mut dyn FnMut(CommitStep)) -> IntegrationId {
    let handle = shard.handle().clone();
    let create = Command::CreateIntegration(Create {
        organization: organization(),
        definition: definition("laptops"),
        intervals: intervals(),
        draft: false,
        request: None,
    });
    let mut asking = pin!(handle.ask(Principal::local(), create));
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        asking.as_mut().poll(&mut context).is_pending(),
        "nothing has turned yet"
    );
    shard.turn(now);
    loop {
        let step = shard.next_commit();
        assert_ne!(step, CommitStep::Wait, "all is committed, and nothing was answered");
        seen(step);
        shard.commit().expect("the disk is sound");
        match asking.as_mut().poll(&mut context) {
            Poll::Ready(Ok(Answer::Integration(id))) => return id,
            Poll::Ready(other) => panic!("an integration was to be created, not {other:?}"),
            Poll::Pending => {}
        }
    }
}

#[test]
fn an_answer_is_there_after_the_release_and_not_before() {
    let disk = MemoryBackend::new();
    let mut shard = open(&disk, at(1_000));
    let mut steps = Vec::new();
    let id = create(&mut shard, at(1_001), &mut |step| steps.push(step));
    assert_eq!(steps, [CommitStep::Append, CommitStep::Flush, CommitStep::Release]);

    // What was answered is there although the machine is lost right after it.
    drop(shard);
    disk.lose_unflushed();
    let shard = open(&disk, at(1_002));
    assert!(shard.state().everywhere().integration(id).is_some());
}

#[test]
fn time_is_what_its_driver_says() {
    let disk = MemoryBackend::new();
    let mut shard = open(&disk, at(1_000));
    create(&mut shard, at(1_001), &mut |_| ());
    let idle = shard.idle_for(at(1_001)).expect("a collection is planned");
    assert!(idle > Duration::ZERO, "{idle:?}");
    assert_eq!(shard.now(at(500)).stamp, at(1_001).wall, "a stamp never goes back");
}

#[test]
fn the_same_seed_and_steps_give_the_same_ids() {
    let ids = [(); 2].map(|()| create(&mut open(&MemoryBackend::new(), at(1_000)), at(1_001), &mut |_| ()));
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_shutdown_leaves_all_of_it_in_the_records() {
    let disk = MemoryBackend::new();
    let mut shard = open(&disk, at(1_000));
    let id = create(&mut shard, at(1_001), &mut |_| ());
    let expected = shard.state().everywhere().integration(id).cloned();
    shard.close(at(1_002)).expect("the disk is sound");
    assert_eq!(
        open(&disk, at(1_003)).state().everywhere().integration(id).cloned(),
        expected
    );
}

#[test]
fn while_it_is_held_nothing_falls_due_and_then_it_does() {
    let disk = MemoryBackend::new();
    let mut shard = open(&disk, at(1_000));
    create(&mut shard, at(1_001), &mut |_| ());
    while shard.next_commit() != CommitStep::Wait {
        shard.commit().expect("the disk is sound");
    }
    let due = at(1_001 + 24 * 60 * 60);

    shard.handle().hold(Some("of a test".to_owned()));
    shard.turn(due);
    assert_eq!(shard.next_commit(), CommitStep::Wait, "what falls due waits");
    let idle = shard.idle_for(due);
    assert!(
        idle.is_none_or(|idle| idle > Duration::ZERO),
        "it turns again and again for nothing"
    );

    shard.handle().hold(None);
    assert_eq!(shard.idle_for(due), Some(Duration::ZERO));
    shard.turn(due);
    assert_eq!(shard.next_commit(), CommitStep::Append, "what was due is recorded");
}

/// Asks all of it in one turn, and commits that.
pub fn ask(shard: &mut SteppedShard, now: Reading, by: Principal, commands: Vec<Command>) {
    let handle = shard.handle().clone();
    let mut asking = pin!(async { handle.ask_all(by, commands).await?.await });
    let mut context = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut context).is_pending());
    shard.turn(now);
    while shard.next_commit() != CommitStep::Wait {
        shard.commit().expect("the disk is sound");
    }
    let Poll::Ready(Ok(answers)) = asking.as_mut().poll(&mut context) else {
        panic!("it was to be answered");
    };
    for answer in answers {
        answer.expect("it is allowed");
    }
}

#[test]
fn whether_a_threshold_has_held_is_not_judged_with_an_end_that_comes_in_the_turn() {
    let mut shard = open(&MemoryBackend::new(), at(1_000));
    let definition = Definition {
        notifications: Notifications {
            enabled: true,
            recipients: [EmailAddress::new("oncall@acme.example").expect("an address")].into(),
            window: Duration::from_secs(120),
            hold: Duration::from_secs(600),
            ..Notifications::default()
        },
        ..definition("laptops")
    };
    let user = DataType::new("user").expect("a name");
    let mut two_data_types = intervals();
    two_data_types.insert(user, Interval::HOUR);
    let profile = Profile {
        display_name: DisplayName::new("hq-1").expect("a name"),
        organization: Some(organization()),
        pool: definition.pool.clone(),
        version: "1".into(),
        platform: "test".into(),
        slots: Slots(2),
        connectors: vec![definition.connector.clone()],
        sealing_key: None,
    };
    let create = Command::CreateIntegration(Create {
        organization: organization(),
        definition,
        intervals: two_data_types,
        draft: false,
        request: None,
    });
    ask(&mut shard, at(1_001), Principal::local(), vec![create]);
    let runner = RunnerId(1);
    let check_in = Command::CheckIn(CheckIn {
        runner,
        key: None,
        instance: None,
        session: SessionId(1),
        profile,
        offers: Vec::new(),
        running: Vec::new(),
        finished: Vec::new(),
    });
    ask(&mut shard, at(1_001), Principal::Runner(runner), vec![check_in]);
    let held: Vec<Claim> = shard
        .state()
        .everywhere()
        .executions()
        .filter_map(|one| one.holder())
        .collect();
    let open: Vec<_> = shard.state().everywhere().executions().map(|one| one.id).collect();
    assert_eq!(held.len(), 2, "both are assigned");
    let fail = |place: usize| {
        Command::Fail(Fail {
            report: Report {
                execution: open[place],
                claim: held[place],
            },
            failure: Failure::new(Category::Permission, "the API answered 403"),
        })
    };
    let alert = |shard: &SteppedShard| {
        shard
            .state()
            .everywhere()
            .integrations()
            .next()
            .map(|one| one.alert.clone())
    };

    // The first failure reaches the threshold, and slides out of the window two minutes later, while nobody looks; then comes the second.
    ask(&mut shard, at(1_002), Principal::Runner(runner), vec![fail(0)]);
    let since = at(1_002).wall;
    assert_eq!(alert(&shard), Some(Alert::Reached { since }));
    let later = Reading {
        wall: at(1_002 + 700).wall,
        moment: at(1_010).moment,
    };
    ask(&mut shard, later, Principal::Runner(runner), vec![fail(1)]);
    assert_eq!(
        shard.state().everywhere().incidents().count(),
        0,
        "it has not held for ten minutes"
    );
    let since = later.wall;
    assert_eq!(alert(&shard), Some(Alert::Reached { since }), "it begins to hold anew");
}
