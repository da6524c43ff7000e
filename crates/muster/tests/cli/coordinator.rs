//! A coordinator in memory: it holds what a test gives it, does the least of what the API promises, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_proto::v1::access_service_server::{AccessService, AccessServiceServer};
use muster_proto::v1::audit_service_server::AuditServiceServer;
use muster_proto::v1::connector_service_server::{ConnectorService, ConnectorServiceServer};
use muster_proto::v1::enrollment_service_server::EnrollmentServiceServer;
use muster_proto::v1::execution_service_server::{ExecutionService, ExecutionServiceServer};
use muster_proto::v1::incident_service_server::{IncidentService, IncidentServiceServer};
use muster_proto::v1::integration_service_server::{IntegrationService, IntegrationServiceServer};
use muster_proto::v1::log_line_service_server::{LogLineService, LogLineServiceServer};
use muster_proto::v1::organization_service_server::OrganizationServiceServer;
use muster_proto::v1::runner_registry_service_server::{RunnerRegistryService, RunnerRegistryServiceServer};
use muster_proto::v1::*;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// One answer of a stream: messages, and then its end.
pub struct Script<T> {
    pub messages: Vec<T>,
    pub end: End,
}

/// How a stream ends.
pub enum End {
    /// Well.
    Well,
    /// With an error.
    Badly(Status),
    /// Never.
    Never,
}

/// What it holds, and what it was asked.
#[derive(Default)]
pub struct State {
    pub integrations: Vec<Integration>,
    pub executions: Vec<Execution>,
    /// What run now answers.
    pub run_answer: Vec<Execution>,
    pub runners: Vec<Runner>,
    pub revoked_runners: Vec<String>,
    pub enrollment_tokens: Vec<EnrollmentToken>,
    pub authority: Authority,
    /// The oldest first.
    pub audit_entries: Vec<AuditEntry>,
    pub audit_listed: Vec<ListAuditEntriesRequest>,
    pub enrollment_asked: Vec<CreateEnrollmentTokenRequest>,
    pub incidents: Vec<Incident>,
    pub connectors: Vec<Connector>,
    pub people: Vec<Person>,
    pub tokens: Vec<Token>,
    pub organizations: Vec<Organization>,
    pub organizations_created: Vec<CreateOrganizationRequest>,
    pub organizations_updated: Vec<UpdateOrganizationRequest>,
    pub log_lines: Vec<LogLine>,
    pub dropped_log_lines: u64,
    /// What the next calls of a method are answered instead.
    pub refusals: HashMap<&'static str, Status>,
    pub watches: VecDeque<Script<WatchExecutionsResponse>>,
    pub tails: VecDeque<Script<TailLogLinesResponse>>,
    pub records: VecDeque<Script<ReadRecordsResponse>>,
    pub checks: VecDeque<Script<CheckIntegrationResponse>>,
    pub paused: Vec<PauseIntegrationRequest>,
    pub created: Vec<CreateIntegrationRequest>,
    pub updated: Vec<UpdateIntegrationRequest>,
    pub ran: Vec<RunIntegrationRequest>,
    pub listed_incidents: Vec<ListIncidentsRequest>,
    pub listed_executions: Vec<ListExecutionsRequest>,
    /// What any list of executions says of what comes next.
    pub upcoming: Vec<UpcomingCollection>,
    pub watched: Vec<WatchExecutionsRequest>,
    pub tailed: Vec<TailLogLinesRequest>,
    pub read: Vec<ReadRecordsRequest>,
}

/// Such a coordinator, listening until it is dropped.
pub struct Coordinator {
    pub url: String,
    state: Arc<Mutex<State>>,
    _server: JoinSet<()>,
}

impl Coordinator {
    /// Listens on a port of its own, and holds this.
    pub async fn start(state: State) -> Self {
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let services = Services(Arc::clone(&state));
        let server = tonic::transport::Server::builder()
            .add_service(AccessServiceServer::new(services.clone()))
            .add_service(AuditServiceServer::new(services.clone()))
            .add_service(IntegrationServiceServer::new(services.clone()))
            .add_service(ExecutionServiceServer::new(services.clone()))
            .add_service(IncidentServiceServer::new(services.clone()))
            .add_service(LogLineServiceServer::new(services.clone()))
            .add_service(RunnerRegistryServiceServer::new(services.clone()))
            .add_service(OrganizationServiceServer::new(services.clone()))
            .add_service(EnrollmentServiceServer::new(services.clone()))
            .add_service(ConnectorServiceServer::new(services))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { server.await.expect("it serves") });
        Self {
            url,
            state,
            _server: tasks,
        }
    }

    /// What it holds now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error as the API gives it.
