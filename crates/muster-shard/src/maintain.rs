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
use tokio::sync::oneshot;

use crate::error::ShardError;
use crate::handle::ShardHandle;
use crate::keeper::step_back;

/// How many pieces may wait to be taken: one that is on its way, and one that is ready then.
const WAITING_MAX: usize = 2;

/// How long a piece may wait: meanwhile nothing is forgotten, and the journal grows.
pub(crate) const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// How soon it is looked again whether there is room.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What is given out piece by piece, and how it ends. Without a word on its end it is not whole: whoever gives it out may have failed.
#[derive(Debug)]
pub struct GivenOut<T> {
    pieces: Receiver<T>,
    /// `None` once the end was told.
    end: Option<oneshot::Receiver<Result<(), ShardError>>>,
}

impl<T> GivenOut<T> {
    /// What comes by `pieces`; whoever sends them says by `end` how it has ended.
    #[must_use]
    pub fn new(pieces: Receiver<T>, end: oneshot::Receiver<Result<(), ShardError>>) -> Self {
        Self { pieces, end: Some(end) }
    }

    /// The next piece; `None` when all were taken and that was all. Nothing is lost when the call is given up.
    ///
    /// # Errors
    /// Why it has ended before it was whole. Nothing follows.
    pub async fn next(&mut self) -> Result<Option<T>, ShardError> {
        if let Some(piece) = self.pieces.recv().await {
            return Ok(Some(piece));
        }
        let Some(end) = &mut self.end else { return Ok(None) };
        let ended = end.await;
        self.end = None;
        match ended {
            Ok(ended) => ended.map(|()| None),
            Err(_) => Err(ShardError::Store(
                "whoever read it has failed; the coordinator's log says more".to_owned(),
            )),
        }
    }
}

impl ShardHandle {
    /// Gives out the bytes of a backup in their order, each time with how much was copied so far; see [`Store::back_up_served`].
    ///
    /// # Errors
    /// [`ShardError::Stopped`]. What goes wrong later is told as its end.
    pub async fn back_up(&self, version: &'static str, made: Stamp) -> Result<GivenOut<(Vec<u8>, Copied)>, ShardError> {
        self.history_is_whole().await?;
        self.give_out("shard-backup", move |store, giver| {
            let copied = store.back_up_served(version, made, &mut |bytes, copied| giver.give((bytes, copied)));
            copied.map(drop).map_err(|error| giver.told(error))
        })
    }

    /// Verifies the store, and gives out what is found and how far it is; see [`Store::verify_served`].
    ///
    /// # Errors
    /// As [`ShardHandle::back_up`].
    pub async fn verify(&self) -> Result<GivenOut<Told>, ShardError> {
        self.history_is_whole().await?;
        let (shard, runtime) = (self.clone(), Handle::current());
        self.give_out("shard-verify", move |store, giver| {
            let mut stopped = None;
            let mut compare = |entities: Vec<(Entity, Sequence)>| {
                let compared = runtime.block_on(shard.turn(move |turn| differences(turn.state(), entities)));
                compared.map_err(|error| {
                    stopped = Some(error);
                    StoreError::NotTaken
                })
            };
            let verified = store.verify_served(&mut compare, &mut |told| match told {
                // It is told in the middle of what is read: whoever is too slow for it misses nothing but that.
                Told::Progress { .. } => giver.offer(told),
                Told::Found(_) => giver.give(told),
            });
            match stopped {
                Some(error) => Err(error),
                None => verified.map_err(|error| giver.told(error)),
            }
        })
    }

    fn give_out<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Store, &Giver<T>) -> Result<(), ShardError> + Send + 'static,
    ) -> Result<GivenOut<T>, ShardError> {
        let (given, taken) = mpsc::channel(WAITING_MAX);
        let (end, ended) = oneshot::channel();
        let store = self.store().clone();
        let giver = Giver {
            given,
            within: self.patience(),
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        let spawned = thread.spawn(move || {
            step_back();
            let ended = work(&store, &giver);
            // No longer than it is used: a store is closed when the last of its holders has gone.
            drop(store);
            // Whoever took it may have gone.
            let _ = end.send(ended);
        });
        match spawned {
            Ok(_) => Ok(GivenOut::new(taken, ended)),
            Err(error) => Err(ShardError::Store(format!("the system gives no thread: {error}"))),
        }
    }
}

