//! `muster execution list`, `show` and `cancel`.

use muster_proto::v1::UpcomingCollection;
use tonic::Code;

use crate::command::run;
use crate::coordinator::{Coordinator, State, refusal};
use crate::things::*;

async fn some() -> Coordinator {
    Coordinator::start(State {
        integrations: vec![laptops(), servers()],
        runners: vec![rack()],
        executions: vec![
            created(LAPTOPS, "55556666", "device"),
            completed(LAPTOPS, "11112222", "user", 1_234),
            failed(SERVERS, "33334444", "software"),
        ],
        ..State::default()
    })
    .await
}

#[tokio::test]
async fn a_list_tells_of_each_what_came_of_it() {
    let coordinator = some().await;
    let ran = run(&coordinator.url, &["execution", "list"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    // When the two of a fixed day were created is told in days, or as a time to come, by the day of the test.
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
        "ID INTEGRATION DATA TYPE STATUS RECORDS CREATED TOOK"
    );
    assert!(
        lines[1].starts_with("55556666  laptops        device     Created             10 min ago  -"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("11112222  laptops        user       Completed    1,234  "),
        "{}",
        lines[2]
    );
    assert!(lines[2].ends_with("  12 s"), "{}", lines[2]);
    assert!(
        lines[3].starts_with("33334444  Servers of HQ  software   Error               "),
        "{}",
        lines[3]
    );
    assert!(lines.iter().all(|line| line.chars().count() <= 100));
}

#[tokio::test]
async fn what_comes_next_stands_before_the_executions_of_an_integration() {
    let coordinator = some().await;
    coordinator.state().upcoming = vec![UpcomingCollection {
        data_type: "user".to_owned(),
        create_time: ahead(30 * 60),
        note: String::new(),
    }];
    let ran = run(&coordinator.url, &["execution", "list", "--integration", "laptops"]).await;
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>().join(" "),
        "- laptops user Upcoming - in 30 min -"
    );
    assert!(lines[2].starts_with("55556666"), "{}", lines[2]);
    let args = ["execution", "list", "--integration", "laptops", "--output", "json"];
    let listed = run(&coordinator.url, &args).await.json();
    assert_eq!(
        listed.as_array().map(Vec::len),
        Some(3),
        "a document lists executions alone"
    );
}

#[tokio::test]
async fn a_list_is_filtered_by_the_coordinator() {
    let coordinator = some().await;
    let args = [
        "execution",
        "list",
        "--integration",
        "laptops",
        "--status",
        "Error",
        "--data-type",
        "user",
        "--output",
        "json",
    ];
    run(&coordinator.url, &args).await.json();
    let asked = coordinator.state().listed_executions[0].clone();
    assert_eq!(
        (asked.parent.as_str(), asked.filter.as_str()),
        (LAPTOPS, "status = ERROR AND data_type = \"user\"")
    );
    assert_eq!(asked.page_size, 30);
}

#[tokio::test]
async fn show_says_why_an_open_one_is_where_it_is() {
    let coordinator = some().await;
    let ran = run(&coordinator.url, &["execution", "show", "55556666"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let since = ran
        .stdout
        .lines()
        .find(|line| line.starts_with("timeline"))
        .expect("a timeline");
    assert!(
        since.starts_with("timeline     Created    2") && since.ends_with(" UTC  for 10 min so far"),
        "{since}"
    );
    let expected = format!(
        "\
execution    01936b1e-2f3a-7c4d-8e5f-012355556666
status       Created
why          Created for 10 min: no runner of pool `default` has checked in since 09:12 UTC
next step    start a runner of this pool
integration  laptops
data type    device
connector    host
pool         default
origin       run now, by operator alice
{since}
log          muster logs 55556666
"
    );
    assert_eq!(ran.stdout, expected);
}

#[tokio::test]
async fn show_tells_how_long_each_step_took_and_where_the_records_lie() {
    let coordinator = some().await;
    run(&coordinator.url, &["execution", "show", "11112222"]).await.tells(
        "\
execution    01936b1e-2f3a-7c4d-8e5f-012311112222
status       Completed
integration  laptops
data type    user
connector    host
pool         default
runner       rack-7
origin       run now, by operator alice
timeline     Created    2026-11-24 09:12:01 UTC  for 3 s
             Pending    2026-11-24 09:12:04 UTC  for 1 s
             Executing  2026-11-24 09:12:05 UTC  for 12 s
             Completed  2026-11-24 09:12:17 UTC
records      1,234 (123.4 KB)
landing      file:///var/lib/muster/landing/default
log          muster logs 11112222
data         muster records 11112222 --first 10
",
    );
}

#[tokio::test]
async fn show_of_one_in_error_tells_the_remedy_and_ends_with_2() {
    let coordinator = some().await;
    for format in ["table", "json"] {
        let ran = run(&coordinator.url, &["execution", "show", "33334444", "--output", format]).await;
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stdout.contains("grant read access to /var/lib/dpkg"),
            "{}",
            ran.stdout
        );
    }
}

#[tokio::test]
async fn a_part_of_an_identifier_names_one_or_tells_the_candidates() {
    let coordinator = some().await;
    for name in ["01936b1e-2f3a-7c4d-8e5f-012333334444", "4444", "0123-nothing"] {
        let ran = run(&coordinator.url, &["execution", "show", name]).await;
        assert_eq!(
            ran.code,
            if name.contains("nothing") { 1 } else { 2 },
            "{name}: {}",
            ran.stderr
        );
    }
    run(&coordinator.url, &["execution", "show", "01936b1e"]).await.fails(
        "\
error: `01936b1e` may be any of these executions: 01936b1e-2f3a-7c4d-8e5f-012355556666, \
01936b1e-2f3a-7c4d-8e5f-012311112222, 01936b1e-2f3a-7c4d-8e5f-012333334444
next: muster execution list
",
    );
}

#[tokio::test]
async fn cancel_says_what_it_did_or_why_it_is_too_late() {
    let coordinator = some().await;
    run(&coordinator.url, &["execution", "cancel", "55556666"])
        .await
        .tells("canceled execution `55556666`\n");
    let status = refusal(Code::FailedPrecondition, "EXECUTION_ENDED", "the execution has ended");
    coordinator.state().refusals.insert("CancelExecution", status);
    run(&coordinator.url, &["execution", "cancel", "11112222"]).await.fails(
        "\
error: cannot cancel execution `11112222`: the execution has ended
next: see how it ended: muster execution show 11112222
",
    );
}
