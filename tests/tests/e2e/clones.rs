//! A runner's folder is copied: both processes show the same key, which is noticed, and its organization is told.

use std::fs;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::incident_service_client::IncidentServiceClient;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_tests::{LIMIT, eventually};
use tokio_stream::StreamExt as _;
use tonic_types::StatusExt as _;

use crate::secure::{PARENT, Secure, said};
use crate::wrong_certificates::{enrolled, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_copied_is_locked_and_its_organization_is_told() {
    let secure = Secure::start(&[]).await;
    let (folder, copy) = (secure.folder.path().join("rack"), secure.folder.path().join("copy"));
    let token = secure.token(Duration::from_secs(600), 1).await;
    assert!(secure.enroll(&folder, &token, &[]).status.success());
    let mut first = secure.runner(&folder);
    first.until_logged("checked in", LIMIT).await;
    fs::create_dir(&copy).expect("it is new");
    fs::copy(folder.join("identity.pem"), copy.join("identity.pem")).expect("it has enrolled");
    let mut second = secure.runner(&copy);
    second.until_logged("checked in", LIMIT).await;
    // The first one is told at once, and comes back after half a minute or more, as two would in turns. Here others do so, with the same certificate.
    eventually("it is told of the other", LIMIT, async || {
        let log = first.log();
        log.contains("another process has this runner's identity")
            .then_some(())
            .ok_or(log)
    })
    .await;
    let name = enrolled(&folder);
    let mut streams = Vec::new();
    let mut welcomed = 0;
    let locked = loop {
        let hello = message(&name, 1 + welcomed % 2);
        let hello = tokio_stream::once(hello).chain(tokio_stream::pending());
        let mut client = RunnerServiceClient::new(secure.channel(Some(&folder)));
        let mut answers = client.check_in(hello).await.expect("TLS takes it").into_inner();
        match answers.message().await {
            Ok(_) => {
                streams.push((client, answers));
                welcomed += 1;
                assert!(welcomed < 10, "nobody notices");
            }
            Err(status) => break status,
        }
    };
    let info = locked.get_details_error_info().expect("it has a reason");
    assert_eq!((info.reason.as_str(), welcomed), ("RUNNER_BARRED", 4), "{locked:?}");
    let list = v1::ListIncidentsRequest {
        parent: PARENT.to_owned(),
        filter: "cause = RUNNER_CLONED AND state = OPEN".to_owned(),
        ..Default::default()
    };
    let listed = IncidentServiceClient::new(secure.operator()).list_incidents(list).await;
    let incidents = listed.expect("listed").into_inner().incidents;
    let [incident] = &incidents[..] else {
        panic!("the organization is told once: {incidents:?}")
    };
    assert!(incident.runner.ends_with(&name.runner.to_string()), "{incident:?}");
    // The audit log has what the coordinator has done by itself, and from where the last straw came.
    let list = v1::ListAuditEntriesRequest {
        parent: PARENT.to_owned(),
        filter: "method = \"cloned identity\"".to_owned(),
        ..Default::default()
    };
    let listed = AuditServiceClient::new(secure.operator())
        .list_audit_entries(list)
        .await;
    let entries = listed.expect("listed").into_inner().audit_entries;
    let [entry] = &entries[..] else {
        panic!("it is locked once: {entries:?}")
    };
    assert!(
        entry.resource.ends_with(&format!("runners/{}", name.runner)),
        "{entry:?}"
    );
    assert_eq!(entry.address, "127.0.0.1");
    let [change] = &entry.changes[..] else {
        panic!("it is locked, and nothing else: {entry:?}")
    };
    assert_eq!(
        (change.field.as_str(), change.after.as_deref()),
        ("barred", Some("cloned"))
    );
    let home = secure.folder.path();
    let ca_file = secure.data().join("ca.pem");
    let log_in = {
        let token = fs::File::open(secure.data().join("bootstrap-token")).expect("it was made");
        let mut command = muster_tests::Binary::Cli.command();
        command.env("HOME", home).env_remove("XDG_CONFIG_HOME").stdin(token);
        command.args(["login", "--token-stdin", "--server", &secure.url(), "--ca-file"]);
        command.arg(&ca_file).output().expect("it can be run")
    };
    assert!(log_in.status.success(), "{}", said(&log_in));
    let id = incident.name.rsplit('/').next().expect("it has an id");
    for (words, part) in [
        (&["alerts"][..], "its key is used at two places"),
        (&["alerts", "show", id], "enroll --again"),
    ] {
        let told = said(&secure.muster(home, words));
        assert!(told.contains(part), "{words:?}: {told}");
    }
    for runner in [&mut first, &mut second] {
        runner.terminate(LIMIT).await;
    }
}
