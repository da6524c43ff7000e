//! Who holds an execution, and the numbers that fence.

use std::fmt;

use super::{Counts, Cursor, RunnerId};
use crate::time::Stamp;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one after this.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The ordinal of a claim of an execution, from 1; 0 before the first. It is the fencing token: a report for another attempt is refused.
    Attempt(u32)
);
impl Attempt {
    /// No execution gets as far by being tried again: from here on attempts are of a coordinator that was restored from a backup.
    const RESTORED: Self = Self(1 << 30);

    /// What attempts go on from when a coordinator is restored at this time: the seconds since the Unix epoch.
    #[must_use]
    pub fn at_restore(now: Stamp) -> Self {
        let seconds = u32::try_from(now.millis() / 1_000).unwrap_or(u32::MAX / 2);
        Self(seconds).max(Self::RESTORED)
    }

    /// Whether an attempt of this execution that was given out before may be of a time which a restore has undone.
    #[must_use]
    pub fn is_after_restore(self) -> bool {
        self >= Self::RESTORED
    }
}

number!(
    /// The ordinal of an integration's configuration, from 1.
    Revision(u32)
);
number!(
    /// The number of a commit batch in the journal, from 1; 0 is before the first.
    Sequence(u64)
);
number!(
    /// How many executions a runner carries out at the same time.
    Slots(u32)
);

/// A runner's hold on an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Who holds it.
    pub runner: RunnerId,
    /// Which claim of this execution it is.
    pub attempt: Attempt,
}

/// Names what an upload has put into the landing's invisible part; only the landing knows its form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StagedId(pub String);

/// What an upload has staged: durable, and not yet visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Where the landing finds it.
    pub id: StagedId,
    /// What it holds.
    pub counts: Counts,
    /// The cursor that the next execution gets; `None` when the connector gave none.
    pub cursor: Option<Cursor>,
}
