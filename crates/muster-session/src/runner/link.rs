//! Where the runner's stream stands, how it ends, and how long silence may last.

use std::time::Duration;

use muster_core::time::Moment;
use muster_proto::v1;

/// How a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// It broke, or ended in a way after which checking in again helps.
    Broken,
    /// The runner's lease is over: what it runs is lost.
    Lapsed,
    /// The coordinator has refused the runner, and will again until something is changed.
    Refused,
    /// Another stream of the same identity has checked in, and it was not this process: two runners share one identity.
    Superseded,
}

impl StreamEnd {
    /// What the reason of the status means that ended the stream; `None` for a status without one, and an end without a
    /// status.
    #[must_use]
    pub fn of(reason: Option<v1::ErrorReason>) -> Self {
        use v1::ErrorReason as Reason;
        match reason {
            Some(
                Reason::ProtocolViolation
                | Reason::InvalidField
                | Reason::OrganizationNotFound
                | Reason::OrganizationSuspended
                | Reason::LimitReached
                | Reason::RunnerVersionUnsupported
                | Reason::CertificateMismatch
                | Reason::RunnerBarred,
            ) => Self::Refused,
            Some(Reason::SessionSuperseded) => Self::Superseded,
            Some(Reason::SessionLapsed) => Self::Lapsed,
            // Any other, also one of a newer coordinator, may pass.
            Some(_) | None => Self::Broken,
        }
    }
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    /// There is none until this moment.
    Away { until: Moment },
    /// The driver dials.
    Dialing { since: Moment },
    /// The hello is to be sent, or has been; the welcome is awaited.
    Greeting { since: Moment, said_hello: bool },
    /// Checked in.
    Up { since: Moment, sent: Moment },
}

/// What the welcome said, and when the coordinator was heard last. It outlives the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) length: Duration,
    pub(super) heartbeat_interval: Duration,
    pub(super) heard: Moment,
}

impl Lease {
    /// When the runner gives its work up: the coordinator waits for the rest of the lease and a grace before it gives
    /// it to others.
    pub(super) fn lost_at(&self) -> Moment {
        self.heard.after(self.length * 4 / 5)
    }

    /// When a stream on which nothing came is dead: two heartbeats are missing, and a third of one was granted to the
    /// way.
    pub(super) fn silent_at(&self) -> Moment {
        self.heard.after(self.heartbeat_interval * 7 / 3)
    }
}
