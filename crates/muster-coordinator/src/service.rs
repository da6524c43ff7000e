//! The gRPC services, one file each. A service takes a request apart by `wire`, asks the shard in a turn of its writer, and makes the
//! answer of what the turn gave it, outside of the turn. What goes wrong is a `ServiceError` until its last line.

mod access;
mod audit;
mod check_in;
mod connectors;
mod coordinator;
mod enrollment;
mod executions;
mod explained;
mod identity;
mod incidents;
mod integrations;
mod log_keeper;
mod log_lines;
mod maintenance;
mod organizations;
mod progress;
mod rehearsal;
mod runner;
mod runners;
pub(crate) mod said;
mod schemas;
mod upload;

use std::sync::Arc;

use muster_core::decide::organization;
use muster_core::words::{OrganizationId, RetentionDays, Scope};
use muster_process::Tasks;
use muster_proto::v1;
use muster_shard::ShardHandle;
use tonic::service::Routes;

use crate::access::{Door, Guard, Used, refused};
use crate::audit::Refusals;
use crate::caller::Call;
use crate::disks::Disks;
use crate::identity::Registrar;
use crate::kept::Kept;
use crate::landing::Landing;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::metrics::Metrics;
use crate::status::ServiceError;
use integrations::attention::Attention;
use said::SaidByRunners;
use schemas::SoundSchemas;

pub use crate::wire::token::TokenKey;
pub(crate) use coordinator::itself;
pub use explained::explain_errors;
pub use progress::Progress;

/// The most bytes of a request of an operator: a configuration of 64 KiB with all that stands beside it, or a thousand names.
pub(crate) const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// All that the services share. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Services {
    /// The way to the ledger.
    pub shard: ShardHandle,
    /// Where records are put.
    pub landing: Landing,
    /// How much of it each organization takes.
    pub(crate) kept: Kept,
    /// The tasks of this process: its token ends all streams.
    pub tasks: Tasks,
    /// How far collections have come.
    pub progress: Progress,
    /// For how long the history of a new organization is kept, where nothing is said.
    retention: RetentionDays,
    disks: Disks,
    limits: Limits,
    metrics: Metrics,
    pub(crate) mailer: Mailer,
    tokens: TokenKey,
    registrar: Option<Registrar>,
    said: SaidByRunners,
    schemas: SoundSchemas,
    /// Which integrations call for attention.
    attention: Attention,
    /// What the coordinator tells of itself.
    itself: Arc<v1::Coordinator>,
    /// Whoever has it verifies; there is one.
    verifying: Arc<tokio::sync::Mutex<()>>,
    /// Whether callers must show who they are.
    is_guarded: bool,
    pub(crate) used: Used,
    /// Where it is kept that calls were refused.
    pub(crate) refusals: Refusals,
    /// The same of test mails.
    trying_mail: Arc<tokio::sync::Mutex<()>>,
}

impl Services {
    /// The services over this shard and this landing.
    #[must_use]
    pub fn new(shard: ShardHandle, landing: Landing, tasks: Tasks) -> Self {
        Self {
            refusals: Refusals::new(shard.clone()),
            shard,
            landing,
            kept: Kept::default(),
            tasks,
            progress: Progress::default(),
            retention: RetentionDays::default(),
            disks: Disks::default(),
            limits: Limits::default(),
            metrics: Metrics::default(),
            mailer: Mailer::default(),
            tokens: TokenKey::random(),
            registrar: None,
            said: SaidByRunners::default(),
            schemas: SoundSchemas::default(),
            attention: Attention::default(),
            itself: Arc::default(),
            verifying: Arc::default(),
            is_guarded: false,
            used: Used::default(),
            trying_mail: Arc::default(),
        }
    }

