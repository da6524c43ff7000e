//! The parts of a shard, over the state that its store holds, before anything moves them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use muster_core::state::State;
use muster_core::words::Sequence;
use muster_store::Store;
use tokio::sync::{Notify, mpsc, watch};

use crate::checks::Checks;
use crate::clock::{Clock, Reading};
use crate::committer::{Committer, Durable};
use crate::directory::Directory;
use crate::error::FatalError;
use crate::figures::Figures;
use crate::handle::ShardHandle;
use crate::hold::Hold;
use crate::keeper::Keeper;
use crate::options::Options;
use crate::outbox::Outboxes;
use crate::pipeline::Pipeline;
use crate::release::{LandingWork, Note};
use crate::tail::Tail;
use crate::turns::Turns;
use crate::verifier::{Damages, Verifier};
use crate::watch::Watchers;
use crate::writer::{JOBS_MAX, Writer};

/// How many jobs may wait for the writer; whoever asks beyond that waits for room.
const JOBS_WAITING_MAX: usize = 4 * JOBS_MAX;

/// How much work may wait for the landing. What is beyond is asked for again when the queue is empty.
const LANDING_WAITING_MAX: usize = 4_096;

/// How many lines for the logs of executions may wait; what is more is lost.
const NOTES_WAITING_MAX: usize = 1_024;

/// Where handles read the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// On the runtime's threads for what blocks, since a disk may be slow.
    OnThePool,
    /// At once, where they are asked: nothing there waits for a disk, and all that happens is to happen in one order.
    InPlace,
}

/// The parts of a shard.
pub(crate) struct Parts {
    pub(crate) turns: Turns,
    pub(crate) committer: Committer,
    pub(crate) keeper: Keeper,
    pub(crate) verifier: Verifier,
    pub(crate) handle: ShardHandle,
    pub(crate) landing: mpsc::Receiver<LandingWork>,
    pub(crate) notes: mpsc::Receiver<Note>,
    pub(crate) damages: Damages,
}

/// Recovers the state from the store, and puts the parts together.
pub(crate) fn assemble(store: Store, options: &Options, reads: Reads, reading: Reading) -> Result<Parts, FatalError> {
    let recovered = store.recover()?;
    let mut clock = Clock::starting_after(recovered.last_stamp, options.trust_clock);
    let now = clock.now(reading);
    let tail = Arc::new(Tail::default());
    // History takes them again behind the start; until then reads find them here.
    for (sequence, finished) in recovered.ended {
        tail.push(sequence, finished);
    }
    let state = State::starting(recovered.ledger, options.limits, Arc::clone(&options.policy), now);
    let (landing, landing_work) = mpsc::channel(LANDING_WAITING_MAX);
    let (notes, noted) = mpsc::channel(NOTES_WAITING_MAX);
    for execution in state.index().landing() {
        let _ = landing.try_send(LandingWork::Publish(execution));
    }
    let directory = Arc::new(Directory::of(state.everywhere()));
    let watchers = Arc::new(Watchers::default());
    let figures = Arc::new(Figures::default());
    let mut writer = Writer::new(
        state,
        recovered.head,
        (Arc::clone(&tail), Arc::clone(&watchers), Arc::clone(&figures)),
        options.seed.unwrap_or_else(|| fastrand::u64(..)),
        options.record_after,
        now,
    );
    writer.note_replayed(
        recovered.changed.into_iter(),
        store.journal().anchor().sequence.next(),
        now.stamp,
    );

    let (jobs, waiting) = mpsc::channel(JOBS_WAITING_MAX);
    let (checkpoints, parts) = std::sync::mpsc::sync_channel(1);
    let pipeline = Arc::new(Pipeline::default());
    let durable = Arc::new(Durable::new(recovered.head));
    let outboxes = Arc::new(Outboxes::default());
    let checks = Arc::new(Checks::default());
    let wake = Arc::new(Notify::new());
    let deliver = Arc::new(Notify::new());
    let writing = Arc::new(AtomicBool::new(false));
    let hold = Arc::new(Hold::new(options.held.as_deref(), Arc::clone(&wake)));

    let committer = Committer {
        store: store.clone(),
        pipeline: Arc::clone(&pipeline),
        durable: Arc::clone(&durable),
        outboxes: Arc::clone(&outboxes),
        checks: Arc::clone(&checks),
        directory: Arc::clone(&directory),
        watchers: Arc::clone(&watchers),
        landing,
        notes,
        figures: Arc::clone(&figures),
        deliver: Arc::clone(&deliver),
    };
    let (settled, history_is_whole) = watch::channel(false);
    let (carried, audit_carried) = watch::channel(Sequence(0));
    let keeper = Keeper::new(
        store.clone(),
        Arc::clone(&tail),
        durable,
        Arc::clone(&wake),
        (parts, Arc::clone(&writing)),
        ((recovered.head, settled), carried),
        options,
        (reading.moment, clock.face()),
        Arc::clone(&directory),
    );
    let (verifier, damages) = Verifier::new(store.clone(), Arc::clone(&figures), options.verify_step_every);
    let handle = ShardHandle::new(
        jobs,
        (store, reads),
        (history_is_whole, audit_carried),
        (outboxes, checks),
        (directory, watchers, deliver),
        (clock.face(), Arc::clone(&hold)),
        (figures, tail),
    );
    let turns = Turns {
        writer,
        clock,
        waiting,
        pipeline,
        checkpoints,
        writing,
        wake,
        hold,
    };
    Ok(Parts {
        turns,
        committer,
        keeper,
        verifier,
        handle,
        landing: landing_work,
        notes: noted,
        damages,
    })
}
