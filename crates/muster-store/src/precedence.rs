//! Whose write goes first, in an engine that takes one at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::Tree;

/// How long another write lets the journal's go first before it goes all the same.
const STEP_BACK_MAX: Duration = Duration::from_millis(5);

/// Lets writes of the journal go first, since answers wait for them. Sled takes one write at a time, and whoever has just
/// written gets the next turn more easily than one that has to be woken.
#[derive(Default)]
pub(crate) struct Precedence {
    /// How many writes of the journal wait or are being made.
    first: Mutex<usize>,
    done: Condvar,
}

impl Precedence {
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
                .wait_timeout_while(self.lock(), STEP_BACK_MAX, |first| *first > 0);
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
        let precedence = Precedence::default();
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
                // Long enough for the other to go first if it may, and shorter than it steps back.
                std::thread::sleep(STEP_BACK_MAX / 5);
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
