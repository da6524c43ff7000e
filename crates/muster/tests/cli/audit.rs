//! The audit log, as people read it, export it, and verify what they hold; and that whoever follows `docs/audit.md` makes the same hashes.

use std::fs;
use std::path::Path;
use std::process::Command;

use muster_core::audit::{self, FieldChange, Note, Outcome, hex};
use muster_core::time::Stamp;
use muster_core::words::{OrganizationId, PersonId, Principal, RunnerId, Sequence, TokenId};
use muster_proto::v1::audit_service_server::AuditService;
use muster_proto::v1::*;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::command::run_in;
use super::coordinator::{Coordinator, Services, State};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/audit.md");

/// A log of four entries, as the coordinator chains them.
pub fn entries() -> Vec<AuditEntry> {
    let note = |method: &str, resource: &str, outcome| Note {
        log: OrganizationId::new("default").ok(),
        method: format!("muster.v1.{method}").into(),
        peer: Some([192, 0, 2, 7].into()),
        request: String::new(),
        resource: resource.to_owned(),
        outcome,
        changes: Vec::new(),
    };
    let ada = Principal::Token {
        token: TokenId(7),
        person: Some(PersonId(8)),
        name: "Ada ä".into(),
    };
    let integration = "organizations/default/integrations/01936b1e-0000-7000-8000-0000456789ab";
    let changes = vec![
        FieldChange {
            field: "configuration.server".to_owned(),
            before: Some("dc1".to_owned()),
            after: Some("dc2".to_owned()),
        },
        FieldChange {
            field: "configuration.note".to_owned(),
            before: None,
            after: Some(String::new()),
        },
    ];
    let refused = Outcome::Refused {
        reason: "PERMISSION_DENIED".into(),
        message: "this needs the role admin".to_owned(),
    };
    let notes = [
        (
            ada.clone(),
            Note {
                changes,
                ..note("IntegrationService/UpdateIntegration", integration, Outcome::Done)
            },
        ),
        (ada, note("AccessService/CreateToken", "organizations/default", refused)),
        (
            Principal::Runner(RunnerId(9)),
            note("IdentityService/RenewCertificate", "", Outcome::Done),
        ),
        (
            Principal::nobody(),
            Note {
                peer: None,
                ..note("", "", Outcome::MoreRefused { count: 17 })
            },
        ),
    ];
    let mut previous = [0; 32];
    let mut entries = Vec::new();
    for ((by, note), number) in notes.into_iter().zip(1..) {
        let mut entry = audit::Entry {
            number,
            at: Stamp::from_millis(1_732_000_000_123 + number),
            by,
            note,
            batch: Sequence(number * 10),
            batch_hash: [u8::try_from(number).expect("it is small"); 32],
            previous,
            hash: [0; 32],
        };
        entry.hash = muster_store::audit::hash(&entry);
        previous = entry.hash;
        entries.push(told(&entry));
    }
    entries
}

fn told(entry: &audit::Entry) -> AuditEntry {
    let (kind, id, person, display_name) = audit::caller(&entry.by);
    let kind = match kind {
        "token" => AuditCallerKind::Token,
        "runner" => AuditCallerKind::Runner,
        "operator" => AuditCallerKind::Operator,
        other => panic!("{other}"),
    };
    let (outcome, reason, message, refused_count) = match &entry.note.outcome {
        Outcome::Done => (AuditOutcome::Done, String::new(), String::new(), 0),
        Outcome::Refused { reason, message } => (AuditOutcome::Refused, reason.to_string(), message.clone(), 0),
        Outcome::MoreRefused { count } => (AuditOutcome::MoreRefused, String::new(), String::new(), *count),
    };
    let millis = entry.at.millis();
    AuditEntry {
        log: audit::log_name(entry.note.log.as_ref()),
        number: entry.number,
        event_time: Some(prost_types::Timestamp {
            seconds: i64::try_from(millis / 1_000).expect("a time"),
            nanos: i32::try_from(millis % 1_000).expect("it is small") * 1_000_000,
        }),
        caller: Some(AuditCaller {
            kind: kind.into(),
            id,
            person,
            display_name,
        }),
        address: entry.note.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        method: entry.note.method.to_string(),
        request_id: String::new(),
        resource: entry.note.resource.clone(),
        outcome: outcome.into(),
        reason,
        message,
        refused_count,
        changes: entry
            .note
            .changes
            .iter()
            .map(|change| AuditChange {
                field: change.field.clone(),
                before: change.before.clone(),
                after: change.after.clone(),
            })
            .collect(),
        batch: entry.batch.0,
        batch_hash: hex(&entry.batch_hash),
        previous_hash: hex(&entry.previous),
        hash: hex(&entry.hash),
    }
}

