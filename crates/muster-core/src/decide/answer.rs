//! What a decision tells: answers to whoever asked, effects for others, and rejections.

use std::time::Duration;

use super::access::AccessRejection;
use crate::decide::identity::IdentityRejection;
use crate::entity::{BarReason, Certificate};
use crate::words::{
    AccessSchema, Attempt, CheckId, Claim, Configuration, ConnectorName, Cursor, DataType, DisplayName, ExecutionId,
    Failure, IntegrationId, LogLevel, OrganizationId, PersonId, PoolName, Quota, Revision, RunnerId, SessionId, Staged,
    TokenId, Version,
};

/// What the asker is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Answer {
    /// It is done, or was done already.
    #[default]
    Done,
    /// The integration that was created or changed.
    Integration(IntegrationId),
    /// The person who was created or changed.
    Person(PersonId),
    /// The token that was made.
    Token(TokenId),
    /// The organization that was created or changed.
    Organization(OrganizationId),
    /// The executions that were created, or are open already.
    Executions(Vec<ExecutionId>),
    /// The runner is welcome.
    Welcome(Welcome),
    /// The runner is not welcome, now and later.
    Barred(BarReason),
    /// A runner has a certificate.
    Certified {
        /// Which runner.
        runner: RunnerId,
        /// Its newest certificate.
        certificate: Box<Certificate>,
    },
    /// A runner is asked to check. How that ends is told by [`Effect::CheckEnded`].
    Checking {
        /// The check that has begun.
        check: CheckId,
        /// Who was asked.
        runner: RunnerId,
    },
}

/// Names the work of one attempt on an execution.
pub type Work = (ExecutionId, Attempt);

/// What a runner is told when it has checked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// How long it keeps what it holds when it is not heard.
    pub lease: Duration,
    /// Of what it says it runs: what it still holds, and so goes on with.
    pub resumed: Vec<Work>,
    /// Of what it says it runs: what it does not hold any more, and so stops.
    pub fenced: Vec<Work>,
    /// The least version of which it would have to be to get work; `None` when it gets some.
    pub required: Option<Version>,
}

/// What others are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A message to the runner of a session.
    Send {
        /// Whose session.
        runner: RunnerId,
        /// Which session.
        session: SessionId,
        /// What.
        message: Message,
    },
    /// The landing makes visible what an execution has staged. It is repeated after a restart.
    Publish {
        /// Whose records.
        execution: ExecutionId,
        /// What.
        staged: Staged,
    },
    /// The execution's log gets a line of the coordinator. It is not kept in the journal.
    Note {
        /// Of which execution.
        execution: ExecutionId,
        /// How much it matters.
        level: LogLevel,
        /// What happened.
        message: String,
    },
    /// The outbox has something to send.
    Deliver,
    /// A check is over, for whoever waits for it.
    CheckEnded {
        /// Which.
        check: CheckId,
        /// How.
        end: CheckEnd,
    },
    /// The landing forgets what an attempt may have staged.
    Discard {
        /// Of which execution.
        execution: ExecutionId,
        /// Which attempt.
        attempt: Attempt,
    },
}

/// How a check has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckEnd {
    /// The runner has said whether the source can be read.
    Reported {
        /// Why it cannot; `None` when it can.
        failure: Option<Failure>,
        /// How long it took, from the asking to the answer.
        took: Duration,
        /// Whether the configuration has been changed in between, or the integration is gone: then the answer is not kept.
        outdated: bool,
    },
    /// The runner has not said anything, which says nothing about the source.
    Unanswered {
        /// Why, as a clause.
        why: String,
    },
}

/// What a runner is told without having asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Carry this out.
    Assign(Box<Assignment>),
    /// Stop this: you do not hold it any more.
    Fence {
        /// Which execution.
        execution: ExecutionId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// Stop this: it was canceled.
    Cancel {
        /// Which execution.
        execution: ExecutionId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// Check whether a source can be read.
    Check(Box<CheckOrder>),
    /// It has not confirmed what it was assigned, and gets nothing more before it has checked in anew.
    CheckInAnew,
    /// This session is over.
    Close(CloseReason),
}

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The same runner has checked in anew.
    Superseded,
    /// The runner was not heard for longer than its lease.
    Lapsed,
    /// The runner was revoked.
    Revoked,
    /// The runner's key is used at two places at the same time.
    Cloned,
}

/// All that a runner needs to carry out an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub attempt: Attempt,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it collects for.
    pub integration: IntegrationId,
    /// What it collects.
    pub data_type: DataType,
    /// By which connector.
    pub connector: ConnectorName,
    /// In which of the connector's ways it is configured; `None` for a connector with one way.
    pub access_schema: Option<AccessSchema>,
    /// What the connector is told.
    pub configuration: Configuration,
    /// Which configuration that is.
    pub revision: Revision,
    /// Where it goes on; `None` for from the beginning.
    pub cursor: Option<Cursor>,
}

