//! The verifier goes through history, again and again and slowly, and says so when what is there is not what was put: the engine does not notice
//! damage by itself, and what is never read would be damaged for years.
//!
//! It changes nothing and stops nothing. Damage to what has ended does not keep executions from being run, and what is not damaged is still shown.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_store::history::VerifyStep;
use muster_store::{Store, StoreError};
use tokio::sync::watch;

/// How many executions it looks at in a step: about a millisecond, for which the keeper waits at most.
const STEP_ENTRIES: usize = 1_000;

/// How long it rests between two passes, and how often the log says that history is damaged.
const REST: Duration = Duration::from_secs(60 * 60);

/// History is not what was put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryDamage {
    /// How many passes have found damage since the start.
    pub findings: u64,
    /// What the newest has found, where, and the way back.
    pub what: String,
}

pub(crate) struct Verifier {
    store: Store,
    /// How long it rests between two steps.
    step_every: Duration,
    /// `None` while nothing is known to be damaged.
    damage: watch::Sender<Option<HistoryDamage>>,
    findings: u64,
    told_at: Option<Instant>,
}

impl Verifier {
    pub(crate) fn new(store: Store, step_every: Duration, damage: watch::Sender<Option<HistoryDamage>>) -> Self {
        Self {
            store,
            step_every,
            damage,
            findings: 0,
            told_at: None,
        }
    }

    /// Runs until nobody holds the other end of `alive` any more.
    pub(crate) fn run(&mut self, alive: &Receiver<()>) {
        let mut rest = self.step_every;
        while alive.recv_timeout(rest) == Err(RecvTimeoutError::Timeout) {
            rest = self.step();
        }
    }

    /// Makes one step, and returns how long to rest after it.
    pub(crate) fn step(&mut self) -> Duration {
        let rest = match self.store.history().verify_step(STEP_ENTRIES) {
            Ok(VerifyStep::NotYet | VerifyStep::More) => self.step_every,
            Ok(VerifyStep::Done { tally }) => {
                tracing::debug!(executions = tally.count, "history is what was put into it");
                self.damage.send_if_modified(|damage| damage.take().is_some());
                REST
            }
            Err(error) => {
                self.found(&error);
                REST
            }
        };
        self.tell_now_and_then();
        rest
    }

    fn found(&mut self, error: &StoreError) {
        self.findings += 1;
        self.damage.send_replace(Some(HistoryDamage {
            findings: self.findings,
            what: error.to_string(),
        }));
    }

    /// Says in the log that history is damaged, for as long as it is.
    fn tell_now_and_then(&mut self) {
        let damage = self.damage.borrow();
        let Some(HistoryDamage { findings, what }) = &*damage else {
            return;
        };
        if self.told_at.is_none_or(|at| at.elapsed() >= REST) {
            self.told_at = Some(Instant::now());
            tracing::error!(
                findings,
                error = what,
                "history is damaged: executions still run, but what is shown of ended ones may be wrong or missing"
            );
        }
    }
}
