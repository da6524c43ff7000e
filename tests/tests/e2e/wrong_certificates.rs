//! Certificates that are not in order, on the wire: shown by the real runner and by OpenSSL to the real coordinator, signed by the real authorities.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use muster_core::time::Stamp;
use muster_core::words::OrganizationId;
use muster_identity::seal::KeySource;
use muster_identity::{Authority, RunnerName, SigningRequest, Subject, authority, judge, pem};
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use muster_proto::v1::organization_service_client::OrganizationServiceClient;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_proto::{FILE_DESCRIPTOR_SET, RULES, v1};
use muster_store::{Location, Store};
use muster_tests::{LIMIT, Process, eventually};
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::dynamic;
use crate::secure::{Secure, said, start};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A connection in HTTP/2 begins with this, and with settings that say nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What acknowledges such settings.
const ACKNOWLEDGED: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Stamp::from_millis(0).after(since)
}

/// An authority with its key, in the form of PKCS #8.
struct Signer {
    authority: Authority,
    key: Vec<u8>,
}

impl Signer {
    /// A runner's certificate from then on, with the key of whoever has it.
    fn certify(&self, name: &RunnerName, from: Stamp, life: Duration) -> (Vec<u8>, Vec<u8>) {
        let key = authority::new_key().expect("a key").serialize_der();
        self.certify_key(key, name, from, life)
    }

    fn certify_key(&self, key: Vec<u8>, name: &RunnerName, from: Stamp, life: Duration) -> (Vec<u8>, Vec<u8>) {
        let request = SigningRequest::parse(&SigningRequest::of_key(&key).expect("a request")).expect("it is one");
        let issued = self.authority.issue(Subject::Runner(name, &request), from, life);
        (key, issued.expect("it can sign").certificate)
    }
}

/// The authorities of these organizations, from the store of a coordinator, which is stopped meanwhile: a test may sign what a coordinator never would.
async fn authorities<const N: usize>(secure: &mut Secure, owners: [&str; N]) -> [Signer; N] {
    secure.process.terminate(LIMIT).await;
    let opened = {
        let key = KeySource::File(secure.folder.path().join("data.ca-key"))
            .key()
            .expect("it was made");
        let store = Store::open(&Location::Folder(secure.data().join("store"))).expect("nobody has it");
        let ledger = store.recover().expect("it is whole").ledger;
        owners.map(|owner| {
            let owner = OrganizationId::new(owner).expect("a name");
            let generation = ledger
                .authority(Some(&owner))
                .and_then(|found| found.signing())
                .expect("it signs");
            let opened = key
                .open(&generation.sealed_key, &generation.certificate)
                .expect("it was sealed by it");
            Signer {
                authority: Authority::open(&generation.certificate, &opened).expect("they belong together"),
                key: opened,
            }
        })
    };
    secure.process = start(secure.folder.path(), secure.address, &secure.arguments, None);
    secure.ready().await;
    opened
}

/// A certificate with its key, and the files in which OpenSSL wants them.
struct Shown {
    folder: PathBuf,
}

impl Shown {
    /// The identity of a runner that has this certificate, in a data folder as enrolling makes it.
    fn new(secure: &Secure, name: &str, key: &[u8], certificate: &[u8]) -> Self {
        let folder = secure.folder.path().join(name);
        fs::DirBuilder::new().mode(0o700).create(&folder).expect("it is new");
        let write = |name: &str, text: &str| {
            let mut options = fs::File::options();
            let file = options
                .create(true)
                .write(true)
                .truncate(true)
                .mode(0o600)
                .open(folder.join(name));
            file.expect("it can be made")
                .write_all(text.as_bytes())
                .expect("it can be written");
        };
        let authorities = fs::read_to_string(secure.data().join("ca.pem")).expect("it is published");
        write("key.pem", &pem::key(key));
        write("certificate.pem", &pem::certificate(certificate));
        write(
            "identity.pem",
            &format!("{}{}{authorities}", pem::key(key), pem::certificate(certificate)),
        );
        Self { folder }
    }