pub fn refusal(code: Code, reason: &str, message: &str) -> Status {
    refusal_with(code, reason, message, |_| {})
}

/// An error with more details.
pub fn refusal_with(code: Code, reason: &str, message: &str, more: impl FnOnce(&mut ErrorDetails)) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, "muster.v1", HashMap::new());
    more(&mut details);
    Status::with_error_details(code, message, details)
}

#[derive(Clone)]
pub struct Services(Arc<Mutex<State>>);

impl Services {
    /// The state, unless calls of this method are to be refused.
    pub fn open(&self, method: &'static str) -> Result<MutexGuard<'_, State>, Status> {
        let state = lock(&self.0);
        match state.refusals.get(method) {
            Some(status) => Err(status.clone()),
            None => Ok(state),
        }
    }
}

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The next script as a stream; a stream that never says anything when there is none.
fn play<T: Send + 'static>(scripts: &mut VecDeque<Script<T>>) -> Response<Streamed<T>> {
    let script = scripts.pop_front().unwrap_or(Script {
        messages: Vec::new(),
        end: End::Never,
    });
    let messages = tokio_stream::iter(script.messages.into_iter().map(Ok));
    Response::new(match script.end {
        End::Well => Box::pin(messages),
        End::Badly(status) => Box::pin(messages.chain(tokio_stream::once(Err(status)))),
        End::Never => Box::pin(messages.chain(tokio_stream::pending())),
    })
}

fn find<T: Clone>(all: &[T], kind: &str, accept: impl Fn(&T) -> bool) -> Result<Response<T>, Status> {
    let found = all.iter().find(|one| accept(one)).cloned();
    found.map(Response::new).ok_or_else(|| {
        let reason = format!("{}_NOT_FOUND", kind.to_uppercase());
        refusal(Code::NotFound, &reason, &format!("there is no such {kind}"))
    })
}

/// A page of these: the token is where it begins.
pub fn page<T: Clone>(all: &[T], size: i32, token: &str) -> (Vec<T>, String) {
    let start: usize = token.parse().unwrap_or(0);
    let size = if size == 0 {
        100
    } else {
        usize::try_from(size).expect("a size")
    };
    let end = all.len().min(start + size);
    let next = if end < all.len() {
        end.to_string()
    } else {
        String::new()
    };
    (all[start..end].to_vec(), next)
}

#[tonic::async_trait]
impl IntegrationService for Services {
    type WatchIntegrationsStream = Streamed<WatchIntegrationsResponse>;

    async fn watch_integrations(
        &self,
        _: Request<WatchIntegrationsRequest>,
    ) -> Result<Response<Self::WatchIntegrationsStream>, Status> {
        Err(Status::unimplemented("the command line does not call it"))
    }

    async fn preview_schedule(
        &self,
        _: Request<PreviewScheduleRequest>,
    ) -> Result<Response<PreviewScheduleResponse>, Status> {
        Err(Status::unimplemented("the command line does not call it"))
    }

    async fn create_integration(
        &self,
        request: Request<CreateIntegrationRequest>,
    ) -> Result<Response<Integration>, Status> {
        let mut state = self.open("CreateIntegration")?;
        let request = request.into_inner();
        state.created.push(request.clone());
        let integration = request.integration.expect("required");
        Ok(Response::new(Integration {
            name: crate::things::LAPTOPS.to_owned(),
            ..integration
        }))
    }

    async fn get_integration(&self, request: Request<GetIntegrationRequest>) -> Result<Response<Integration>, Status> {
        let name = request.into_inner().name;
        find(&self.open("GetIntegration")?.integrations, "integration", |one| {
            one.name == name
        })
    }

    async fn list_integrations(
        &self,
        request: Request<ListIntegrationsRequest>,
    ) -> Result<Response<ListIntegrationsResponse>, Status> {
        let state = self.open("ListIntegrations")?;
        let request = request.into_inner();
        let accept = |one: &&Integration| {
            let mut terms = request.filter.split(" AND ").filter(|term| !term.is_empty());
            terms.all(|term| match term.split_once(" = ") {
                Some(("display_name", quoted)) => quoted == format!("\"{}\"", one.display_name),
                Some(("connector", quoted)) => quoted == format!("\"{}\"", one.connector),
                Some(("pool", quoted)) => quoted == format!("\"{}\"", one.pool),
                Some(("(condition", _)) => !one.conditions.is_empty(),
                Some(("status", status)) => one.status().as_str_name() == format!("CONFIGURATION_STATUS_{status}"),
                Some(_) | None => panic!("unexpected filter {}", request.filter),
            })
        };
        let all: Vec<Integration> = state.integrations.iter().filter(accept).cloned().collect();
        let (integrations, next_page_token) = page(&all, request.page_size, &request.page_token);
        Ok(Response::new(ListIntegrationsResponse {
            integrations,
            next_page_token,
        }))
    }

