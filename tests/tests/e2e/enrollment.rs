//! Enrollment and TLS, with real binaries and real certificates: from the token to the records, and to the revocation.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use muster_identity::trust::{Shown, Trust, client_config};
use muster_identity::{EnrollmentToken, SigningRequest, pem};
use muster_proto::v1;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use muster_runner::dial::Dialer;
use muster_tests::{Binary, LIMIT, Process, eventually, free_address};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

const PARENT: &str = "organizations/default";

/// Within which time a revocation has effect on a stream that is open.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

type Operator = InterceptedService<Channel, Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send>>;

/// A coordinator that speaks TLS.
struct Secure {
    folder: tempfile::TempDir,
    address: SocketAddr,
    arguments: Vec<&'static str>,
    process: Process,
}

impl Secure {
    async fn start(arguments: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let mut secure = Self {
            process: start(folder.path(), address, arguments, None),
            folder,
            address,
            arguments: arguments.to_vec(),
        };
        secure.ready().await;
        secure
    }

    async fn ready(&mut self) {
        self.process.until_logged("the coordinator is ready", LIMIT).await;
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn trust(&self) -> Trust {
        let text = fs::read(self.data().join("ca.pem")).expect("it is published");
        Trust::Authorities(pem::certificates(&text).expect("certificates"))
    }

    /// A channel, by which the certificate in this data folder of a runner is shown.
    fn channel(&self, shown: Option<&Path>) -> Channel {
        let shown = shown.map(|folder| {
            let text = fs::read(folder.join("identity.pem")).expect("it has enrolled");
            let key = pem::read_key(&text).expect("a key");
            let certificate = pem::certificates(&text).expect("a certificate").remove(0);
            let shown = Shown::default();
            shown
                .show(&certificate, key.secret_pkcs8_der())
                .expect("they belong together");
            std::sync::Arc::new(shown)
        });
        let config = client_config(&self.trust(), shown).expect("it can be trusted");
        let endpoint = Endpoint::from_shared(self.url()).expect("an address").timeout(LIMIT);
        endpoint.connect_with_connector_lazy(Dialer::new(config))
    }

    /// An admin of the staff.
    fn operator(&self) -> Operator {
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

    async fn token(&self, life: Duration, uses_max: u32) -> String {
        let create = v1::CreateEnrollmentTokenRequest {
            parent: PARENT.to_owned(),
            pool: "hq".to_owned(),
            life: life.try_into().ok(),
            uses_max,
        };
        let made = EnrollmentServiceClient::new(self.operator())
            .create_enrollment_token(create)
            .await;
        made.expect("made").into_inner().token
    }

    fn enroll(&self, folder: &Path, token: &str, arguments: &[&str]) -> Output {
        let mut command = Binary::Runner.command();
        command
            .args(["enroll", "--coordinator", &self.url(), "--token", token])
            .args(arguments);
        command.arg("--data-folder").arg(folder).env("HOME", "/nonexistent");
        command.output().expect("it can be run")
    }

    fn runner(&self, folder: &Path) -> Process {
        let mut command = Binary::Runner.command();
        command
            .args(["--coordinator", &self.url(), "--data-folder"])
            .arg(folder);
        Process::start(command, &folder.with_extension("log"))
    }

    async fn runners(&self) -> Vec<v1::Runner> {
        let list = v1::ListRunnersRequest {
            parent: PARENT.to_owned(),
            ..Default::default()
        };
        let listed = RunnerRegistryServiceClient::new(self.operator())
            .list_runners(list)
            .await;
        listed.expect("listed").into_inner().runners
    }

    async fn until_online(&self) -> v1::Runner {
        eventually("a runner is online", LIMIT, async || {
            let runners = self.runners().await;
            let online = runners.iter().find(|runner| runner.online).cloned();
            online.ok_or_else(|| format!("{runners:?}"))
        })
        .await
    }
}

fn start(folder: &Path, address: SocketAddr, arguments: &[&str], failpoint: Option<&str>) -> Process {
    let mut command = Binary::Coordinator.command();
    command.arg("--data").arg(folder.join("data"));
    command.args(["--listen", &address.to_string(), "--http-listen", "127.0.0.1:0"]);
    command.args(arguments);
    command.envs(failpoint.map(|at| (muster_failpoint::VARIABLE, at)));
    Process::start(command, &folder.join("coordinator.log"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_enrolls_collects_over_mtls_renews_and_is_revoked_at_once() {
    let secure = Secure::start(&["--certificate-life", "10s"]).await;
    let folder = secure.folder.path().join("runner");
    // What is not enrolled does not start, and says what to do.
    let mut early = secure.runner(&folder);
    let status = early.ended(LIMIT).await;
    assert!(
        !status.success() && early.log().contains("muster-runner enroll --token"),
        "{}",
        early.log()
    );

    let token = secure.token(Duration::from_secs(600), 1).await;
    let enrolled = secure.enroll(&folder, &token, &[]);
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let file = folder.join("identity.pem");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!folder.join("enrolling-key.pem").exists());
    let first = fs::read(&file).expect("read");
    // Again is only by being asked for.
    let again = secure.enroll(&folder, &token, &[]);
    assert!(
        !again.status.success() && said(&again).contains("enrolled already"),
        "{}",
        said(&again)
    );
    assert!(secure.enroll(&folder, &token, &["--unless-enrolled"]).status.success());

    let mut runner = secure.runner(&folder);
    let online = secure.until_online().await;
    assert_eq!(online.pool, "hq");
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
    let created = IntegrationServiceClient::new(secure.operator())
        .create_integration(create)
        .await;
    let integration = created.expect("created").into_inner().name;
    eventually("an execution is completed", LIMIT, async || {
        let list = v1::ListExecutionsRequest {
            parent: integration.clone(),
            ..Default::default()
        };
        let listed = ExecutionServiceClient::new(secure.operator())
            .list_executions(list)
            .await;
        let executions = listed.map_err(|status| status.to_string())?.into_inner().executions;
        let done = executions
            .iter()
            .any(|one| one.status() == v1::ExecutionStatus::Completed);
        done.then_some(()).ok_or_else(|| format!("{executions:?}"))
    })
    .await;
    // It renews twice and more, and its stream goes on.
    let check_ins = |log: &str| log.matches("checked in").count();
    eventually("it has outlived its first certificate twice", LIMIT, async || {
        let renewed = runner.log().matches("certificate is renewed").count();
        (renewed >= 4).then_some(()).ok_or_else(|| runner.log())
    })
    .await;
    assert_ne!(fs::read(&file).expect("read"), first);
    assert_eq!(check_ins(&runner.log()), 1, "{}", runner.log());

    // Its certificate opens no operator's call.
    let list = v1::ListRunnersRequest {
        parent: PARENT.to_owned(),
        ..Default::default()
    };
    let refused = RunnerRegistryServiceClient::new(secure.channel(Some(&folder)))
        .list_runners(list)
        .await;
    assert_eq!(refused.expect_err("refused").code(), Code::PermissionDenied);

    let revoke = v1::RevokeRunnerRequest {
        name: online.name.clone(),
    };
    let asked = Instant::now();
    let revoked = EnrollmentServiceClient::new(secure.operator())
        .revoke_runner(revoke)
        .await;
    assert_eq!(
        revoked.expect("revoked").into_inner().bar_reason(),
        v1::BarReason::Revoked
    );
    eventually("the runner has heard of it", REVOKED_WITHIN, async || {
        let log = runner.log();
        log.contains("was revoked").then_some(()).ok_or(log)
    })
    .await;
    println!("revoked on an open stream after {:?}", asked.elapsed());
    assert!(secure.runners().await.iter().all(|runner| !runner.online));
    assert!(runner.log().contains("enroll --again"), "{}", runner.log());
    // With a new token it is another runner.
    runner.terminate(LIMIT).await;
    let token = secure.token(Duration::from_secs(600), 1).await;
    let again = secure.enroll(&folder, &token, &["--again"]);
    assert!(again.status.success(), "{}", said(&again));
    let mut runner = secure.runner(&folder);
    assert_ne!(secure.until_online().await.name, online.name);
    runner.terminate(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_lets_nobody_in() {
    let secure = Secure::start(&[]).await;
    let folder = |name: &str| secure.folder.path().join(name);
    let used = secure.token(Duration::from_secs(600), 1).await;
    assert!(secure.enroll(&folder("first"), &used, &[]).status.success());
    let revoked = secure.token(Duration::from_secs(600), 1).await;
    let id = revoked.parse::<EnrollmentToken>().expect("a token").id;
    let revoke = v1::RevokeEnrollmentTokenRequest {
        name: format!("{PARENT}/enrollmentTokens/{id}"),
    };
    let done = EnrollmentServiceClient::new(secure.operator())
        .revoke_enrollment_token(revoke)
        .await;
    assert!(done.expect("revoked").into_inner().revoke_time.is_some());
    let mut mistyped = used.clone();
    mistyped.replace_range(60..61, if &used[60..61] == "0" { "1" } else { "0" });
    for (token, part) in [
        (used.as_str(), "was used for as many runners"),
        (revoked.as_str(), "was revoked"),
        (&used[..used.len() - 3], "cut or mistyped"),
        (mistyped.as_str(), "cut or mistyped"),
        ("mst_not_one", "no enrollment token"),
    ] {
        let output = secure.enroll(&folder("second"), token, &[]);
        assert!(
            !output.status.success() && said(&output).contains(part),
            "{part}: {}",
            said(&output)
        );
        assert!(!folder("second/identity.pem").exists());
    }
    // A token of another coordinator pins another authority: nothing of it is sent to this one.
    let other = Secure::start(&[]).await;
    let foreign = other.token(Duration::from_secs(600), 1).await;
    let output = secure.enroll(&folder("second"), &foreign, &[]);
    assert!(
        !output.status.success() && said(&output).contains("is not the coordinator"),
        "{}",
        said(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_and_two_keys_never_share_a_use() {
    let mut secure = Secure::start(&[]).await;
    let token = secure.token(Duration::from_secs(600), 1).await;
    // It dies when the identity is durable and the answer is not sent.
    secure.process.kill_9();
    secure.process = start(
        secure.folder.path(),
        secure.address,
        &secure.arguments,
        Some("enrolled:1:0"),
    );
    secure.ready().await;
    let folder = secure.folder.path().join("runner");
    let lost = secure.enroll(&folder, &token, &[]);
    assert!(!lost.status.success(), "{}", said(&lost));
    secure.process.ended(LIMIT).await;
    secure.process = start(secure.folder.path(), secure.address, &secure.arguments, None);
    secure.ready().await;
    // Somebody else comes too late, the runner itself does not.
    let other = secure.enroll(&secure.folder.path().join("other"), &token, &[]);
    assert!(said(&other).contains("was used for as many"), "{}", said(&other));
    let again = secure.enroll(&folder, &token, &[]);
    assert!(again.status.success(), "{}", said(&again));

    let raced = secure.token(Duration::from_secs(600), 1).await;
    let race = (0..8).map(|_| {
        let mut client = IdentityServiceClient::new(secure.channel(None));
        let key = muster_identity::authority::new_key().expect("a key");
        let request = v1::EnrollRequest {
            token: raced.clone(),
            signing_request: SigningRequest::make(&key).expect("a request").into(),
        };
        async move { client.enroll(request).await.is_ok() }
    });
    let won = futures_util::future::join_all(race).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_order_ends_with_the_handshake() {
    let secure = Secure::start(&[]).await;
    // Without TLS nobody is heard.
    let plain = Endpoint::from_shared(format!("http://{}", secure.address))
        .expect("an address")
        .timeout(LIMIT);
    let list = || v1::ListRunnersRequest {
        parent: PARENT.to_owned(),
        ..Default::default()
    };
    let refused = RunnerRegistryServiceClient::new(plain.connect_lazy())
        .list_runners(list())
        .await;
    assert!(refused.is_err(), "{refused:?}");
    // A runner of another coordinator has a certificate of another authority, for an organization that is called the same.
    let other = Secure::start(&[]).await;
    let foreign = secure.folder.path().join("foreign");
    let token = other.token(Duration::from_secs(600), 1).await;
    assert!(other.enroll(&foreign, &token, &[]).status.success());
    let refused = RunnerRegistryServiceClient::new(secure.channel(Some(&foreign)))
        .list_runners(list())
        .await;
    // What its end sees of it, the alert or the closed connection, depends on which comes first: no answer of a service does.
    let refused = refused.expect_err("refused");
    assert!(
        matches!(refused.code(), Code::Unknown | Code::Unavailable),
        "{refused:?}"
    );
    let denied = RunnerRegistryServiceClient::new(secure.channel(None))
        .list_runners(list())
        .await;
    assert_eq!(denied.expect_err("no token").code(), Code::Unauthenticated);
    // Its own is taken, and without any a runner's call is refused in words.
    let own = secure.folder.path().join("own");
    let token = secure.token(Duration::from_secs(600), 1).await;
    assert!(secure.enroll(&own, &token, &[]).status.success());
    let renew = |channel: Channel| async move {
        let request = v1::RenewCertificateRequest::default();
        let renewed = IdentityServiceClient::new(channel).renew_certificate(request).await;
        renewed.expect_err("it has no signing request").message().to_owned()
    };
    assert!(renew(secure.channel(Some(&own))).await.contains("signing_request"));
    assert!(renew(secure.channel(None)).await.contains("shows its certificate"));
}
