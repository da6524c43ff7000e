//! What an operator reads when something is wrong.

use std::time::Duration;

use tonic::Code;
use tonic_types::FieldViolation;

use crate::command::{command_in, finish, run, run_in, run_with_input};
use crate::coordinator::{refusal, refusal_with};
use crate::integration::two;

#[tokio::test]
async fn a_coordinator_that_is_not_there_is_named_with_the_ways_out() {
    // Nothing listens on port 1, and nobody without privileges can.
    run("http://127.0.0.1:1", &["integration", "list"]).await.fails(
        "\
error: cannot list integrations: no coordinator can be reached at http://127.0.0.1:1 (from MUSTER_SERVER): Connection refused (os error 111)
next: name another coordinator with --server URL, MUSTER_SERVER or `muster context use`, or start one here with `muster dev`
",
    );
}

#[tokio::test]
async fn who_answers_but_is_no_coordinator_is_told_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut web = tokio::task::JoinSet::new();
    web.spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut connection, answer).await;
        }
    });
    let ran = run(&url, &["integration", "list"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.starts_with("error: cannot list integrations: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains(&url) && ran.stderr.contains("\nnext: "),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn every_fault_of_a_configuration_is_told_with_its_path() {
    let coordinator = two().await;
    let message = "the configuration does not fit the connector `host`: \
                   integration.configuration.depth: must be at least 1; integration.configuration.label: is missing";
    let status = refusal_with(Code::InvalidArgument, "INVALID_CONFIGURATION", message, |details| {
        details.set_bad_request(vec![
            FieldViolation::new("integration.configuration.depth", "must be at least 1"),
            FieldViolation::new("integration.configuration.label", "is missing"),
        ]);
        details.add_help_link("configuration", "https://docs.example/records");
    });
    coordinator.state().refusals.insert("CreateIntegration", status);
    run(
        &coordinator.url,
        &[
            "integration",
            "create",
            "laptops",
            "--connector",
            "host",
            "--set",
            "label=hq",
        ],
    )
    .await
    .fails(
        "\
error: cannot create integration `laptops`: the configuration does not fit the connector `host`
  depth: must be at least 1
  label: is missing
  more: https://docs.example/records
next: see what the connector needs: muster connector spec host
",
    );
}

/// Before anything is sent: each fault with where it was given.
#[tokio::test]
async fn what_does_not_fit_the_schema_is_not_sent() {
    let coordinator = two().await;
    let args = [
        "integration",
        "create",
        "laptops",
        "--connector",
        "host",
        "--set",
        "depth=\"deep\"",
        "--config",
        "-",
    ];
    run_with_input(&coordinator.url, &args, "{\"labl\": \"hq\"}")
        .await
        .fails(
            "\
error: cannot create integration `laptops`: the configuration does not fit the connector `host`
  label: is missing: it is required (in standard input)
  depth: must be a whole number, and is a string (--set depth)
next: see what the connector needs: muster connector spec host
",
        );
    let args = ["integration", "update", "laptops", "--set", "depth=two"];
    run(&coordinator.url, &args).await.fails(
        "\
error: cannot update integration `laptops`: the configuration does not fit the connector `host`
  depth: must be a whole number, and is a string (--set depth)
next: see what the connector needs: muster connector spec host
",
    );
    let state = coordinator.state();
    assert_eq!((state.created.len(), state.updated.len()), (0, 0));
}

/// A draft may hold anything so far.
#[tokio::test]
async fn a_draft_is_not_judged() {
    let coordinator = two().await;
    let args = ["integration", "create", "laptops", "--connector", "host", "--draft"];
    assert_eq!(run(&coordinator.url, &args).await.code, 0);
    assert_eq!(coordinator.state().created.len(), 1);
}

#[tokio::test]
async fn a_pool_that_nobody_serves_is_told_beside_the_result() {
    let coordinator = two().await;
    let create = |pool: &'static str| {
        let url = coordinator.url.clone();
        let args = [
            "integration",
            "create",
            "laptops",
            "--connector",
            "host",
            "--draft",
            "--pool",
            pool,
        ];
        async move { run(&url, &args).await }
    };
    for (pool, told) in [
        ("default", ""),
        (
            "hosted",
            "note: no runner of pool `hosted` has ever checked in; it is the service's own: ask who runs the coordinator\n",
        ),
        (
            "defualt",
            "note: no runner of pool `defualt` has ever checked in; did you mean `default`?\n",
        ),
        (
            "berlin",
            "note: no runner of pool `berlin` has ever checked in; add one:  muster runner enroll-token create --pool berlin  (where runners need no token:  muster-runner --pool berlin)\n",
        ),
    ] {
        let ran = create(pool).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (0, told), "{pool}");
    }
}

