//! A coordinator's services over a store in memory, on a port of their own, with a runner that the test drives by hand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_coordinator::access::text::TokenText;
use muster_coordinator::disks::Disks;
use muster_coordinator::landing::{Destination, Landing};
use muster_coordinator::service::{Services, explain_errors};
use muster_core::decide::access::{Access, token};
use muster_core::decide::check::report::ReportCheck;
use muster_core::decide::execution::landing::Landed;
use muster_core::decide::execution::{Report, fail, finish, progress};
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::session::presence::Disconnect;
use muster_core::decide::{Answer, Assignment, CheckOrder, Command, Message};
use muster_core::entity::{Offer, Profile};
use muster_core::time::Stamp;
use muster_core::words::{
    Category, Claim, ConnectorName, Counts, DataType, DisplayName, Failure, Grant, OrganizationId, Permission,
    PersonId, Pool, PoolName, Principal, RetentionDays, Role, RunnerId, Scope, SessionId, Slots, TokenId,
};
use muster_process::{TaskError, Tasks};
use muster_proto::v1;
use muster_proto::v1::connector_service_client::ConnectorServiceClient;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::incident_service_client::IncidentServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::log_line_service_client::LogLineServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use muster_session::wire::struct_from_json;
use muster_shard::{LandingWork, Options, Outbox, Running, ShardHandle};
use muster_store::Store;
use muster_store::memory::MemoryBackend;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How long a test waits for something.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a backup waits to be taken.
pub const TAKEN_WITHIN: Duration = Duration::from_secs(3);

pub const ORGANIZATION: &str = "organizations/default";

/// An id that nothing has.
pub const NOBODY: &str = "01936b1e-2f3a-7c4d-8e5f-0123456789ab";

pub struct Rig {
    pub shard: ShardHandle,
    pub services: Services,
    /// With room enough until they are looked at.
    pub disks: Disks,
    channel: Channel,
    address: SocketAddr,
    memory: MemoryBackend,
    running: Running,
    served: JoinHandle<Result<Result<(), tonic::transport::Error>, TaskError>>,
    _landing_work: mpsc::Receiver<LandingWork>,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// The services, and nobody who has checked in.
    pub async fn empty() -> Self {
        Self::over(MemoryBackend::new(), tempfile::tempdir().expect("a folder"), false).await
    }

    /// The same, which lets in only who shows that they may.
    pub async fn guarded() -> Self {
        Self::over(MemoryBackend::new(), tempfile::tempdir().expect("a folder"), true).await
    }

    /// The text of a new token; `person` is whose it is.
    pub async fn token(
        &self,
        scope: &Scope,
        role: Role,
        person: Option<PersonId>,
        expires: Option<Stamp>,
    ) -> (TokenId, String) {
        let id = TokenId(fastrand::u128(..));
        let text = TokenText::new(id);
        let create = token::Create {
            granter: Grant::MOST,
            token: id,
            scope: scope.clone(),
            person,
            name: DisplayName::new("laptop").expect("a name"),
            role: Some(role),
            expires,
            hash: text.hash(),
            request: None,
        };
        self.access(Access::CreateToken(create)).await;
        (id, text.reveal().to_owned())
    }

    /// What somebody who may do everything asks about people and tokens.
    pub async fn access(&self, command: Access) -> Answer {
        let asked = self.shard.ask(Principal::local(), Command::Access(command));
        asked.await.expect("it is allowed")
    }

    /// A new coordinator over what this one has kept, after it has ended.
    pub async fn restart(self) -> Self {
        self.services.tasks.stop();
        drop((self.shard, self.services, self.channel));
        let served = self.served.await.expect("it ends");
        served.expect("no panic").expect("it ends");
        tokio::task::spawn_blocking(move || self.running.join())
            .await
            .expect("no panic")
            .expect("it ends");
        Self::over(self.memory, self._folder, false).await
    }

    async fn over(memory: MemoryBackend, folder: tempfile::TempDir, is_guarded: bool) -> Self {
        let store = Store::on(Arc::new(memory.clone())).expect("memory is there");
        let started = muster_shard::start(store, Options::default()).expect("it is sound");
        let (shard, landing_work, running) = (
            started.handle.taken_within(TAKEN_WITHIN),
            started.landing,
            started.running,
        );
        let founded = muster_coordinator::organizations::found(&shard, RetentionDays::default()).await;
        founded.expect("it runs");
        let landing = Landing::open(folder.path()).expect("a landing");
        let disks = Disks::new([folder.path().to_owned()], 1 << 60);
        let mut services = Services::new(shard.clone(), landing, Tasks::new()).on_disks(disks.clone());
        if is_guarded {
            services = services.guarded();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it has one");
        let served = Server::builder()
            .layer(services.door())
            .add_routes(explain_errors(services.with_runners(services.operator_routes())))
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                services.tasks.token().cancelled_owned(),
            );
        let served = services.tasks.spawn("server", served);
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = channel.connect().await.expect("it listens");
        Self {
            shard,
            services,
            disks,
            channel,
            address,
            memory,
            running,
            served,
            _landing_work: landing_work,
            _folder: folder,
        }
    }

