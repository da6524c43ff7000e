//! What calls leave in the audit log, read from the descriptors: a new call that changes something and leaves nothing there fails here.

use std::collections::BTreeSet;

use muster_core::audit::{Entry, Outcome};
use muster_core::words::{OrganizationId, Principal, Role, Scope, TokenId};
use muster_proto::{FILE_DESCRIPTOR_SET, RULES, v1};
use muster_session::wire::struct_from_json;
use prost::Message;
use prost_reflect::DescriptorPool;
use tonic::Status;

use crate::access::matrix::{Ids, request};
use crate::raw::call;
use crate::rig::{NOBODY, ORGANIZATION, Rig, Runner, integration};

/// The calls that need more than the services alone: certificates, or a mail server. Their entries are looked for where these are.
const ELSEWHERE: [&str; 11] = [
    "CreateEnrollmentToken",
    "RevokeEnrollmentToken",
    "RevokeRunner",
    "RotateAuthority",
    "CreateHostedEnrollmentToken",
    "RevokeHostedEnrollmentToken",
    "RevokeHostedRunner",
    "RotateServiceAuthority",
    "Enroll",
    "RenewCertificate",
    "SendTestMail",
];

type Log = Option<OrganizationId>;

fn default_log() -> Log {
    OrganizationId::new("default").ok()
}

/// All entries of these logs, the oldest first.
async fn entries(rig: &Rig, logs: &[Log]) -> Vec<Entry> {
    let mut all = Vec::new();
    for log in logs {
        let mut of_log = rig
            .shard
            .audit_entries_before(log.clone(), None, 1_000)
            .await
            .expect("a log");
        of_log.reverse();
        all.extend(of_log);
    }
    all
}

/// Somebody who calls.
struct Somebody {
    token: TokenId,
    shown: String,
}

impl Somebody {
    async fn new(rig: &Rig, scope: Scope, role: Role) -> Self {
        let (token, text) = rig.token(&scope, role, None, None).await;
        Self {
            token,
            shown: format!("Bearer {text}"),
        }
    }

    async fn calls(&self, rig: &Rig, path: &str, request: Vec<u8>) -> Result<Option<bytes::Bytes>, Status> {
        call(rig.channel(), Some(&self.shown), &format!("/{path}"), request).await
    }

    fn is(&self, entry: &Entry) -> bool {
        matches!(&entry.by, Principal::Token { token, .. } if *token == self.token)
    }
}