#[tokio::test]
async fn a_mistyped_data_type_or_access_schema_gets_the_nearest_one() {
    let coordinator = two().await;
    let create = ["integration", "create", "laptops", "--connector", "host"];
    let with = |more: &[&'static str]| create.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let told = "\
error: there is no data type `devcie` among those of connector `host` (device, user, software); did you mean `device`?
next: muster connector spec host
";
    run(&coordinator.url, &with(&["--data-type", "devcie"]))
        .await
        .fails(told);
    run(&coordinator.url, &with(&["--every", "devcie=1h"]))
        .await
        .fails(told);
    run(&coordinator.url, &with(&["--access-schema", "single"]))
        .await
        .fails(
            "\
error: there is no access schema `single` of connector `host`, which has one way of being configured
next: muster connector spec host
",
        );
    run(
        &coordinator.url,
        &["integration", "run", "laptops", "--data-type", "usre"],
    )
    .await
    .fails(
        "\
error: there is no data type `usre` among those of integration `laptops` (device, user); did you mean `user`?
next: muster integration show laptops
",
    );
    run(
        &coordinator.url,
        &["integration", "update", "laptops", "--drop-data-type", "usre"],
    )
    .await
    .fails(
        "\
error: there is no data type `usre` among those of the integration (device, user); did you mean `user`?
next: look at what it collects: muster integration show NAME
",
    );
    let state = coordinator.state();
    assert_eq!((state.created.len(), state.updated.len(), state.ran.len()), (0, 0, 0));
}

#[tokio::test]
async fn what_the_message_says_is_not_told_twice() {
    let coordinator = two().await;
    let message = "the display name `laptops` belongs to another integration: choose another";
    let status = refusal_with(Code::AlreadyExists, "NAME_TAKEN", message, |details| {
        details.set_bad_request(vec![FieldViolation::new("integration.display_name", message)]);
        details.add_help_link("NAME_TAKEN", "https://docs.example/errors.md#name_taken");
    });
    coordinator.state().refusals.insert("CreateIntegration", status);
    let args = [
        "integration",
        "create",
        "laptops",
        "--connector",
        "host",
        "--set",
        "label=hq",
    ];
    run(&coordinator.url, &args).await.fails(
        "\
error: cannot create integration `laptops`: the display name `laptops` belongs to another integration: choose another
  more: https://docs.example/errors.md#name_taken
next: mend what is named above, and run the command again
",
    );
}

#[tokio::test]
async fn a_mistyped_name_gets_the_nearest_one() {
    let coordinator = two().await;
    run(&coordinator.url, &["integration", "show", "lpatops"]).await.fails(
        "\
error: there is no integration `lpatops` in organization `default`; did you mean `laptops`?
next: muster integration list
",
    );
    run(&coordinator.url, &["connector", "show", "hsot"]).await.fails(
        "\
error: there is no connector `hsot` in organization `default`; did you mean `host`?
next: muster connector list
",
    );
    run(&coordinator.url, &["runner", "show", "printer"]).await.fails(
        "\
error: there is no runner `printer` in organization `default`
next: muster runner list
",
    );
}

#[tokio::test]
async fn an_unknown_identifier_is_told_as_a_name_is() {
    let coordinator = two().await;
    run(
        &coordinator.url,
        &["integration", "show", "01936b1e-0000-7000-8000-00000000cccc"],
    )
    .await
    .fails(
        "\
error: there is no integration `01936b1e-0000-7000-8000-00000000cccc` in organization `default`
next: muster integration list
",
    );
}

#[tokio::test]
async fn what_is_off_is_told_with_the_command_that_switches_it_on() {
    let coordinator = two().await;
    let status = refusal(
        Code::FailedPrecondition,
        "INTEGRATION_DISABLED",
        "the integration is disabled",
    );
    coordinator.state().refusals.insert("RunIntegration", status);
    run(&coordinator.url, &["integration", "run", "Servers of HQ"])
        .await
        .fails(
            "\
error: cannot run integration `Servers of HQ`: the integration is disabled
next: muster integration enable 'Servers of HQ'
",
        );
}

#[tokio::test]
async fn what_will_pass_is_told_with_how_long_it_takes() {
    let coordinator = two().await;
    let status = refusal_with(
        Code::Unavailable,
        "NOT_READY",
        "the coordinator has just started",
        |details| {
            details.set_retry_info(Some(Duration::from_secs(2)));
        },
    );
    coordinator.state().refusals.insert("ListIntegrations", status);
    run(&coordinator.url, &["integration", "list"]).await.fails(
        "\
error: cannot list integrations: the coordinator has just started
next: try again in 2 s
",
    );
}

#[tokio::test]
async fn a_wrong_command_line_ends_with_64_and_help_with_0() {
    let wrong: [&[&str]; 7] = [
        &[],
        &["integrate"],
        &["integration", "create", "laptops"],
        &[
            "integration",
            "create",
            "laptops",
            "--connector",
            "host",
            "--every",
            "device=soon",
        ],
        &["integration", "list", "--limit", "0"],
        &["records", "11112222", "--first", "0"],
        &["--server", "ftp://host:7443", "runner", "list"],
    ];
    for args in wrong {
        let ran = run("http://127.0.0.1:1", args).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (64, ""), "{args:?}: {}", ran.stderr);
    }
    let help = run("http://127.0.0.1:1", &["--help"]).await;
    assert_eq!(help.code, 0);
    for line in [
        "\n    0  it did what it was asked to\n",
        "\n   64  the command line is wrong; nothing was done\n",
        "\n  130  ended by Ctrl-C",
    ] {
        assert!(help.stdout.contains(line), "{}", help.stdout);
    }
}

