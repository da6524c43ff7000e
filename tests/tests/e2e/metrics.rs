//! What `/metrics` says is what has happened, and what the page, the alerts and the dashboard say of it is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use muster_proto::v1::{self, ReportKind};
use muster_tests::foreign::{missing, repository};
use muster_tests::{CONNECTOR, LIMIT, ScriptedRunner, Wanted, Work, World, eventually, http};
use serde_json::Value;
use v1::report::Kind;

const RECORDS: &str = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n";

/// How many executions end well.
const COMPLETED: usize = 5;

/// A page as a scraper reads it.
struct Scrape {
    text: String,
    /// Each sample by its name and labels, as they are printed.
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(world: &World) -> Self {
        let answer = http::get(world.coordinator.http_address(), "/metrics").await;
        let answer = answer.expect("it is answered");
        assert_eq!(answer.status, 200, "{answer:?}");
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self {
            samples: samples.collect(),
            text: answer.body,
        }
    }

    fn get(&self, sample: &str) -> f64 {
        let found = self.samples.get(sample).copied();
        found.unwrap_or_else(|| panic!("no `{sample}` in {}", self.text))
    }

    /// Each metric's type, by name, in their order.
    fn types(&self) -> Vec<(&str, &str)> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines
            .map(|line| line.split_once(' ').expect("a name and a type"))
            .collect()
    }
}

