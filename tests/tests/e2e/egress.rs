//! Out of customers' networks: a runner's whole life through a proxy, and what `muster-runner doctor` tells of each way in which the way out can be shut.

mod connect_proxy;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_tests::{Binary, LIMIT, Process, eventually, free_address};

use self::connect_proxy::{ConnectProxy, Manner};
use crate::bad_input::clock::faketime;
use crate::bad_input::told::Told;
use crate::secure::{Secure, said};

/// What the proxies of these tests want to be shown, as a user writes it and as it is sent.
const USER: &str = "edge:s%40cret";
const SHOWN: &str = "ZWRnZTpzQGNyZXQ=";

const REFUSES: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
const IS_LOST: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
const NEGOTIATES: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\
                          Content-Length: 0\r\n\r\n";
const SPEAKS_SSH: &str = "SSH-2.0-OpenSSH_9.2\r\n";

/// How long a runner's certificate is good here, so that one is renewed, and one expires, while somebody waits.
const LIFE: &str = "10s";

/// A coordinator, a runner that is checked in through a proxy, and doctors.
struct Scene {
    secure: Secure,
    proxy: ConnectProxy,
    told: Told,
}

/// What a row has beside the settings that the runner has.
#[derive(Default)]
struct Row<'a> {
    coordinator: Option<&'a str>,
    proxy: Option<&'a str>,
    folder: Option<&'a Path>,
    arguments: &'a [&'a str],
    variables: Vec<(&'a str, String)>,
}

impl Scene {
    fn port(&self) -> u16 {
        self.secure.address.port()
    }

    fn runner_folder(&self) -> PathBuf {
        self.secure.folder.path().join("runner")
    }

    /// The proxy as a setting.
    fn through(&self) -> String {
        format!("http://{USER}@{}", self.proxy.address())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Binary::Runner.command();
        command.args(arguments);
        for name in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        command.env("HOME", "/nonexistent");
        command
    }

    /// Has the doctor look, and takes down what it says.
    async fn row(&mut self, name: &str, row: Row<'_>) {
        let mut command = self.command(&["doctor"]);
        let url = self.secure.url();
        command.args(["--coordinator", row.coordinator.unwrap_or(&url)]);
        let folder = self.runner_folder();
        command.arg("--data-folder").arg(row.folder.unwrap_or(&folder));
        command.args(row.proxy.iter().flat_map(|proxy| ["--proxy", proxy]));
        if !row.arguments.contains(&"--idle") {
            command.args(["--idle", "1s"]);
        }
        command.args(row.arguments).envs(row.variables);
        let output = tokio::task::spawn_blocking(move || command.output().expect("it can be run"));
        let output = output.await.expect("it does not panic");
        let code = output.status.code().expect("it ends by itself");
        self.told
            .add(name, &settled(&format!("{}exit code {code}\n", said(&output))));
    }
}

/// The text with what changes from one run to the next replaced.
fn settled(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(without_key).collect();
        for place in 0..words.len().saturating_sub(1) {
            let number: Option<f64> = words[place].parse().ok();
            match (number, words[place + 1].trim_end_matches(['.', ';', ':', '"', ','])) {
                // Seconds: of a clock, or of what is left of a certificate.
                (Some(seconds), "s") if line.contains("clock is") => {
                    words[place] = if seconds < 5.0 {
                        "<few>".to_owned()
                    } else {
                        format!("{seconds:.0}")
                    };
                    if seconds < 5.0 {
                        words[place + 2] = "<from>".to_owned();
                        words.retain(|word| word != "of");
                        break;
                    }
                }
                (Some(_), "s" | "d" | "h" | "min") if line.contains("good for") || line.contains("expired") => {
                    words[place] = "<some>".to_owned();
                }
                _ => {}
            }
        }
        lines.push(words.join(" "));
    }
    lines.join("\n")
}

/// A word; of an authority's key, which its name ends with, none.
fn without_key(word: &str) -> String {
    let inner = word.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    match inner {
        Some((key, rest)) if key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("(<key>){rest}")
        }
        Some(_) | None => word.to_owned(),
    }
}

