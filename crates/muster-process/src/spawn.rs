//! Tasks with a name, an owner and an end.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::exit::chain;

/// A task's name, for its span and for whoever has to be told that it lingers.
pub type TaskName = Cow<'static, str>;

/// How a task ended that should not have ended so.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It ended with an error.
    #[error("task `{task}` has failed")]
    Failed {
        /// Which task.
        task: TaskName,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It panicked: a fault of the program.
    #[error("task `{task}` has panicked ({message}): report this fault, with the log around it")]
    Panicked {
        /// Which task.
        task: TaskName,
        /// What the panic said.
        message: String,
    },
    /// It ended though nobody told it to.
    #[error("task `{task}` has ended although the process goes on: report this fault, with the log around it")]
    Ended {
        /// Which task.
        task: TaskName,
    },
}

/// The tasks of a process, or of a part of it that stops as a whole. Cheap to clone; all clones are the same tasks.
///
/// Its token says *stop*; who spawned nothing but through it can wait until the last one has left, and learn who lingers. Tasks are not
/// bounded here: whoever spawns one for each of something bounds that something.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    token: CancellationToken,
    tracker: TaskTracker,
    book: Arc<Mutex<Book>>,
}

/// Who runs, and what went wrong first.
#[derive(Debug, Default)]
struct Book {
    next: u64,
    running: BTreeMap<u64, TaskName>,
    failure: Option<TaskError>,
}

impl Tasks {
    /// No tasks so far, and a token of their own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everybody to stop once it is cancelled.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Tells all tasks to stop. Does not wait for them.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Spawns a task without which the process still does its work: one connection, one execution. Its end means nothing; its panic is
    /// the handle's error, for those who want it, and is logged all the same (by the hook of [`telemetry::init`](crate::telemetry::init)).
    /// Dropping the handle lets the task go on; `abort` ends it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn<F>(&self, name: impl Into<TaskName>, future: F) -> JoinHandle<Result<F::Output, TaskError>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let name = name.into();
        let span = tracing::error_span!("task", task = %name);
        let entry = self.enter(name.clone());
        // Boxed, since each of the wrappers around it would hold a place of its size, and there are tens of thousands of these.
        let future = Box::pin(future);
        let task = async move {
            // Leaves the book when the task ends, also when it is aborted.
            let _entry = entry;
            catching(future)
                .await
                .map_err(|message| TaskError::Panicked { task: name, message })
        };
        self.tracker.spawn(task.instrument(span))
    }

    /// Spawns a task without which the process is of no use: the listener, the writer. When it fails, panics, or ends before it was told
    /// to stop, all tasks are told to stop, and [`Tasks::take_failure`] says why. An error while all stop counts as one too.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn_essential<F, E>(&self, name: impl Into<TaskName>, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let name = name.into();
        let span = tracing::error_span!("task", task = %name);
        let entry = self.enter(name.clone());
        let tasks = self.clone();
        let task = async move {
            let _entry = entry;
            let ended = catching(future).await;
            let error = match ended {
                Ok(Ok(())) if tasks.token.is_cancelled() => return,
                Ok(Ok(())) => TaskError::Ended { task: name },
                Ok(Err(source)) => TaskError::Failed {
                    task: name,
                    source: source.into(),
                },
                Err(message) => TaskError::Panicked { task: name, message },
            };
            tasks.fail(error);
        };
        // Nobody gets the handle, so nobody can abort it.
        drop(self.tracker.spawn(task.instrument(span)));
    }

    /// Ends all tasks because of this error. The first one is kept; a later one is only logged, since it is mostly a consequence.
    pub fn fail(&self, error: TaskError) {
        {
            let mut book = self.book();
            if book.failure.is_none() {
                book.failure = Some(error);
            } else {
                tracing::warn!(error = chain(&error), "another task has failed while the process stops");
            }
        }
        self.token.cancel();
    }

    /// Takes the first error of an essential task, or of [`Tasks::fail`]; `None` when there was none.
    #[must_use]
    pub fn take_failure(&self) -> Option<TaskError> {
        self.book().failure.take()
    }

    /// Waits until all tasks have ended, those too that are spawned meanwhile. Waits for ever if nobody has told them to stop.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The names of the tasks that have not ended, in the order in which they were spawned.
    #[must_use]
    pub fn running(&self) -> Vec<TaskName> {
        self.book().running.values().cloned().collect()
    }

    /// Puts a name into the book until the entry is dropped.
    pub(crate) fn enter(&self, name: TaskName) -> Entry {
        let mut book = self.book();
        let number = book.next;
        book.next += 1;
        book.running.insert(number, name);
        Entry {
            number,
            book: Arc::clone(&self.book),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

/// A task's place in the book.
#[derive(Debug)]
pub(crate) struct Entry {
    number: u64,
    book: Arc<Mutex<Book>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.book).running.remove(&self.number);
    }
}