    /// The same, with these buckets for what comes from one runner.
    #[must_use]
    pub fn limited_by(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, which keep the history of new organizations for so long.
    #[must_use]
    pub fn keeping(mut self, retention: RetentionDays) -> Self {
        self.retention = retention;
        self
    }

    /// The same, on disks that may have too little room.
    #[must_use]
    pub fn on_disks(mut self, disks: Disks) -> Self {
        self.disks = disks;
        self
    }

    /// The same, which count into these.
    pub(crate) fn counted_by(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The same, which send mails by this.
    pub(crate) fn mailing_by(mut self, mailer: Mailer) -> Self {
        self.mailer = mailer;
        self
    }

    /// The same, which asks runners for the certificates that this issues. Without, nobody is asked.
    pub(crate) fn certified_by(mut self, registrar: Registrar) -> Self {
        self.registrar = Some(registrar);
        self
    }

    /// The same, of a coordinator that tells this of itself.
    pub(crate) fn telling(mut self, itself: v1::Coordinator) -> Self {
        self.itself = Arc::new(itself);
        self
    }

    /// The disks on which it works.
    pub(crate) fn disks(&self) -> &Disks {
        &self.disks
    }

    /// The same, with page tokens that are sealed by this key, and so go on after a restart.
    #[must_use]
    pub fn with_token_key(mut self, key: TokenKey) -> Self {
        self.tokens = key;
        self
    }

    /// The routes of all operators' services.
    #[must_use]
    pub fn operator_routes(&self) -> Routes {
        use v1::access_service_server::AccessServiceServer;
        use v1::audit_service_server::AuditServiceServer;
        use v1::connector_service_server::ConnectorServiceServer;
        use v1::coordinator_service_server::CoordinatorServiceServer;
        use v1::enrollment_service_server::EnrollmentServiceServer;
        use v1::execution_service_server::ExecutionServiceServer;
        use v1::incident_service_server::IncidentServiceServer;
        use v1::integration_service_server::IntegrationServiceServer;
        use v1::log_line_service_server::LogLineServiceServer;
        use v1::maintenance_service_server::MaintenanceServiceServer;
        use v1::organization_service_server::OrganizationServiceServer;
        use v1::runner_registry_service_server::RunnerRegistryServiceServer;
        let mut routes = Routes::builder();
        routes
            .add_service(AccessServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(AuditServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(CoordinatorServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(IntegrationServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(EnrollmentServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(ExecutionServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(IncidentServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(LogLineServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(MaintenanceServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(OrganizationServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(RunnerRegistryServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(ConnectorServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX));
        routes.routes()
    }

    /// Whether there is such an organization.
    #[must_use]
    pub fn has_organization(&self, organization: &OrganizationId) -> bool {
        self.shard.directory().organization(organization).is_some()
    }

    /// Whether what belongs to an organization is the caller's to see: the one place where that is judged. One of somebody else and one that is not there
    /// give the same answer.
    ///
    /// # Errors
    /// [`ServiceError::OrganizationNotFound`].
    fn judge_organization(&self, call: &Call, organization: &OrganizationId) -> Result<(), ServiceError> {
        let not_found = || ServiceError::OrganizationNotFound(organization.clone());
        if !self.has_organization(organization) {
            return Err(not_found());
        }
        if !call.caller.is_of(&Scope::Organization(organization.clone())) {
            let error = not_found();
            refused::note(call, &error, organization.as_str());
            return Err(error);
        }
        Ok(())
    }

    /// The door that all calls of these services come through.
    #[must_use]
    pub fn door(&self) -> Door {
        let guard = self.is_guarded.then(|| Guard {
            shard: self.shard.clone(),
            limits: self.limits.clone(),
            metrics: self.metrics.clone(),
            used: self.used.clone(),
        });
        Door {
            guard,
            refusals: self.refusals.clone(),
        }
    }

    /// Writes when tokens were used last. The coordinator does so every few seconds.
    pub async fn note_used_tokens(&self) {
        self.used.write(&self.shard).await;
    }

    /// The same, which let in only who shows that they may: without this whoever comes is an admin of the staff.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.is_guarded = true;
        self
    }

    /// Refuses what an organization may not do while nothing new happens in it, without a turn of the writer. Commands are judged once more, by the core.
    ///
    /// # Errors
    /// [`ServiceError::OrganizationNotFound`]; [`Rejection::OrganizationSuspended`] or [`Rejection::OrganizationClosing`].
    fn judge_active(&self, organization: &OrganizationId) -> Result<(), ServiceError> {
        let found = self.shard.directory().organization(organization);
        let found = found.ok_or_else(|| ServiceError::OrganizationNotFound(organization.clone()))?;
        Ok(organization::judge(&found)?)
    }

    /// Refuses what makes new work while none can be taken.
    pub(crate) fn judge_ready(&self) -> Result<(), ServiceError> {
        if self.tasks.token().is_cancelled() {
            return Err(ServiceError::ShuttingDown);
        }
        if let Some(fault) = self.shard.clock_fault() {
            return Err(ServiceError::ClockWrong(fault));
        }
        self.judge_room()
    }

    /// Refuses what would fill a disk that has too little room.
    fn judge_room(&self) -> Result<(), ServiceError> {
        self.disks
            .shortage()
            .map_or(Ok(()), |shortage| Err(ServiceError::DiskLow(shortage)))
    }
}
