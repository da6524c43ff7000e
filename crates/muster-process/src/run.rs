//! From the first line of `main` to the exit code.

use std::error::Error;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, chain};
use crate::shutdown::Signals;
use crate::spawn::{TaskError, TaskName, Tasks};
use crate::telemetry;

/// How long blocking threads get once all else has ended: they hold a file at most, and the process is leaving.
const THREADS_END_WITHIN: Duration = Duration::from_secs(1);

/// How a process is run.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its log.
    pub telemetry: telemetry::Settings,
    /// How long all tasks have to end once they are told to stop; those that have not are named, and left behind.
    pub stop_within: Duration,
}

impl Default for Process {
    /// Logs as by default, stops within 10 s: what service managers and orchestrators wait for at least.
    fn default() -> Self {
        Self {
            telemetry: telemetry::Settings::default(),
            stop_within: Duration::from_secs(10),
        }
    }
}

/// Runs a binary: sets up its log, a runtime and the signals; runs `main`; when that has returned, or somebody has told the tasks to stop,
/// waits for all of them within [`Process::stop_within`]; logs why it ends, once.
///
/// `main` should return soon after its tasks' token is cancelled: by a signal, or because an essential task has failed. When it returns by
/// itself all tasks are told to stop. Whatever can be wrong with the configuration should be found before this is called.
pub fn run<M, F, E>(process: &Process, main: M) -> Exit
where
    M: FnOnce(Tasks) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    if let Err(error) = telemetry::init(&process.telemetry) {
        // There is no log yet to tell it in.
        eprintln!("error: {}", chain(&error));
        return Exit::because_of(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return told(&error),
    };
    let exit = runtime.block_on(async {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return told(&error),
        };
        let tasks = Tasks::new();
        let token = tasks.token();
        tokio::select! {
            never = signals.watch(&token) => match never {},
            exit = supervise(&tasks, main(tasks.clone()), process.stop_within) => exit,
        }
    });
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    exit
}

/// Runs `main` and waits for its tasks; their time runs from the moment they are told to stop.
async fn supervise<F, E>(tasks: &Tasks, main: F, stop_within: Duration) -> Exit
where
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let work = async {
        let entry = tasks.enter(TaskName::Borrowed("main"));
        let ended = main.await;
        drop(entry);
        if let Err(error) = ended {
            tasks.fail(TaskError::Failed {
                task: TaskName::Borrowed("main"),
                source: error.into(),
            });
        }
        tasks.stop();
        tasks.finished().await;
    };
    let in_time = tokio::select! {
        () = work => true,
        () = overdue(tasks.token(), stop_within) => false,
    };
    if let Some(error) = tasks.take_failure() {
        name_lingering(tasks, in_time, stop_within);
        return told(&error);
    }
    if !in_time {
        name_lingering(tasks, in_time, stop_within);
        return Exit::Lingering;
    }
    Exit::Success
}

async fn overdue(token: CancellationToken, stop_within: Duration) {
    token.cancelled().await;
    tokio::time::sleep(stop_within).await;
}

fn name_lingering(tasks: &Tasks, in_time: bool, stop_within: Duration) {
    if !in_time {
        tracing::error!(tasks = ?tasks.running(), ?stop_within, "these tasks did not stop in time and are left behind");
    }
}

fn told(error: &(dyn Error + 'static)) -> Exit {
    tracing::error!(error = chain(error), "the process has failed");
    Exit::because_of(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::io;

    /// Long enough that a test which reaches it has failed.
    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_main_that_returns_ends_the_tasks_and_is_a_success() {
        let tasks = Tasks::new();
        let token = tasks.token();
        tasks.spawn_essential("listener", async move {
            token.cancelled().await;
            Ok::<(), io::Error>(())
        });
        let exit = supervise(&tasks, async { Ok::<(), io::Error>(()) }, LONG).await;
        assert_eq!(exit, Exit::Success);
    }

    #[tokio::test]
    async fn an_essential_tasks_failure_is_the_processs() {
        let tasks = Tasks::new();
        tasks.spawn_essential("listener", async { Err(io::Error::other("address in use")) });
        let token = tasks.token();
        let main = async move {
            token.cancelled().await;
            Ok::<(), io::Error>(())
        };
        assert_eq!(supervise(&tasks, main, LONG).await, Exit::Failure);
    }

    #[tokio::test]
    async fn a_main_that_fails_is_told() {
        let main = async { Err(io::Error::other("full")) };
        assert_eq!(supervise(&Tasks::new(), main, LONG).await, Exit::Failure);
    }

    #[tokio::test]
    async fn whoever_lingers_is_named_and_left_behind() {
        let tasks = Tasks::new();
        drop(tasks.spawn("hanging connector", pending::<()>()));
        let exit = supervise(&tasks, async { Ok::<(), io::Error>(()) }, SHORT).await;
        assert_eq!(exit, Exit::Lingering);
        assert_eq!(tasks.running(), ["hanging connector"]);
    }

    #[tokio::test]
    async fn a_main_that_does_not_heed_the_token_lingers_too() {
        let tasks = Tasks::new();
        tasks.stop();
        let exit = supervise(&tasks, pending::<Result<(), io::Error>>(), SHORT).await;
        assert_eq!(exit, Exit::Lingering);
    }
}