/// All that a runner needs to check whether a source can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOrder {
    /// Which check.
    pub check: CheckId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Of which integration.
    pub integration: IntegrationId,
    /// By which connector.
    pub connector: ConnectorName,
    /// In which of the connector's ways it is configured; `None` for a connector with one way.
    pub access_schema: Option<AccessSchema>,
    /// What the connector is told.
    pub configuration: Configuration,
    /// Which configuration that is.
    pub revision: Revision,
    /// How long it may take.
    pub time_limit: Duration,
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such integration.
    #[error("there is no integration {0}: list those that there are with `muster integration list`")]
    IntegrationNotFound(IntegrationId),
    /// There is no such organization, or it was deleted.
    #[error("there is no organization `{0}`: list those that there are with `muster organization list`")]
    OrganizationNotFound(OrganizationId),
    /// The name is, or was, another organization's.
    #[error(
        "the name `{0}` is or was that of another organization, and is never given to a second one: choose another"
    )]
    OrganizationExists(OrganizationId),
    /// Somebody else changed it in between.
    #[error("the organization `{0}` has been changed since it was read: read it again and repeat the change")]
    OrganizationStale(OrganizationId),
    /// Nothing new happens in it.
    #[error(
        "the organization `{organization}` is suspended ({reason}): nothing in it can be created, changed or run until those who operate this coordinator resume it"
    )]
    OrganizationSuspended {
        /// Which.
        organization: OrganizationId,
        /// Why.
        reason: String,
    },
    /// It has something, and is not suspended.
    #[error(
        "the organization `{organization}` has {integrations} integrations and {runners} runners: suspend it first, so that nothing is deleted that is in use"
    )]
    OrganizationInUse {
        /// Which.
        organization: OrganizationId,
        /// How many integrations.
        integrations: usize,
        /// How many runners.
        runners: usize,
    },
    /// All that it has is being deleted.
    #[error("the organization `{0}` is being deleted: nothing in it can be created, changed or run any more")]
    OrganizationClosing(OrganizationId),
    /// The organization has as much of it as it may.
    #[error(
        "the organization `{organization}` has {count} {quota}, and may have {limit}: delete some, or ask those who operate this coordinator for more"
    )]
    QuotaReached {
        /// Which organization.
        organization: OrganizationId,
        /// Of what.
        quota: Quota,
        /// How many it may have.
        limit: u32,
        /// How many it has.
        count: usize,
    },
    /// There is no such open execution. One that has ended is in history.
    #[error("the execution {0} is not open: it has ended, or never was")]
    NotOpen(ExecutionId),
    /// Another integration has this name.
    #[error("the display name `{display_name}` belongs to the integration {integration}: choose another")]
    NameTaken {
        /// The name.
        display_name: DisplayName,
        /// Who has it.
        integration: IntegrationId,
    },
    /// The id of a request belongs to another request.
    #[error(
        "the request id was used for another request, which has made the integration {integration}: choose a new id for each request"
    )]
    RequestReused {
        /// What that request has made.
        integration: IntegrationId,
    },
    /// Somebody else changed it in between.
    #[error("the integration {integration} has been changed since it was read: read it again and repeat the change")]
    Stale {
        /// Which.
        integration: IntegrationId,
    },
    /// It collects nothing.
    #[error("an integration needs at least one data type: name one with its interval")]
    NoDataTypes,
    /// It does not collect this.
    #[error(
        "the integration {integration} does not collect `{data_type}`: add the data type, or choose one that it collects"
    )]
    NotCollected {
        /// Which integration.
        integration: IntegrationId,
        /// What was asked for.
        data_type: DataType,
    },
    /// It is switched off.
    #[error("the integration {0} is not enabled, so it collects nothing: enable it first")]
    NotEnabled(IntegrationId),
    /// It cannot rest until then.
    #[error("an integration can be paused until a time that is to come, within the next {} days", max.as_secs() / 86_400)]
    PauseOutOfBounds {
        /// For how long at the most.
        max: Duration,
    },
    /// Nobody could check it, however long it waited.
    #[error("{why}{}", next_step.iter().map(|step| format!(": {step}")).collect::<String>())]
    NoRunner {
        /// Why, as a clause.
        why: String,
        /// What a person does next.
        next_step: Option<String>,
    },
    /// Those who could check it have enough to check.
    #[error("all runners of pool `{pool}` that could check it have {max} checks under way each: try again in a minute")]
    ChecksFull {
        /// Whose runners.
        pool: PoolName,
        /// How many checks each has at the most.
        max: usize,
    },
    /// Its connector cannot be changed.
    #[error(
        "the connector of the integration {integration} is `{connector}`, and does not change: create another integration"
    )]
    ConnectorFixed {
        /// Which integration.
        integration: IntegrationId,
        /// What it has.
        connector: ConnectorName,
    },
    /// The records are committed, and nothing undoes that.
    #[error("the records of the execution {0} are already being published: it will be Completed in a moment")]
    Committed(ExecutionId),
    /// Whoever reports does not hold it.
    #[error("the execution {execution} is not held by this runner's attempt {}: stop the work on it", claim.attempt)]
    Fenced {
        /// Which execution.
        execution: ExecutionId,
        /// As whose claim it was reported.
        claim: Claim,
    },
    /// It is about those by whom others are known.
    #[error(transparent)]
    Identity(#[from] IdentityRejection),
    /// The session is not the runner's newest one, or its lease is over.
    #[error("the session {0} is over: check in anew")]
    SessionOver(SessionId),
    /// It is about people or tokens.
    #[error(transparent)]
    Access(#[from] AccessRejection),
}
