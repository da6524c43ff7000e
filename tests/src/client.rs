//! What an operator asks the coordinator, by the wire itself.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::ExecutionStatus;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::incident_service_client::IncidentServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::log_line_service_client::LogLineServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::wait::{LIMIT, eventually};

/// The organization of all tests.
pub const ORGANIZATION: &str = "organizations/default";

/// How long a call may take: longer than any that a coordinator answers.
const CALL_WITHIN: Duration = Duration::from_secs(20);

/// How long a new connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// An integration to be created.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What people call it.
    pub name: String,
    /// Its connector.
    pub connector: String,
    /// Its pool.
    pub pool: String,
    /// What it collects; all that the connector offers when empty.
    pub data_types: Vec<String>,
    /// Its configuration: texts and numbers by their keys.
    pub configuration: BTreeMap<String, Kind>,
    /// How often each data type is collected; as the connector has it when `None`.
    pub every: Option<Duration>,
    /// Whom its errors are told to; nobody when `None`.
    pub notifications: Option<v1::ErrorNotifications>,
    /// Only saved, so that nothing is collected.
    pub draft: bool,
}

impl Wanted {
    /// An integration of the pool `default`.
    #[must_use]
    pub fn new(name: &str, connector: &str) -> Self {
        Self {
            name: name.to_owned(),
            connector: connector.to_owned(),
            pool: "default".to_owned(),
            data_types: Vec::new(),
            configuration: BTreeMap::new(),
            every: None,
            notifications: None,
            draft: false,
        }
    }

    /// Of another pool.
    #[must_use]
    pub fn pool(mut self, pool: &str) -> Self {
        pool.clone_into(&mut self.pool);
        self
    }

    /// With this data type, and no other than those named.
    #[must_use]
    pub fn data_type(mut self, data_type: &str) -> Self {
        self.data_types.push(data_type.to_owned());
        self
    }

    /// With its data types collected so often.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval);
        self
    }

    /// With a text in its configuration.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let value = Kind::StringValue(value.to_owned());
        self.configuration.insert(key.to_owned(), value);
        self
    }

    /// With a number in its configuration.
    #[must_use]
    pub fn with_number(mut self, key: &str, value: f64) -> Self {
        self.configuration.insert(key.to_owned(), Kind::NumberValue(value));
        self
    }

    /// With errors that are told.
    #[must_use]
    pub fn notifying(mut self, notifications: v1::ErrorNotifications) -> Self {
        self.notifications = Some(notifications);
        self
    }

    /// Only saved, so that nothing is collected.
    #[must_use]
    pub fn draft(mut self) -> Self {
        self.draft = true;
        self
    }

    fn request(&self, organization: &str) -> v1::CreateIntegrationRequest {
        let fields = self.configuration.iter().map(|(key, kind)| {
            let kind = Some(kind.clone());
            (key.clone(), Value { kind })
        });
        let data_types = self.data_types.iter().map(|name| v1::CollectionSchedule {
            data_type: name.clone(),
            interval: self.every.map(|every| every.try_into().expect("an interval of a test")),
            ..v1::CollectionSchedule::default()
        });
        let integration = v1::Integration {
            display_name: self.name.clone(),
            connector: self.connector.clone(),
            pool: self.pool.clone(),
            configuration: Some(Struct {
                fields: fields.collect(),
            }),
            data_types: data_types.collect(),
            error_notifications: self.notifications.clone(),
            ..v1::Integration::default()
        };
        v1::CreateIntegrationRequest {
            parent: organization.to_owned(),
            integration: Some(integration),
            draft: self.draft,
            ..v1::CreateIntegrationRequest::default()
        }
    }
}

/// A client. Cheap to clone; it connects anew by itself when the coordinator has been away.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    /// The resource name of the organization that it asks about.
    organization: String,
}

