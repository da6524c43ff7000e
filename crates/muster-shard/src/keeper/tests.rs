use std::sync::mpsc::sync_channel;

use muster_core::entity::{EntityKey, Execution, Finished, Phase};
use muster_core::ledger::Entity;
use muster_core::time::Stamp;
use muster_core::words::{
    Attempt, Category, ConnectorName, DataType, ExecutionId, Failure, IntegrationId, OrganizationId, Origin, Outcome,
    Pool, PoolName,
};
use muster_store::Location;

use super::*;

const EXECUTION: ExecutionId = ExecutionId(7);
const INTEGRATION: IntegrationId = IntegrationId(3);

/// The batch that has created it, and the one that has ended it.
const CREATED: Sequence = Sequence(1);
const ENDED: Sequence = Sequence(2);

fn now() -> Reading {
    Reading {
        wall: Stamp::from_millis(3),
        moment: Moment::default(),
    }
}

/// A keeper whose thread the test is, over a journal of two batches that are flushed.
struct Rig {
    store: Store,
    tail: Arc<Tail>,
    keeper: Keeper,
    settled: watch::Receiver<bool>,
}

fn rig() -> Rig {
    let store = Store::open(&Location::Memory).expect("memory is there");
    store.recover().expect("it is empty");
    for sequence in [CREATED, ENDED] {
        store.append([(sequence, &[][..])]).expect("it is the next");
    }
    assert_eq!(store.flush().expect("memory takes it"), ENDED);
    let tail = Arc::new(Tail::default());
    let (_, checkpoints) = sync_channel(1);
    let (settling, settled) = watch::channel(false);
    let keeper = Keeper::new(
        store.clone(),
        Arc::clone(&tail),
        Arc::new(Durable::new(ENDED)),
        Arc::default(),
        (checkpoints, Arc::default()),
        ((ENDED, settling), tokio::sync::watch::channel(Sequence(0)).0),
        &Options::default(),
        (now().moment, Arc::default()),
        Arc::default(),
    );
    Rig {
        store,
        tail,
        keeper,
        settled,
    }
}

fn organization() -> OrganizationId {
    OrganizationId::new("acme").expect("a name")
}

fn pool() -> Pool {
    Pool::named(&organization(), &PoolName::new("hq").expect("a name"))
}

fn open() -> Execution {
    Execution {
        id: EXECUTION,
        organization: organization(),
        integration: INTEGRATION,
        data_type: DataType::new("device").expect("a name"),
        connector: ConnectorName::new("host").expect("a name"),
        pool: pool(),
        sealed_to: None,
        origin: Origin::Activation,
        created: Stamp::from_millis(1),
        phase: Phase::Created { not_before: None },
        since: Stamp::from_millis(1),
        attempt: Attempt(0),
        revision: None,
        claimed: None,
        started: None,
        failures: 0,
        last_failure: None,
        reported: Vec::new(),
    }
}

fn ended() -> Arc<Finished> {
    let open = open();
    Arc::new(Finished {
        id: open.id,
        organization: open.organization,
        integration: open.integration,
        data_type: open.data_type,
        connector: open.connector,
        pool: open.pool,
        origin: open.origin,
        created: open.created,
        claimed: None,
        started: None,
        ended: Stamp::from_millis(2),
        attempt: open.attempt,
        revision: None,
        runner: None,
        failures: 0,
        reported: Vec::new(),
        staged: None,
        outcome: Outcome::Error(Failure::new(Category::Canceled, "somebody has canceled it")),
    })
}

fn checkpoint(at: Sequence, change: EntityChange) -> Checkpoint {
    Checkpoint {
        at,
        entities: vec![change],
        trim: at,
    }
}

#[test]
fn the_record_of_what_has_ended_stays_until_history_has_its_end_for_good() {
    let Rig {
        store,
        tail,
        mut keeper,
        ..
    } = rig();
    let entity = Box::new(Entity::Execution(open()));
    let put = EntityChange::Put { entity, stamp: CREATED };
    keeper.waiting = Some(checkpoint(CREATED, put));
    keeper.write_waiting().expect("it is flushed");
    tail.push(ENDED, ended());
    let remove = EntityChange::Remove {
        key: EntityKey::Execution(EXECUTION),
        sequence: ENDED,
    };
    keeper.waiting = Some(checkpoint(ENDED, remove));
    keeper.write_waiting().expect("nothing is removed yet");
    assert_eq!(
        store.records().tally().count,
        1,
        "the record has gone before its end is in history"
    );
    assert_eq!(store.history_durable(), Sequence(0));

    keeper.trim_all(now().moment).expect("history takes it first");
    assert_eq!(store.records().tally().count, 0);
    assert_eq!(store.history_durable(), ENDED);
    let kept = store.finished(INTEGRATION, EXECUTION).expect("memory is sound");
    assert_eq!(kept.as_ref(), Some(&*ended()));
}

#[test]
fn history_is_whole_again_once_it_has_taken_in_what_a_stop_had_cut_off() {
    let Rig {
        tail, keeper, settled, ..
    } = rig();
    tail.push(ENDED, ended());
    keeper.tell_when_settled().expect("memory takes it");
    assert!(!*settled.borrow(), "one of the tail is not in history yet");
    assert_eq!(keeper.absorb().expect("memory takes it"), 1);
    keeper.tell_when_settled().expect("memory takes it");
    assert!(*settled.borrow());
}