    /// What comes when OpenSSL shows it, and speaks a word of HTTP/2, until the coordinator has answered or ended it.
    async fn by_openssl(&self, secure: &Secure, version: &str) -> Vec<u8> {
        let log = self.folder.join(format!("openssl{version}.log"));
        let file = fs::File::create(&log).expect("it can be made");
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-alpn",
            "h2",
            version,
            "-connect",
        ]);
        command.arg(secure.address.to_string());
        command.arg("-CAfile").arg(secure.data().join("ca.pem"));
        command.arg("-cert").arg(self.folder.join("certificate.pem"));
        command.arg("-key").arg(self.folder.join("key.pem"));
        command
            .stdin(Stdio::piped())
            .stderr(file.try_clone().expect("a handle"))
            .stdout(file);
        let mut client = command.spawn().expect("OpenSSL is there: apt-get install openssl");
        // Where the handshake has failed by now, there is nobody to write to.
        let _ = client.stdin.as_mut().expect("it is piped").write_all(PREFACE);
        let came = eventually("an answer to OpenSSL", LIMIT, || {
            let came = fs::read(&log).expect("it is there");
            let has_ended = client.try_wait().expect("a child can be waited for").is_some();
            let is_answered = memchr::memmem::find(&came, ACKNOWLEDGED).is_some();
            let answer = (has_ended || is_answered).then_some(came);
            std::future::ready(answer.ok_or_else(|| "nothing so far".to_owned()))
        })
        .await;
        let _ = client.kill();
        let _ = client.wait();
        came
    }
}

/// What OpenSSL signs or makes, by the authority's key or by its own.
fn by_openssl(folder: &Path, uri: &str, usage: &str, authority: Option<&Signer>) -> (Vec<u8>, Vec<u8>) {
    let run = |words: &str| {
        let ran = Command::new("openssl")
            .args(words.split_whitespace())
            .current_dir(folder)
            .output();
        let ran = ran.expect("OpenSSL is there: apt-get install openssl");
        assert!(ran.status.success(), "openssl {words}: {}", said(&ran));
    };
    fs::create_dir_all(folder).expect("it can be made");
    let extensions = format!("basicConstraints=CA:FALSE\nsubjectAltName=URI:{uri}\nextendedKeyUsage={usage}\n");
    fs::write(folder.join("extensions"), extensions).expect("it can be written");
    run("ecparam -name prime256v1 -genkey -noout -out sec1.pem");
    run("pkcs8 -topk8 -nocrypt -in sec1.pem -out key.pem");
    run("req -new -key key.pem -subj /CN=runner -out request.pem");
    let signing = match authority {
        Some(Signer { authority, key }) => {
            let certificate = pem::certificate(authority.certificate());
            fs::write(folder.join("ca.pem"), certificate).expect("it can be written");
            fs::write(folder.join("ca-key.pem"), pem::key(key)).expect("it can be written");
            "-CA ca.pem -CAkey ca-key.pem -CAcreateserial"
        }
        None => "-signkey key.pem",
    };
    run(&format!(
        "x509 -req -in request.pem {signing} -days 1 -extfile extensions -out certificate.pem"
    ));
    let read = |name: &str| fs::read(folder.join(name)).expect("it was made");
    let key = pem::read_key(&read("key.pem")).expect("a key");
    let certificate = pem::certificates(&read("certificate.pem"))
        .expect("a certificate")
        .remove(0);
    (key.secret_pkcs8_der().to_vec(), certificate.to_vec())
}

/// Who has enrolled with this data folder.
pub(crate) fn enrolled(folder: &Path) -> RunnerName {
    let text = fs::read(folder.join("identity.pem")).expect("it has enrolled");
    let certificate = pem::certificates(&text).expect("a certificate").remove(0);
    judge::says(&certificate).expect("it is a runner's").name
}

