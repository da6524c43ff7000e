//! What an operator types at a coordinator that asks everybody who they are: over TLS, by its real certificate, with a real token.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use muster_tests::{Binary, LIMIT, eventually};

use crate::secure::{Secure, said};

/// The same with the first token on standard input.
fn log_in(secure: &Secure, home: &Path, words: &[&str]) -> Output {
    let mut command = Binary::Cli.command();
    command.env("HOME", home).env_remove("XDG_CONFIG_HOME");
    command.args(["login", "--token-stdin"]).args(words);
    let token = File::open(secure.data().join("bootstrap-token")).expect("it was made");
    command.stdin(token).output().expect("it can be run")
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output, parts: &[&str]) {
    let said = said(output);
    assert!(!output.status.success(), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not told: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_in_with_the_coordinators_authority_works_from_then_on_without_naming_it() {
    let secure = Secure::start(&[]).await;
    let home = secure.folder.path();
    let url = secure.url();
    let at = &["--server", url.as_str()][..];
    // Its authority is not one that this system trusts: whose it is is told, and how it is named.
    let issuer = "issued by `Muster authority 1 of the service (";
    refused(
        &log_in(&secure, home, at),
        &[issuer, "--ca-file FILE", "not known to be"],
    );
    refused(
        &log_in(&secure, home, &["--server", &url.replace("https", "http")]),
        &["reached by https://"],
    );
    let ca_file = secure.data().join("ca.pem");
    let with = ["--server", &url, "--ca-file", ca_file.to_str().expect("UTF-8")];
    assert!(told(&log_in(&secure, home, &with)).contains("logged in to https://"));
    assert!(told(&secure.muster(home, &["whoami"])).contains("admin"));
    // For another name than it has, it is not the one.
    let other = url.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let token = secure.data().join("bootstrap-token");
    let token = fs::read_to_string(token).expect("it was made");
    let mut command = Binary::Cli.command();
    command.env("HOME", home).env("MUSTER_TOKEN", token.trim());
    command.args(["--server", &other, "--ca-file", with[3], "whoami"]);
    refused(&command.output().expect("it can be run"), &["public_names"]);

    // Enrollment, from its token to the revocation.
    let create = ["runner", "enroll-token", "create", "--pool", "hq", "--uses", "2"];
    let token = told(&secure.muster(home, &create));
    assert!(told(&secure.muster(home, &["runner", "enroll-token", "list"])).contains("0/2"));
    let folder = home.join("runner");
    told(&secure.enroll(&folder, token.trim(), &[]));
    let mut runner = secure.runner(&folder);
    secure.until_online().await;
    let listed = told(&secure.muster(home, &["runner", "enroll-token", "list", "--output", "json"]));
    assert!(
        listed.contains("\"uses_max\":2") || listed.contains("\"uses_max\": 2"),
        "{listed}"
    );
    let id = token_id(&listed);
    told(&secure.muster(home, &["runner", "enroll-token", "revoke", &id]));
    refused(&secure.enroll(&home.join("late"), token.trim(), &[]), &["was revoked"]);
    let named = secure.runners().await.remove(0).name;
    told(&secure.muster(home, &["runner", "revoke", &named]));
    eventually("the runner has heard of it", LIMIT, async || {
        let log = runner.log();
        log.contains("was revoked").then_some(()).ok_or(log)
    })
    .await;
    runner.terminate(LIMIT).await;

    // Authorities.
    assert!(told(&secure.muster(home, &["authority", "show"])).contains("signs"));
    let rotated = told(&secure.muster(home, &["authority", "rotate", "--overlap", "1h"]));
    assert!(rotated.contains("trusted") && rotated.contains("signs"), "{rotated}");
    let pem = |of: &[&str]| {
        let words: Vec<&str> = ["authority", "show", "--pem"].iter().chain(of).copied().collect();
        told(&secure.muster(home, &words)).matches("BEGIN CERTIFICATE").count()
    };
    assert_eq!((pem(&[]), pem(&["--service"])), (2, 1));
    told(&secure.muster(home, &["authority", "rotate", "--service", "--overlap", "1h"]));
    assert_eq!(pem(&["--service"]), 2);
    // Whoever knows it by the file that it keeps goes on knowing it.
    let published = fs::read_to_string(&ca_file).expect("it is published");
    assert_eq!(published.matches("BEGIN CERTIFICATE").count(), 2);
    told(&secure.muster(home, &["whoami"]));
}

/// The id of the first token of a list.
fn token_id(listed: &str) -> String {
    let at = listed.find("enrollmentTokens/").expect("it has a name") + "enrollmentTokens/".len();
    listed[at..at + 36].to_owned()
}

/// What `muster-coordinator` answers about the store that this one serves.
fn kept(secure: &Secure, words: &[&str], token: Option<&str>) -> Output {
    let mut command: Command = Binary::Coordinator.command();
    command.args(words).arg("--data").arg(secure.data());
    command.args(["--listen", &secure.address.to_string()]);
    command.envs(token.map(|token| ("MUSTER_TOKEN", token)));
    command.output().expect("it can be run")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_served_over_tls_is_backed_up_and_verified_by_whoever_has_a_token() {
    let mut secure = Secure::start(&[]).await;
    let first = secure.data().join("bootstrap-token");
    let backup = secure.folder.path().join("all.backup");
    let back_up = ["backup", "--replace", backup.to_str().expect("UTF-8")];
    // The first token is found where the coordinator has put it.
    assert!(told(&kept(&secure, &["verify"], None)).contains("whole"));
    assert!(told(&kept(&secure, &back_up, None)).contains("backed up"));
    let token = fs::read_to_string(&first).expect("it was made");
    let elsewhere = secure.folder.path().join("token");
    fs::rename(&first, &elsewhere).expect("it can be moved");
    refused(&kept(&secure, &["verify"], None), &["needs a token", "--token-file"]);
    let named = ["verify", "--token-file", elsewhere.to_str().expect("UTF-8")];
    assert!(told(&kept(&secure, &named, None)).contains("whole"));
    assert!(told(&kept(&secure, &back_up, Some(token.trim()))).contains("backed up"));
    refused(
        &kept(&secure, &["verify"], Some("hunter2")),
        &["MUSTER_TOKEN has no token"],
    );
    // Who has a certificate of somebody else's authority is not shown the token.
    let other = Secure::start(&[]).await;
    let ca_file = secure.data().join("ca.pem");
    let own = fs::read(&ca_file).expect("it is published");
    fs::copy(other.data().join("ca.pem"), &ca_file).expect("it can be written");
    refused(&kept(&secure, &named, None), &["not known to be it"]);
    fs::write(&ca_file, own).expect("it can be written");
    // One that is started with `insecure` speaks no TLS, and asks nobody.
    secure.process.terminate(LIMIT).await;
    secure.arguments = vec!["--insecure"];
    secure.process = crate::secure::start(secure.folder.path(), secure.address, &secure.arguments, None);
    secure.ready().await;
    assert!(told(&kept(&secure, &["verify"], None)).contains("whole"));
}
