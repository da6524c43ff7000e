//! What is done with all of a store while it is served: it is copied, or verified. Each has a thread of its own that lets others go first, reads only, a little
//! at a time, and ends when nobody takes what it gives out.

use std::time::{Duration, Instant};

use muster_core::ledger::Entity;
use muster_core::state::State;
use muster_core::time::Stamp;
use muster_core::words::Sequence;
use muster_store::backup::Copied;
use muster_store::verify::Told;
use muster_store::{Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::error::ShardError;
use crate::handle::ShardHandle;
use crate::keeper::step_back;

/// How many pieces may wait to be taken: one that is on its way, and one that is ready then.
const WAITING_MAX: usize = 2;

/// How long a piece may wait: meanwhile nothing is forgotten, and the journal grows.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// How soon it is looked again whether there is room.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl ShardHandle {
    /// Gives out the bytes of a backup in their order, each time with how much was copied so far; see [`Store::back_up`]. The backup is whole when the
    /// receiver ends without an error.
    ///
    /// # Errors
    /// [`ShardError::Stopped`]. What goes wrong later comes as the last thing that is received.
    pub async fn back_up(
        &self,
        version: &'static str,
        made: Stamp,
    ) -> Result<Receiver<Result<(Vec<u8>, Copied), ShardError>>, ShardError> {
        self.history_is_whole().await?;
        self.give_out("shard-backup", move |store, give| {
            let mut give_out = |bytes, copied| give((bytes, copied));
            store.back_up(version, made, &mut give_out).map(drop)
        })
    }

    /// Verifies the store, and gives out what is found and how far it is; see [`Store::verify_served`].
    ///
    /// # Errors
    /// As [`ShardHandle::back_up`].
    pub async fn verify(&self) -> Result<Receiver<Result<Told, ShardError>>, ShardError> {
        self.history_is_whole().await?;
        let (shard, runtime) = (self.clone(), Handle::current());
        self.give_out("shard-verify", move |store, give| {
            let mut compare = |entities: Vec<(Entity, Sequence)>| {
                let compared = runtime.block_on(shard.turn(move |turn| differences(turn.state(), entities)));
                compared.map_err(|_| StoreError::NotTaken)
            };
            store.verify_served(&mut compare, give)
        })
    }

    fn give_out<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Store, &mut dyn FnMut(T) -> Result<(), StoreError>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Receiver<Result<T, ShardError>>, ShardError> {
        let (given, taken) = mpsc::channel(WAITING_MAX);
        let store = self.store().clone();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let spawned = thread.spawn(move || {
            step_back();
            let ended = work(&store, &mut |value| give(&given, Ok(value)));
            // No longer than it is used: a store is closed when the last of its holders has gone.
            drop(store);
            let error = match ended {
                Ok(()) | Err(StoreError::NotTaken) => return,
                Err(StoreError::BackupUnderWay) => ShardError::UnderWay,
                Err(error @ StoreError::Damaged { .. }) => ShardError::Damaged(error.to_string()),
                Err(error) => ShardError::Store(error.to_string()),
            };
            let _ = give(&given, Err(error));
        });
        match spawned {
            Ok(_) => Ok(taken),
            Err(error) => Err(ShardError::Store(format!("the system gives no thread: {error}"))),
        }
    }
}

/// Gives something out, and waits for room for so long as somebody may reasonably take to take it.
fn give<T>(given: &Sender<T>, value: T) -> Result<(), StoreError> {
    let begun = Instant::now();
    let mut value = value;
    loop {
        match given.try_send(value) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back)) if begun.elapsed() < TAKEN_WITHIN => value = back,
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(StoreError::NotTaken),
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// What records say otherwise than the ledger does, which may be ahead of them and never behind.
fn differences(state: &State, entities: Vec<(Entity, Sequence)>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (entity, stamp) in entities {
        let key = entity.key();
        // One that has ended has a record until history holds its end for good.
        let Some((ours, newest)) = state.ledger().entity(&key) else {
            continue;
        };
        if newest < stamp {
            wrong.push(format!(
                "the record of {key:?} is of batch {stamp}, the ledger's of batch {newest}"
            ));
        } else if newest == stamp && ours != entity {
            wrong.push(format!("the record of {key:?} is not what the ledger says"));
        }
    }
    wrong
}
