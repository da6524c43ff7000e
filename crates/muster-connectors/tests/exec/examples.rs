//! The examples of `docs/`, as customers get them: they collect, and they pass the suite.

use std::path::Path;

use muster_connector::conformance::{Outcome, Report, Settings, run};
use muster_connector::{Category, Connector, Network, Reason, ReasonKind};
use muster_connectors::exec::Program;
use serde_json::json;

use crate::inventory::{self, DEVICES, TOKEN};
use crate::program::start;

/// An example, with what it needs of this machine: the interpreter is not in the same place everywhere.
fn example(file: &str) -> Program {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/examples")
        .join(file);
    Program {
        pass_environment: vec!["PATH".to_owned(), "HOME".to_owned()],
        ..Program::at(path)
    }
}

fn assert_passed(report: &Report, cases: usize) {
    assert!(report.has_passed(), "{report:#?}");
    assert_eq!(
        (report.count(Outcome::Skipped), report.cases.len()),
        (0, cases),
        "{report:#?}"
    );
}

#[tokio::test]
async fn the_one_in_python_reads_an_api_page_by_page_and_goes_on_from_its_cursor() {
    let (address, serve) = inventory::listen().await;
    let url = format!("http://{address}/v2");
    let judge = async {
        let connector = start(&example("inventory.py")).await;
        let settings = Settings::new(json!({"url": url, "token": TOKEN}));
        let report = run(&connector, &settings).await;
        // Of devices three cases, of users two.
        assert_passed(&report, 4 + 3 + 2);
        let cursor = report
            .cases
            .iter()
            .find(|case| case.name == "a cursor resumes without loss (device)");
        let sentence = format!("{DEVICES} records at first, 1 from the cursor, and none is lost");
        assert_eq!(cursor.map(|case| case.sentence.as_str()), Some(sentence.as_str()));

        let refused = connector
            .check(&json!({"url": url, "token": "wrong"}), &Network::by_hand())
            .await
            .expect_err("a wrong token");
        assert_eq!(refused.category, Category::Permission);
        assert_eq!(refused.message, "the API answers 401 to GET /devices");
        let reason = Reason::new(ReasonKind::BadCredentials, "token");
        assert_eq!(refused.reason.as_deref(), Some(&reason));
        let away = connector
            .check(
                &json!({"url": "http://127.0.0.1:9", "token": TOKEN}),
                &Network::by_hand(),
            )
            .await
            .expect_err("nobody");
        assert_eq!(away.category, Category::Communication);
        let reason = Reason::new(ReasonKind::Refused, "127.0.0.1:9");
        assert_eq!(away.reason.as_deref(), Some(&reason));
        assert_eq!(
            away.message,
            "http://127.0.0.1:9 cannot be reached: [Errno 111] Connection refused"
        );
    };
    tokio::select! {
        () = serve => {}
        () = judge => {}
    }
}

#[tokio::test]
async fn the_one_in_shell_reads_this_machines_file_systems() {
    let connector = start(&example("file-systems.sh")).await;
    assert_passed(&run(&connector, &Settings::new(json!({}))).await, 4 + 2);
}
