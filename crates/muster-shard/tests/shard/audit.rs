//! What was told is in the audit log, at once, and after a restart.

use muster_core::audit::{Note, Outcome, Touched};
use muster_core::decide::Command;
use muster_core::decide::integration::disable::Disable;
use muster_core::ledger::Entity;
use muster_core::words::{IntegrationId, Principal};
use muster_shard::ShardHandle;
use muster_store::{Location, Store};

use crate::rig::{begin, create, end, organization};

fn note(resource: &str, touched: Option<Touched>) -> Note {
    let shown = |entity: Option<Entity>| match entity {
        Some(Entity::Integration(one)) => vec![("enablement".to_owned(), format!("{:?}", one.enablement))],
        _ => Vec::new(),
    };
    let changes = touched.map(|touched| muster_core::audit::changes(&shown(touched.before), &shown(touched.after)));
    Note {
        log: Some(organization()),
        method: "test".into(),
        peer: None,
        request: String::new(),
        resource: resource.to_owned(),
        outcome: Outcome::Done,
        changes: changes.unwrap_or_default(),
    }
}

async fn disable(handle: &ShardHandle, integration: IntegrationId, name: &'static str) {
    let command = Command::DisableIntegration(Disable {
        organization: organization(),
        integration,
    });
    let asked =
        handle.turn(move |turn| turn.ask_audited(&Principal::local(), command, |_, touched| note(name, touched)));
    asked.await.expect("it runs").expect("it is accepted");
}

#[tokio::test]
async fn what_was_told_is_in_the_audit_log_and_stays_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().to_owned());
    let mut last = None;
    for round in 0_u64..3 {
        let (handle, running) = begin(Store::open(&location).expect("a store"));
        let integration = create(&handle, &format!("laptops {round}")).await;
        disable(&handle, integration, "first").await;
        disable(&handle, integration, "again").await;
        let missing = Command::DisableIntegration(Disable {
            organization: organization(),
            integration: IntegrationId(1),
        });
        let refused = handle.turn(move |turn| turn.ask_audited(&Principal::local(), missing, |_, _| note("no", None)));
        refused.await.expect("it runs").expect_err("there is none");
        // Nobody has waited for anything: it is there when it was answered.
        let log = Some(organization());
        let entries = handle
            .audit_entries_before(log.clone(), None, 2)
            .await
            .expect("entries");
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| (entry.number, entry.note.resource.as_str(), entry.note.changes.len()))
            .collect();
        assert_eq!(shown, [(2 * round + 2, "again", 0), (2 * round + 1, "first", 1)]);
        let change = &entries[1].note.changes[0];
        assert_eq!(
            (change.before.as_deref(), change.after.as_deref()),
            (Some("Enabled"), Some("Disabled"))
        );
        if let Some((number, hash)) = last {
            let old = handle
                .audit_entries_from(log.clone(), number, 1)
                .await
                .expect("entries");
            assert_eq!(old[0].hash, hash, "what was told is what it is");
        }
        let chain = handle
            .verify_audit(log)
            .await
            .expect("it is whole")
            .expect("there is one");
        assert_eq!((chain.first, chain.last), (1, 2 * round + 2));
        last = Some((chain.last, chain.hash));
        end(handle, running).await;
    }
}
