//! Checks sources, beside the executions and their slots: one task each, from the asking to the answer.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use muster_connectors::Registry;
use muster_core::decide::CheckOrder;
use muster_core::roster::CHECKS_MAX;
use muster_core::words::{Category, CheckId, Failure};
use muster_process::Tasks;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::collect::{Running, Threads};
use crate::executor::prepare;

/// How a check has ended.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Which.
    pub(crate) check: CheckId,
    /// Why the source cannot be read; `None` when it can.
    pub(crate) failure: Option<Failure>,
}

/// Carries out checks. Dropping it stops them all.
#[derive(Debug)]
pub(crate) struct Checker {
    bench: Bench,
    tasks: Tasks,
    running: BTreeMap<CheckId, CancellationToken>,
    checked: mpsc::Sender<Checked>,
}

/// What every check needs.
#[derive(Clone)]
struct Bench {
    connectors: Registry,
    threads: Threads,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        for stop in self.running.values() {
            stop.cancel();
        }
    }
}

impl Checker {
    /// A checker, and where it says how checks have ended.
    pub(crate) fn new(connectors: Registry, threads: Threads, tasks: Tasks) -> (Self, mpsc::Receiver<Checked>) {
        let (checked, receiver) = mpsc::channel(CHECKS_MAX);
        let checker = Self {
            bench: Bench { connectors, threads },
            tasks,
            running: BTreeMap::new(),
            checked,
        };
        (checker, receiver)
    }

    /// Begins a check. Exactly one [`Checked`] follows, unless it is stopped before.
    pub(crate) fn start(&mut self, order: CheckOrder) {
        let CheckOrder {
            check,
            integration,
            revision,
            ..
        } = order;
        let span =
            tracing::error_span!("check", %check, %integration, connector = %order.connector, revision = revision.0);
        let stop = CancellationToken::new();
        let (bench, stopped, checked) = (self.bench.clone(), stop.clone(), self.checked.clone());
        let life = async move {
            // A panic here is a fault of the runner; without this somebody would wait for the check until its time is over.
            let ended = AssertUnwindSafe(bench.check(order, &stopped)).catch_unwind().await;
            let panicked = |_| {
                Some(Err(Failure::new(
                    Category::Connector,
                    "the runner has panicked: see its log",
                )))
            };
            let Some(ended) = ended.unwrap_or_else(panicked) else {
                return;
            };
            match &ended {
                Ok(()) => tracing::info!("the source can be read"),
                Err(failure) => tracing::warn!(
                    category = failure.category.as_str(),
                    message = failure.message,
                    "the source cannot be read"
                ),
            }
            let failure = ended.err();
            // Nobody listens once the runner leaves.
            let _ = checked.send(Checked { check, failure }).await;
        };
        drop(self.tasks.spawn(format!("check {check}"), life.instrument(span)));
        self.running.insert(check, stop);
    }

    /// Stops a check; does nothing when it has ended.
    pub(crate) fn stop(&mut self, check: CheckId) {
        if let Some(stop) = self.running.remove(&check) {
            stop.cancel();
        }
    }

    /// The check has said that it has ended.
    pub(crate) fn forget(&mut self, check: CheckId) {
        self.running.remove(&check);
    }
}

impl Bench {
    /// Carries out a check; `None` when it was stopped.
    async fn check(&self, order: CheckOrder, stop: &CancellationToken) -> Option<Result<(), Failure>> {
        let time_limit = order.time_limit;
        let mut checking = match self.begin(order) {
            Ok(begun) => begun,
            Err(failure) => return Some(Err(failure)),
        };
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            ended = checking.ended() => return Some(ended),
            () = tokio::time::sleep(time_limit) => Some(Err(overdue(time_limit))),
        };
        checking.halt().await;
        ended
    }

    fn begin(&self, order: CheckOrder) -> Result<Running<()>, Failure> {
        let (connector, config) = prepare(
            &self.connectors,
            &order.connector,
            order.access_schema.as_ref(),
            &order.configuration,
        )?;
        tracing::info!("checking");
        self.threads.check(connector, config)
    }
}

fn overdue(limit: Duration) -> Failure {
    Failure::new(
        Category::Timeout,
        format!("the check took longer than {} s, and was stopped", limit.as_secs()),
    )
}
