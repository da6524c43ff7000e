//! What a connector says that it has failed of becomes what people are told to do: in the same words wherever they read it.

use std::fs;

use muster_proto::v1::{self, ExecutionStatus, FailureReasonKind};
use muster_tests::{Binary, LIMIT, Wanted, World, eventually};

/// What the program says of itself: what it needs for devices, and what for users.
const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"CRM","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]},{"name":"user","title":"Users","primary_key":["id"]}],"permissions":[{"name":"devices.read","purpose":"lists devices","required":true,"data_types":["device"]},{"name":"users.read","purpose":"lists users","required":true,"data_types":["user"]}]}}"#;

const FAILURE: &str = r#"{"error":{"category":"permission","message":"the API answered 403 to GET /v1/devices","reason":{"missing_permission":"devices.read"}}}"#;

const REMEDY: &str =
    "grant `devices.read` at the source to the credentials of `HQ devices`: `crm` needs it (lists devices)";

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_named_in_the_same_words_everywhere() {
    let world = World::start().await;
    let script =
        format!("read -r request\ncase \"$1\" in\nspec) echo '{SPECIFICATION}';;\n*) echo '{FAILURE}';;\nesac");
    let config = world.folder().join("runner.toml");
    let table = format!(
        "connectors = []\n[exec.crm]\nprogram = \"/bin/sh\"\narguments = [\"-c\", {}, \"program\"]\n",
        serde_json::json!(script)
    );
    fs::write(&config, table).expect("written");
    let config = config.to_string_lossy().into_owned();
    let _runner = world.runner("hq-1", &["--config", &config]);
    let client = world.client();
    client.until_online("hq-1").await;
    let notifications = v1::ErrorNotifications {
        enabled: true,
        recipients: vec!["oncall@example.com".to_owned()],
        ..v1::ErrorNotifications::default()
    };
    let wanted = Wanted::new("HQ devices", "crm")
        .data_type("device")
        .notifying(notifications);
    let created = client.create_soon(&wanted).await;

    let incident = eventually("an incident", LIMIT, async || {
        let incidents = client.incidents().await.map_err(|status| status.to_string())?;
        incidents.into_iter().next().ok_or_else(|| "none".to_owned())
    })
    .await;
    let told = &incident.notices[0].errors[0];
    let failure = told.failure.as_ref().expect("it has failed");
    assert_eq!(failure.remedy, REMEDY);
    let execution = client.until_status(&told.execution, ExecutionStatus::Error).await;
    let failure = execution.failure.expect("it has failed");
    assert_eq!(failure.remedy, REMEDY);
    let reason = failure.reason.expect("it has said so");
    assert_eq!(
        (reason.kind(), reason.subject.as_str()),
        (FailureReasonKind::MissingPermission, "devices.read")
    );
    let integration = client.integration(&created.name).await.expect("it is there");
    assert_eq!(integration.status_remedy, REMEDY);

    let show = ["execution", "show", &told.execution];
    for arguments in [
        &show[..],
        &["integration", "show", &created.name],
        &["status", "--output", "json"],
    ] {
        let mut command = Binary::Cli.command();
        command
            .env("MUSTER_SERVER", world.coordinator.url())
            .env("HOME", world.folder());
        let output = command.args(arguments).output().expect("it runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        // A table folds what is too long for it.
        let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(REMEDY), "{arguments:?}: {printed}");
    }
    // Without a coordinator all but the integration's name is known.
    let mut command = Binary::Cli.command();
    command.args(["connector", "check", "crm", "--runner-config", &config]);
    let output = command.output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    let here = REMEDY.replace("`HQ devices`", "the integration");
    assert!(printed.contains(&here), "{printed}");
}
