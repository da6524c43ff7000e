//! Authorities that change: one is replaced while runners work, and the coordinator shows a certificate of somebody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use muster_identity::{SigningRequest, pem};
use muster_proto::v1;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use muster_tests::{Binary, LIMIT, Process, eventually, free_address};
use tonic::Status;

use crate::secure::{PARENT, Secure, said};

/// For how long what the authority before has signed is good: more than two renewals of certificates that are good for 10 s.
const OVERLAP: Duration = Duration::from_secs(14);

fn run(words: &str, folder: &Path) -> String {
    let ran = Command::new("openssl")
        .args(words.split_whitespace())
        .current_dir(folder)
        .output();
    let ran = ran.expect("OpenSSL is there: apt-get install openssl");
    assert!(ran.status.success(), "openssl {words}: {}", said(&ran));
    said(&ran)
}

/// Which generation has signed a runner's certificate, as OpenSSL prints the issuer's name.
fn signed_by(folder: &Path) -> u32 {
    let issuer = run("x509 -noout -issuer -in identity.pem", folder);
    let number = issuer
        .split("authority ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{issuer}"))
}

async fn renewed_by(secure: &Secure, folder: &Path) -> Result<(), Status> {
    let text = fs::read(folder.join("identity.pem")).expect("it has enrolled");
    let key = pem::read_key(&text).expect("a key");
    let request = v1::RenewCertificateRequest {
        signing_request: SigningRequest::of_key(key.secret_pkcs8_der())
            .expect("a request")
            .into(),
    };
    let mut client = IdentityServiceClient::new(secure.channel(Some(folder)));
    client.renew_certificate(request).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn runners_go_on_while_another_authority_takes_over() {
    let secure = Secure::start(&["--certificate-life", "10s"]).await;
    let folder = |name: &str| secure.folder.path().join(name);
    let (old, new, kept) = (folder("old"), folder("new"), folder("kept"));
    let token = secure.token(Duration::from_secs(600), 2).await;
    assert!(secure.enroll(&old, &token, &[]).status.success());
    let mut first = secure.runner(&old);
    first.until_logged("checked in", LIMIT).await;
    fs::create_dir(&kept).expect("it is new");
    fs::copy(old.join("identity.pem"), kept.join("identity.pem")).expect("it has enrolled");
    assert_eq!(signed_by(&old), 1);

    let rotate = v1::RotateAuthorityRequest {
        name: format!("{PARENT}/authority"),
        overlap: OVERLAP.try_into().ok(),
    };
    let rotated = EnrollmentServiceClient::new(secure.operator())
        .rotate_authority(rotate)
        .await;
    assert_eq!(rotated.expect("rotated").into_inner().generations.len(), 2);
    // Who comes now is certified by the new one, and who was there goes on with what the old one has signed.
    assert!(secure.enroll(&new, &token, &[]).status.success());
    assert_eq!(signed_by(&new), 2);
    let mut second = secure.runner(&new);
    second.until_logged("checked in", LIMIT).await;
    renewed_by(&secure, &kept)
        .await
        .expect("it is trusted during the overlap");
    eventually(
        "the next renewal is by the new one",
        OVERLAP,
        async || match signed_by(&old) {
            2 => Ok(()),
            other => Err(format!("{other}")),
        },
    )
    .await;
    // What the old one has signed is worth nothing then.
    eventually("the old one is dropped", OVERLAP + LIMIT, async || {
        match renewed_by(&secure, &kept).await {
            Ok(()) => Err("it is trusted".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await;
    for runner in [&mut first, &mut second] {
        let log = runner.log();
        assert_eq!(log.matches("checked in").count(), 1, "{log}");
        runner.terminate(LIMIT).await;
    }
}

/// An authority of somebody's own, and a certificate for this machine by it, in files as people have them.
fn certify(folder: &Path, serial: u32) -> [PathBuf; 3] {
    let place = |name: &str| folder.join(name);
    if !place("root.pem").exists() {
        run("ecparam -name prime256v1 -genkey -noout -out root-key.pem", folder);
        run(
            "req -x509 -new -key root-key.pem -subj /CN=Corp-root -days 2 -out root.pem",
            folder,
        );
        run("ecparam -name prime256v1 -genkey -noout -out middle-key.pem", folder);
        run(
            "req -new -key middle-key.pem -subj /CN=Corp-issuing -out middle.csr",
            folder,
        );
        fs::write(place("ca.ext"), "basicConstraints=critical,CA:TRUE\n").expect("it can be written");
        run(
            "x509 -req -in middle.csr -CA root.pem -CAkey root-key.pem -set_serial 2 -days 2 -extfile ca.ext -out middle.pem",
            folder,
        );
    }
    fs::write(
        place("leaf.ext"),
        "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
    )
    .expect("it can be written");
    run("ecparam -name prime256v1 -genkey -noout -out key.sec1", folder);
    run("req -new -key key.sec1 -subj /CN=coordinator -out leaf.csr", folder);
    run(
        &format!(
            "x509 -req -in leaf.csr -CA middle.pem -CAkey middle-key.pem -set_serial {serial} -days 1 -extfile leaf.ext -out leaf.pem"
        ),
        folder,
    );
    let read = |name: &str| fs::read_to_string(place(name)).expect("it was made");
    // The key first: whoever reads them in between sees that they do not belong together, and goes on with what was.
    fs::rename(place("key.sec1"), place("key.pem")).expect("it can be moved");
    fs::write(
        place("chain.new"),
        format!("{}{}", read("leaf.pem"), read("middle.pem")),
    )
    .expect("it can be written");
    fs::rename(place("chain.new"), place("chain.pem")).expect("it can be moved");
    [place("root.pem"), place("chain.pem"), place("key.pem")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_somebody_elses_authority_is_shown_and_replaced_without_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let [root, chain, key] = certify(folder.path(), 17);
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let address = free_address();
    let start = |key: &Path| {
        let mut command = Binary::Coordinator.command();
        command.arg("--data").arg(folder.path().join("data"));
        command.args(["--listen", &address.to_string(), "--http-listen", "127.0.0.1:0"]);
        command.arg("--tls-certificate").arg(&chain).arg("--tls-key").arg(key);
        Process::start(command, &folder.path().join("coordinator.log"))
    };
    // A key that others may read, and one of another certificate, are told.
    let allow = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
    allow(&key, 0o644);
    for (key, text) in [
        (&key, "chmod 600"),
        (&folder.path().join("middle-key.pem"), "cannot be used together"),
    ] {
        let mut refused = start(key);
        assert!(!refused.ended(LIMIT).await.success());
        assert!(refused.log().contains(text), "{text}: {}", refused.log());
    }
    allow(&key, 0o600);
    let mut coordinator = start(&key);
    coordinator.until_logged("the coordinator is ready", LIMIT).await;

    let url = format!("https://{address}");
    let muster = |words: &[&str]| {
        let mut command = Binary::Cli.command();
        let token = fs::read_to_string(folder.path().join("data/bootstrap-token")).expect("it was made");
        command.env("HOME", folder.path()).env("MUSTER_TOKEN", token.trim());
        command.args(["--server", &url]).args(words);
        command.output().expect("it can be run")
    };
    let stranger = said(&muster(&["whoami"]));
    assert!(stranger.contains("Corp-root"), "{stranger}");
    let ca_file = text(&root);
    let created = muster(&[
        "--ca-file",
        &ca_file,
        "runner",
        "enroll-token",
        "create",
        "--pool",
        "hq",
    ]);
    assert!(created.status.success(), "{}", said(&created));
    let token = String::from_utf8_lossy(&created.stdout).trim().to_owned();
    let runner = |words: &[&str]| {
        let mut command = Binary::Runner.command();
        command.args(words).args(["--coordinator", &url, "--ca-file", &ca_file]);
        command.arg("--data-folder").arg(folder.path().join("runner"));
        command
    };
    let enrolled = runner(&["enroll", "--token", &token]).output().expect("it can be run");
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let mut process = Process::start(runner(&[]), &folder.path().join("runner.log"));
    process.until_logged("checked in", LIMIT).await;
    // What is kept here is known by that certificate, too.
    let kept = || {
        let mut command = Binary::Coordinator.command();
        command.args(["verify", "--listen", &address.to_string()]);
        command.arg("--data").arg(folder.path().join("data"));
        command
    };
    let unknown = said(&kept().output().expect("it can be run"));
    assert!(
        unknown.contains("not known to be it") && unknown.contains("--config"),
        "{unknown}"
    );
    let file = folder.path().join("coordinator.toml");
    let settings = format!("tls_certificate = {:?}\ntls_key = {:?}\n", text(&chain), text(&key));
    fs::write(&file, settings).expect("it can be written");
    let verified = kept().arg("--config").arg(&file).output().expect("it can be run");
    assert!(verified.status.success(), "{}", said(&verified));

    let serial = || {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-alpn",
            "h2",
            "-connect",
            &address.to_string(),
            "-CAfile",
            &ca_file,
        ]);
        let shown = command
            .stdin(std::process::Stdio::null())
            .output()
            .expect("OpenSSL is there");
        fs::write(folder.path().join("shown.pem"), &shown.stdout).expect("it can be written");
        assert!(said(&shown).contains("Verify return code: 0"), "{}", said(&shown));
        run("x509 -noout -serial -in shown.pem", folder.path())
            .trim()
            .to_owned()
    };
    assert_eq!(serial(), "serial=11");
    certify(folder.path(), 18);
    eventually("the new one is shown", LIMIT, || {
        let shown = serial();
        std::future::ready((shown == "serial=12").then_some(()).ok_or(shown))
    })
    .await;
    assert_eq!(process.log().matches("checked in").count(), 1, "{}", process.log());
    process.terminate(LIMIT).await;
    coordinator.terminate(LIMIT).await;
}