    async fn update_integration(
        &self,
        request: Request<UpdateIntegrationRequest>,
    ) -> Result<Response<Integration>, Status> {
        let mut state = self.open("UpdateIntegration")?;
        let request = request.into_inner();
        state.updated.push(request.clone());
        Ok(Response::new(request.integration.expect("required")))
    }

    async fn delete_integration(&self, request: Request<DeleteIntegrationRequest>) -> Result<Response<()>, Status> {
        let name = request.into_inner().name;
        self.open("DeleteIntegration")?
            .integrations
            .retain(|one| one.name != name);
        Ok(Response::new(()))
    }

    async fn enable_integration(
        &self,
        request: Request<EnableIntegrationRequest>,
    ) -> Result<Response<Integration>, Status> {
        let name = request.into_inner().name;
        find(&self.open("EnableIntegration")?.integrations, "integration", |one| {
            one.name == name
        })
    }

    async fn disable_integration(
        &self,
        request: Request<DisableIntegrationRequest>,
    ) -> Result<Response<Integration>, Status> {
        let name = request.into_inner().name;
        find(&self.open("DisableIntegration")?.integrations, "integration", |one| {
            one.name == name
        })
    }

    async fn pause_integration(
        &self,
        request: Request<PauseIntegrationRequest>,
    ) -> Result<Response<Integration>, Status> {
        let mut state = self.open("PauseIntegration")?;
        let request = request.into_inner();
        state.paused.push(request.clone());
        let found = find(&state.integrations, "integration", |one| one.name == request.name)?;
        Ok(Response::new(Integration {
            pause_end_time: request.until,
            ..found.into_inner()
        }))
    }

    async fn resume_integration(
        &self,
        request: Request<ResumeIntegrationRequest>,
    ) -> Result<Response<Integration>, Status> {
        let name = request.into_inner().name;
        find(&self.open("ResumeIntegration")?.integrations, "integration", |one| {
            one.name == name
        })
    }

    type CheckIntegrationStream = Streamed<CheckIntegrationResponse>;

    async fn check_integration(
        &self,
        _request: Request<CheckIntegrationRequest>,
    ) -> Result<Response<Self::CheckIntegrationStream>, Status> {
        Ok(play(&mut self.open("CheckIntegration")?.checks))
    }

    async fn run_integration(
        &self,
        request: Request<RunIntegrationRequest>,
    ) -> Result<Response<RunIntegrationResponse>, Status> {
        let mut state = self.open("RunIntegration")?;
        let request = request.into_inner();
        let executions = state.run_answer.clone();
        state.ran.push(request);
        Ok(Response::new(RunIntegrationResponse { executions }))
    }

    async fn summarize_integrations(
        &self,
        _: Request<SummarizeIntegrationsRequest>,
    ) -> Result<Response<SummarizeIntegrationsResponse>, Status> {
        let state = self.open("SummarizeIntegrations")?;
        let count = |status| state.integrations.iter().filter(|one| one.status() == status).count() as u64;
        let open = |one: &&Incident| one.state() == IncidentState::Open;
        let calls = |one: &&Integration| one.status() == ConfigurationStatus::Active && !one.conditions.is_empty();
        Ok(Response::new(SummarizeIntegrationsResponse {
            active_count: count(ConfigurationStatus::Active),
            error_count: count(ConfigurationStatus::Error),
            disabled_count: count(ConfigurationStatus::Disabled),
            open_incident_count: state.incidents.iter().filter(open).count() as u64,
            attention_count: state.integrations.iter().filter(calls).count() as u64,
        }))
    }

    async fn batch_run_integrations(
        &self,
        _: Request<BatchRunIntegrationsRequest>,
    ) -> Result<Response<BatchRunIntegrationsResponse>, Status> {
        Err(Status::unimplemented("the command line does not call it"))
    }
}

#[tonic::async_trait]
impl ExecutionService for Services {
    type WatchExecutionsStream = Streamed<WatchExecutionsResponse>;
    type ReadRecordsStream = Streamed<ReadRecordsResponse>;

