//! Clients that this project did not write: they know what any stranger can know, by reflection and by the pages.

use std::process::Command;

use muster_proto::v1::ExecutionStatus;
use muster_tests::foreign::{Python, buf, clients, grpcurl, refused, repository, run};
use muster_tests::{LIMIT, Process, Wanted, World, eventually, passwd_of, published};
use serde_json::Value;

/// A runner in Python; SIGTERM drains it.
fn python_runner(python: &Python, world: &World) -> Process {
    let mut command = python.command("runner.py");
    command.arg(world.coordinator.address().to_string());
    command.arg("default").arg(world.folder());
    Process::start(command, &world.folder().join("python-runner.log"))
}

fn python() -> Option<Python> {
    Python::with(&clients().join("requirements.txt"))
}

#[tokio::test]
async fn a_runner_of_a_hundred_lines_of_python_lives_a_runners_life() {
    let Some(python) = python() else { return };
    let mut world = World::start().await;
    let client = world.client();
    let mut runner = python_runner(&python, &world);
    let integration = Wanted::new("numbers", "numbers").with_number("count", 12_345.0);
    let integration = client.create_soon(&integration).await;
    let first = client.open_execution(&integration.name).await;
    let ended = client.until_ended(&first, LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");
    let landed = published(&world.coordinator.landing());
    let [landed] = landed.values().collect::<Vec<_>>()[..] else {
        panic!("one execution has landed: {landed:?}");
    };
    let records = landed.records();
    assert_eq!(records.len(), 12_345);
    assert_eq!(records[12_344], serde_json::json!({"number": 12_344}));

    let checked = client.check(&integration.name).await.expect("it answers");
    assert_eq!(checked.failure, None);

    // It comes back by itself, and is given work again.
    world.coordinator.kill_9();
    world.coordinator.restart().await;
    let again = eventually("another execution", LIMIT, async || {
        let ran = client.run(&integration.name, &[]).await;
        ran.map(|executions| executions[0].name.clone())
            .map_err(|status| status.to_string())
    });
    let ended = client.until_ended(&again.await, LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");

    let status = runner.terminate(LIMIT).await;
    assert!(status.success(), "it has not drained: {status}");
}

#[tokio::test]
async fn what_breaks_the_runners_protocol_gets_what_the_page_says() {
    let Some(python) = python() else { return };
    let world = World::start().await;
    let page = repository().join("docs/runner-protocol.md");
    let mut breaches = python.command("breaches.py");
    breaches.arg(world.coordinator.address().to_string()).arg(page);
    let said = blocking(breaches, run).await;
    assert!(said.contains("breaches of"), "{said}");
    // And who keeps to it is served.
    let _runner = python_runner(&python, &world);
    world
        .client()
        .create_soon(&Wanted::new("numbers", "numbers").with_number("count", 1.0).draft())
        .await;
}

#[tokio::test]
async fn an_operators_python_needs_no_file_of_ours() {
    let Some(python) = python() else { return };
    let world = World::start().await;
    let _runner = python_runner(&python, &world);
    // The connector must be known.
    let draft = Wanted::new("draft", "numbers").with_number("count", 1.0).draft();
    world.client().create_soon(&draft).await;
    let mut operate = python.command("operate.py");
    operate.arg(world.coordinator.address().to_string());
    let said = blocking(operate, run).await;
    assert!(said.contains("read (12345 records) and deleted"), "{said}");
}

/// A call by `buf curl`: of the method, with a request.
fn curl(url: &str, method: &str, request: &str) -> Option<Command> {
    let mut command = buf()?;
    command.args(["curl", "--protocol", "grpc", "--http2-prior-knowledge"]);
    command
        .args(["--data", request])
        .arg(format!("{url}/muster.v1.{method}"));
    Some(command)
}

#[tokio::test]
async fn buf_curl_lists_calls_streams_and_takes_errors_apart() {
    let Some(mut list) = buf() else { return };
    let world = World::start().await;
    let url = world.coordinator.url();
    list.args([
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "--list-methods",
        &url,
    ]);
    let methods = blocking(list, run).await;
    for method in [
        "muster.v1.RunnerService/CheckIn",
        "muster.v1.ExecutionService/WatchExecutions",
    ] {
        assert!(
            methods.lines().any(|line| line == method),
            "{method} is not in\n{methods}"
        );
    }

    let execution = collected(&world).await;
    let call = |method, request: Value| curl(&url, method, &request.to_string()).expect("it was there just now");
    let get = call("ExecutionService/GetExecution", serde_json::json!({"name": execution}));
    let found: Value = serde_json::from_str(&blocking(get, run).await).expect("JSON");
    assert_eq!(found["status"], "EXECUTION_STATUS_COMPLETED", "{found}");

    let read = call("ExecutionService/ReadRecords", serde_json::json!({"name": execution}));
    let records: Value = serde_json::from_str(&blocking(read, run).await).expect("JSON");
    assert!(
        records["lines"].as_str().is_some_and(|lines| !lines.is_empty()),
        "{records}"
    );

    let wrong = call(
        "ExecutionService/ListExecutions",
        serde_json::json!({"parent": "organizations/default/integrations/-", "pageSize": -1}),
    );
    let refusal: Value = serde_json::from_str(&blocking(wrong, refused).await).expect("JSON");
    assert_eq!(refusal["code"], "invalid_argument", "{refusal}");
    let details = refusal["details"].as_array().expect("details");
    let kinds: Vec<_> = details
        .iter()
        .map(|detail| detail["type"].as_str().unwrap_or_default())
        .collect();
    assert!(
        kinds.contains(&"google.rpc.ErrorInfo") && kinds.contains(&"google.rpc.BadRequest"),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn grpcurl_lists_describes_calls_and_streams() {
    if grpcurl().is_none() {
        return;
    }
    let world = World::start().await;
    let address = world.coordinator.address().to_string();
    let call = |arguments: &[&str]| {
        let mut command = grpcurl().expect("it was there just now");
        command.arg("-plaintext").args(arguments);
        command
    };
    let services = blocking(call(&[&address, "list"]), run).await;
    assert!(services.contains("muster.v1.ExecutionService"), "{services}");
    let described = blocking(call(&[&address, "describe", "muster.v1.RunnerService"]), run).await;
    assert!(described.contains("rpc CheckIn"), "{described}");

    let request = serde_json::json!({"name": collected(&world).await}).to_string();
    let found = blocking(
        call(&["-d", &request, &address, "muster.v1.ExecutionService/GetExecution"]),
        run,
    )
    .await;
    assert!(found.contains("EXECUTION_STATUS_COMPLETED"), "{found}");
    let records = blocking(
        call(&["-d", &request, &address, "muster.v1.ExecutionService/ReadRecords"]),
        run,
    )
    .await;
    assert!(records.contains("\"lines\""), "{records}");

    let wrong = [
        "-d",
        r#"{"name": "nobody"}"#,
        &address,
        "muster.v1.ExecutionService/GetExecution",
    ];
    let refusal = blocking(call(&wrong), refused).await;
    assert!(
        refusal.contains("InvalidArgument") && refusal.contains("INVALID_FIELD"),
        "{refusal}"
    );
}

/// The name of an execution that has collected users from a small source.
async fn collected(world: &World) -> String {
    let source = world.folder().join("source");
    passwd_of(&source, 3);
    let runner = world.runner("host", &[]);
    let root = source.to_string_lossy();
    let wanted = Wanted::new("small", "host").data_type("user").with("root", &root);
    let integration = world.client().create_soon(&wanted).await;
    let execution = world.client().open_execution(&integration.name).await;
    world
        .client()
        .until_status(&execution, ExecutionStatus::Completed)
        .await;
    drop(runner);
    execution
}

/// Waits for a program without holding up the test's runtime.
async fn blocking(mut command: Command, wait: fn(&mut Command) -> String) -> String {
    let waiting = tokio::task::spawn_blocking(move || wait(&mut command));
    waiting
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