/// The book stays usable whatever happened: each of its changes is a single step.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The future's output, or what it said when it panicked. It is not polled again after that, so nobody sees what it left half done.
async fn catching<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(message(payload.as_ref()))),
        },
    )
    .await
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::io;
    use std::time::Duration;

    use tokio::time::timeout;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn stopped(tasks: &Tasks) -> Option<TaskError> {
        let told = timeout(LIMIT, tasks.token().cancelled_owned()).await;
        told.unwrap_or_else(|_| panic!("not told to stop; running: {:?}", tasks.running()));
        tasks.take_failure()
    }

    #[tokio::test]
    async fn an_ordinary_tasks_panic_stops_nobody() {
        let tasks = Tasks::new();
        let panicked = tasks.spawn("execution", async { panic!("no such column {}", 7) });
        let error = timeout(LIMIT, panicked).await.expect("in time").expect("not aborted");
        let error: TaskError = error.expect_err("a panic");
        assert!(
            error
                .to_string()
                .contains("`execution` has panicked (no such column 7)"),
            "{error}"
        );
        assert!(!tasks.token().is_cancelled());
    }

    #[tokio::test]
    async fn an_essential_tasks_panic_stops_all() {
        let tasks = Tasks::new();
        tasks.spawn_essential("writer", async {
            tokio::task::yield_now().await;
            if true {
                panic!("broken");
            }
            Ok::<(), io::Error>(())
        });
        let failure = stopped(&tasks).await;
        assert!(
            matches!(&failure, Some(TaskError::Panicked { task, .. }) if task == "writer"),
            "{failure:?}"
        );
    }

    #[tokio::test]
    async fn an_essential_tasks_error_stops_all_and_the_first_one_is_kept() {
        let tasks = Tasks::new();
        let token = tasks.token();
        tasks.spawn_essential("listener", async { Err(io::Error::other("address in use")) });
        tasks.spawn_essential("writer", async move {
            token.cancelled().await;
            Err(io::Error::other("the listener has gone"))
        });
        timeout(LIMIT, tasks.finished()).await.expect("both end");
        let failure = stopped(&tasks).await.expect("a failure");
        assert_eq!(chain(&failure), "task `listener` has failed: address in use");
    }

    #[tokio::test]
    async fn an_essential_task_may_end_only_when_told_to() {
        let tasks = Tasks::new();
        tasks.spawn_essential("listener", async { Ok::<(), io::Error>(()) });
        let failure = stopped(&tasks).await;
        assert!(matches!(failure, Some(TaskError::Ended { .. })), "{failure:?}");

        let tasks = Tasks::new();
        let token = tasks.token();
        tasks.spawn_essential("listener", async move {
            token.cancelled().await;
            Ok::<(), io::Error>(())
        });
        tasks.stop();
        timeout(LIMIT, tasks.finished()).await.expect("it ends");
        assert!(tasks.take_failure().is_none());
    }

    #[tokio::test]
    async fn who_runs_is_known_by_name_until_it_ends_or_is_aborted() {
        let tasks = Tasks::new();
        let first = tasks.spawn("first", pending::<()>());
        let second = tasks.spawn(format!("second {}", 2), async {});
        timeout(LIMIT, second)
            .await
            .expect("in time")
            .expect("not aborted")
            .expect("no panic");
        assert_eq!(tasks.running(), ["first"]);
        first.abort();
        timeout(LIMIT, tasks.finished()).await.expect("all ended");
        assert!(tasks.running().is_empty());
    }
}