/// Compares with the snapshot.
fn is_as_reviewed(told: &Told, name: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, told.all()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_lives_behind_a_proxy_and_the_doctor_tells_what_shuts_the_way() {
    let everywhere = TcpListener::bind("[::1]:0").is_ok();
    let address: SocketAddr = if everywhere { "[::]:0" } else { "0.0.0.0:0" }
        .parse()
        .expect("an address");
    let address = SocketAddr::new(address.ip(), free_address().port());
    let secure = Secure::start_at(
        address,
        &["--public-names", "localhost,127.0.0.1,::1", "--certificate-life", LIFE],
    )
    .await;
    let proxy = ConnectProxy::start().await;
    let mut told = Told::default();
    told.replace(format!("{}", proxy.address()), "<proxy>");
    told.replace(format!(":{}", address.port()), ":<port>");
    told.replace(secure.folder.path().to_str().expect("UTF-8"), "<folder>");
    told.replace(env!("CARGO_PKG_VERSION"), "<version>");
    told.replace("Temporary failure in name resolution", "Name or service not known");
    told.replace("127.0.0.1, ::1", "<loopback>");
    told.replace("::1, 127.0.0.1", "<loopback>");
    told.replace("at [::1]:<port>", "at <loopback>");
    told.replace("at 127.0.0.1:<port>", "at <loopback>");
    let mut scene = Scene { secure, proxy, told };
    let mut runner = lives_behind(&scene).await;
    shut(&mut scene).await;
    is_as_reviewed(&scene.told, "doctor");

    if everywhere {
        scene.told = Told::default();
        scene.told.replace(format!(":{}", address.port()), ":<port>");
        scene.told.replace(env!("CARGO_PKG_VERSION"), "<version>");
        let url = format!("https://[::1]:{}", scene.port());
        let row = Row {
            coordinator: Some(&url),
            ..Row::default()
        };
        scene.row("an address of IPv6", row).await;
        is_as_reviewed(&scene.told, "doctor_ipv6");
    } else {
        println!("NOT RUN: the doctor over IPv6, since this machine has none");
    }

    // Whatever the doctor did, the runner has not noticed.
    let log = runner.log();
    assert_eq!(log.matches("checked in").count(), 1, "{log}");
    assert!(!log.contains("superseded"), "{log}");
    assert!(runner.terminate(LIMIT).await.success());
}

/// Enrolls a runner, has it check in, collect and upload, and renew its certificate, all through the proxy: there is no other way for it.
async fn lives_behind(scene: &Scene) -> Process {
    scene.proxy.set(Manner::Asks(SHOWN));
    let (secure, folder) = (&scene.secure, scene.runner_folder());
    let token = secure.token(Duration::from_secs(600), 1).await;
    let url = secure.url();
    // To whom a host's own programs go by this variable, the runner goes, too.
    let mut enroll = scene.command(&["enroll", "--coordinator", &url, "--token", &token, "--data-folder"]);
    let enrolled = enroll.arg(&folder).env("HTTPS_PROXY", scene.through()).output();
    let enrolled = enrolled.expect("it can be run");
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    assert_eq!(scene.proxy.made().len(), 1);
    // Operators are in the same networks.
    let mut list = Binary::Cli.command();
    list.args(["runner", "list", "--server", &url])
        .env("HTTPS_PROXY", scene.through());
    let token = fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    list.env("MUSTER_TOKEN", token.trim())
        .env("MUSTER_CA_FILE", secure.data().join("ca.pem"));
    let listed = list.env("HOME", "/nonexistent").output().expect("it can be run");
    assert!(listed.status.success(), "{}", said(&listed));
    assert_eq!(scene.proxy.made().len(), 2);

    let settings = scene.secure.folder.path().join("runner.toml");
    let text = format!("coordinator = \"{url}\"\nproxy = \"{}\"\n", scene.through());
    fs::write(&settings, text).expect("written");
    let mut command = scene.command(&["--data-folder"]);
    command.arg(&folder).arg("--config").arg(settings);
    let runner = Process::start(command, &folder.with_extension("log"));
    secure.until_online().await;
    secure.collect().await;
    eventually("it has renewed its certificate", LIMIT, async || {
        let log = runner.log();
        log.contains("certificate is renewed").then_some(()).ok_or(log)
    })
    .await;
    // Enrolling, the operator, the check-in, the uploads, and renewals.
    let made = scene.proxy.made();
    assert!(made.len() >= 5, "{made:?}");
    assert!(
        made.iter().all(|goal| *goal == format!("localhost:{}", scene.port())),
        "{made:?}"
    );
    assert!(
        !runner.log().contains("s%40cret") && !runner.log().contains(SHOWN),
        "{}",
        runner.log()
    );
    runner
}

/// Shuts the way in each way that there is.
async fn shut(scene: &mut Scene) {
    let enroll = async |scene: &Scene, name: &str| {
        let folder = scene.secure.folder.path().join(name);
        let token = scene.secure.token(Duration::from_secs(600), 1).await;
        let enrolled = scene.secure.enroll(&folder, &token, &[]);
        assert!(enrolled.status.success(), "{}", said(&enrolled));
        folder
    };
    let expired = enroll(scene, "expired").await;
    let has_expired = tokio::time::Instant::now() + Duration::from_secs(11);
    let through = scene.through();
    let by_variable = |name| vec![(name, through.clone())];
    scene.row("a way that is open, straight", Row::default()).await;
    let row = Row {
        variables: by_variable("https_proxy"),
        ..Row::default()
    };
    scene.row("a way that is open, by a proxy", row).await;
    let row = Row {
        variables: [by_variable("HTTPS_PROXY"), vec![("NO_PROXY", "localhost".to_owned())]].concat(),
        arguments: &["--output", "json"],
        ..Row::default()
    };
    scene
        .row("a proxy that the variable NO_PROXY leaves out, for a program", row)
        .await;

    let plain = format!("http://{}", scene.proxy.address());
    let wrong = format!("http://edge:wrong@{}", scene.proxy.address());
    let by = |proxy| Row {
        proxy: Some(proxy),
        ..Row::default()
    };
    scene
        .row("a proxy that wants a password, and none is set", by(&plain))
        .await;
    scene.row("a proxy that wants another password", by(&wrong)).await;
    for (name, manner) in [
        (
            "a proxy that takes only other ways to say who asks",
            Manner::Answers(NEGOTIATES),
        ),
        ("a proxy that refuses", Manner::Answers(REFUSES)),
        ("a proxy that does not reach the coordinator", Manner::Answers(IS_LOST)),
        ("what is no proxy", Manner::Answers(SPEAKS_SSH)),
        ("a proxy that looks into TLS", Manner::Inspects),
    ] {
        scene.proxy.set(manner);
        scene.row(name, by(&plain)).await;
    }
    scene.proxy.set(Manner::Cuts(Duration::from_millis(1_500)));
    let row = Row {
        arguments: &["--idle", "3s"],
        ..by(&plain)
    };
    scene.row("a proxy that cuts what rests", row).await;
    scene.proxy.set(Manner::Asks(SHOWN));
    let closed = free_address();
    scene.told.replace(closed.port().to_string(), "<closed>");
    let nobody = format!("http://{closed}");
    scene.row("a proxy that is not there", by(&nobody)).await;
    scene
        .row("a proxy whose name nobody knows", by("http://proxy.invalid:3128"))
        .await;
    scene
        .row("what is no address of a proxy", by("http://edge:s3cret@@proxy:3128"))
        .await;
    scene
        .row("a proxy that is spoken to by TLS", by("https://edge:s3cret@proxy:3128"))
        .await;

    let at = |coordinator| Row {
        coordinator: Some(coordinator),
        ..Row::default()
    };
    scene
        .row("a name that nobody knows", at("https://muster.invalid:443"))
        .await;
    let nobody = format!("https://localhost:{}", closed.port());
    scene.row("a port that is closed", at(&nobody)).await;
    let named = format!("https://127.0.0.2:{}", scene.port());
    scene
        .row("an address that the certificate does not have", at(&named))
        .await;
    let line = scene.secure.process.logged("the coordinator is ready").expect("it is");
    let http: SocketAddr = line["http"]
        .as_str()
        .and_then(|http| http.parse().ok())
        .expect("it says where");
    scene.told.replace(http.port().to_string(), "<http>");
    let pages = format!("https://localhost:{}", http.port());
    scene.row("the port of the pages", at(&pages)).await;

    let strange = scene.secure.folder.path().join("strange");
    let of = |folder| Row {
        folder: Some(folder),
        ..Row::default()
    };
    scene.row("a runner that has not enrolled", of(&strange)).await;
    let revoked = enroll(scene, "revoked").await;
    let name = fs::read(revoked.join("identity.pem")).expect("it has enrolled");
    revoke(scene, &name).await;
    scene.row("a runner that was revoked", of(&revoked)).await;
    tokio::time::sleep_until(has_expired).await;
    scene.row("a certificate that has expired", of(&expired)).await;
    if let Some(library) = faketime() {
        let clock = |by: &str| {
            vec![
                ("LD_PRELOAD", library.to_str().expect("UTF-8").to_owned()),
                ("FAKETIME", by.to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ]
        };
        let reviewed = std::mem::take(&mut scene.told);
        scene.told.replace(format!(":{}", scene.port()), ":<port>");
        scene.told.replace(env!("CARGO_PKG_VERSION"), "<version>");
        scene.told.replace("127.0.0.1, ::1", "<loopback>");
        scene.told.replace("::1, 127.0.0.1", "<loopback>");
        scene.told.replace("at [::1]:<port>", "at <loopback>");
        scene.told.replace("at 127.0.0.1:<port>", "at <loopback>");
        for (name, by) in [
            ("a clock that is an hour ahead", "+3600"),
            ("a clock that is ten years behind", "-10y"),
        ] {
            let row = Row {
                variables: clock(by),
                ..Row::default()
            };
            scene.row(name, row).await;
        }
        is_as_reviewed(&scene.told, "doctor_clock");
        scene.told = reviewed;
    }
}

/// Revokes the runner that this identity is of.
async fn revoke(scene: &Scene, identity: &[u8]) {
    let certificate = muster_identity::pem::certificates(identity)
        .expect("a certificate")
        .remove(0);
    let name = muster_identity::judge::says(&certificate)
        .expect("one of a runner")
        .name;
    let revoke = v1::RevokeRunnerRequest {
        name: format!("{}/runners/{}", crate::secure::PARENT, name.runner),
    };
    let revoked = EnrollmentServiceClient::new(scene.secure.operator())
        .revoke_runner(revoke)
        .await;
    revoked.expect("revoked");
}