    /// The services, and a connector `ldap` that a runner, which has left again, has offered.
    pub async fn with_connector() -> Self {
        let rig = Self::empty().await;
        let runner = Runner::check_in(&rig.shard, "elsewhere", 1).await;
        runner.leave().await;
        rig
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A connection that takes in next to nothing of what is not read.
    pub async fn narrow_channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).expect("an address");
        let endpoint = endpoint.initial_stream_window_size(1_024);
        endpoint.connect().await.expect("it listens")
    }

    pub fn integrations(&self) -> IntegrationServiceClient<Channel> {
        IntegrationServiceClient::new(self.channel.clone())
    }

    pub fn executions(&self) -> ExecutionServiceClient<Channel> {
        ExecutionServiceClient::new(self.channel.clone())
    }

    pub fn incidents(&self) -> IncidentServiceClient<Channel> {
        IncidentServiceClient::new(self.channel.clone())
    }

    pub fn log_lines(&self) -> LogLineServiceClient<Channel> {
        LogLineServiceClient::new(self.channel.clone())
    }

    pub fn runners(&self) -> RunnerRegistryServiceClient<Channel> {
        RunnerRegistryServiceClient::new(self.channel.clone())
    }

    pub fn connectors(&self) -> ConnectorServiceClient<Channel> {
        ConnectorServiceClient::new(self.channel.clone())
    }

    /// A new integration of the pool `hq` that collects `user` alone.
    pub async fn create(&self, display_name: &str) -> v1::Integration {
        let request = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(integration(display_name)),
            ..Default::default()
        };
        self.integrations()
            .create_integration(request)
            .await
            .expect("it is in order")
            .into_inner()
    }

    pub async fn get(&self, name: &str) -> v1::Integration {
        let request = v1::GetIntegrationRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        self.integrations()
            .get_integration(request)
            .await
            .expect("it is there")
            .into_inner()
    }

    pub async fn execution(&self, name: &str) -> v1::Execution {
        let request = v1::GetExecutionRequest { name: name.to_owned() };
        self.executions()
            .get_execution(request)
            .await
            .expect("it is there")
            .into_inner()
    }

    /// Runs an integration and returns what it opened.
    pub async fn run(&self, name: &str) -> v1::Execution {
        let request = v1::RunIntegrationRequest {
            name: name.to_owned(),
            data_types: Vec::new(),
            ..Default::default()
        };
        let mut executions = self
            .integrations()
            .run_integration(request)
            .await
            .expect("it runs")
            .into_inner()
            .executions;
        executions.remove(0)
    }
}