fn chain(entries: &[AuditEntry]) -> AuditChain {
    let zeros = "0".repeat(64);
    AuditChain {
        log: "organizations/default".to_owned(),
        first_number: entries.first().map_or(1, |first| first.number),
        previous_hash: entries
            .first()
            .map_or(zeros.clone(), |first| first.previous_hash.clone()),
        last_number: entries.last().map_or(0, |last| last.number),
        hash: entries.last().map_or(zeros, |last| last.hash.clone()),
    }
}

#[tonic::async_trait]
impl AuditService for Services {
    type ExportAuditEntriesStream =
        std::pin::Pin<Box<dyn Stream<Item = Result<ExportAuditEntriesResponse, Status>> + Send>>;

    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        let mut state = self.open("ListAuditEntries")?;
        state.audit_listed.push(request.into_inner());
        Ok(Response::new(ListAuditEntriesResponse {
            audit_entries: state.audit_entries.iter().rev().cloned().collect(),
            next_page_token: String::new(),
        }))
    }

    async fn export_audit_entries(
        &self,
        request: Request<ExportAuditEntriesRequest>,
    ) -> Result<Response<Self::ExportAuditEntriesStream>, Status> {
        let from = request.into_inner().from_number;
        let entries = self.open("ExportAuditEntries")?.audit_entries.clone();
        let first = ExportAuditEntriesResponse {
            chain: Some(chain(&entries)),
            audit_entries: Vec::new(),
        };
        let later = entries.into_iter().filter(|entry| entry.number >= from);
        // Each in a message of its own.
        let messages = later.map(|entry| ExportAuditEntriesResponse {
            chain: None,
            audit_entries: vec![entry],
        });
        let messages: Vec<_> = std::iter::once(first).chain(messages).map(Ok).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn verify_audit_log(
        &self,
        _request: Request<VerifyAuditLogRequest>,
    ) -> Result<Response<VerifyAuditLogResponse>, Status> {
        let state = self.open("VerifyAuditLog")?;
        Ok(Response::new(VerifyAuditLogResponse {
            chain: Some(chain(&state.audit_entries)),
            fault: String::new(),
        }))
    }
}

async fn coordinator(audit_entries: Vec<AuditEntry>) -> Coordinator {
    Coordinator::start(State {
        audit_entries,
        ..State::default()
    })
    .await
}

/// What `muster` says with these arguments in a folder, and its code.
async fn said(folder: &Path, coordinator: &Coordinator, args: &str) -> (String, i32) {
    let args: Vec<&str> = ["--server", &coordinator.url]
        .into_iter()
        .chain(args.split_whitespace())
        .collect();
    let done = run_in(folder, &args).await;
    (format!("{}{}", done.stdout, done.stderr), done.code)
}

