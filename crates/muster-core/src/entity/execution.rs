//! One collection of one data type of one integration, while it is open.

use crate::event::Event;
use crate::time::Stamp;
use crate::words::{
    Attempt, Claim, ConnectorName, DataType, ExecutionId, ExecutionStatus, Failure, IntegrationId, OrganizationId,
    Origin, Outcome, Pool, Recipients, Revision, RunnerId, Staged, StagedId,
};

/// Where an open execution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Queued.
    Created {
        /// When it may be claimed; `None` means now. A time stands here while it backs off after a failure.
        not_before: Option<Stamp>,
    },
    /// Claimed, and not yet begun.
    Pending(Claim),
    /// The runner is communicating with the platform.
    Executing(Claim),
    /// Past the landing's commit point: what was staged is being published, and nothing undoes that. People see `Executing`.
    Landing(Claim, Staged),
}

/// An open execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it collects for.
    pub integration: IntegrationId,
    /// What it collects.
    pub data_type: DataType,
    /// What it needs a runner to have.
    pub connector: ConnectorName,
    /// Whose runners may claim it.
    pub pool: Pool,
    /// Which of them can open what its integration's secrets are sealed to; `None` when none is sealed.
    pub sealed_to: Option<Recipients>,
    /// Why it was created.
    pub origin: Origin,
    /// When it was created.
    pub created: Stamp,
    /// Where it stands.
    pub phase: Phase,
    /// When it came to stand there.
    pub since: Stamp,
    /// The newest attempt.
    pub attempt: Attempt,
    /// Which revision of the configuration that attempt was given; `None` before the first.
    pub revision: Option<Revision>,
    /// When that attempt was claimed; `None` before the first.
    pub claimed: Option<Stamp>,
    /// When that attempt started; `None` until it did.
    pub started: Option<Stamp>,
    /// How many attempts have failed. Withdrawn claims do not count.
    pub failures: u32,
    /// The newest failure; `None` while there was none.
    pub last_failure: Option<Failure>,
    /// The claims whose holders have reported a failure themselves, so that a repeated report is answered as the first was. At most as many as
    /// failures are allowed.
    pub reported: Vec<Claim>,
}

impl Execution {
    /// Its status, as a person sees it.
    #[must_use]
    pub fn status(&self) -> ExecutionStatus {
        match self.phase {
            Phase::Created { .. } => ExecutionStatus::Created,
            Phase::Pending(_) => ExecutionStatus::Pending,
            Phase::Executing(_) | Phase::Landing(..) => ExecutionStatus::Executing,
        }
    }

    /// Since when it has this status without a reason of its own: a back-off does not count as time in the queue, and being published counts as
    /// Executing.
    #[must_use]
    pub fn in_status_since(&self) -> Stamp {
        match self.phase {
            Phase::Created { not_before } => not_before.map_or(self.since, |at| at.max(self.since)),
            Phase::Pending(_) | Phase::Executing(_) => self.since,
            Phase::Landing(..) => self.started.unwrap_or(self.since),
        }
    }

    /// The claim of the runner that works on it; `None` when nobody does, also once its records are committed.
    #[must_use]
    pub fn holder(&self) -> Option<Claim> {
        match &self.phase {
            Phase::Pending(claim) | Phase::Executing(claim) => Some(*claim),
            Phase::Created { .. } | Phase::Landing(..) => None,
        }
    }

    /// Whether what the holder of this claim logs belongs to it: of its newest attempt, until that is somebody else's. One that has reported its own
    /// failure may have logged why a moment before.
    #[must_use]
    pub fn is_told_by(&self, claim: Claim) -> bool {
        match &self.phase {
            Phase::Pending(holder) | Phase::Executing(holder) | Phase::Landing(holder, _) => *holder == claim,
            Phase::Created { .. } => self.attempt == claim.attempt && self.reported.contains(&claim),
        }
    }