/// Two runners of the organization `default`, and one of another.
async fn three(secure: &Secure) -> [PathBuf; 3] {
    let create = v1::CreateOrganizationRequest {
        organization_id: "other".to_owned(),
        ..Default::default()
    };
    let made = OrganizationServiceClient::new(secure.operator())
        .create_organization(create)
        .await;
    made.expect("it is made");
    let own = secure.token(DAY, 2).await;
    let other = secure.token_of("organizations/other", DAY, 1).await;
    let folder = |name: &str| secure.folder.path().join(name);
    let all = [(folder("one"), &own), (folder("two"), &own), (folder("other"), &other)];
    all.map(|(folder, token)| {
        let enrolled = secure.enroll(&folder, token, &[]);
        assert!(enrolled.status.success(), "{}", said(&enrolled));
        folder
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_refused_with_the_alert_that_says_why_and_the_runner_says_what_to_do() {
    let mut secure = Secure::start(&["--renewal-grace", "24h"]).await;
    let [one, ..] = three(&secure).await;
    let name = enrolled(&one);
    let [own, foreign] = authorities(&mut secure, ["default", "other"]).await;
    let scratch = |name: &str| secure.folder.path().join("made").join(name);
    let uri = muster_identity::Role::Runner(name.clone()).to_string();
    let hour = Duration::from_secs(60 * 60);
    let ago =
        |days: u32| Stamp::from_millis(now().millis() - u64::try_from((DAY * days).as_millis()).expect("it fits"));
    let coordinator = "spiffe://muster/coordinator";
    // What is shown; the alert, as OpenSSL names it; and what the runner says. `None` of what it does not show: it sees by itself that it is no identity.
    let wrong = [
        (
            "expired",
            own.certify(&name, ago(3), hour),
            "expired",
            Some("has expired too long ago"),
        ),
        (
            "early",
            own.certify(&name, now().after(DAY), hour),
            "expired",
            Some("is not valid yet"),
        ),
        (
            "foreign",
            foreign.certify(&name, now(), DAY),
            "unknown ca",
            Some("of no authority that it trusts"),
        ),
        (
            "self-signed",
            by_openssl(&scratch("own"), &uri, "clientAuth", None),
            "unknown ca",
            Some("of no authority"),
        ),
        (
            "usage",
            by_openssl(&scratch("usage"), &uri, "serverAuth", Some(&own)),
            "unsupported certificate",
            None,
        ),
        (
            "both",
            by_openssl(&scratch("both"), &uri, "clientAuth,serverAuth", Some(&own)),
            "unsupported certificate",
            None,
        ),
        (
            "no-runner",
            by_openssl(&scratch("name"), coordinator, "clientAuth", Some(&own)),
            "access denied",
            None,
        ),
    ];
    let mut started: Vec<(Process, &str)> = Vec::new();
    for (what, (key, certificate), alert, text) in &wrong {
        let shown = Shown::new(&secure, what, key, certificate);
        for version in ["-tls1_2", "-tls1_3"] {
            let came = String::from_utf8_lossy(&shown.by_openssl(&secure, version).await).into_owned();
            assert!(
                came.contains("alert") && came.contains(alert),
                "{what} by {version}: {came}"
            );
        }
        let mut runner = secure.runner(&shown.folder);
        match text {
            Some(text) => started.push((runner, text)),
            None => {
                assert!(!runner.ended(LIMIT).await.success(), "{what}: {}", runner.log());
                assert!(runner.log().contains("enroll --again"), "{what}: {}", runner.log());
            }
        }
    }
    for (runner, text) in &mut started {
        let log = eventually("the runner says why", LIMIT, async || {
            let log = runner.log();
            log.contains(*text).then_some(log.clone()).ok_or(log)
        })
        .await;
        for part in ["TLS alert", "muster-runner enroll --again"] {
            assert!(log.contains(part), "{part}: {log}");
        }
        assert!(!log.contains("checked in"), "{log}");
        runner.terminate(LIMIT).await;
    }
    // What is in order is taken, also by a stranger's TLS, and also late.
    let text = fs::read(one.join("identity.pem")).expect("it has enrolled");
    let key = pem::read_key(&text).expect("a key").secret_pkcs8_der().to_vec();
    let mut late = None;
    for (what, from) in [("good", now()), ("late", ago(1))] {
        let (key, certificate) = own.certify_key(key.clone(), &name, from, hour);
        let shown = Shown::new(&secure, what, &key, &certificate);
        for version in ["-tls1_2", "-tls1_3"] {
            let came = shown.by_openssl(&secure, version).await;
            let taken = memchr::memmem::find(&came, ACKNOWLEDGED).is_some();
            assert!(taken, "{what} by {version}: {}", String::from_utf8_lossy(&came));
        }
        late = Some(shown);
    }
    // The runner that comes so late renews first, and checks in then.
    let mut runner = secure.runner(&late.expect("it was the last one").folder);
    runner.until_logged("the runner's certificate is renewed", LIMIT).await;
    runner.until_logged("checked in", LIMIT).await;
    runner.terminate(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_is_nobody_but_itself_and_an_operator_is_no_runner() {
    let secure = Secure::start(&[]).await;
    let [one, two, other] = three(&secure).await;
    // Its certificate opens no call of operators: whichever there are.
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors are sound");
    let operators = RULES
        .iter()
        .filter(|(_, rule)| matches!(rule.scope(), v1::Scope::Organization | v1::Scope::Service));
    let mut asked = 0;
    for (path, _) in operators {
        let (service, method) = path.split_once('/').expect("a call has two names");
        let service = pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|one| one.name() == method).expect("a call");
        let request = DynamicMessage::new(method.input());
        let refused = dynamic::call(secure.channel(Some(&one)), &method, request).await;
        assert_eq!(code(&refused), Some(Code::PermissionDenied), "{path}: {refused:?}");
        asked += 1;
    }
    assert!(asked > 40, "{asked} calls are for operators");

    // It says that it is another one: of its organization, or of another.
    for (theirs, text) in [
        (&two, "and the certificate of the runner"),
        (&other, "and the certificate of the runner"),
    ] {
        let refused = hello(secure.channel(Some(&one)), &enrolled(theirs)).await;
        assert_eq!(reason(&refused), "CERTIFICATE_MISMATCH", "{refused:?}");
        assert!(refused.message().contains(text), "{refused:?}");
    }
    let mut elsewhere = enrolled(&one);
    elsewhere.pool.organization = enrolled(&other).pool.organization;
    let refused = hello(secure.channel(Some(&one)), &elsewhere).await;
    assert_eq!(reason(&refused), "CERTIFICATE_MISMATCH", "{refused:?}");
    assert!(
        refused.message().contains("enroll it anew for the other"),
        "{refused:?}"
    );
    // It lets another key be certified by its own.
    let key = authority::new_key().expect("a key");
    let renew = v1::RenewCertificateRequest {
        signing_request: SigningRequest::make(&key).expect("a request").into(),
    };
    let refused = IdentityServiceClient::new(secure.channel(Some(&one)))
        .renew_certificate(renew)
        .await;
    assert_eq!(reason(&refused.expect_err("refused")), "CERTIFICATE_MISMATCH");

    // An admin of all is no runner, and shows no certificate.
    let hello_of_two = message(&enrolled(&two), 0);
    let mut runners = RunnerServiceClient::new(secure.operator());
    let refused = runners
        .check_in(tokio_stream::once(hello_of_two))
        .await
        .expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let upload = v1::UploadRecordsRequest::default();
    let refused = runners
        .upload_records(tokio_stream::once(upload))
        .await
        .expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let renew = v1::RenewCertificateRequest::default();
    let refused = IdentityServiceClient::new(secure.operator())
        .renew_certificate(renew)
        .await;
    assert_eq!(reason(&refused.expect_err("refused")), "CERTIFICATE_REQUIRED");
}

fn code<T>(answer: &Result<T, Status>) -> Option<Code> {
    answer.as_ref().err().map(Status::code)
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}

/// The hello of this runner, by the process of this number; 0 for none that it says.
pub(crate) fn message(name: &RunnerName, instance_id: u64) -> v1::RunnerMessage {
    let (pool, id) = (&name.pool, name.runner.0);
    let organization = pool.organization.as_ref().map(|own| format!("organizations/{own}"));
    let connector = v1::ConnectorSpecification {
        connector: "host".to_owned(),
        version: "1".to_owned(),
        title: "Host".to_owned(),
        description: "Nothing.".to_owned(),
        data_types: vec![v1::DataTypeSpecification {
            data_type: "user".to_owned(),
            default_interval: Some(prost_types::Duration {
                seconds: 3_600,
                nanos: 0,
            }),
            primary_key: vec!["id".to_owned()],
            ..Default::default()
        }],
        ..Default::default()
    };
    v1::RunnerMessage {
        kind: Some(v1::runner_message::Kind::Hello(v1::Hello {
            runner_id: Bytes::copy_from_slice(&id.to_be_bytes()),
            display_name: "somebody".to_owned(),
            organization: organization.unwrap_or_default(),
            pool: pool.name.to_string(),
            version: "0.1.0".to_owned(),
            connectors: vec![connector],
            slots: 1,
            instance_id,
            ..Default::default()
        })),
    }
}

/// With what the stream ends of whoever shows one certificate and says that they are another runner.
async fn hello(channel: tonic::transport::Channel, name: &RunnerName) -> Status {
    let hello = tokio_stream::StreamExt::chain(tokio_stream::once(message(name, 0)), tokio_stream::pending());
    match RunnerServiceClient::new(channel).check_in(hello).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.expect_err("it is somebody else"),
    }
}
