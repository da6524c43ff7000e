//! What runners that are checked in say of themselves and nobody keeps: where they run, and what their clocks show. Only shown, never judged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::words::{RunnerId, SessionId};

/// The most characters of a host's name (the limit of DNS).
const HOSTNAME_CHARS_MAX: usize = 253;

/// What a runner has said on its stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The name of its host; empty when it has said none.
    pub(crate) hostname: String,
    /// By how many milliseconds its clock is ahead of ours; negative when it is behind, `None` when it has not said.
    pub(crate) clock_skew_ms: Option<i64>,
}

/// One entry for each stream of a runner that is checked in. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct SaidByRunners(Arc<Mutex<HashMap<RunnerId, (SessionId, Said)>>>);

impl SaidByRunners {
    /// What a runner that is checked in has said.
    pub(super) fn by(&self, runner: RunnerId) -> Option<Said> {
        self.lock().get(&runner).map(|(_, said)| said.clone())
    }

    /// A runner has checked in with this session. The newest one of a runner counts.
    pub(super) fn begin(&self, runner: RunnerId, session: SessionId, hostname: &str) {
        let shown = hostname.chars().filter(|one| !one.is_control());
        let said = Said {
            hostname: shown.take(HOSTNAME_CHARS_MAX).collect(),
            clock_skew_ms: None,
        };
        self.lock().insert(runner, (session, said));
    }

    /// How far its clock was off, by the last message that told.
    pub(super) fn note_clock(&self, runner: RunnerId, session: SessionId, skew_ms: Option<i64>) {
        if let Some((newest, said)) = self.lock().get_mut(&runner)
            && *newest == session
        {
            said.clock_skew_ms = skew_ms;
        }
    }

    /// The stream of this session is over.
    pub(super) fn end(&self, runner: RunnerId, session: SessionId) {
        let mut said = self.lock();
        if said.get(&runner).is_some_and(|(newest, _)| *newest == session) {
            said.remove(&runner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunnerId, (SessionId, Said)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_session_counts() {
        let all = SaidByRunners::default();
        let (runner, old, new) = (RunnerId(1), SessionId(1), SessionId(2));
        all.begin(runner, old, "one");
        all.begin(runner, new, "two\n");
        all.note_clock(runner, new, Some(-7));
        all.note_clock(runner, old, Some(9));
        all.end(runner, old);
        let expected = Said {
            hostname: "two".to_owned(),
            clock_skew_ms: Some(-7),
        };
        assert_eq!(all.by(runner), Some(expected));
        all.end(runner, new);
        assert_eq!(all.by(runner), None);
    }
}
