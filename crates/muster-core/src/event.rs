//! What can have happened. An event carries every value that its entities need, so that each can apply it by itself.

mod access;
mod identity;
mod organization;

use std::collections::BTreeMap;

use crate::audit;
use crate::entity::{
    Cause, Channel, Closing, ConnectorKey, Definition, DeliveryState, EntityKey, Evidence, Offer, Outdated,
    PerDataType, Profile,
};
use crate::schedule::Skip;
use crate::time::{Interval, Stamp};
use crate::words::{
    Attempt, Claim, ConnectorName, Counts, Cursor, DataType, Enablement, ExecutionId, Failure, IncidentId,
    IntegrationId, OrganizationId, Origin, Pool, Principal, Recipients, Request, Revision, RunnerId, Staged, Warning,
};

pub use access::AccessEvent;
pub use identity::IdentityEvent;
pub use organization::OrganizationChange;

/// An event as the journal keeps it: what, when and who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// When it happened, by the coordinator's clock.
    pub at: Stamp,
    /// Who caused it.
    pub by: Principal,
    /// What happened.
    pub event: Event,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An integration was created, as a draft or enabled.
    IntegrationCreated {
        /// Its id.
        integration: IntegrationId,
        /// Whose it is.
        organization: OrganizationId,
        /// What it is.
        definition: Definition,
        /// What it collects, and how often.
        intervals: PerDataType<Interval>,
        /// Whether it collects.
        enablement: Enablement,
        /// The upcoming collections; empty for a draft.
        next: BTreeMap<DataType, Stamp>,
        /// The request that made it; `None` when its caller gave no id.
        request: Option<Request>,
    },
    /// A person changed an integration.
    IntegrationUpdated {
        /// Which.
        integration: IntegrationId,
        /// What it is now.
        definition: Definition,
        /// What it collects now, and how often.
        intervals: PerDataType<Interval>,
        /// The number of its configuration, greater than before if that has changed.
        revision: Revision,
        /// All its upcoming collections; empty while it is not enabled.
        next: BTreeMap<DataType, Stamp>,
    },
    /// An integration was switched on.
    IntegrationEnabled {
        /// Which.
        integration: IntegrationId,
        /// Its upcoming collections.
        next: BTreeMap<DataType, Stamp>,
    },
    /// An integration was switched off.
    IntegrationDisabled {
        /// Which.
        integration: IntegrationId,
    },
    /// The schedule of an integration rests until a time, or goes on.
    IntegrationPaused {
        /// Which.
        integration: IntegrationId,
        /// Until when. The time of the event itself means that it goes on.
        until: Stamp,
        /// Its upcoming collections: the first nominal times that are not before that. What lies before them is skipped, and this is its record.
        next: BTreeMap<DataType, Stamp>,
    },
    /// A runner has checked whether the source of an integration can be read.
    IntegrationChecked {
        /// Which.
        integration: IntegrationId,
        /// Which of its configurations: always the one that was current.
        revision: Revision,
        /// By which runner.
        runner: RunnerId,
        /// Why it cannot; `None` when it can.
        failure: Option<Failure>,
    },
    /// An integration is gone.
    IntegrationDeleted {
        /// Which.
        integration: IntegrationId,
    },
    /// Time went past nominal times of a data type.
    ScheduleAdvanced {
        /// Of which integration.
        integration: IntegrationId,
        /// Which data type.
        data_type: DataType,
        /// The nominal times that got no execution of their own, and why; `None` if there were none.
        skip: Option<Skip>,
        /// The upcoming collection.
        next: Stamp,
    },
    /// An execution was queued.
    ExecutionCreated {
        /// Its id.
        execution: ExecutionId,
        /// Whose it is.
        organization: OrganizationId,
        /// What it collects for.
        integration: IntegrationId,
        /// What it collects.
        data_type: DataType,
        /// What it needs a runner to have.
        connector: ConnectorName,
        /// Whose runners may claim it.
        pool: Pool,
        /// Which of them can open its integration's secrets; `None` when none is sealed.
        sealed_to: Option<Recipients>,
        /// Why.
        origin: Origin,
    },
    /// A runner holds an execution now.
    ExecutionClaimed {
        /// Which.
        execution: ExecutionId,
        /// Who, by which attempt.
        claim: Claim,
        /// Which revision of the configuration it was given.
        revision: Revision,
    },
    /// The runner has begun.
    ExecutionStarted {
        /// Which.
        execution: ExecutionId,
        /// Who, by which attempt.
        claim: Claim,
    },
    /// An execution is queued again: its attempt has failed in a way that may pass, or its claim was withdrawn.
    ExecutionReturned {
        /// Which.
        execution: ExecutionId,
        /// How many attempts have failed by now.
        failures: u32,
        /// Why; `None` when a claim was withdrawn, which is no failure.
        failure: Option<Failure>,
        /// Whose own report this was; `None` when the coordinator judged.
        reported: Option<Claim>,
        /// When it may be claimed again; `None` means at once.
        not_before: Option<Stamp>,
    },
    /// An execution waits for other runners now.
    ExecutionRerouted {
        /// Which.
        execution: ExecutionId,
        /// For which.
        pool: Pool,
        /// For which of its runners, as [`Event::ExecutionCreated`] has it.
        sealed_to: Option<Recipients>,
    },
    /// All attempts up to this one are fenced, and nobody holds the execution any more. The coordinator was restored from a backup: what it told and was
    /// told after that is not known.
    ExecutionFenced {
        /// Which.
        execution: ExecutionId,
        /// Beyond all attempts that there can have been. The next claim is the one after it.
        attempt: Attempt,
    },
    /// The commit point of the landing: from here on the records will be published, whatever else happens.
    LandingCommitted {
        /// Of which execution.
        execution: ExecutionId,
        /// Whose records.
        claim: Claim,
        /// What will be published.
        staged: Staged,
    },
    /// An execution has ended well.
    ExecutionCompleted {
        /// Which.
        execution: ExecutionId,
        /// Of which integration.
        integration: IntegrationId,
        /// Of which data type.
        data_type: DataType,
        /// How much it brought.
        counts: Counts,
        /// Where the next one goes on; `None` leaves the cursor as it was.
        cursor: Option<Cursor>,
        /// What there is to say about it all the same.
        warning: Option<Warning>,
    },
    /// An execution has ended badly.
    ExecutionFailed {
        /// Which.
        execution: ExecutionId,
        /// Of which integration.
        integration: IntegrationId,
        /// Of which data type.
        data_type: DataType,
        /// How many attempts have failed.
        failures: u32,
        /// Why.
        failure: Failure,
        /// Whose own report this was; `None` when the coordinator judged.
        reported: Option<Claim>,
    },
    /// A runner has checked in.
    RunnerCheckedIn {
        /// Which.
        runner: RunnerId,
        /// What it says about itself.
        profile: Profile,
        /// Whether it is too old; `None` when it is not.
        outdated: Option<Outdated>,
    },
    /// A runner is not there any more.
    RunnerLeft {
        /// Which.
        runner: RunnerId,
        /// When it was last heard.
        last_heard: Stamp,
    },
    /// A person lets a runner rest, or work again.
    RunnerDrained {
        /// Which.
        runner: RunnerId,
        /// Whether it gets nothing new from now on, however often it checks in; otherwise it gets work again.
        is_drained: bool,
    },
    /// A runner offers a connector that was unknown, or another version or specification of it.
    ConnectorOffered {
        /// Whose.
        connector: ConnectorKey,
        /// What it says about it.
        offer: Offer,
    },
    /// A runner is gone, with its organization. Whoever has its identity may check in again, as another organization's.
    RunnerForgotten {
        /// Which.
        runner: RunnerId,
    },
    /// What an organization's runners said of a connector is gone, with the organization.
    ConnectorForgotten {
        /// Whose.
        connector: ConnectorKey,
    },
    /// The error rate of an integration has reached its threshold; an incident opens if that holds.
    ThresholdReached {
        /// Of which.
        integration: IntegrationId,
    },
    /// The error rate of an integration has not held its threshold.
    ThresholdLeft {
        /// Of which.
        integration: IntegrationId,
    },
    /// Something goes wrong, and people are told.
    IncidentOpened {
        /// The incident's id.
        incident: IncidentId,
        /// Whose it is.
        organization: OrganizationId,
        /// What goes wrong.
        cause: Cause,
        /// What they are told with.
        evidence: Evidence,
        /// Whom, by what way.
        channels: Vec<Channel>,
    },
    /// It still goes wrong, and people are told again.
    IncidentReminded {
        /// Which incident.
        incident: IncidentId,
        /// Of which integration; `None` when it is about no single one.
        integration: Option<IntegrationId>,
        /// What they are told with.
        evidence: Evidence,
        /// Whom, by what way.
        channels: Vec<Channel>,
    },
    /// It is over, and people are told.
    IncidentClosed {
        /// Which incident.
        incident: IncidentId,
        /// Of which integration; `None` when it is about no single one.
        integration: Option<IntegrationId>,
        /// Why.
        closing: Closing,
        /// What they are told with.
        evidence: Evidence,
        /// Whom, by what way.
        channels: Vec<Channel>,
    },
    /// It was tried to tell somebody.
    DeliveryTried {
        /// Of which incident.
        incident: IncidentId,
        /// Which of its notices.
        notice: u32,
        /// Which of the notice's deliveries, by its place.
        delivery: u32,
        /// What has become of it.
        state: DeliveryState,
        /// What the other side, or the way to it, said.
        answer: String,
    },
    /// An incident has been over for long, and is gone.
    IncidentForgotten {
        /// Which.
        incident: IncidentId,
    },
    /// Something of a person or a token.
    Access(AccessEvent),
    /// Something has happened to an organization itself.
    OrganizationChanged {
        /// Which.
        organization: OrganizationId,
        /// What.
        change: OrganizationChange,
    },
    /// Something has happened to those by whom others are known.
    Identity(IdentityEvent),
    /// A call was made that the audit log keeps. It is no part of any entity.
    Audited(Box<audit::Note>),
}