/// Whoever gives something out.
struct Giver<T> {
    given: Sender<T>,
    /// How long a piece may wait to be taken.
    within: Duration,
}

impl<T> Giver<T> {
    /// Gives something out, and waits for room for so long as somebody may reasonably take to take it.
    fn give(&self, value: T) -> Result<(), StoreError> {
        let begun = Instant::now();
        let mut value = value;
        loop {
            match self.given.try_send(value) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) if begun.elapsed() < self.within => value = back,
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(StoreError::NotTaken),
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Gives something out if there is room for it.
    fn offer(&self, value: T) -> Result<(), StoreError> {
        match self.given.try_send(value) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(StoreError::NotTaken),
        }
    }

    /// An error of the store, for whoever takes what is given out.
    fn told(&self, error: StoreError) -> ShardError {
        match error {
            StoreError::NotTaken => ShardError::NotTaken(self.within),
            StoreError::BackupUnderWay => ShardError::UnderWay,
            error @ StoreError::Damaged { .. } => ShardError::Damaged(error.to_string()),
            error => ShardError::Store(error.to_string()),
        }
    }
}

/// What records say otherwise than the ledger does, which may be ahead of them and never behind.
fn differences(state: &State, entities: Vec<(Entity, Sequence)>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (entity, stamp) in entities {
        let key = entity.key();
        // One that has ended has a record until history holds its end for good.
        let Some((ours, newest)) = state.everywhere().entity(&key) else {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_store::Location;
    use tokio::sync::watch;

    use super::*;
    use crate::assembly::Reads;
    use crate::hold::Hold;

    /// A handle whose writer does nothing.
    fn handle() -> ShardHandle {
        let store = Store::open(&Location::Memory).expect("memory is there");
        ShardHandle::new(
            mpsc::channel(1).0,
            (store, Reads::OnThePool),
            (watch::channel(true).1, watch::channel(Sequence(0)).1),
            (Arc::default(), Arc::default()),
            (Arc::default(), Arc::default(), Arc::default()),
            (Arc::default(), Arc::new(Hold::new(None, Arc::default()))),
            (Arc::default(), Arc::default()),
        )
    }

    /// Takes all that comes, and says how it has ended.
    async fn take(given: &mut GivenOut<u32>) -> (Vec<u32>, Result<(), ShardError>) {
        let mut taken = Vec::new();
        loop {
            match given.next().await {
                Ok(Some(piece)) => taken.push(piece),
                Ok(None) => return (taken, Ok(())),
                Err(error) => return (taken, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn what_is_taken_in_time_ends_whole() {
        let given = handle().give_out("test", |_, giver| {
            (0..9).try_for_each(|piece| giver.give(piece).map_err(|error| giver.told(error)))
        });
        let (taken, ended) = take(&mut given.expect("a thread")).await;
        assert_eq!(taken, Vec::from_iter(0..9));
        assert_eq!(ended, Ok(()));
    }

    #[tokio::test]
    async fn what_nobody_took_for_too_long_ends_with_an_error() {
        let within = Duration::from_millis(20);
        let (said, waited) = oneshot::channel();
        let given = handle().taken_within(within).give_out("test", |_, giver| {
            let given = (0..9).try_for_each(|piece| giver.give(piece));
            let _ = said.send(());
            given.map_err(|error| giver.told(error))
        });
        let mut given = given.expect("a thread");
        waited.await.expect("it gives up");
        let (taken, ended) = take(&mut given).await;
        assert_eq!(taken, [0, 1], "what was waiting");
        assert_eq!(ended, Err(ShardError::NotTaken(within)));
    }

    #[tokio::test]
    async fn what_was_given_out_by_whoever_has_failed_ends_with_an_error() {
        let given = handle().give_out("test", |_, giver| {
            giver.give(1_u32).map_err(|error| giver.told(error))?;
            panic!("a fault");
        });
        let (taken, ended) = take(&mut given.expect("a thread")).await;
        assert_eq!(taken, [1]);
        assert!(matches!(ended, Err(ShardError::Store(_))), "{ended:?}");
    }
}