#[tokio::test]
async fn a_mistyped_command_or_flag_gets_the_nearest_one() {
    for (args, told) in [
        (&["integraton", "list"][..], "'integrations', 'integration'"),
        (&["connector", "colect"], "'collect'"),
        (
            &["execution", "list", "--status", "eror"],
            "a similar value exists: 'error'",
        ),
        (
            &["runner", "list", "--ouput", "json"],
            "a similar argument exists: '--output'",
        ),
    ] {
        let ran = run("http://127.0.0.1:1", args).await;
        assert_eq!(ran.code, 64, "{args:?}");
        assert!(ran.stderr.contains(told), "{args:?}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn dev_says_what_keeps_it_from_starting() {
    let home = tempfile::tempdir().expect("a folder");
    let ran = run_in(home.path(), &["dev", "--listen", "0.0.0.0:0"]).await;
    assert_eq!(ran.code, 64, "{}", ran.stderr);
    assert!(ran.stderr.contains("it must be on loopback"), "{}", ran.stderr);

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (flag, other) in [("--listen", "--http-listen"), ("--http-listen", "--listen")] {
        let ran = run_in(home.path(), &["dev", flag, &address, other, "127.0.0.1:0"]).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        let told = format!("error: cannot listen on {address}: ");
        assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("another port by `{flag}`")),
            "{}",
            ran.stderr
        );
    }

    let mut command = command_in(home.path(), &["dev"]);
    command.env("MUSTER_LOG", "muster=loud=1");
    let ran = finish(command.spawn().expect("it starts")).await;
    assert_eq!(ran.code, 78, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
}

#[tokio::test]
async fn what_a_source_says_cannot_act_on_the_terminal() {
    let coordinator = two().await;
    coordinator.state().integrations[0].display_name = "lap\u{1b}[2Jtops".to_owned();
    let ran = run(&coordinator.url, &["integration", "list"]).await;
    assert!(ran.stdout.contains("lap\u{fffd}[2Jtops"), "{}", ran.stdout);
}