    async fn get_execution(&self, request: Request<GetExecutionRequest>) -> Result<Response<Execution>, Status> {
        let name = request.into_inner().name;
        find(&self.open("GetExecution")?.executions, "execution", |one| {
            one.name == name
        })
    }

    async fn summarize_executions(
        &self,
        _: Request<SummarizeExecutionsRequest>,
    ) -> Result<Response<SummarizeExecutionsResponse>, Status> {
        Err(Status::unimplemented("the command line does not call it"))
    }

    async fn list_executions(
        &self,
        request: Request<ListExecutionsRequest>,
    ) -> Result<Response<ListExecutionsResponse>, Status> {
        let mut state = self.open("ListExecutions")?;
        let request = request.into_inner();
        state.listed_executions.push(request.clone());
        let (executions, next_page_token) = page(&state.executions, request.page_size, &request.page_token);
        Ok(Response::new(ListExecutionsResponse {
            executions,
            next_page_token,
            upcoming: state.upcoming.clone(),
        }))
    }

    async fn cancel_execution(&self, request: Request<CancelExecutionRequest>) -> Result<Response<Execution>, Status> {
        let name = request.into_inner().name;
        find(&self.open("CancelExecution")?.executions, "execution", |one| {
            one.name == name
        })
    }

    async fn watch_executions(
        &self,
        request: Request<WatchExecutionsRequest>,
    ) -> Result<Response<Self::WatchExecutionsStream>, Status> {
        let mut state = self.open("WatchExecutions")?;
        state.watched.push(request.into_inner());
        Ok(play(&mut state.watches))
    }

    async fn read_records(
        &self,
        request: Request<ReadRecordsRequest>,
    ) -> Result<Response<Self::ReadRecordsStream>, Status> {
        let mut state = self.open("ReadRecords")?;
        state.read.push(request.into_inner());
        Ok(play(&mut state.records))
    }
}

#[tonic::async_trait]
impl LogLineService for Services {
    type TailLogLinesStream = Streamed<TailLogLinesResponse>;

    async fn list_log_lines(
        &self,
        request: Request<ListLogLinesRequest>,
    ) -> Result<Response<ListLogLinesResponse>, Status> {
        let state = self.open("ListLogLines")?;
        let request = request.into_inner();
        let (log_lines, next_page_token) = page(&state.log_lines, request.page_size, &request.page_token);
        let dropped_count = state.dropped_log_lines;
        Ok(Response::new(ListLogLinesResponse {
            log_lines,
            next_page_token,
            dropped_count,
        }))
    }

    async fn tail_log_lines(
        &self,
        request: Request<TailLogLinesRequest>,
    ) -> Result<Response<Self::TailLogLinesStream>, Status> {
        let mut state = self.open("TailLogLines")?;
        state.tailed.push(request.into_inner());
        Ok(play(&mut state.tails))
    }
}

#[tonic::async_trait]
impl RunnerRegistryService for Services {
    async fn get_runner(&self, request: Request<GetRunnerRequest>) -> Result<Response<Runner>, Status> {
        let name = request.into_inner().name;
        find(&self.open("GetRunner")?.runners, "runner", |one| one.name == name)
    }

    async fn list_runners(
        &self,
        request: Request<ListRunnersRequest>,
    ) -> Result<Response<ListRunnersResponse>, Status> {
        let request = request.into_inner();
        let (runners, next_page_token) = page(
            &self.open("ListRunners")?.runners,
            request.page_size,
            &request.page_token,
        );
        Ok(Response::new(ListRunnersResponse {
            runners,
            next_page_token,
        }))
    }

    async fn drain_runner(&self, request: Request<DrainRunnerRequest>) -> Result<Response<Runner>, Status> {
        let name = request.into_inner().name;
        find(&self.open("DrainRunner")?.runners, "runner", |one| one.name == name)
    }

    async fn resume_runner(&self, request: Request<ResumeRunnerRequest>) -> Result<Response<Runner>, Status> {
        let name = request.into_inner().name;
        find(&self.open("ResumeRunner")?.runners, "runner", |one| one.name == name)
    }
}

#[tonic::async_trait]
impl IncidentService for Services {
    async fn get_incident(&self, request: Request<GetIncidentRequest>) -> Result<Response<Incident>, Status> {
        let name = request.into_inner().name;
        find(&self.open("GetIncident")?.incidents, "incident", |one| one.name == name)
    }

