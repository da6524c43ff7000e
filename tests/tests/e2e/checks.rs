//! A runner checks the source of an integration: good and bad, with a real connector; what a check changes; and what nobody's word changes.

use std::fs;
use std::process::Output;

use bytes::Bytes;
use muster_proto::v1;
use muster_proto::v1::check_integration_response::Event;
use muster_proto::v1::coordinator_message::Kind as Told;
use muster_proto::v1::runner_message::Kind;
use muster_proto::v1::{ConfigurationStatus, Enablement, ErrorCategory};
use muster_tests::{Binary, CONNECTOR, Client, DATA_TYPE, LIMIT, ScriptedRunner, Wanted, World};
use prost_types::value;
use serde_json::json;
use tokio::time::timeout;

/// A program whose check takes long, and says that it has begun.
const SLOW: &str = r#"read -r request
case "$1" in
spec) echo "$SPEC" ;;
check) echo began > "$BEGAN"; exec sleep 20 ;;
esac"#;

/// What it says of itself.
const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"S","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]}]}}"#;

/// How a command of the command line has ended.
fn muster(world: &World, arguments: &[&str]) -> Output {
    let mut command = Binary::Cli.command();
    command.args(["--server", &world.coordinator.url()]).args(arguments);
    command.output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn change_root(client: &Client, name: &str, root: &str) {
    let configuration = prost_types::Struct {
        fields: [(
            "root".to_owned(),
            prost_types::Value {
                kind: Some(value::Kind::StringValue(root.to_owned())),
            },
        )]
        .into(),
    };
    let request = v1::UpdateIntegrationRequest {
        integration: Some(v1::Integration {
            name: name.to_owned(),
            configuration: Some(configuration),
            ..v1::Integration::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["configuration".to_owned()],
        }),
        ..v1::UpdateIntegrationRequest::default()
    };
    client
        .integrations()
        .update_integration(request)
        .await
        .expect("changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_checked_before_it_collects_and_an_error_by_a_check_goes_with_the_next_good_one() {
    let world = World::start().await;
    let client = world.client();
    let _runner = world.runner("here", &[]);
    client.until_online("here").await;

    // A draft, whose source is there.
    let draft = Wanted::new("laptop", "host").data_type("user").draft();
    let made = client.create_soon(&draft).await;
    let good = muster(&world, &["integration", "check", "laptop"]);
    let (said, complaint) = (text(&good.stdout), text(&good.stderr));
    assert_eq!(good.status.code(), Some(0), "{said}{complaint}");
    assert!(
        said.starts_with("runner `here` checks, for 1 min at the most …\n"),
        "{said}"
    );
    assert!(said.contains("the source of `laptop` can be read"), "{said}");
    let checked = client.integration(&made.name).await.expect("it is there");
    assert_eq!(
        (checked.status(), checked.enablement()),
        (ConfigurationStatus::Disabled, Enablement::Draft)
    );
    let last = checked.last_check.expect("it is kept");
    assert_eq!((last.runner_display_name.as_str(), last.failure), ("here", None));
    assert!(
        client.all_executions().await.expect("listed").is_empty(),
        "a check collects nothing"
    );

    // Enabled, with a root that is not there: the check says so before a collection does.
    let enable = v1::EnableIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    client.integrations().enable_integration(enable).await.expect("enabled");
    let first = client.open_execution(&made.name).await;
    client.until_ended(&first, LIMIT).await;
    change_root(&client, &made.name, "/is/not/there").await;
    let bad = muster(&world, &["integration", "check", "laptop", "--output", "json"]);
    assert_eq!(bad.status.code(), Some(2), "{}", text(&bad.stderr));
    let document: serde_json::Value = serde_json::from_slice(&bad.stdout).expect("one document");
    assert_eq!(document["ok"], false);
    assert!(
        document["failure"]["message"]
            .as_str()
            .expect("a text")
            .contains("/is/not/there"),
        "{document}"
    );
    let failing = client.integration(&made.name).await.expect("it is there");
    assert_eq!(failing.status(), ConfigurationStatus::Error);
    assert!(
        failing.status_message.starts_with("check: "),
        "{}",
        failing.status_message
    );
    assert!(!failing.status_remedy.is_empty());
    let status = muster(&world, &["status"]);
    assert_eq!(status.status.code(), Some(2));
    assert!(text(&status.stdout).contains("check: "), "{}", text(&status.stdout));

    // What was told survives.
    let mut world = world;
    world.coordinator.kill_9();
    world.coordinator.restart().await;
    let kept = world.client().integration(&made.name).await.expect("it is there");
    assert_eq!((kept.status(), kept.last_check), (failing.status(), failing.last_check));

    // Another configuration clears it, and so does a good check.
    let client = world.client();
    client.until_online("here").await;
    change_root(&client, &made.name, "/").await;
    let mended = client.integration(&made.name).await.expect("it is there");
    assert_eq!(mended.status(), ConfigurationStatus::Active);
    let good = muster(&world, &["integration", "check", "laptop"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    let shown = muster(&world, &["integration", "show", "laptop"]);
    assert!(
        text(&shown.stdout).contains("last check     good ("),
        "{}",
        text(&shown.stdout)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_killed_while_it_checks_says_nothing_of_the_source() {
    let world = World::start().await;
    let (file, began) = (world.folder().join("runner.toml"), world.folder().join("began"));
    let table = format!(
        "[exec.slow]\nprogram = \"/bin/sh\"\narguments = [\"-c\", {}, \"slow\"]\nenvironment = {{ SPEC = {}, BEGAN = {} }}\nwrite_paths = [{}]\n",
        json!(SLOW),
        json!(SPECIFICATION),
        json!(began),
        json!(world.folder()),
    );
    fs::write(&file, table).expect("written");
    let mut runner = world.runner("slow", &["--config", &file.to_string_lossy()]);
    let client = world.client();
    client.until_online("slow").await;
    let made = client
        .create_soon(&Wanted::new("slow", "slow").data_type("device").draft())
        .await;

    let request = v1::CheckIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    let events = client.integrations().check_integration(request).await;
    let mut events = events.expect("somebody is asked").into_inner();
    let first = events.message().await.expect("it goes on").and_then(|one| one.event);
    assert!(
        matches!(&first, Some(Event::Begun(begun)) if begun.runner_display_name == "slow"),
        "{first:?}"
    );
    let has_begun = async {
        while !began.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, has_begun).await.expect("the program runs");
    // Whoever looks meanwhile sees that it goes on.
    let found = client.integration(&made.name).await.expect("it is there");
    let open = found.open_check.expect("it is under way");
    assert_eq!(
        (open.runner_display_name.as_str(), open.revision),
        ("slow", found.revision)
    );
    assert_eq!(open.time_limit.map(|limit| limit.seconds), Some(60));
    let shown = muster(&world, &["integration", "show", "slow"]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("by `slow`, asked"), "{shown}");
    runner.kill_9();
    let lost = timeout(LIMIT, events.message()).await.expect("whoever waits is told");
    let status = lost.expect_err("there is no answer");
    assert!(
        status
            .message()
            .starts_with("the runner `slow` lost its connection, or ended, before it had an answer"),
        "{status:?}"
    );
    let found = client.integration(&made.name).await.expect("it is there");
    assert_eq!((found.last_check, found.open_check), (None, None));
    let alone = muster(&world, &["integration", "check", "slow"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(
        text(&alone.stderr).contains("no runner of pool `default`"),
        "{}",
        text(&alone.stderr)
    );
}

/// The check that a runner is asked for.
async fn asked(runner: &mut ScriptedRunner) -> v1::Check {
    loop {
        let message = timeout(LIMIT, runner.message()).await.expect("it is asked in time");
        if let Told::Check(check) = message.expect("the stream goes on") {
            return check;
        }
    }
}

fn result(check_id: &Bytes, message: &str) -> Kind {
    Kind::CheckResult(v1::CheckResult {
        check_id: check_id.clone(),
        failure: Some(v1::Failure {
            category: ErrorCategory::Permission.into(),
            message: message.to_owned(),
            remedy: message.to_owned(),
            reason: None,
        }),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_who_was_asked_says_how_a_check_has_ended_and_only_once() {
    let world = World::start().await;
    let url = world.coordinator.url();
    let client = world.client();
    let mut asked_one = ScriptedRunner::named("asked", "lab", 1).check_in(&url).await;
    let other = ScriptedRunner::named("other", "elsewhere", 1).check_in(&url).await;
    let wanted = Wanted::new("source", CONNECTOR)
        .pool("lab")
        .data_type(DATA_TYPE)
        .draft();
    let made = client.create_soon(&wanted).await;
    let request = v1::CheckIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    let events = client.integrations().check_integration(request).await;
    let mut events = events.expect("somebody is asked").into_inner();
    let check = asked(&mut asked_one).await;
    assert_eq!(check.integration, made.name);

    // Another runner's word, and one about a check that there never was.
    other.say(result(&check.check_id, "of another")).await;
    let nothing = Bytes::copy_from_slice(&[7; 16]);
    other.say(result(&nothing, "of nothing")).await;
    asked_one.say(result(&nothing, "of nothing")).await;
    // A text as long as a message may be is cut; what comes again counts for nothing.
    let enormous = "x".repeat(100 * 1024);
    asked_one.say(result(&check.check_id, &enormous)).await;
    asked_one.say(result(&check.check_id, "again")).await;

    let begun = events.message().await.expect("it goes on").and_then(|one| one.event);
    assert!(matches!(begun, Some(Event::Begun(_))), "{begun:?}");
    let ended = timeout(LIMIT, events.message()).await.expect("it ends").expect("well");
    let Some(Event::Ended(ended)) = ended.and_then(|one| one.event) else {
        panic!("it ends")
    };
    let failure = ended.failure.expect("it fails");
    assert!(
        failure.message.starts_with("xxx") && failure.message.len() <= 2_048,
        "{}",
        failure.message.len()
    );
    // All that was said before has been read when this is answered, and both streams go on.
    for runner in [&asked_one, &other] {
        runner
            .report(vec![
                muster_tests::Work {
                    execution: nothing.clone(),
                    attempt: 1,
                }
                .started(),
            ])
            .await;
    }
    for mut runner in [asked_one, other] {
        let fence = timeout(LIMIT, runner.message())
            .await
            .expect("an answer")
            .expect("the stream goes on");
        assert!(matches!(fence, Told::Fences(_)), "{fence:?}");
    }
    let found = client.integration(&made.name).await.expect("it is there");
    let kept = found.last_check.expect("it is kept");
    assert_eq!(
        (kept.runner_display_name.as_str(), kept.failure),
        ("asked", Some(failure))
    );
}
