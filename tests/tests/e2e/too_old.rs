//! A runner that is older than the coordinator gives work to: everybody who looks is told why it gets none.

use std::process::Output;

use muster_proto::v1::RunnerStatus;
use muster_tests::{Binary, LIMIT, Wanted, World};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_below_the_minimum_gets_no_work_and_everybody_is_told_why() {
    let world = World::start_with(&["--lease", "5s", "--runner-version-min", "99.1.0"]).await;
    let mut runner = world.runner("rack-7", &[]);
    let line = runner
        .process()
        .until_logged(
            "this runner is too old for the coordinator and gets no work: update it",
            LIMIT,
        )
        .await;
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(
        (line["version"].as_str(), line["required"].as_str()),
        (Some(own), Some("99.1.0"))
    );
    let client = world.client();
    let seen = client.until_online("rack-7").await;
    assert_eq!(seen.status(), RunnerStatus::TooOld);
    assert_eq!(seen.version_required, "99.1.0");

    let created = client
        .create(&Wanted::new("this machine", "host").data_type("device"))
        .await
        .expect("created");
    let open = client.open_execution(&created.name).await;
    let explanation = client
        .execution(&open)
        .await
        .expect("it is there")
        .explanation
        .expect("it is open");
    let why = format!(
        "the runners of pool `default` that are online and could take it are too old: `rack-7` is of version {own}, and 99.1.0 is the least"
    );
    assert!(explanation.state.contains(&why), "{explanation:?}");
    assert!(
        explanation
            .next_step
            .starts_with("update the runner `rack-7` to 99.1.0 or later"),
        "{explanation:?}"
    );
    let refused = client.check(&created.name).await.expect_err("nobody may check it");
    assert!(refused.message().contains("are too old"), "{refused:?}");

    let url = world.coordinator.url();
    let mut list = Binary::Cli.command();
    let listed = said(
        &list
            .args(["--server", &url, "runner", "list"])
            .output()
            .expect("it starts"),
    );
    assert!(listed.contains("Too old"), "{listed}");
    let mut show = Binary::Cli.command();
    let shown = said(
        &show
            .args(["--server", &url, "runner", "show", "rack-7"])
            .output()
            .expect("it starts"),
    );
    assert!(
        shown.contains("too old to get work: update it to 99.1.0 or later"),
        "{shown}"
    );
    let mut doctor = Binary::Runner.command();
    doctor.args(["doctor", "--idle", "1s", "--coordinator", &url, "--data-folder"]);
    let told = doctor.arg(world.folder().join("rack-7")).output().expect("it starts");
    assert_eq!(told.status.code(), Some(1));
    assert!(said(&told).contains("and 99.1.0 is the least"), "{}", said(&told));
    // For its update it ends as ever.
    assert!(runner.terminate(LIMIT).await.success());
}