impl Client {
    /// A client of the coordinator at `url`.
    ///
    /// # Panics
    /// When that is no URL.
    #[must_use]
    pub fn of(url: &str) -> Self {
        let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL of a test");
        Self {
            channel: endpoint
                .timeout(CALL_WITHIN)
                .connect_timeout(CONNECT_WITHIN)
                .connect_lazy(),
            organization: ORGANIZATION.to_owned(),
        }
    }

    /// The same, which asks about another organization than the first one.
    #[must_use]
    pub fn about(mut self, organization: &str) -> Self {
        self.organization = format!("organizations/{organization}");
        self
    }

    /// How this part of the coordinator is, by `grpc.health.v1`.
    ///
    /// # Panics
    /// When it is not told.
    pub async fn health_of(&self, part: &str) -> ServingStatus {
        let service = part.to_owned();
        let asked = HealthClient::new(self.channel())
            .check(HealthCheckRequest { service })
            .await;
        asked.expect("it is told").into_inner().status()
    }

    /// The connection, for clients of other services.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The service of integrations, for calls that are not below.
    #[must_use]
    pub fn integrations(&self) -> IntegrationServiceClient<Channel> {
        IntegrationServiceClient::new(self.channel())
    }

    fn executions(&self) -> ExecutionServiceClient<Channel> {
        ExecutionServiceClient::new(self.channel())
    }

    /// Creates an integration.
    ///
    /// # Errors
    /// What the coordinator, or the connection to it, has to say against it.
    pub async fn create(&self, wanted: &Wanted) -> Result<v1::Integration, Status> {
        let created = self
            .integrations()
            .create_integration(wanted.request(&self.organization))
            .await?;
        Ok(created.into_inner())
    }

    /// Shows an integration.
    ///
    /// # Errors
    /// As above.
    pub async fn integration(&self, name: &str) -> Result<v1::Integration, Status> {
        let request = v1::GetIntegrationRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        Ok(self.integrations().get_integration(request).await?.into_inner())
    }

