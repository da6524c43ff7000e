//! The audit log of real binaries: what was answered is in it after a crash and after trimming, what is tampered with is found, and a log that was set back is
//! found by who holds an old hash.

use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_store::backend::{Backend as _, Change, Direction, Tree};
use muster_store::sled::SledBackend;
use muster_tests::{Binary, LIMIT};

use crate::secure::{PARENT, Secure, said, start};

impl Secure {
    /// `muster audit …`, by the first admin's token.
    fn audit(&self, words: &[&str]) -> Output {
        let token = fs::read_to_string(self.data().join("bootstrap-token")).expect("it was made");
        let mut command = Binary::Cli.command();
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env("MUSTER_TOKEN", token.trim())
            .env("MUSTER_CA_FILE", self.data().join("ca.pem"))
            .args(["--server", &self.url(), "audit"])
            .args(words);
        command.output().expect("it can be run")
    }

    /// What it prints when it ends well.
    fn audited(&self, words: &[&str]) -> String {
        let output = self.audit(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The last entry, as somebody keeps it elsewhere.
    fn known(&self) -> String {
        let told = self.audited(&["verify"]);
        let known = told.split("--known-hash ").nth(1).expect("it is told");
        known.trim().to_owned()
    }

    async fn create_person(&self, name: &str) -> Result<v1::Person, tonic::Status> {
        let create = v1::CreatePersonRequest {
            parent: PARENT.to_owned(),
            person: Some(v1::Person {
                display_name: name.to_owned(),
                email: format!("{name}@example.com"),
                role: v1::Role::Viewer.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let made = AccessServiceClient::new(self.operator()).create_person(create).await;
        made.map(tonic::Response::into_inner)
    }

    /// Starts it again in the same place, after it has ended.
    async fn again(&mut self, failpoint: Option<&str>) {
        self.process = start(self.folder.path(), self.address, &self.arguments, failpoint);
        self.ready().await;
    }

    /// How many entries tell of a call that was carried out.
    async fn entries_of(&self, call: &str) -> Vec<v1::AuditEntry> {
        let list = v1::ListAuditEntriesRequest {
            parent: PARENT.to_owned(),
            page_size: 1_000,
            filter: format!("method = {call}"),
            ..Default::default()
        };
        let listed = AuditServiceClient::new(self.operator()).list_audit_entries(list).await;
        listed.expect("listed").into_inner().audit_entries
    }
}

fn verify_offline(data: &Path) -> Output {
    let mut command = Binary::Coordinator.command();
    command.arg("verify").arg("--data").arg(data);
    command.output().expect("it can be run")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_stays_in_the_audit_log_and_who_tampers_with_it_is_found() {
    let mut secure = Secure::start(&[]).await;
    // A runner comes, and goes: its own calls and those about it.
    let token = secure.token(Duration::from_secs(600), 1).await;
    let runner = secure.folder.path().join("runner");
    assert!(secure.enroll(&runner, &token, &[]).status.success());
    assert!(
        !secure
            .enroll(&secure.folder.path().join("other"), &token, &[])
            .status
            .success()
    );
    let enrolled = secure.entries_of("Enroll").await;
    let outcomes: Vec<_> = enrolled.iter().map(v1::AuditEntry::outcome).collect();
    assert_eq!(
        outcomes,
        [v1::AuditOutcome::Refused, v1::AuditOutcome::Done],
        "{enrolled:?}"
    );
    assert_eq!(enrolled[0].reason, "ENROLLMENT_TOKEN_INVALID");
    let caller = enrolled[1].caller.clone().expect("it is told");
    assert_eq!(caller.kind(), v1::AuditCallerKind::Runner);
    assert_eq!(enrolled[1].resource, format!("{PARENT}/runners/{}", caller.id));
    let revoke = v1::RevokeRunnerRequest {
        name: enrolled[1].resource.clone(),
    };
    let revoked = EnrollmentServiceClient::new(secure.operator())
        .revoke_runner(revoke)
        .await;
    revoked.expect("revoked");
    for call in ["CreateEnrollmentToken", "RevokeRunner"] {
        let entries = secure.entries_of(call).await;
        assert_eq!(entries.len(), 1, "{call}: {entries:?}");
        assert_eq!(
            (entries[0].outcome(), entries[0].address.as_str()),
            (v1::AuditOutcome::Done, "127.0.0.1")
        );
    }
    let service = secure.audited(&["list", "--service", "--output", "json"]);
    for part in ["bootstrap", "first authority"] {
        assert!(service.contains(part), "{part} is not in {service}");
    }
    for secret in [token.as_str(), token.rsplit('_').next().expect("a part")] {
        let all = format!("{service}{}", secure.audited(&["export"]));
        assert!(!all.contains(secret), "the token is in {all}");
    }

    // Killed at the moment at which entries are in the log, and not flushed; and once more at any moment.
    let early = secure.known();
    fs::write(secure.folder.path().join("early.jsonl"), secure.audited(&["export"])).expect("written");
    secure.process.kill_9();
    secure.again(Some("audit-carried:2")).await;
    let mut answered = Vec::new();
    for number in 0..1_000 {
        match secure.create_person(&format!("ada{number}")).await {
            Ok(person) => answered.push(person.name),
            Err(_) => break,
        }
    }
    secure.process.ended(LIMIT).await;
    assert_eq!(secure.process.died_at().as_deref(), Some("audit-carried"));
    assert!(!answered.is_empty(), "nothing was answered before");
    secure.again(None).await;
    let whole = secure.audited(&["verify", "--known-hash", &early]);
    assert!(whole.contains("is whole"), "{whole}");
    let kept: Vec<_> = secure
        .entries_of("CreatePerson")
        .await
        .into_iter()
        .map(|one| one.resource)
        .collect();
    for name in &answered {
        assert_eq!(kept.iter().filter(|one| *one == name).count(), 1, "{name} of {kept:?}");
    }
    // Somebody keeps the data folder as it is now.
    secure.process.terminate(LIMIT).await;
    let old = secure.folder.path().join("old");
    let copied = std::process::Command::new("cp")
        .args(["-r", "--"])
        .arg(secure.data())
        .arg(&old)
        .status();
    assert!(copied.expect("it runs").success());
    secure.again(None).await;
    secure.create_person("eve").await.expect("made");
    let late = secure.known();
    // An orderly end trims the journal; the log is what it was.
    secure.process.terminate(LIMIT).await;
    let verified = verify_offline(&secure.data());
    assert!(verified.status.success(), "{}", said(&verified));
    secure.again(None).await;
    for known in [&early, &late] {
        secure.audited(&["verify", "--known-hash", known]);
    }
    fs::write(secure.folder.path().join("late.jsonl"), secure.audited(&["export"])).expect("written");
    for (file, known) in [("early.jsonl", &early), ("late.jsonl", &late), ("late.jsonl", &early)] {
        secure.audited(&["verify", file, "--known-hash", known]);
    }

    // Set back to the older folder: whole by itself, and yet found.
    secure.process.terminate(LIMIT).await;
    let newest = secure.folder.path().join("newest");
    fs::rename(secure.data(), &newest).expect("moved");
    fs::rename(&old, secure.data()).expect("moved");
    secure.again(None).await;
    secure.audited(&["verify"]);
    let set_back = secure.audit(&["verify", "--known-hash", &late]);
    assert_eq!(set_back.status.code(), Some(2), "{}", said(&set_back));
    assert!(said(&set_back).contains("cut off"), "{}", said(&set_back));
    secure.process.terminate(LIMIT).await;
    fs::remove_dir_all(secure.data()).expect("removed");
    fs::rename(&newest, secure.data()).expect("moved");

    // Somebody takes an entry out of the store.
    {
        let engine = SledBackend::open(&secure.data().join("store")).expect("it opens");
        let mut keys = Vec::new();
        let all = (Bound::Included([2].as_slice()), Bound::Unbounded);
        let found = engine.scan(Tree::Audit, all, Direction::Forward, &mut |key, _| {
            keys.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        });
        found.expect("read");
        // Neither the service's first nor the organization's last.
        let key = keys.remove(keys.len() - 2);
        engine
            .write(Tree::Audit, vec![Change::Remove { key }])
            .expect("written");
        engine.flush().expect("flushed");
    }
    let verified = verify_offline(&secure.data());
    assert!(!verified.status.success(), "{}", said(&verified));
    assert!(
        said(&verified).contains("is missing") && said(&verified).contains("audit log of organizations/default"),
        "{}",
        said(&verified)
    );
    secure.again(None).await;
    let verified = secure.audit(&["verify"]);
    assert_eq!(verified.status.code(), Some(2), "{}", said(&verified));
    assert!(said(&verified).contains("is missing"), "{}", said(&verified));
    secure.process.terminate(LIMIT).await;
}
