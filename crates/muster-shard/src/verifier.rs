//! The verifier goes through history and the audit logs, again and again and slowly, and says so when what is there is not what was put: the engine does not
//! notice damage by itself, and what is never read would be damaged for years.
//!
//! It changes nothing and stops nothing. Damage to what has ended does not keep executions from being run, and what is not damaged is still shown.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_store::audit::{Log, Walk};
use muster_store::history::VerifyStep;
use muster_store::{Store, StoreError};
use tokio::sync::watch;

use crate::figures::{Counter, Figures};

/// How many executions it looks at in a step: about a millisecond, for which the keeper waits at most.
const STEP_EXECUTIONS: usize = 1_000;

/// How many entries of audit logs. Nobody waits for these; they are read one by one.
const STEP_ENTRIES: usize = 200;

/// How long it rests between two passes, and how often the log says that something is damaged.
const REST: Duration = Duration::from_secs(60 * 60);

/// Something is not what was put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// How often damage was found since the start.
    pub findings: u64,
    /// What the newest has found, where, and the way back.
    pub what: String,
}

/// What is known of a part of the store.
struct Part {
    /// What follows from damage to it.
    follows: &'static str,
    /// `None` while nothing is known to be damaged.
    damage: watch::Sender<Option<Damage>>,
    findings: fn(&Figures) -> &Counter,
    /// Whether this pass has found something.
    is_found: bool,
    told_at: Option<Instant>,
}

impl Part {
    fn new(follows: &'static str, findings: fn(&Figures) -> &Counter) -> (Self, watch::Receiver<Option<Damage>>) {
        let (damage, told) = watch::channel(None);
        let part = Self {
            follows,
            damage,
            findings,
            is_found: false,
            told_at: None,
        };
        (part, told)
    }

    fn found(&mut self, figures: &Figures, error: &StoreError) {
        let counter = (self.findings)(figures);
        counter.add(1);
        self.is_found = true;
        self.damage.send_replace(Some(Damage {
            findings: counter.get(),
            what: error.to_string(),
        }));
    }

    /// A pass is over: what it has not found is not there any more.
    fn end(&mut self) {
        if !std::mem::take(&mut self.is_found) {
            self.damage.send_if_modified(|damage| damage.take().is_some());
        }
    }

    /// Says in the log that it is damaged, for as long as it is.
    fn tell_now_and_then(&mut self) {
        let damage = self.damage.borrow();
        let Some(Damage { findings, what }) = &*damage else {
            return;
        };
        if self.told_at.is_none_or(|at| at.elapsed() >= REST) {
            self.told_at = Some(Instant::now());
            tracing::error!(findings, error = what, "{}", self.follows);
        }
    }
}

/// What it goes through.
enum Place {
    History,
    /// The log behind this one; the first of all behind `None`.
    Audit(Option<Log>, Option<Walk>),
}

/// Who hears of damage.
pub(crate) struct Damages {
    pub(crate) history: watch::Receiver<Option<Damage>>,
    pub(crate) audit: watch::Receiver<Option<Damage>>,
}

pub(crate) struct Verifier {
    store: Store,
    figures: Arc<Figures>,
    /// How long it rests between two steps.
    step_every: Duration,
    place: Place,
    history: Part,
    audit: Part,
}

impl Verifier {
    pub(crate) fn new(store: Store, figures: Arc<Figures>, step_every: Duration) -> (Self, Damages) {
        let (history, history_damage) = Part::new(
            "history is damaged: executions still run, but what is shown of ended ones may be wrong or missing",
            |figures| &figures.history_findings,
        );
        let (audit, audit_damage) = Part::new(
            "an audit log is damaged: calls are still served and kept, but what it says of earlier ones may be wrong or missing",
            |figures| &figures.audit_findings,
        );
        let verifier = Self {
            store,
            figures,
            step_every,
            place: Place::History,
            history,
            audit,
        };
        let damages = Damages {
            history: history_damage,
            audit: audit_damage,
        };
        (verifier, damages)
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
        let is_over = match &mut self.place {
            Place::History => {
                self.step_in_history();
                false
            }
            Place::Audit(..) => self.step_in_audit(),
        };
        self.history.tell_now_and_then();
        self.audit.tell_now_and_then();
        if is_over { REST } else { self.step_every }
    }

    fn step_in_history(&mut self) {
        match self.store.history().verify_step(STEP_EXECUTIONS) {
            Ok(VerifyStep::NotYet | VerifyStep::More) => return,
            Ok(VerifyStep::Done { tally }) => {
                tracing::debug!(executions = tally.count, "history is what was put into it");
            }
            Err(error) => self.history.found(&self.figures, &error),
        }
        self.history.end();
        self.place = Place::Audit(None, None);
    }

    /// Whether that was the last one.
    fn step_in_audit(&mut self) -> bool {
        let Place::Audit(behind, walk) = &mut self.place else {
            return false;
        };
        let audit = self.store.audit();
        let mut entries = STEP_ENTRIES;
        while entries > 0 {
            let Some(mut walking) = walk.take().or_else(|| audit.walk_after(behind.as_ref())) else {
                self.audit.end();
                self.place = Place::History;
                return true;
            };
            match audit.walk_on(&mut walking, &mut entries, &mut |_| Ok(())) {
                Ok(None) => {
                    *walk = Some(walking);
                    return false;
                }
                Ok(Some(_)) => {}
                Err(error) => self.audit.found(&self.figures, &error),
            }
            // A log without entries is looked at, too.
            entries = entries.saturating_sub(1);
            *behind = Some(walking.log().clone());
        }
        false
    }
}