impl Event {
    /// The entities that the event concerns: one, or an execution or incident and its integration.
    #[must_use]
    pub fn entities(&self) -> (EntityKey, Option<EntityKey>) {
        match self {
            Self::IntegrationCreated { integration, .. }
            | Self::IntegrationUpdated { integration, .. }
            | Self::IntegrationEnabled { integration, .. }
            | Self::IntegrationDisabled { integration }
            | Self::IntegrationPaused { integration, .. }
            | Self::IntegrationChecked { integration, .. }
            | Self::IntegrationDeleted { integration }
            | Self::ScheduleAdvanced { integration, .. } => (EntityKey::Integration(*integration), None),
            Self::ExecutionCreated { execution, .. }
            | Self::ExecutionClaimed { execution, .. }
            | Self::ExecutionStarted { execution, .. }
            | Self::ExecutionReturned { execution, .. }
            | Self::ExecutionRerouted { execution, .. }
            | Self::ExecutionFenced { execution, .. }
            | Self::LandingCommitted { execution, .. } => (EntityKey::Execution(*execution), None),
            Self::ExecutionCompleted {
                execution, integration, ..
            }
            | Self::ExecutionFailed {
                execution, integration, ..
            } => (
                EntityKey::Execution(*execution),
                Some(EntityKey::Integration(*integration)),
            ),
            Self::RunnerCheckedIn { runner, .. }
            | Self::RunnerLeft { runner, .. }
            | Self::RunnerDrained { runner, .. }
            | Self::RunnerForgotten { runner } => (EntityKey::Runner(*runner), None),
            Self::ConnectorOffered { connector, .. } | Self::ConnectorForgotten { connector } => {
                (EntityKey::Connector(connector.clone()), None)
            }
            Self::ThresholdReached { integration } | Self::ThresholdLeft { integration } => {
                (EntityKey::Integration(*integration), None)
            }
            Self::IncidentOpened { incident, cause, .. } => (
                EntityKey::Incident(*incident),
                cause.integration().map(EntityKey::Integration),
            ),
            Self::IncidentReminded {
                incident, integration, ..
            }
            | Self::IncidentClosed {
                incident, integration, ..
            } => (EntityKey::Incident(*incident), integration.map(EntityKey::Integration)),
            Self::DeliveryTried { incident, .. } | Self::IncidentForgotten { incident } => {
                (EntityKey::Incident(*incident), None)
            }
            Self::Access(event) => (event.entity(), None),
            Self::OrganizationChanged { organization, .. } => (EntityKey::Organization(organization.clone()), None),
            Self::Identity(event) => event.entities(),
            Self::Audited(note) => (EntityKey::AuditLog(note.log.clone()), None),
        }
    }
}
