//! Whose write goes first, in an engine that takes one at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::Tree;

/// How long another write lets the journal's go first before it goes all the same.
const STEP_BACK_MAX: Duration = Duration::from_millis(5);

/// Lets writes of the journal go first, since answers wait for them. Sled takes one write at a time, and whoever has just
/// written gets the next turn more easily than one that has to be woken.
pub(crate) struct Precedence {
    /// How many writes of the journal wait or are being made.
    first: Mutex<usize>,
    done: Condvar,
    /// How long another write lets these go first.
    step_back: Duration,
}

impl Default for Precedence {
    fn default() -> Self {
        Self::stepping_back(STEP_BACK_MAX)
    }
}

impl Precedence {
    fn stepping_back(step_back: Duration) -> Self {
        Self {
            first: Mutex::default(),
            done: Condvar::new(),
            step_back,
        }
    }

    /// Makes a write of this tree, when it is its turn.
    pub(crate) fn go<T>(&self, tree: Tree, write: impl FnOnce() -> T) -> T {
        if tree == Tree::Journal {
            *self.lock() += 1;
            let written = write();
            *self.lock() -= 1;
            self.done.notify_all();
            written
        } else {
            let waited = self
                .done
                .wait_timeout_while(self.lock(), self.step_back, |first| *first > 0);
            drop(waited);
            write()
        }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn other_writes_let_the_journals_go_first() {
        // However slowly this machine does the rest.
        let precedence = Precedence::stepping_back(Duration::from_secs(60));
        let order = Mutex::new(Vec::new());
        let push = |tree: Tree| order.lock().unwrap().push(tree);
        let (started, wait) = mpsc::channel();
        std::thread::scope(|scope| {
            precedence.go(Tree::Journal, || {
                scope.spawn(|| {
                    started.send(()).unwrap();
                    precedence.go(Tree::History, || push(Tree::History));
                });
                wait.recv().unwrap();
                // Long enough for the other to go first if it may.
                std::thread::sleep(Duration::from_millis(20));
                push(Tree::Journal);
            });
        });
        assert_eq!(*order.lock().unwrap(), [Tree::Journal, Tree::History]);
    }

    #[test]
    fn a_journal_that_never_ends_does_not_hold_other_writes_up() {
        let precedence = Precedence::default();
        precedence.go(Tree::Journal, || precedence.go(Tree::Records, || ()));
    }
}