/// Waits until a scrape has this value. What is sampled of the ledger is up to a second old.
async fn until(world: &World, sample: &str, value: f64) -> Scrape {
    eventually(sample, LIMIT, async || {
        let scrape = Scrape::of(world).await;
        // A call that nobody has made yet has no sample.
        let found = scrape.samples.get(sample).copied();
        if found == Some(value) {
            Ok(scrape)
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

async fn collect(world: &World, runner: &mut ScriptedRunner, name: &str) -> Work {
    world.client().create_soon(&Wanted::new(name, CONNECTOR)).await;
    runner.begin_assigned().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_add_up_to_what_has_happened() {
    let mut world = World::start_with(&[]).await;
    let client = world.client();
    let url = world.coordinator.url();
    let mut runner = ScriptedRunner::named("runner", "default", 2).check_in(&url).await;
    for n in 0..COMPLETED {
        let work = collect(&world, &mut runner, &format!("source {n}")).await;
        let counts = runner.upload(&work, RECORDS).await.expect("it holds it");
        runner.report(vec![work.completed(Some(counts))]).await;
        runner.ack(&work, ReportKind::Finished).await;
    }
    let refused = collect(&world, &mut runner, "refused").await;
    let failure = v1::Failure {
        category: v1::ErrorCategory::Permission.into(),
        message: "403".to_owned(),
        remedy: String::new(),
        reason: None,
    };
    runner.report(vec![refused.report(Kind::Failed(failure))]).await;
    runner.ack(&refused, ReportKind::Finished).await;
    // One runs and uploads, and two wait for a pool of which nobody has come.
    let runs = collect(&world, &mut runner, "running").await;
    let upload = runner.begin_upload(&runs).await;
    for n in 0..2 {
        let wanted = Wanted::new(&format!("waiting {n}"), CONNECTOR).pool("lab");
        client.create_soon(&wanted).await;
    }

    let status = "muster_executions_finished_total{status=\"completed\",category=\"none\"}";
    #[expect(clippy::cast_precision_loss, reason = "few")]
    let completed = COMPLETED as f64;
    until(&world, status, completed).await;
    let scrape = until(&world, "muster_pool_queue_executions{pool=\"lab\"}", 2.0).await;
    #[expect(clippy::cast_precision_loss, reason = "few")]
    let bytes = (COMPLETED * RECORDS.len()) as f64;
    for (sample, value) in [
        ("muster_ready", 1.0),
        ("muster_executions_created_total", completed + 4.0),
        (
            "muster_executions_finished_total{status=\"error\",category=\"permission\"}",
            1.0,
        ),
        (
            "muster_executions_finished_total{status=\"error\",category=\"canceled\"}",
            0.0,
        ),
        ("muster_attempts_failed_total{category=\"permission\"}", 1.0),
        ("muster_executions_open{status=\"created\"}", 2.0),
        ("muster_executions_open{status=\"pending\"}", 0.0),
        ("muster_executions_open{status=\"executing\"}", 1.0),
        ("muster_landed_records_total", 3.0 * completed),
        ("muster_landed_bytes_total", bytes),
        ("muster_uploads_in_progress", 1.0),
        ("muster_pool_runners{pool=\"default\"}", 1.0),
        ("muster_pool_slots{pool=\"default\"}", 2.0),
        ("muster_pool_slots_busy{pool=\"default\"}", 1.0),
        ("muster_pool_runners{pool=\"lab\"}", 0.0),
        ("muster_runners_online", 1.0),
        (
            "muster_execution_status_seconds_count{status=\"executing\"}",
            completed + 1.0,
        ),
        (
            "muster_execution_status_seconds_count{status=\"created\"}",
            completed + 2.0,
        ),
        ("muster_dispatch_seconds_count", completed + 2.0),
        ("muster_dispatch_stuck_total", 0.0),
        (
            "muster_grpc_calls_total{method=\"muster.v1.RunnerService/UploadRecords\",code=\"OK\"}",
            completed,
        ),
    ] {
        assert!(
            (scrape.get(sample) - value).abs() < 0.5,
            "{sample} is {}, not {value}",
            scrape.get(sample)
        );
    }
    let age = scrape.get("muster_pool_oldest_age_seconds{pool=\"lab\"}");
    assert!(age > 0.0 && age < LIMIT.as_secs_f64(), "{age}");
    assert!(scrape.get("muster_commit_flush_seconds_count") >= completed);
    for secret in ["organizations/", "integrations/", "source 0", &runs.id()] {
        assert!(!scrape.text.contains(secret), "`{secret}` is told");
    }

    // A call that is refused, one that there is not, and one whose client goes.
    client
        .integration("organizations/default/integrations/nonsense")
        .await
        .expect_err("there is none");
    let mut nonsense = tonic::client::Grpc::new(client.channel());
    nonsense.ready().await.expect("it is connected");
    let path = http_path("/muster.v1.ExecutionService/Nonsense");
    let codec = tonic_prost::ProstCodec::<v1::Execution, v1::Execution>::default();
    let unknown = nonsense
        .unary(tonic::Request::new(v1::Execution::default()), path, codec)
        .await;
    assert_eq!(unknown.expect_err("there is none").code(), tonic::Code::Unimplemented);
    drop(upload);
    drop(client.watch().await.expect("it is open"));
    for (method, code) in [
        ("muster.v1.IntegrationService/GetIntegration", "INVALID_ARGUMENT"),
        ("(other)", "UNIMPLEMENTED"),
        ("muster.v1.ExecutionService/WatchExecutions", "CANCELLED"),
    ] {
        until(
            &world,
            &format!("muster_grpc_calls_total{{method=\"{method}\",code=\"{code}\"}}"),
            1.0,
        )
        .await;
    }
    until(&world, "muster_uploads_in_progress", 0.0).await;

    // After a restart the counters begin anew, and what is kept is still there.
    assert_eq!(world.coordinator.terminate(LIMIT).await.code(), Some(0));
    world.coordinator.restart().await;
    let scrape = until(&world, "muster_history_executions", completed + 1.0).await;
    assert!(scrape.get(status).abs() < 0.5, "a counter has survived");
    assert!((scrape.get("muster_executions_open{status=\"created\"}") - 2.0).abs() < 0.5);
}

fn http_path(path: &'static str) -> ::http::uri::PathAndQuery {
    ::http::uri::PathAndQuery::from_static(path)
}

/// A scrape in which every metric has a sample.
async fn full() -> Scrape {
    let world = World::start().await;
    let mut runner = ScriptedRunner::named("runner", "default", 1)
        .check_in(&world.coordinator.url())
        .await;
    let work = collect(&world, &mut runner, "source").await;
    runner.report(vec![work.completed(None)]).await;
    runner.ack(&work, ReportKind::Finished).await;
    until(&world, "muster_runners_online", 1.0).await
}

/// The table of `docs/metrics.md`, as it follows from a scrape.
fn table(scrape: &Scrape) -> String {
    let mut table = "| metric | type | unit | labels | what it is |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for (name, kind) in scrape.types() {
        let bare = name.strip_suffix("_total").unwrap_or(name);
        let unit = match bare.rsplit_once('_') {
            Some((_, "seconds")) => "s",
            Some((_, "bytes")) => "bytes",
            Some((_, "info" | "ready" | "held")) => "0 or 1",
            _ => "",
        };
        let help = scrape
            .text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        let labels = labels(scrape, name);
        table += &format!(
            "| `{name}` | {kind} | {unit} | {labels} | {} |\n",
            help.expect("each has one")
        );
    }
    table
}

/// The names of a metric's labels.
fn labels(scrape: &Scrape, name: &str) -> String {
    let own = |sample: &&String| {
        let (of, _) = sample.split_once('{').unwrap_or((sample.as_str(), ""));
        of == name || of == format!("{name}_count")
    };
    let sample = scrape.samples.keys().find(own);
    // This one alone may be unknown for a while.
    let sample = match sample {
        None if name == "muster_history_bytes" => return String::new(),
        sample => sample.unwrap_or_else(|| panic!("`{name}` has no sample")),
    };
    let Some((_, labels)) = sample.split_once('{') else {
        return String::new();
    };
    let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_metrics_has_each_of_them() {
    let page = fs::read_to_string(repository().join("docs/metrics.md")).expect("there is such a page");
    let (_, rest) = page
        .split_once("<!-- begin: metrics -->\n")
        .expect("the table is marked");
    let (told, _) = rest.split_once("<!-- end: metrics -->").expect("the table ends");
    let scrape = full().await;
    let expected = table(&scrape);
    assert!(
        told == expected,
        "docs/metrics.md has another table than this:\n{expected}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_and_the_dashboard_ask_for_metrics_that_there_are() {
    let scrape = full().await;
    let names: BTreeSet<&str> = scrape.types().into_iter().map(|(name, _)| name).collect();
    let rules = fs::read_to_string(deploy("prometheus/muster.rules.yml")).expect("there are rules");
    let dashboard = fs::read_to_string(deploy("grafana/muster.json")).expect("there is a dashboard");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("it is JSON");
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 15, "{asked:?}");
    let mut unknown = BTreeSet::new();
    let mut told = BTreeSet::new();
    for text in asked.iter().map(String::as_str).chain([rules.as_str()]) {
        for name in text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
            if !name.starts_with("muster_") && !name.starts_with("process_") {
                continue;
            }
            let bare = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| name.strip_suffix(part));
            match [Some(name), bare]
                .into_iter()
                .flatten()
                .find(|name| names.contains(name))
            {
                Some(known) => _ = told.insert(known),
                None => _ = unknown.insert(name.to_owned()),
            }
        }
    }
    assert!(unknown.is_empty(), "nobody tells of {unknown:?}");
    assert!(told.len() > 20, "{told:?}");
}

/// What the panels of a dashboard ask for.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "expr" || key == "definition" => found.push(text.clone()),
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

fn deploy(path: &str) -> PathBuf {
    repository().join("deploy").join(path)
}

/// Prometheus' own judge; `None` where it is not installed.
fn promtool() -> Option<Command> {
    let found = Command::new("promtool")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return Some(Command::new("promtool"));
    }
    missing(
        "promtool",
        "it is in Debian's package `prometheus`; .ci/run shows how to have it without a server",
    );
    None
}

/// Runs it, and returns what it said when it found something.
fn complaint(mut command: Command, input: Option<&Path>) -> Option<String> {
    if let Some(input) = input {
        command.stdin(fs::File::open(input).expect("it is there"));
    }
    let output = command.output().expect("it was there just now");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    // It warns of what it finds bad style, and is content.
    let is_content = output.status.success() && (input.is_none() || said.is_empty());
    (!is_content).then_some(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_itself_finds_nothing_wrong() {
    let Some(mut metrics) = promtool() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page");
    fs::write(&page, full().await.text).expect("written");
    metrics.args(["check", "metrics"]);
    assert_eq!(complaint(metrics, Some(&page)), None);
    for (check, file) in [
        (["check", "rules"], "muster.rules.yml"),
        (["test", "rules"], "muster.rules.test.yml"),
        (["check", "config"], "prometheus.yml"),
    ] {
        let mut judge = promtool().expect("it was there just now");
        judge.args(check).arg(file).current_dir(deploy("prometheus"));
        assert_eq!(complaint(judge, None), None, "{check:?} {file}");
    }
    // It does find something where there is something.
    let broken = fs::read_to_string(deploy("prometheus/muster.rules.yml")).expect("read");
    let rules = folder.path().join("broken.yml");
    fs::write(&rules, broken.replace("muster_ready ==", "muster_ready =~")).expect("written");
    let mut judge = promtool().expect("it was there just now");
    judge.args(["check", "rules"]).arg(&rules);
    assert!(complaint(judge, None).is_some(), "it takes everything");
}
