//! A coordinator that asks everybody who they are, and those who answer: what the tests of enrollment, and of the ways to it, stand on.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use muster_identity::pem;
use muster_identity::trust::{Shown, Trust, client_config};
use muster_proto::v1;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use muster_runner::dial::Dialer;
use muster_tests::{Binary, LIMIT, Process, eventually, free_address};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

pub(crate) const PARENT: &str = "organizations/default";

pub(crate) type Operator =
    InterceptedService<Channel, Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send>>;

/// Which programs are run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) coordinator: PathBuf,
    pub(crate) runner: PathBuf,
}

impl Default for Programs {
    /// Those of the sources.
    fn default() -> Self {
        Self {
            coordinator: Binary::Coordinator.path(),
            runner: Binary::Runner.path(),
        }
    }
}

/// What a runner shows that has enrolled with this data folder.
pub(crate) fn identity(folder: &Path) -> Arc<Shown> {
    let text = fs::read(folder.join("identity.pem")).expect("it has enrolled");
    let key = pem::read_key(&text).expect("a key");
    let certificate = pem::certificates(&text).expect("a certificate").remove(0);
    let shown = Shown::default();
    shown
        .show(&certificate, key.secret_pkcs8_der())
        .expect("they belong together");
    Arc::new(shown)
}

/// A coordinator that speaks TLS.
pub(crate) struct Secure {
    programs: Programs,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) arguments: Vec<&'static str>,
    pub(crate) process: Process,
}