#[tokio::test]
async fn a_list_shows_who_what_when_from_where_and_what_became_of_it() {
    let coordinator = coordinator(entries()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (table, code) = said(folder.path(), &coordinator, "audit list --caller Ada --outcome refused").await;
    assert_eq!(code, 0, "{table}");
    for part in [
        "Ada ä",
        "192.0.2.7",
        "UpdateIntegration",
        "integrations/",
        "refused: PERMISSION",
        "17 more refused",
        "runner ",
    ] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    let asked = coordinator.state().audit_listed.pop().expect("it was asked");
    assert_eq!(
        asked.filter,
        r#"caller = "Ada" AND (outcome = REFUSED OR outcome = MORE_REFUSED)"#
    );
    let (json, _) = said(folder.path(), &coordinator, "audit list --service --output json").await;
    assert!(json.contains(r#""before": "dc1""#), "{json}");
    assert_eq!(coordinator.state().audit_listed.pop().expect("asked").parent, "service");
}

#[tokio::test]
async fn an_export_is_verified_without_anybody_and_each_change_of_it_is_found() {
    let coordinator = coordinator(entries()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let (exported, code) = said(path, &coordinator, "audit export").await;
    assert_eq!(code, 0, "{exported}");
    let lines: Vec<&str> = exported.lines().collect();
    assert_eq!(lines.len(), 5);
    let file = path.join("audit.jsonl");
    let python = program();
    let judge = async |what: &str, text: &str, args: &str, expected: &str, code: i32| {
        fs::write(&file, text).expect("written");
        let (said, ended) = said(path, &coordinator, &format!("audit verify audit.jsonl {args}")).await;
        assert!(said.contains(expected) && ended == code, "{what}: {ended} {said}");
        if args.is_empty() {
            let theirs = by_python(&python, &file);
            assert_eq!(theirs, code == 0, "{what}: by the page's program");
        }
    };
    judge("as it is", &exported, "", "is whole: entries 1 to 4", 0).await;
    let without = |place: usize| {
        let left = lines.iter().enumerate().filter(|(number, _)| *number != place);
        left.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    judge("one removed", &without(2), "", "entry 2 is missing", 2).await;
    judge("the last removed", &without(4), "", "it ends before entry 4", 2).await;
    let swapped = [lines[0], lines[1], lines[3], lines[2], lines[4]].join("\n");
    judge("two moved", &swapped, "", "entry 2 is missing", 2).await;
    let changed = exported.replace("dc2", "dc9");
    judge(
        "one changed",
        &changed,
        "",
        "entry 1 is not what its hash was made of",
        2,
    )
    .await;
    let other_log = exported.replacen("organizations/default\"", "organizations/other\"", 1);
    judge(
        "another log",
        &other_log,
        "",
        "entry 1 is not what its hash was made of",
        2,
    )
    .await;
    let hash = |number: usize| entries()[number - 1].hash.clone();
    let zeros = "0".repeat(64);
    let known = format!("--known-hash 3:{}", hash(3));
    judge("known", &exported, &known, "is whole", 0).await;
    judge(
        "another one",
        &exported,
        &format!("--known-hash 3:{zeros}"),
        "entry 3 is another one",
        2,
    )
    .await;
    let later = format!("--known-hash 9:{zeros}");
    judge(
        "cut off",
        &exported,
        &later,
        "it ends with entry 4, and you know entry 9",
        2,
    )
    .await;
    judge(
        "from the beginning",
        &exported,
        &format!("--after-hash {zeros}"),
        "is whole",
        0,
    )
    .await;
    judge(
        "from elsewhere",
        &exported,
        &format!("--after-hash {}", hash(1)),
        "goes on from",
        2,
    )
    .await;

    // The next part goes on where the one before has ended.
    let (newer, _) = said(path, &coordinator, "audit export --from 3").await;
    judge(
        "a part",
        &newer,
        &format!("--after-hash {}", hash(2)),
        "is whole: entries 3 to 4",
        0,
    )
    .await;
    judge(
        "known before",
        &newer,
        &format!("--known-hash 2:{}", hash(2)),
        "is whole",
        0,
    )
    .await;
    judge(
        "known long before",
        &newer,
        &format!("--known-hash 1:{}", hash(1)),
        "know a newer one",
        2,
    )
    .await;
    let (missing, code) = said(path, &coordinator, "audit verify nowhere.jsonl").await;
    assert!(code == 1 && missing.contains("muster audit export"), "{missing}");
}

/// A coordinator whose log was made anew is whole by itself, and only whoever knows something from before finds it out.
#[tokio::test]
async fn a_log_that_was_made_anew_or_cut_off_is_found_by_who_holds_an_old_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let all = entries();
    let known = format!("--known-hash 3:{}", all[2].hash);
    let honest = coordinator(all.clone()).await;
    let (whole, code) = said(path, &honest, &format!("audit verify {known}")).await;
    assert!(code == 0 && whole.contains("is whole: entries 1 to 4"), "{whole}");
    // Whoever says that the chain is whole, and gives out something else, is found out as well.
    let mut lied = all.clone();
    lied[3].resource = "organizations/default/people/eve".to_owned();
    let cut = all[..2].to_vec();
    let mut anew = all.clone();
    anew[2].hash = "1".repeat(64);
    for (what, entries, expected) in [
        ("a lie", lied, "entry 4 is not what its hash was made of"),
        ("cut off", cut, "it ends with entry 2, and you know entry 3"),
        ("made anew", anew, "entry 3 is not what its hash was made of"),
        ("emptied", Vec::new(), "you know entry 3"),
    ] {
        let dishonest = coordinator(entries).await;
        let (told, code) = said(path, &dishonest, "audit verify").await;
        assert_eq!(code, 0, "{what}: it says that it is whole: {told}");
        let (told, code) = said(path, &dishonest, &format!("audit verify {known}")).await;
        assert!(code == 2 && told.contains(expected), "{what}: {told}");
    }
    // What its retention has ended can be compared only with the one right before the first.
    let kept = coordinator(all[3..].to_vec()).await;
    let (told, code) = said(path, &kept, &format!("audit verify {known}")).await;
    assert!(code == 0, "{told}");
    let (told, code) = said(path, &kept, &format!("audit verify --known-hash 2:{}", all[1].hash)).await;
    assert!(code == 2 && told.contains("know a newer one"), "{told}");
}

/// The program of the page.
fn program() -> String {
    let page = fs::read_to_string(PAGE).expect("the page");
    let begin = page.find("```python\n").expect("a program") + "```python\n".len();
    let end = begin + page[begin..].find("```").expect("its end");
    page[begin..end].to_owned()
}

/// Whether it says that a file is whole.
fn by_python(program: &str, file: &Path) -> bool {
    let done = Command::new("python3")
        .arg("-c")
        .arg(program)
        .arg(file)
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() == said.contains("whole"),
        "{said} {}",
        String::from_utf8_lossy(&done.stderr)
    );
    done.status.success()
}