    /// What its landing has to make visible; `None` before the commit point.
    #[must_use]
    pub fn committed(&self) -> Option<&Staged> {
        match &self.phase {
            Phase::Landing(_, staged) => Some(staged),
            Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) => None,
        }
    }

    /// Applies an event that keeps it open. One that does not concern an execution changes nothing.
    pub(crate) fn apply(&mut self, at: Stamp, event: &Event) {
        match event {
            Event::ExecutionClaimed { claim, revision, .. } => {
                self.attempt = claim.attempt;
                self.revision = Some(*revision);
                self.claimed = Some(at);
                self.started = None;
                self.enter(Phase::Pending(*claim), at);
            }
            Event::ExecutionStarted { claim, .. } => {
                self.started = Some(at);
                self.enter(Phase::Executing(*claim), at);
            }
            Event::ExecutionReturned {
                failures,
                failure,
                reported,
                not_before,
                ..
            } => {
                self.failures = *failures;
                self.reported.extend(reported);
                if let Some(failure) = failure {
                    self.last_failure = Some(failure.clone());
                }
                self.enter(
                    Phase::Created {
                        not_before: *not_before,
                    },
                    at,
                );
            }
            Event::ExecutionRerouted { pool, sealed_to, .. } => {
                self.pool = pool.clone();
                self.sealed_to.clone_from(sealed_to);
            }
            Event::ExecutionFenced { attempt, .. } => {
                self.attempt = *attempt;
                match self.phase {
                    Phase::Pending(_) | Phase::Executing(_) => self.enter(Phase::Created { not_before: None }, at),
                    Phase::Created { .. } | Phase::Landing(..) => {}
                }
            }
            Event::LandingCommitted { claim, staged, .. } => self.enter(Phase::Landing(*claim, staged.clone()), at),
            Event::IntegrationCreated { .. }
            | Event::IntegrationUpdated { .. }
            | Event::IntegrationEnabled { .. }
            | Event::IntegrationDisabled { .. }
            | Event::IntegrationPaused { .. }
            | Event::IntegrationChecked { .. }
            | Event::IntegrationDeleted { .. }
            | Event::ScheduleAdvanced { .. }
            | Event::ExecutionCreated { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::RunnerCheckedIn { .. }
            | Event::RunnerLeft { .. }
            | Event::RunnerDrained { .. }
            | Event::ConnectorOffered { .. }
            | Event::ThresholdReached { .. }
            | Event::ThresholdLeft { .. }
            | Event::IncidentOpened { .. }
            | Event::IncidentReminded { .. }
            | Event::IncidentClosed { .. }
            | Event::DeliveryTried { .. }
            | Event::IncidentForgotten { .. }
            | Event::Access(_)
            | Event::OrganizationChanged { .. }
            | Event::Identity(_)
            | Event::Audited(_)
            | Event::RunnerForgotten { .. }
            | Event::ConnectorForgotten { .. } => {}
        }
    }

    fn enter(&mut self, phase: Phase, at: Stamp) {
        self.phase = phase;
        self.since = at;
    }

    /// What history keeps of it once it has ended.
    pub(crate) fn finish(self, at: Stamp, outcome: Outcome) -> Finished {
        let runner = match &self.phase {
            Phase::Created { .. } => None,
            Phase::Pending(claim) | Phase::Executing(claim) | Phase::Landing(claim, _) => Some(claim.runner),
        };
        let staged = match self.phase {
            Phase::Landing(_, staged) => Some(staged.id),
            Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) => None,
        };
        Finished {
            id: self.id,
            organization: self.organization,
            integration: self.integration,
            data_type: self.data_type,
            connector: self.connector,
            pool: self.pool,
            origin: self.origin,
            created: self.created,
            claimed: self.claimed,
            started: self.started,
            ended: at,
            attempt: self.attempt,
            revision: self.revision,
            runner,
            failures: self.failures,
            reported: self.reported,
            staged,
            outcome,
        }
    }
}

/// An execution that has ended, as history keeps it. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it was.
    pub organization: OrganizationId,
    /// What it collected for.
    pub integration: IntegrationId,
    /// What it collected.
    pub data_type: DataType,
    /// Which connector it needed.
    pub connector: ConnectorName,
    /// Whose runners could claim it.
    pub pool: Pool,
    /// Why it was created.
    pub origin: Origin,
    /// When it was created.
    pub created: Stamp,
    /// When its last attempt was claimed; `None` if it never was.
    pub claimed: Option<Stamp>,
    /// When its last attempt started; `None` if it did not.
    pub started: Option<Stamp>,
    /// When it ended.
    pub ended: Stamp,
    /// Its last attempt.
    pub attempt: Attempt,
    /// Which revision of the configuration that attempt was given; `None` if it was never claimed.
    pub revision: Option<Revision>,
    /// Who held it when it ended; `None` if nobody did.
    pub runner: Option<RunnerId>,
    /// How many attempts have failed.
    pub failures: u32,
    /// The claims whose holders have reported a failure themselves.
    pub reported: Vec<Claim>,
    /// What its landing had published; `None` if it had no records.
    pub staged: Option<StagedId>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Finished {
    /// Whether a report by this claim's holder is a repetition of one that was accepted. Any other report about an execution that has ended is
    /// fenced.
    #[must_use]
    pub fn has_accepted(&self, claim: Claim) -> bool {
        let completed = matches!(self.outcome, Outcome::Completed { .. });
        let ended_by = self.runner.map(|runner| Claim {
            runner,
            attempt: self.attempt,
        });
        (completed && ended_by == Some(claim)) || self.reported.contains(&claim)
    }

    /// Whether what the holder of this claim logs belongs to it: of its last attempt.
    #[must_use]
    pub fn is_told_by(&self, claim: Claim) -> bool {
        self.attempt == claim.attempt && (self.runner == Some(claim.runner) || self.reported.contains(&claim))
    }

    /// Its status, as a person sees it.
    #[must_use]
    pub fn status(&self) -> ExecutionStatus {
        match self.outcome {
            Outcome::Completed { .. } => ExecutionStatus::Completed,
            Outcome::Error(_) => ExecutionStatus::Error,
        }
    }
}