    async fn list_incidents(
        &self,
        request: Request<ListIncidentsRequest>,
    ) -> Result<Response<ListIncidentsResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.open("ListIncidents")?;
        let (incidents, next_page_token) = page(&state.incidents, request.page_size, &request.page_token);
        state.listed_incidents.push(request);
        Ok(Response::new(ListIncidentsResponse {
            incidents,
            next_page_token,
        }))
    }

    async fn send_test_mail(
        &self,
        request: Request<SendTestMailRequest>,
    ) -> Result<Response<SendTestMailResponse>, Status> {
        drop(self.open("SendTestMail")?);
        let recipient = request.into_inner().recipient;
        Ok(Response::new(SendTestMailResponse {
            answer: format!("250 2.0.0 Ok: {recipient}"),
        }))
    }
}

#[tonic::async_trait]
impl ConnectorService for Services {
    async fn get_connector(&self, request: Request<GetConnectorRequest>) -> Result<Response<Connector>, Status> {
        let name = request.into_inner().name;
        find(&self.open("GetConnector")?.connectors, "connector", |one| {
            one.name == name
        })
    }

    async fn list_connectors(
        &self,
        request: Request<ListConnectorsRequest>,
    ) -> Result<Response<ListConnectorsResponse>, Status> {
        let request = request.into_inner();
        let (connectors, next_page_token) = page(
            &self.open("ListConnectors")?.connectors,
            request.page_size,
            &request.page_token,
        );
        Ok(Response::new(ListConnectorsResponse {
            connectors,
            next_page_token,
        }))
    }
}

/// Whom it holds; the command line is tested with the real service in `access.rs`.
#[tonic::async_trait]
impl AccessService for Services {
    async fn who_am_i(&self, _request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        Ok(Response::new(WhoAmIResponse {
            principal: "operator local".to_owned(),
            ..Default::default()
        }))
    }

    async fn create_person(&self, request: Request<CreatePersonRequest>) -> Result<Response<Person>, Status> {
        Ok(Response::new(request.into_inner().person.unwrap_or_default()))
    }

    async fn get_person(&self, request: Request<GetPersonRequest>) -> Result<Response<Person>, Status> {
        self.person(&request.into_inner().name)
    }

    async fn list_people(&self, request: Request<ListPeopleRequest>) -> Result<Response<ListPeopleResponse>, Status> {
        let parent = request.into_inner().parent;
        let people = self.open("list_people")?.people.clone().into_iter();
        Ok(Response::new(ListPeopleResponse {
            people: people.filter(|person| person.name.starts_with(&parent)).collect(),
            ..Default::default()
        }))
    }

    async fn update_person(&self, request: Request<UpdatePersonRequest>) -> Result<Response<Person>, Status> {
        Ok(Response::new(request.into_inner().person.unwrap_or_default()))
    }

    async fn disable_person(&self, request: Request<DisablePersonRequest>) -> Result<Response<Person>, Status> {
        self.person(&request.into_inner().name)
    }

    async fn enable_person(&self, request: Request<EnablePersonRequest>) -> Result<Response<Person>, Status> {
        self.person(&request.into_inner().name)
    }

    async fn delete_person(&self, request: Request<DeletePersonRequest>) -> Result<Response<()>, Status> {
        self.person(&request.into_inner().name).map(|_| Response::new(()))
    }

    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        Ok(Response::new(CreateTokenResponse {
            token: request.into_inner().token,
            text: "mst_text".to_owned(),
        }))
    }

    async fn get_token(&self, request: Request<GetTokenRequest>) -> Result<Response<Token>, Status> {
        let name = request.into_inner().name;
        let found = self
            .open("get_token")?
            .tokens
            .iter()
            .find(|one| one.name == name)
            .cloned();
        let not_found = || refusal(Code::NotFound, "TOKEN_NOT_FOUND", "there is no such token");
        found.map(Response::new).ok_or_else(not_found)
    }

    async fn list_tokens(&self, _request: Request<ListTokensRequest>) -> Result<Response<ListTokensResponse>, Status> {
        let tokens = self.open("list_tokens")?.tokens.clone();
        Ok(Response::new(ListTokensResponse {
            tokens,
            ..Default::default()
        }))
    }

    async fn revoke_token(&self, request: Request<RevokeTokenRequest>) -> Result<Response<Token>, Status> {
        Ok(Response::new(Token {
            name: request.into_inner().name,
            ..Default::default()
        }))
    }
}

impl Services {
    fn person(&self, name: &str) -> Result<Response<Person>, Status> {
        let found = self.open("person")?.people.iter().find(|one| one.name == name).cloned();
        let not_found = || refusal(Code::NotFound, "PERSON_NOT_FOUND", "there is no such person");
        found.map(Response::new).ok_or_else(not_found)
    }
}
