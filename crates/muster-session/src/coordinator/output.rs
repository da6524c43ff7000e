//! What the coordinator's end asks of its driver, and what it is answered.

use muster_core::decide::execution::Report;
use muster_core::decide::identity::IdentityRejection;
use muster_core::decide::{Command, Rejection, Work};
use muster_core::entity::{BarReason, Finished};
use muster_core::words::{Claim, LogLine};
use muster_proto::v1;

/// What the driver of a stream has to do. Messages to the runner come from
/// [`CoordinatorEnd::poll_send`](super::CoordinatorEnd::poll_send).
#[derive(Debug, Clone, PartialEq)]
pub enum CoordinatorOutput {
    /// Ask the shard as [`CoordinatorEnd::principal`](super::CoordinatorEnd::principal), and hand each answer to
    /// [`CoordinatorEnd::answered`](super::CoordinatorEnd::answered), in this order. A [`Command::CheckIn`] comes alone
    /// and first: whether such a runner may check in at all is the service's to judge before it asks.
    Ask(Vec<Command>),
    /// Look up what the landing holds of this attempt, and hand it to
    /// [`CoordinatorEnd::staged`](super::CoordinatorEnd::staged).
    LookUpStaged(Report),
    /// The execution is not open. Look it up in history, and say to
    /// [`CoordinatorEnd::ended`](super::CoordinatorEnd::ended) what became of it.
    LookUpEnded(Report),
    /// Keep these lines with the execution, unless the attempt is fenced.
    LogLines {
        /// Of which attempt.
        work: Work,
        /// What was said.
        lines: Vec<LogLine>,
        /// How many lines were dropped before these.
        dropped: u64,
    },
    /// Show how far a collection has come. Not durable.
    Progress {
        /// Of which attempt.
        work: Work,
        /// How many records it has by now.
        records: u64,
    },
    /// The core does not let the runner in: end the stream with the status of that. Nothing follows.
    Refuse(Rejection),
    /// End the stream with the status of this reason. Nothing follows.
    Close(Ending),
}

/// Why the coordinator ends a stream that has broken no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The same runner has a newer stream.
    #[error(
        "the same runner has checked in with a newer stream: if that was not this process, two runners share one \
         identity"
    )]
    Superseded,
    /// The runner's lease is over.
    #[error("nothing came from the runner for as long as its lease, so it holds nothing any more: check in anew")]
    Lapsed,
    /// The runner does not read what it is sent.
    #[error("the runner took the coordinator's messages too slowly: check in anew")]
    Overflow,
    /// The runner is not known by the key that it shows.
    #[error(
        "the coordinator does not know this runner by the key that it shows: enroll it with a new token by `muster-runner enroll --again`"
    )]
    Stranger,
    /// Somebody has revoked the runner.
    #[error(
        "the runner was revoked: if it is to work again, enroll it anew with a new token by `muster-runner enroll --again`"
    )]
    Revoked,
    /// The runner's key is used at two places.
    #[error(
        "the runner is locked, since its key is used at two places at the same time: find the copy and remove it, then enroll the runner anew \
         with a new token by `muster-runner enroll --again`"
    )]
    Cloned,
    /// The coordinator's parts do not agree.
    #[error("a fault of the coordinator: its log has the details; check in anew")]
    Internal,
}

impl From<BarReason> for Ending {
    fn from(why: BarReason) -> Self {
        match why {
            BarReason::Revoked => Self::Revoked,
            BarReason::Cloned => Self::Cloned,
        }
    }
}

impl Ending {
    /// How a check-in ends that the core refuses.
    pub(super) fn of(rejection: &IdentityRejection) -> Self {
        match rejection {
            IdentityRejection::Barred { why, .. } => (*why).into(),
            IdentityRejection::NotEnrolled(_)
            | IdentityRejection::OtherKey(_)
            | IdentityRejection::OtherPool { .. } => Self::Stranger,
            IdentityRejection::NoToken
            | IdentityRejection::TokenExpired
            | IdentityRejection::TokenRevoked
            | IdentityRejection::TokenUsed(_)
            | IdentityRejection::TokenNotFound(_)
            | IdentityRejection::Rotated => Self::Internal,
        }
    }

    /// The reason in the status that ends the stream.
    #[must_use]
    pub fn reason(self) -> v1::ErrorReason {
        match self {
            Self::Superseded => v1::ErrorReason::SessionSuperseded,
            Self::Lapsed => v1::ErrorReason::SessionLapsed,
            Self::Stranger => v1::ErrorReason::CertificateMismatch,
            Self::Revoked | Self::Cloned => v1::ErrorReason::RunnerBarred,
            Self::Overflow => v1::ErrorReason::SessionOverflow,
            Self::Internal => v1::ErrorReason::Internal,
        }
    }
}

/// What history says of an execution that is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The report repeats one that was accepted:
    /// [`Finished::has_accepted`](muster_core::entity::Finished::has_accepted).
    Accepted,
    /// It has ended otherwise.
    Otherwise,
    /// There was no such execution, or its retention has ended.
    Unknown,
}

impl Ended {
    /// What history's answer means for a report of this claim.
    #[must_use]
    pub fn of(finished: Option<&Finished>, claim: Claim) -> Self {
        match finished {
            Some(finished) if finished.has_accepted(claim) => Self::Accepted,
            Some(_) => Self::Otherwise,
            None => Self::Unknown,
        }
    }
}
