//! The pages beside the integrations, in a real browser: a runner is added, somebody is let in, and all of it stands in the log.

use std::fs;

use muster_proto::v1;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_tests::{Browser, LIMIT, eventually, free_address};

use crate::secure::{PARENT, Secure, said};

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_is_added_and_somebody_let_in_from_the_page() {
    let Some(browser) = Browser::new() else { return };
    let port = free_address().port();
    let http: &str = format!("0.0.0.0:{port}").leak();
    let arguments = ["--http-listen", http, "--lease", "5s", "--pool-offline-after", "1s"];
    let secure = Secure::start(&arguments).await;
    let token = fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    let (url, folder) = (format!("https://localhost:{port}"), secure.folder.path());

    let arguments = [&url, token.trim(), folder.to_str().expect("text")];
    let mut flow = browser.flow("administration.py", &arguments);
    flow.asks("enroll a runner").await;
    let secret = fs::read_to_string(folder.join("token")).expect("the flow has put it there");
    let runner = folder.join("runner");
    let enrolled = secure.enroll(&runner, &secret, &[]);
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    flow.done();
    flow.asks("start the runner").await;
    let mut process = secure.runner(&runner);
    flow.done();
    flow.asks("start the runner anew").await;
    let before = secure.until_online().await.check_in_time;
    process.kill_9();
    process = secure.runner(&runner);
    eventually("the runner has checked in anew", LIMIT, async || {
        let now = secure.until_online().await;
        (now.check_in_time != before).then_some(()).ok_or(format!("{now:?}"))
    })
    .await;
    flow.done();
    flow.asks("let a pool lose its runner").await;
    let create = v1::CreateIntegrationRequest {
        parent: PARENT.to_owned(),
        integration: Some(v1::Integration {
            display_name: "this machine".to_owned(),
            connector: "host".to_owned(),
            configuration: Some(prost_types::Struct::default()),
            pool: "hq".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = IntegrationServiceClient::new(secure.operator())
        .create_integration(create)
        .await;
    created.expect("created");
    process.kill_9();
    flow.done();
    flow.ends().await;
}