impl Secure {
    pub(crate) async fn start(arguments: &[&'static str]) -> Self {
        Self::start_at(free_address(), arguments).await
    }

    pub(crate) async fn start_at(address: SocketAddr, arguments: &[&'static str]) -> Self {
        Self::begin(Programs::default(), address, arguments).await
    }

    /// One of these programs.
    pub(crate) async fn of(programs: Programs, arguments: &[&'static str]) -> Self {
        Self::begin(programs, free_address(), arguments).await
    }

    async fn begin(programs: Programs, address: SocketAddr, arguments: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let command = Binary::command_of(&programs.coordinator);
        let mut secure = Self {
            process: start_as(command, folder.path(), address, arguments, None),
            programs,
            folder,
            address,
            arguments: arguments.to_vec(),
        };
        secure.ready().await;
        secure
    }

    pub(crate) async fn ready(&mut self) {
        self.process.until_logged("the coordinator is ready", LIMIT).await;
    }

    pub(crate) fn url(&self) -> String {
        if self.address.ip().is_unspecified() {
            return format!("https://localhost:{}", self.address.port());
        }
        format!("https://{}", self.address)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn trust(&self) -> Trust {
        let text = fs::read(self.data().join("ca.pem")).expect("it is published");
        Trust::Authorities(pem::certificates(&text).expect("certificates"))
    }

    /// A channel, by which the certificate in this data folder of a runner is shown.
    pub(crate) fn channel(&self, shown: Option<&Path>) -> Channel {
        let config = client_config(&self.trust(), shown.map(identity)).expect("it can be trusted");
        let endpoint = Endpoint::from_shared(self.url()).expect("an address").timeout(LIMIT);
        endpoint.connect_with_connector_lazy(Dialer::new(config))
    }

    /// An admin of the staff.
    pub(crate) fn operator(&self) -> Operator {
        let token = fs::read_to_string(self.data().join("bootstrap-token")).expect("it was made");
        let shown: tonic::metadata::MetadataValue<_> = format!("Bearer {}", token.trim()).parse().expect("a token");
        InterceptedService::new(
            self.channel(None),
            Box::new(move |mut request: Request<()>| {
                request.metadata_mut().insert("authorization", shown.clone());
                Ok(request)
            }),
        )
    }

    pub(crate) async fn token(&self, life: Duration, uses_max: u32) -> String {
        self.token_of(PARENT, life, uses_max).await
    }

    /// A token for runners of the pool `hq` of this organization.
    pub(crate) async fn token_of(&self, parent: &str, life: Duration, uses_max: u32) -> String {
        let create = v1::CreateEnrollmentTokenRequest {
            parent: parent.to_owned(),
            pool: "hq".to_owned(),
            life: life.try_into().ok(),
            uses_max,
        };
        let made = EnrollmentServiceClient::new(self.operator())
            .create_enrollment_token(create)
            .await;
        made.expect("made").into_inner().token
    }

    pub(crate) fn enroll(&self, folder: &Path, token: &str, arguments: &[&str]) -> Output {
        let mut command = Binary::command_of(&self.programs.runner);
        command
            .args(["enroll", "--coordinator", &self.url(), "--token", token])
            .args(arguments);
        command.arg("--data-folder").arg(folder).env("HOME", "/nonexistent");
        command.output().expect("it can be run")
    }

    pub(crate) fn runner(&self, folder: &Path) -> Process {
        let mut command = Binary::command_of(&self.programs.runner);
        command
            .args(["--coordinator", &self.url(), "--data-folder"])
            .arg(folder);
        Process::start(command, &folder.with_extension("log"))
    }

    /// What `muster` answers to these words, of whoever has this home folder.
    pub(crate) fn muster(&self, home: &Path, words: &[&str]) -> Output {
        let mut command = Binary::Cli.command();
        command.env("HOME", home).env_remove("XDG_CONFIG_HOME").args(words);
        command.output().expect("it can be run")
    }

    pub(crate) async fn runners(&self) -> Vec<v1::Runner> {
        let list = v1::ListRunnersRequest {
            parent: PARENT.to_owned(),
            ..Default::default()
        };
        let listed = RunnerRegistryServiceClient::new(self.operator())
            .list_runners(list)
            .await;
        listed.expect("listed").into_inner().runners
    }

    pub(crate) async fn until_online(&self) -> v1::Runner {
        eventually("a runner is online", LIMIT, async || {
            let runners = self.runners().await;
            let online = runners.iter().find(|runner| runner.online).cloned();
            online.ok_or_else(|| format!("{runners:?}"))
        })
        .await
    }

    /// Collects from the machine that the runner of the pool `hq` is on, until that is done.
    pub(crate) async fn collect(&self) {
        let create = v1::CreateIntegrationRequest {
            parent: PARENT.to_owned(),
            integration: Some(v1::Integration {
                display_name: "this machine".to_owned(),
                connector: "host".to_owned(),
                configuration: Some(prost_types::Struct::default()),
                pool: "hq".to_owned(),
                data_types: vec![v1::CollectionSchedule {
                    data_type: "user".to_owned(),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        };
        let created = IntegrationServiceClient::new(self.operator())
            .create_integration(create)
            .await;
        let integration = created.expect("created").into_inner().name;
        eventually("an execution is completed", LIMIT, async || {
            let list = v1::ListExecutionsRequest {
                parent: integration.clone(),
                ..Default::default()
            };
            let listed = ExecutionServiceClient::new(self.operator()).list_executions(list).await;
            let executions = listed.map_err(|status| status.to_string())?.into_inner().executions;
            let done = executions
                .iter()
                .any(|one| one.status() == v1::ExecutionStatus::Completed);
            done.then_some(()).ok_or_else(|| format!("{executions:?}"))
        })
        .await;
    }
}

pub(crate) fn start(folder: &Path, address: SocketAddr, arguments: &[&str], failpoint: Option<&str>) -> Process {
    start_as(Binary::Coordinator.command(), folder, address, arguments, failpoint)
}

fn start_as(
    mut command: Command,
    folder: &Path,
    address: SocketAddr,
    arguments: &[&str],
    failpoint: Option<&str>,
) -> Process {
    command.arg("--data").arg(folder.join("data"));
    command.args(["--listen", &address.to_string()]);
    if !arguments.contains(&"--http-listen") {
        command.args(["--http-listen", "127.0.0.1:0"]);
    }
    command.args(arguments);
    command.envs(failpoint.map(|at| (muster_failpoint::VARIABLE, at)));
    Process::start(command, &folder.join("coordinator.log"))
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