    /// Runs an integration now: all data types, or those that are named.
    ///
    /// # Errors
    /// As above.
    pub async fn run(&self, name: &str, data_types: &[&str]) -> Result<Vec<v1::Execution>, Status> {
        let request = v1::RunIntegrationRequest {
            name: name.to_owned(),
            data_types: data_types.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let ran = self.integrations().run_integration(request).await?;
        Ok(ran.into_inner().executions)
    }

    /// Lets a runner check an integration, and waits for the end of that.
    ///
    /// # Errors
    /// As above; so does a runner that gives no answer.
    pub async fn check(&self, name: &str) -> Result<v1::CheckEnded, Status> {
        let request = v1::CheckIntegrationRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        let mut events = self.integrations().check_integration(request).await?.into_inner();
        loop {
            let event = events.message().await?.and_then(|message| message.event);
            match event {
                Some(v1::check_integration_response::Event::Ended(ended)) => return Ok(ended),
                Some(v1::check_integration_response::Event::Begun(_)) => {}
                None => return Err(Status::data_loss("the stream has ended before the check has")),
            }
        }
    }

    /// Calls an integration otherwise.
    ///
    /// # Errors
    /// As above.
    pub async fn rename(&self, name: &str, display_name: &str) -> Result<v1::Integration, Status> {
        let integration = v1::Integration {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            ..v1::Integration::default()
        };
        let request = v1::UpdateIntegrationRequest {
            integration: Some(integration),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["display_name".to_owned()],
            }),
            ..v1::UpdateIntegrationRequest::default()
        };
        Ok(self.integrations().update_integration(request).await?.into_inner())
    }

    /// Deletes an integration.
    ///
    /// # Errors
    /// As above.
    pub async fn delete(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteIntegrationRequest {
            name: name.to_owned(),
            ..v1::DeleteIntegrationRequest::default()
        };
        self.integrations().delete_integration(request).await?;
        Ok(())
    }

    /// Shows an execution.
    ///
    /// # Errors
    /// As above.
    pub async fn execution(&self, name: &str) -> Result<v1::Execution, Status> {
        let request = v1::GetExecutionRequest { name: name.to_owned() };
        Ok(self.executions().get_execution(request).await?.into_inner())
    }

    /// Ends an execution.
    ///
    /// # Errors
    /// As above.
    pub async fn cancel(&self, name: &str) -> Result<v1::Execution, Status> {
        let request = v1::CancelExecutionRequest {
            name: name.to_owned(),
            reason: "a test".to_owned(),
            ..Default::default()
        };
        Ok(self.executions().cancel_execution(request).await?.into_inner())
    }

    /// All executions of all integrations, of all pages.
    ///
    /// # Errors
    /// As above.
    pub async fn all_executions(&self) -> Result<Vec<v1::Execution>, Status> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListExecutionsRequest {
                parent: format!("{}/integrations/-", self.organization),
                page_size: 1_000,
                page_token,
                filter: String::new(),
                ..Default::default()
            };
            let page = self.executions().list_executions(request).await?.into_inner();
            all.extend(page.executions);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    /// The same, again and again while the coordinator is away.
    ///
    /// # Panics
    /// When that goes on for too long.
    pub async fn all_executions_soon(&self) -> Vec<v1::Execution> {
        eventually("all executions", LIMIT, async || {
            self.all_executions().await.map_err(|status| status.to_string())
        })
        .await
    }

    /// All that happens to executions from now on, after what is open now.
    ///
    /// # Errors
    /// As above.
    pub async fn watch(&self) -> Result<Streaming<v1::WatchExecutionsResponse>, Status> {
        self.watch_from("").await
    }

    /// The same, from the message with this token on.
    ///
    /// # Errors
    /// As above.
    pub async fn watch_from(&self, token: &str) -> Result<Streaming<v1::WatchExecutionsResponse>, Status> {
        let request = v1::WatchExecutionsRequest {
            parent: self.organization.clone(),
            resume_token: token.to_owned(),
        };
        let mut request = tonic::Request::new(request);
        // A watch has no end of its own.
        request.set_timeout(Duration::from_secs(600));
        let mut executions = ExecutionServiceClient::new(self.channel.clone());
        Ok(executions.watch_executions(request).await?.into_inner())
    }

    /// The incidents that there are, the newest first.
    ///
    /// # Errors
    /// As above.
    pub async fn incidents(&self) -> Result<Vec<v1::Incident>, Status> {
        let request = v1::ListIncidentsRequest {
            parent: self.organization.clone(),
            ..v1::ListIncidentsRequest::default()
        };
        let mut incidents = IncidentServiceClient::new(self.channel());
        Ok(incidents.list_incidents(request).await?.into_inner().incidents)
    }

    /// The runners that the coordinator knows.
    ///
    /// # Errors
    /// As above.
    pub async fn runners(&self) -> Result<Vec<v1::Runner>, Status> {
        let request = v1::ListRunnersRequest {
            parent: self.organization.clone(),
            page_size: 1_000,
            page_token: String::new(),
            ..Default::default()
        };
        let mut registry = RunnerRegistryServiceClient::new(self.channel());
        Ok(registry.list_runners(request).await?.into_inner().runners)
    }

    /// The log of an execution, its first page.
    ///
    /// # Errors
    /// As above.
    pub async fn log_lines(&self, execution: &str) -> Result<Vec<v1::LogLine>, Status> {
        let request = v1::ListLogLinesRequest {
            parent: execution.to_owned(),
            page_size: 1_000,
            page_token: String::new(),
        };
        let mut lines = LogLineServiceClient::new(self.channel());
        Ok(lines.list_log_lines(request).await?.into_inner().log_lines)
    }

    /// Creates an integration, again and again while the connector is not known yet or the coordinator is away.
    ///
    /// # Panics
    /// When that goes on for too long, or the coordinator refuses it for another reason.
    pub async fn create_soon(&self, wanted: &Wanted) -> v1::Integration {
        let what = format!("the integration `{}` to be created", wanted.name);
        eventually(&what, LIMIT, async || match self.create(wanted).await {
            Ok(created) => Ok(created),
            Err(status) if is_passing(&status) => Err(status.to_string()),
            Err(status) => panic!("`{}` is refused: {status}", wanted.name),
        })
        .await
    }

    /// Waits until an execution is as wanted.
    ///
    /// # Panics
    /// When it is not within `limit`.
    pub async fn until(
        &self,
        execution: &str,
        what: &str,
        limit: Duration,
        is_so: impl Fn(&v1::Execution) -> bool,
    ) -> v1::Execution {
        let what = format!("{} to be {what}", id_of(execution));
        eventually(&what, limit, async || match self.execution(execution).await {
            Ok(found) if is_so(&found) => Ok(found),
            Ok(found) => Err(told(&found)),
            Err(status) => Err(status.to_string()),
        })
        .await
    }

    /// Waits until an execution has this status.
    ///
    /// # Panics
    /// When it has not within the limit.
    pub async fn until_status(&self, execution: &str, status: ExecutionStatus) -> v1::Execution {
        let what = status.as_str_name();
        self.until(execution, what, LIMIT, |found| found.status() == status)
            .await
    }

    /// Waits until an execution has ended, well or badly.
    ///
    /// # Panics
    /// When it has not within `limit`.
    pub async fn until_ended(&self, execution: &str, limit: Duration) -> v1::Execution {
        self.until(execution, "ended", limit, is_final).await
    }

    /// Waits until a runner of this display name is connected.
    ///
    /// # Panics
    /// When it is not within the limit.
    pub async fn until_online(&self, name: &str) -> v1::Runner {
        let what = format!("the runner `{name}` to be online");
        eventually(&what, LIMIT, async || {
            let runners = self.runners().await.map_err(|status| status.to_string())?;
            let found = runners
                .iter()
                .find(|runner| runner.display_name == name && runner.online);
            found.cloned().ok_or_else(|| {
                let seen = runners
                    .iter()
                    .map(|one| (&one.display_name, one.status().as_str_name()));
                format!("{:?}", seen.collect::<Vec<_>>())
            })
        })
        .await
    }

    /// The one open execution of an integration that was just created, or run.
    ///
    /// # Panics
    /// When it has none within the limit, or its integration collects several data types.
    pub async fn open_execution(&self, integration: &str) -> String {
        let what = format!("an open execution of {integration}");
        eventually(&what, LIMIT, async || {
            let found = self.integration(integration).await;
            let found = found.map_err(|status| status.to_string())?;
            let [schedule] = found.data_types.as_slice() else {
                panic!("{integration} collects several data types");
            };
            let open = schedule.open_execution.clone();
            if open.is_empty() {
                Err(format!("{schedule:?}"))
            } else {
                Ok(open)
            }
        })
        .await
    }
}

/// Whether another try may go well: the coordinator is away, or no runner has offered the connector yet.
fn is_passing(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal => true,
        _ => status.message().contains("connector"),
    }
}

fn told(execution: &v1::Execution) -> String {
    let why = execution.explanation.as_ref().map(|why| why.state.as_str());
    let failure = execution.failure.as_ref().map(|failure| failure.message.as_str());
    format!(
        "{} (attempt {}, failures {}, {why:?}, {failure:?})",
        execution.status().as_str_name(),
        execution.attempt,
        execution.failures
    )
}

/// Whether an execution has ended.
#[must_use]
pub fn is_final(execution: &v1::Execution) -> bool {
    match execution.status() {
        ExecutionStatus::Completed | ExecutionStatus::Error => true,
        ExecutionStatus::Created | ExecutionStatus::Pending | ExecutionStatus::Executing => false,
        ExecutionStatus::Unspecified => panic!("an execution without a status: {execution:?}"),
    }
}

/// The status of an execution in a word: `COMPLETED`.
#[must_use]
pub fn status_of(execution: &v1::Execution) -> &'static str {
    execution.status().as_str_name().trim_start_matches("EXECUTION_STATUS_")
}

/// The last part of a name: its id.
#[must_use]
pub fn id_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
