//! What is known without a turn of the writer: never before it is durable, and always when somebody has been told of it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use muster_core::decide::access::{Access, person, token};
use muster_core::decide::organization::create::Create;
use muster_core::decide::organization::suspend::Suspend;
use muster_core::decide::{Answer, Command};
use muster_core::time::{Moment, Stamp};
use muster_core::words::{
    DisplayName, EmailAddress, Grant, Principal, Quotas, RetentionDays, Role, Scope, TokenHash, TokenId,
};
use muster_shard::Options;
use muster_shard::stepped::{CommitStep, Reading, SteppedShard};
use muster_store::Store;
use muster_store::memory::MemoryBackend;

use crate::rig::organization;

fn at(seconds: u64) -> Reading {
    let since = Duration::from_secs(seconds);
    Reading {
        wall: Stamp::from_millis(0).after(since),
        moment: Moment::from_start(since),
    }
}

fn open(disk: &MemoryBackend, now: Reading) -> SteppedShard {
    let store = Store::on(Arc::new(disk.clone())).expect("a store");
    SteppedShard::open(store, &Options::default(), now).expect("it is sound")
}

/// Asks, and says before each step of the committer, and after the answer, whether the organization is known and active.
fn ask(shard: &mut SteppedShard, now: Reading, command: Command) -> (Vec<(CommitStep, Option<bool>)>, Option<bool>) {
    while shard.next_commit() != CommitStep::Wait {
        shard.commit().expect("the disk is sound");
    }
    let handle = shard.handle().clone();
    let known = || {
        let found = handle.directory().organization(&organization());
        found.map(|found| found.is_active())
    };
    let mut asking = pin!(handle.ask(Principal::local(), command));
    let mut context = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut context).is_pending());
    shard.turn(now);
    let mut seen = Vec::new();
    loop {
        let step = shard.next_commit();
        assert_ne!(step, CommitStep::Wait, "all is committed, and nothing was answered");
        seen.push((step, known()));
        shard.commit().expect("the disk is sound");
        if let Poll::Ready(answer) = asking.as_mut().poll(&mut context) {
            answer.expect("it is allowed");
            return (seen, known());
        }
    }
}

#[test]
fn what_is_durable_is_known_when_it_is_told_and_not_before() {
    let disk = MemoryBackend::new();
    let mut shard = open(&disk, at(1_000));
    let mut changes = shard.handle().directory().watch();
    let create = Command::CreateOrganization(Create {
        organization: organization(),
        display_name: DisplayName::new("Acme").expect("a name"),
        quotas: Quotas::default(),
        retention: RetentionDays::default(),
        audit_retention: RetentionDays::AUDIT,
        request: None,
    });
    let steps = |known| [CommitStep::Append, CommitStep::Flush, CommitStep::Release].map(|step| (step, known));
    assert_eq!(ask(&mut shard, at(1_001), create), (steps(None).to_vec(), Some(true)));
    assert!(changes.has_changed().expect("the shard is there"));
    changes.mark_unchanged();

    let suspend = Command::SuspendOrganization(Suspend {
        organization: organization(),
        reason: "unpaid".to_owned(),
        version: None,
    });
    assert_eq!(
        ask(&mut shard, at(1_002), suspend.clone()),
        (steps(Some(true)).to_vec(), Some(false))
    );
    assert!(changes.has_changed().expect("the shard is there"));
    changes.mark_unchanged();
    ask(&mut shard, at(1_003), suspend);
    assert!(
        !changes.has_changed().expect("the shard is there"),
        "nothing has changed"
    );

    drop(shard);
    disk.lose_unflushed();
    let shard = open(&disk, at(1_004));
    let found = shard.handle().directory().organization(&organization());
    assert!(!found.expect("a restart knows it").is_active());
}

#[test]
fn a_token_is_known_with_its_person_and_is_gone_with_them() {
    const TOKEN: TokenId = TokenId(7);
    let disk = MemoryBackend::new();
    let mut shard = open(&disk, at(1_000));
    let create = person::Create {
        granter: Grant::MOST,
        scope: Scope::Service,
        name: DisplayName::new("Ada").expect("a name"),
        email: EmailAddress::new("ada@example.com").expect("an address"),
        role: Role::Viewer,
        request: None,
    };
    let Answer::Person(ada) = answer(&mut shard, at(1_001), Access::CreatePerson(create)) else {
        panic!("a person is made");
    };
    let token = token::Create {
        granter: Grant::MOST,
        token: TOKEN,
        scope: Scope::Service,
        person: Some(ada),
        name: DisplayName::new("laptop").expect("a name"),
        role: None,
        expires: None,
        hash: TokenHash([1; 32]),
        request: None,
    };
    let known = |shard: &SteppedShard| {
        let found = shard.handle().directory().token(TOKEN);
        found.map(|(_, person)| person.map(|person| person.id))
    };
    assert_eq!(known(&shard), None);
    answer(&mut shard, at(1_002), Access::CreateToken(token));
    assert_eq!(known(&shard), Some(Some(ada)));
    drop(shard);
    disk.lose_unflushed();
    let mut shard = open(&disk, at(1_003));
    assert_eq!(known(&shard), Some(Some(ada)), "a restart knows it");
    let mut changes = shard.handle().directory().watch();
    let delete = person::Delete {
        granter: Grant::MOST,
        scope: Scope::Service,
        person: ada,
    };
    answer(&mut shard, at(1_004), Access::DeletePerson(delete));
    assert_eq!(known(&shard), None);
    assert!(changes.has_changed().expect("the shard is there"));
    changes.mark_unchanged();
}

/// What is answered to a command about people and tokens.
fn answer(shard: &mut SteppedShard, now: Reading, command: Access) -> Answer {
    let handle = shard.handle().clone();
    let mut asking = pin!(handle.ask(Principal::local(), Command::Access(command)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut context).is_pending());
    shard.turn(now);
    loop {
        shard.commit().expect("the disk is sound");
        if let Poll::Ready(answer) = asking.as_mut().poll(&mut context) {
            return answer.expect("it is allowed");
        }
    }
}
