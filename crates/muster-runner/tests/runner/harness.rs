//! Starts runners in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_connectors::Registry;
use muster_core::decide::Work;
use muster_core::words::{Attempt, ConnectorName, ExecutionId, SessionId};
use muster_process::{TaskError, Tasks};
use muster_runner::{Config, RunnerError, Settings, run};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::connectors::{Controls, Test};
use crate::coordinator::{Coordinator, LIMIT, Session};

/// The first session of a test.
pub const SESSION: SessionId = SessionId(1);

/// The first attempt at the execution of this number.
pub fn work(execution: u128) -> Work {
    (ExecutionId(execution), Attempt(1))
}

/// A runner in this process.
pub struct Runner {
    pub controls: Controls,
    pub tasks: Tasks,
    pub folder: Arc<TempDir>,
    ended: JoinHandle<Result<Result<(), RunnerError>, TaskError>>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        // A test that has failed must not wait for these.
        self.controls.unblock();
        self.ended.abort();
    }
}

pub fn config(coordinator: &Coordinator, folder: &Path, controls: &Controls) -> Config {
    let mut connectors = Registry::builtin();
    connectors.insert(Arc::new(Test::new(controls.clone())));
    let settings = Settings {
        coordinator: format!("http://{}", coordinator.address).parse().expect("a URL"),
        data_folder: Some(folder.to_owned()),
        connectors: ["host", "test"]
            .map(|name| ConnectorName::new(name).expect("a name"))
            .into(),
        slots: 8,
        ..Settings::default()
    };
    settings.into_config(connectors).expect("a good configuration")
}

impl Runner {
    pub fn start(coordinator: &Coordinator) -> Self {
        Self::start_with(coordinator, Arc::new(tempfile::tempdir().expect("a folder")), |_| {})
    }

    pub fn start_with(coordinator: &Coordinator, folder: Arc<TempDir>, change: impl FnOnce(&mut Config)) -> Self {
        let controls = Controls::new();
        let tasks = Tasks::new();
        let mut config = config(coordinator, folder.path(), &controls);
        change(&mut config);
        // Not one of the runner's own tasks, so that those can be waited for.
        let ended = Tasks::new().spawn("runner", run(config, tasks.clone()));
        Self {
            controls,
            tasks,
            folder,
            ended,
        }
    }

    /// Starts a runner and welcomes it.
    pub async fn checked_in(coordinator: &mut Coordinator) -> (Self, Session) {
        Self::checked_in_with(coordinator, |_| {}).await
    }

    pub async fn checked_in_with(coordinator: &mut Coordinator, change: impl FnOnce(&mut Config)) -> (Self, Session) {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let runner = Self::start_with(coordinator, folder, change);
        let (session, _) = coordinator.welcome(SESSION).await;
        (runner, session)
    }

    /// Ends the runner where it stands, as a crash would.
    pub async fn crash(mut self) -> Arc<TempDir> {
        self.ended.abort();
        let ended = timeout(LIMIT, &mut self.ended).await.expect("it ends");
        assert!(ended.is_err(), "it had ended before");
        Arc::clone(&self.folder)
    }

    /// Waits until the runner has ended, and all of its tasks.
    pub async fn ended(mut self) -> Result<(), RunnerError> {
        let ended = timeout(LIMIT, &mut self.ended).await.expect("the runner does not end");
        let finished = timeout(LIMIT, self.tasks.finished()).await;
        finished.unwrap_or_else(|_| panic!("these linger: {:?}", self.tasks.running()));
        ended.expect("not aborted").expect("no panic")
    }

    /// Waits until this many results are on disk.
    pub async fn spooled(&self, count: usize) {
        let files = || {
            std::fs::read_dir(self.folder.path().join("spool"))
                .expect("listed")
                .count()
        };
        let reached = timeout(LIMIT, async {
            while files() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let reached = reached.await.is_ok();
        assert!(reached, "{} results are spooled, and not {count}", files());
    }
}
