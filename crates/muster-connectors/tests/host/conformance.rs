//! `host` keeps to what is expected of every connector.

use muster_connector::conformance::{Outcome, Settings, run};
use muster_connectors::host::Host;
use serde_json::json;

#[tokio::test]
async fn it_passes_every_case_of_the_suite_on_this_machine() {
    let report = run(&Host::new(), &Settings::new(json!({}))).await;
    assert!(report.has_passed(), "{report:#?}");
    assert_eq!(report.count(Outcome::Skipped), 0, "{report:#?}");
    assert_eq!(report.cases.len(), 4 + 2 * 3);
}