pub fn integration(display_name: &str) -> v1::Integration {
    v1::Integration {
        display_name: display_name.to_owned(),
        connector: "ldap".to_owned(),
        configuration: struct_from_json(r#"{"server":"dc1","port":636}"#).ok(),
        pool: "hq".to_owned(),
        data_types: vec![v1::CollectionSchedule {
            data_type: "user".to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Asserts how a call was refused: its code, its reason, and the field that it names.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str, field: Option<&str>) {
    let status = answer.expect_err("it is refused");
    let details = status.get_error_details();
    assert_eq!(status.code(), code, "{status:?}");
    let info = details.error_info().expect("every error says its reason");
    let help = details.help().expect("every error says where to read more");
    assert!(
        help.links[0]
            .url
            .ends_with(&format!("/docs/errors.md#{}", reason.to_lowercase())),
        "{help:?}"
    );
    assert_eq!(
        (info.domain.as_str(), info.reason.as_str()),
        ("muster.v1", reason),
        "{status:?}"
    );
    let named = details
        .bad_request()
        .and_then(|bad| bad.field_violations.first())
        .map(|fault| fault.field.as_str());
    assert_eq!(named, field, "{status:?}");
}

/// A runner whose session the test holds in its hand.
pub struct Runner {
    pub id: RunnerId,
    pub session: SessionId,
    outbox: Outbox,
    waiting: VecDeque<Assignment>,
    shard: ShardHandle,
}

impl Runner {
    pub async fn check_in(shard: &ShardHandle, pool: &str, slots: u32) -> Self {
        let mut chance = fastrand::Rng::new();
        let id = RunnerId::generate(Stamp::from_millis(1), &mut chance);
        let session = SessionId::generate(Stamp::from_millis(1), &mut chance);
        let outbox = shard.open_outbox(session);
        let organization = OrganizationId::new("default").expect("a name");
        let pool = Pool::named(&organization, &PoolName::new(pool).expect("a name"));
        let command = CheckIn {
            runner: id,
            key: None,
            instance: None,
            session,
            profile: Profile {
                display_name: DisplayName::new("hq-1").expect("a name"),
                organization: pool.organization.clone(),
                pool,
                version: "0.1.0".into(),
                platform: "linux/x86_64".into(),
                slots: Slots(slots),
                connectors: vec![ConnectorName::new("ldap").expect("a name")],
                sealing_key: None,
            },
            offers: vec![Offer {
                name: ConnectorName::new("ldap").expect("a name"),
                version: "1.0.0".into(),
                specification: SPECIFICATION.into(),
                permissions: vec![Permission {
                    name: "read the directory".to_owned(),
                    purpose: "to find accounts".to_owned(),
                    required: true,
                    data_types: vec![DataType::new("user").expect("a name")],
                }],
            }],
            running: Vec::new(),
            finished: Vec::new(),
        };
        shard
            .ask(Principal::Runner(id), Command::CheckIn(command))
            .await
            .expect("it is welcome");
        Self {
            id,
            session,
            outbox,
            waiting: VecDeque::new(),
            shard: shard.clone(),
        }
    }

    /// The next assignment. Other messages are passed over.
    pub async fn assigned(&mut self) -> Assignment {
        loop {
            if let Some(assignment) = self.waiting.pop_front() {
                return assignment;
            }
            let told = tokio::time::timeout(PATIENCE, self.outbox.recv())
                .await
                .expect("a message in time");
            for message in told.expect("the session goes on") {
                if let Message::Assign(assignment) = message {
                    self.waiting.push_back(*assignment);
                }
            }
        }
    }

    /// The next check that it is asked for. Other messages are passed over.
    pub async fn asked_to_check(&mut self) -> CheckOrder {
        loop {
            let told = tokio::time::timeout(PATIENCE, self.outbox.recv())
                .await
                .expect("a message in time");
            for message in told.expect("the session goes on") {
                match message {
                    Message::Check(order) => return *order,
                    Message::Assign(assignment) => self.waiting.push_back(*assignment),
                    _ => {}
                }
            }
        }
    }

    /// Says how a check has ended.
    pub async fn checked(&self, order: &CheckOrder, failure: Option<Failure>) {
        let report = ReportCheck {
            runner: self.id,
            session: self.session,
            check: order.check,
            failure,
        };
        self.says(Command::ReportCheck(report)).await;
    }

    fn report(&self, assignment: &Assignment) -> Report {
        let claim = Claim {
            runner: self.id,
            attempt: assignment.attempt,
        };
        Report {
            execution: assignment.execution,
            claim,
        }
    }

    async fn says(&self, command: Command) {
        self.shard
            .ask(Principal::Runner(self.id), command)
            .await
            .expect("it is taken");
    }

    pub async fn leave(self) {
        let disconnect = Disconnect {
            runner: self.id,
            session: self.session,
        };
        self.says(Command::Disconnect(disconnect)).await;
    }

    pub async fn start(&self, assignment: &Assignment) {
        self.says(Command::Start(progress::Start(self.report(assignment))))
            .await;
    }

    pub async fn finish_without_records(&self, assignment: &Assignment) {
        let report = self.report(assignment);
        let finish = finish::Finish {
            report,
            counts: Counts::default(),
            cursor: None,
            staged: None,
        };
        self.says(Command::Finish(finish)).await;
    }

    /// Uploads records and finishes, and publishes them as the coordinator does.
    pub async fn finish_with(&self, rig: &Rig, assignment: &Assignment, lines: &'static str) {
        let destination = Destination {
            organization: assignment.organization.clone(),
            integration: assignment.integration,
            data_type: assignment.data_type.clone(),
            execution: assignment.execution,
        };
        let landing = &rig.services.landing;
        let stage = landing
            .stage(destination.clone(), assignment.attempt, Stamp::from_millis(1))
            .await;
        let mut stage = stage.expect("the landing is there");
        stage.write(lines.into()).await.expect("they are records");
        let staged = stage.finish().await.expect("they are staged");
        let report = self.report(assignment);
        let finish = finish::Finish {
            report,
            counts: staged.counts,
            cursor: None,
            staged: Some(staged.clone()),
        };
        self.says(Command::Finish(finish)).await;
        landing
            .publish(&destination, &staged)
            .await
            .expect("they are published");
        let landed = Landed {
            execution: assignment.execution,
        };
        self.shard
            .ask(Principal::Coordinator, Command::Landed(landed))
            .await
            .expect("it has landed");
    }

    pub async fn fail(&self, assignment: &Assignment, category: Category) {
        let report = self.report(assignment);
        let failure = Failure::new(category, "dc1 said no");
        self.says(Command::Fail(fail::Fail { report, failure })).await;
    }
}

const SPECIFICATION: &str = r#"{
    "connector": "ldap",
    "version": "1.0.0",
    "title": "Directory",
    "description": "Reads a directory",
    "configuration_schema": {
        "type": "object",
        "required": ["server"],
        "additionalProperties": false,
        "properties": {
            "server": {"type": "string"},
            "port": {"type": "integer", "minimum": 1},
            "password": {"type": "string", "writeOnly": true}
        }
    },
    "data_types": [
        {"data_type": "user", "default_interval_s": 7200, "primary_key": ["sid"]},
        {"data_type": "device", "primary_key": ["sid"]},
        {"data_type": "software", "primary_key": ["name"]}
    ]
}"#;