#[tokio::test]
async fn each_call_that_changes_something_leaves_one_entry_when_it_is_refused() {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors are sound");
    let rig = Rig::guarded().await;
    let own = Scope::Organization(default_log().expect("a name"));
    // Who may nothing of this, and who may all of it, of what is not there.
    let viewer = Somebody::new(&rig, own, Role::Viewer).await;
    let staff = Somebody::new(&rig, Scope::Service, Role::Admin).await;
    let logs = [None, default_log()];
    let mut wrong = Vec::new();
    for (path, rule) in RULES {
        let (service, method) = path.split_once('/').expect("a call has two names");
        let service = pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|one| one.name() == method).expect("a call");
        let asked = request(&method.input(), "default", &Ids::new(), 0);
        let asked = asked.map(|asked| asked.encode_to_vec()).unwrap_or_default();
        for (who, somebody) in [("a viewer", &viewer), ("the staff", &staff)] {
            if ["BackUp", "DeleteOrganization", "ResumeOrganization"].contains(&method.name()) && who == "the staff" {
                // It is not refused.
                continue;
            }
            let before = entries(&rig, &logs).await;
            let answer = somebody.calls(&rig, path, asked.clone()).await;
            let after = entries(&rig, &logs).await;
            let new = after
                .iter()
                .filter(|entry| somebody.is(entry) && !before.contains(entry));
            let new: Vec<_> = new.collect();
            if !rule.audited {
                if !new.is_empty() {
                    wrong.push(format!("{path} by {who} changes nothing, and has left {new:?}"));
                }
                continue;
            }
            let [entry] = new.as_slice() else {
                wrong.push(format!(
                    "{path} by {who} was answered {answer:?}, and has left {} entries",
                    new.len()
                ));
                continue;
            };
            let refused = matches!(&entry.note.outcome, Outcome::Refused { reason, .. } if !reason.is_empty());
            if answer.is_ok() || !refused || entry.note.method != *path {
                wrong.push(format!(
                    "{path} by {who} was answered {answer:?}, and has left {entry:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The viewer's are theirs, whatever they are about.
    let service = entries(&rig, &[None]).await;
    assert!(!service.iter().any(|entry| viewer.is(entry)), "{service:?}");
    for log in logs {
        rig.shard.verify_audit(log).await.expect("it is whole");
    }
}

/// What the calls that are carried out are about.
struct Flow<'r> {
    rig: &'r Rig,
    staff: Somebody,
    /// The calls that were made.
    made: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Flow<'_> {
    /// Makes a call, and looks at what it leaves.
    async fn call<R: Message + Default>(&mut self, path: &str, request: impl Message) -> R {
        let logs = [None, default_log(), OrganizationId::new("acme").ok()];
        let path = format!("muster.v1.{path}");
        let count = |entries: &[Entry]| entries.iter().filter(|entry| entry.note.method == path).count();
        let before = count(&entries(self.rig, &logs).await);
        let answer = self.staff.calls(self.rig, &path, request.encode_to_vec()).await;
        let answer = answer.unwrap_or_else(|status| panic!("{path}: {status:?}"));
        let after = entries(self.rig, &logs).await;
        let newest = after
            .iter()
            .filter(|entry| entry.note.method == path)
            .max_by_key(|entry| entry.batch);
        let is_right = newest.is_some_and(|entry| {
            entry.note.outcome == Outcome::Done
                && self.staff.is(entry)
                && (!entry.note.resource.is_empty() || path.ends_with("BackUp"))
        });
        if count(&after) != before + 1 || !is_right {
            self.wrong
                .push(format!("{path}: {before} before, {} after, {newest:?}", count(&after)));
        }
        self.made.insert(path);
        R::decode(answer.unwrap_or_default()).expect("an answer")
    }

    async fn integrations(&mut self) -> v1::Integration {
        let create = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(v1::Integration {
                configuration: struct_from_json(r#"{"server":"dc1","port":636,"password":"env:MUSTER_SECRET_LDAP"}"#)
                    .ok(),
                ..integration("Corp")
            }),
            request_id: NOBODY.to_owned(),
            ..Default::default()
        };
        let made: v1::Integration = self.call("IntegrationService/CreateIntegration", create).await;
        let name = made.name.clone();
        let mut wanted = made.clone();
        wanted.configuration =
            struct_from_json(r#"{"server":"dc2","port":636,"password":"file:/run/secrets/ldap"}"#).ok();
        let update = v1::UpdateIntegrationRequest {
            integration: Some(wanted),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["configuration".to_owned()],
            }),
            ..Default::default()
        };
        let _: v1::Integration = self.call("IntegrationService/UpdateIntegration", update).await;
        let until = std::time::SystemTime::now() + std::time::Duration::from_secs(3_600);
        let pause = v1::PauseIntegrationRequest {
            name: name.clone(),
            until: Some(until.into()),
            ..Default::default()
        };
        let _: v1::Integration = self.call("IntegrationService/PauseIntegration", pause).await;
        let resume = v1::ResumeIntegrationRequest {
            name: name.clone(),
            ..Default::default()
        };
        let _: v1::Integration = self.call("IntegrationService/ResumeIntegration", resume).await;
        let disable = v1::DisableIntegrationRequest {
            name: name.clone(),
            ..Default::default()
        };
        let _: v1::Integration = self.call("IntegrationService/DisableIntegration", disable).await;
        let enable = v1::EnableIntegrationRequest {
            name: name.clone(),
            ..Default::default()
        };
        let _: v1::Integration = self.call("IntegrationService/EnableIntegration", enable).await;
        let run = v1::RunIntegrationRequest {
            name: name.clone(),
            ..Default::default()
        };
        let ran: v1::RunIntegrationResponse = self.call("IntegrationService/RunIntegration", run).await;
        let cancel = v1::CancelExecutionRequest {
            name: ran.executions[0].name.clone(),
            ..Default::default()
        };
        let _: v1::Execution = self.call("ExecutionService/CancelExecution", cancel).await;
        let batch = v1::BatchRunIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            names: vec![name.clone()],
            ..Default::default()
        };
        let _: v1::BatchRunIntegrationsResponse = self.call("IntegrationService/BatchRunIntegrations", batch).await;
        let _runner = Runner::check_in(&self.rig.shard, "hq", 1).await;
        let check = v1::CheckIntegrationRequest {
            name,
            ..Default::default()
        };
        let _: v1::CheckIntegrationResponse = self.call("IntegrationService/CheckIntegration", check).await;
        made
    }

    async fn people(&mut self) -> String {
        let create = v1::CreatePersonRequest {
            parent: ORGANIZATION.to_owned(),
            person: Some(v1::Person {
                display_name: "Ada".to_owned(),
                email: "ada@example.com".to_owned(),
                role: v1::Role::Admin.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let ada: v1::Person = self.call("AccessService/CreatePerson", create).await;
        let name = ada.name.clone();
        let update = v1::UpdatePersonRequest {
            person: Some(v1::Person {
                role: v1::Role::Viewer.into(),
                ..ada
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["role".to_owned()],
            }),
            ..Default::default()
        };
        let _: v1::Person = self.call("AccessService/UpdatePerson", update).await;
        let create = v1::CreateTokenRequest {
            parent: ORGANIZATION.to_owned(),
            token: Some(v1::Token {
                display_name: "laptop".to_owned(),
                person: name.clone(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let token: v1::CreateTokenResponse = self.call("AccessService/CreateToken", create).await;
        let revoke = v1::RevokeTokenRequest {
            name: token.token.expect("it is told").name,
            ..Default::default()
        };
        let _: v1::Token = self.call("AccessService/RevokeToken", revoke).await;
        let disable = v1::DisablePersonRequest {
            name: name.clone(),
            ..Default::default()
        };
        let _: v1::Person = self.call("AccessService/DisablePerson", disable).await;
        let enable = v1::EnablePersonRequest {
            name: name.clone(),
            ..Default::default()
        };
        let _: v1::Person = self.call("AccessService/EnablePerson", enable).await;
        let delete = v1::DeletePersonRequest {
            name,
            ..Default::default()
        };
        let () = self.call("AccessService/DeletePerson", delete).await;
        token.text
    }

    async fn organizations(&mut self) {
        let create = v1::CreateOrganizationRequest {
            organization_id: "acme".to_owned(),
            ..Default::default()
        };
        let acme: v1::Organization = self.call("OrganizationService/CreateOrganization", create).await;
        let name = acme.name.clone();
        let update = v1::UpdateOrganizationRequest {
            organization: Some(v1::Organization {
                audit_retention_days: 800,
                ..acme
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["audit_retention_days".to_owned()],
            }),
            ..Default::default()
        };
        let _: v1::Organization = self.call("OrganizationService/UpdateOrganization", update).await;
        let suspend = v1::SuspendOrganizationRequest {
            name: name.clone(),
            reason: "unpaid".to_owned(),
            ..Default::default()
        };
        let _: v1::Organization = self.call("OrganizationService/SuspendOrganization", suspend).await;
        let resume = v1::ResumeOrganizationRequest {
            name: name.clone(),
            ..Default::default()
        };
        let _: v1::Organization = self.call("OrganizationService/ResumeOrganization", resume).await;
        let delete = v1::DeleteOrganizationRequest {
            name,
            ..Default::default()
        };
        let _: v1::Organization = self.call("OrganizationService/DeleteOrganization", delete).await;
    }
}

#[tokio::test]
async fn each_call_that_changes_something_leaves_one_entry_when_it_is_carried_out_and_no_secret_in_it() {
    let rig = Rig::guarded().await;
    let offers = Runner::check_in(&rig.shard, "elsewhere", 1).await;
    let staff = Somebody::new(&rig, Scope::Service, Role::Admin).await;
    let shown = staff.shown.clone();
    let mut flow = Flow {
        rig: &rig,
        staff,
        made: BTreeSet::new(),
        wrong: Vec::new(),
    };
    let made = flow.integrations().await;
    let token = flow.people().await;
    flow.organizations().await;
    let drain = v1::DrainRunnerRequest {
        name: format!("{ORGANIZATION}/runners/{}", offers.id),
    };
    let _: v1::Runner = flow.call("RunnerRegistryService/DrainRunner", drain.clone()).await;
    let resume = v1::ResumeRunnerRequest { name: drain.name };
    let _: v1::Runner = flow.call("RunnerRegistryService/ResumeRunner", resume).await;
    let _: v1::BackUpResponse = flow.call("MaintenanceService/BackUp", v1::BackUpRequest {}).await;
    let delete = v1::DeleteIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    let () = flow.call("IntegrationService/DeleteIntegration", delete).await;
    assert!(flow.wrong.is_empty(), "{}", flow.wrong.join("\n"));
    let audited = RULES.iter().filter(|(_, rule)| rule.audited).map(|(path, _)| *path);
    let left: Vec<_> = audited
        .filter(|path| !flow.made.contains(*path) && !ELSEWHERE.iter().any(|one| path.ends_with(&format!("/{one}"))))
        .collect();
    assert_eq!(left, [""; 0], "no test makes these calls");

    let own = entries(&rig, &[default_log()]).await;
    let of = |method: &str| {
        let found = own.iter().find(|entry| entry.note.method.ends_with(method));
        found.unwrap_or_else(|| panic!("there is no entry of {method}"))
    };
    // Before and after; references are shown.
    let changes: Vec<_> = of("/UpdateIntegration")
        .note
        .changes
        .iter()
        .map(|one| (one.field.as_str(), one.before.as_deref(), one.after.as_deref()))
        .collect();
    assert_eq!(
        changes,
        [
            (
                "configuration.password",
                Some("env:MUSTER_SECRET_LDAP"),
                Some("file:/run/secrets/ldap")
            ),
            ("configuration.server", Some("dc1"), Some("dc2")),
        ]
    );
    assert_eq!(of("/CreateIntegration").note.request, NOBODY);
    assert_eq!(of("/CreateIntegration").note.resource, made.name);
    assert!(of("/CancelExecution").note.resource.contains("/executions/"));
    let role = &of("/UpdatePerson").note.changes[0];
    assert_eq!((role.field.as_str(), role.after.as_deref()), ("role", Some("viewer")));

    // What is typed where it does not belong is refused, and is in no entry either.
    let somebody = Somebody {
        token: flow.staff.token,
        shown: shown.clone(),
    };
    for (configuration, password) in [
        (
            r#"{"server":"dc1","port":636,"password":"canary-plain"}"#,
            "canary-plain",
        ),
        (r#"{"server":"dc1","port":"canary-port"}"#, "canary-port"),
    ] {
        let create = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(v1::Integration {
                configuration: struct_from_json(configuration).ok(),
                ..integration(password)
            }),
            ..Default::default()
        };
        let path = "muster.v1.IntegrationService/CreateIntegration";
        somebody
            .calls(&rig, path, create.encode_to_vec())
            .await
            .expect_err("it is refused");
    }
    let all = entries(&rig, &[None, default_log(), OrganizationId::new("acme").ok()]).await;
    let text = format!("{all:?}");
    let secret = shown
        .trim_start_matches("Bearer ")
        .rsplit('_')
        .nth(1)
        .expect("a secret")
        .to_owned();
    let other = token.rsplit('_').nth(1).expect("a secret").to_owned();
    for canary in ["canary-plain", "canary-port", &secret, &other] {
        assert!(!text.contains(canary), "`{canary}` is in the audit log");
    }
    assert!(text.contains("INVALID_CONFIGURATION"), "the refused ones are there");
}

#[tokio::test]
async fn whoever_asks_again_and_again_fills_no_disk_and_strangers_are_in_the_services_own_log() {
    let rig = Rig::guarded().await;
    let own = Scope::Organization(default_log().expect("a name"));
    let viewer = Somebody::new(&rig, own.clone(), Role::Viewer).await;
    let path = "muster.v1.AccessService/DeletePerson";
    for _ in 0..100 {
        viewer.calls(&rig, path, Vec::new()).await.expect_err("it is refused");
    }
    let of_viewer = entries(&rig, &[default_log()]).await;
    let kept = of_viewer.iter().filter(|entry| viewer.is(entry)).count();
    assert_eq!(kept, 60, "of a hundred");
    // Somebody who has a token that was revoked is known; who never had one is not.
    let gone = Somebody::new(&rig, own, Role::Admin).await;
    let revoke = muster_core::decide::access::token::Revoke {
        granter: muster_core::words::Grant::MOST,
        scope: Scope::Organization(default_log().expect("a name")),
        token: gone.token,
    };
    rig.access(muster_core::decide::access::Access::RevokeToken(revoke))
        .await;
    gone.calls(&rig, path, Vec::new()).await.expect_err("it is refused");
    call(rig.channel(), None, &format!("/{path}"), Vec::new())
        .await
        .expect_err("it is refused");
    let own = entries(&rig, &[default_log()]).await;
    assert_eq!(own.iter().filter(|entry| gone.is(entry)).count(), 1);
    let service = entries(&rig, &[None]).await;
    let strangers = service.iter().filter(|entry| entry.by == Principal::nobody()).count();
    assert_eq!(strangers, 1, "{service:?}");
}

/// The service: who may read what, page by page, by filters, and from an export to its end.
#[tokio::test]
async fn a_log_is_read_by_the_admins_of_its_organization_and_by_the_staff() {
    let rig = Rig::guarded().await;
    let own = Scope::Organization(default_log().expect("a name"));
    let admin = Somebody::new(&rig, own.clone(), Role::Admin).await;
    let operator = Somebody::new(&rig, own, Role::Operator).await;
    let staff = Somebody::new(&rig, Scope::Service, Role::Admin).await;
    for number in 0..7 {
        let create = v1::CreatePersonRequest {
            parent: ORGANIZATION.to_owned(),
            person: Some(v1::Person {
                display_name: format!("Ada {number}"),
                email: format!("ada{number}@example.com"),
                role: v1::Role::Viewer.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let path = "muster.v1.AccessService/CreatePerson";
        admin
            .calls(&rig, path, create.encode_to_vec())
            .await
            .expect("it is made");
        operator
            .calls(&rig, path, create.encode_to_vec())
            .await
            .expect_err("it is refused");
    }
    let list = "muster.v1.AuditService/ListAuditEntries";
    let ask = |parent: &str, filter: &str, page_token: String| v1::ListAuditEntriesRequest {
        parent: parent.to_owned(),
        page_size: 3,
        page_token,
        filter: filter.to_owned(),
    };
    for (filter, wanted) in [
        ("", 14),
        ("outcome = REFUSED", 7),
        ("method = CreatePerson AND outcome = DONE", 7),
        ("method = DeletePerson", 0),
        (r#"event_time > "2000-01-01T00:00:00Z""#, 14),
        (r#"event_time > "2200-01-01T00:00:00Z""#, 0),
        ("resource:organizations/default/people/", 7),
    ] {
        let (mut numbers, mut token) = (Vec::new(), String::new());
        loop {
            let asked = ask(ORGANIZATION, filter, token).encode_to_vec();
            let page = admin
                .calls(&rig, list, asked)
                .await
                .expect("a page")
                .expect("a message");
            let page = v1::ListAuditEntriesResponse::decode(page).expect("a page");
            assert!(page.audit_entries.len() <= 3);
            numbers.extend(page.audit_entries.iter().map(|entry| entry.number));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(numbers.len(), wanted, "{filter}");
        assert!(
            numbers.is_sorted_by(|one, next| one > next),
            "{filter}: the newest first"
        );
    }
    let verify = |parent: &str| {
        v1::VerifyAuditLogRequest {
            parent: parent.to_owned(),
        }
        .encode_to_vec()
    };
    let path = "muster.v1.AuditService/VerifyAuditLog";
    for (who, parent, may) in [
        (&admin, ORGANIZATION, true),
        (&staff, ORGANIZATION, true),
        (&staff, "service", true),
        (&admin, "service", false),
        (&operator, ORGANIZATION, false),
        (&admin, "organizations/other", false),
    ] {
        let answer = who.calls(&rig, path, verify(parent)).await;
        assert_eq!(answer.is_ok(), may, "{parent}: {answer:?}");
        if let Ok(Some(bytes)) = answer {
            let verified = v1::VerifyAuditLogResponse::decode(bytes).expect("an answer");
            assert_eq!(verified.fault, "");
            assert_eq!(verified.chain.expect("it is whole").log, parent);
        }
    }
}
