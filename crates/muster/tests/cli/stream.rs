//! What goes on: `muster execution watch`, `muster logs`, `muster records`.

use std::process::Stdio;

use muster_proto::v1::{
    Execution, ExecutionChanges, ExecutionSnapshot, LogLevel, LogSource, ReadRecordsResponse, TailLogLinesResponse,
    WatchExecutionsResponse, WatchLagged, watch_executions_response::Kind,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::command::{PATIENCE, command, run};
use crate::coordinator::{Coordinator, End, Script, State, refusal};
use crate::things::*;

fn told(resume_token: &str, kind: Kind) -> WatchExecutionsResponse {
    WatchExecutionsResponse {
        resume_token: resume_token.to_owned(),
        kind: Some(kind),
    }
}

fn snapshot(executions: Vec<Execution>) -> Kind {
    Kind::Snapshot(ExecutionSnapshot {
        executions,
        complete: true,
    })
}

fn changes(executions: Vec<Execution>) -> Kind {
    Kind::Changes(ExecutionChanges { executions })
}

async fn coordinator(watches: Vec<Script<WatchExecutionsResponse>>) -> Coordinator {
    Coordinator::start(State {
        integrations: vec![laptops(), servers()],
        runners: vec![rack()],
        executions: vec![completed(LAPTOPS, "11112222", "user", 1_234)],
        watches: watches.into(),
        ..State::default()
    })
    .await
}

/// A command that goes on, read line by line.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("it is piped");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    pub async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("a line in time")
            .expect("it can be read")
            .expect("it goes on")
    }

    /// The next line without the time in front.
    async fn change(&mut self) -> String {
        self.line().await.split_off(10)
    }

    /// Sends the signal of Ctrl-C, and gives the code and what was said on standard error.
    pub async fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .await
            .expect("`kill` is there");
        assert!(sent.success());
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("its status");
        let mut stderr = String::new();
        let read = self
            .child
            .stderr
            .take()
            .expect("it is piped")
            .read_to_string(&mut stderr)
            .await;
        read.expect("it can be read");
        (status.code(), stderr)
    }
}

#[tokio::test]
async fn a_watch_tells_a_line_a_change_until_ctrl_c() {
    let script = Script {
        messages: vec![
            told("1", snapshot(vec![created(LAPTOPS, "55556666", "device")])),
            told("2", changes(vec![executing(LAPTOPS, "55556666", "device", 7)])),
            // Nothing of what is told has changed.
            told("3", changes(vec![executing(LAPTOPS, "55556666", "device", 7)])),
            told(
                "4",
                changes(vec![
                    completed(LAPTOPS, "55556666", "device", 1_234),
                    failed(SERVERS, "77778888", "software"),
                ]),
            ),
        ],
        end: End::Never,
    };
    let coordinator = coordinator(vec![script]).await;
    let mut watch = Running::start(command(&coordinator.url, &["execution", "watch"]));
    assert_eq!(
        watch.line().await,
        "UTC       INTEGRATION               DATA TYPE     STATUS     RUNNER                    RECORDS"
    );
    assert_eq!(watch.change().await, "laptops                   device        Created");
    assert_eq!(
        watch.change().await,
        "laptops                   device        Executing  rack-7                         7…"
    );
    assert_eq!(
        watch.change().await,
        "laptops                   device        Completed  rack-7                      1,234"
    );
    assert_eq!(
        watch.change().await,
        "Servers of HQ             software      Error      rack-7                             \
         permission: cannot read /var/lib/dpkg/status"
    );
    assert_eq!(watch.interrupt().await, (Some(0), String::new()));
    assert_eq!(coordinator.state().watched[0].parent, "organizations/default");
}

#[tokio::test]
async fn a_watch_goes_on_where_its_stream_has_broken() {
    let first = Script {
        messages: vec![told("1", snapshot(vec![created(LAPTOPS, "55556666", "device")]))],
        end: End::Badly(refusal(
            Code::Unavailable,
            "SHUTTING_DOWN",
            "the coordinator is shutting down",
        )),
    };
    let second = Script {
        messages: vec![told("2", changes(vec![executing(LAPTOPS, "55556666", "device", 7)]))],
        end: End::Well,
    };
    // Too old a token: it gets a snapshot, in which the execution is no more, since it has ended meanwhile.
    let third = Script {
        messages: vec![told("9", Kind::Lagged(WatchLagged {})), told("10", snapshot(vec![]))],
        end: End::Never,
    };
    let coordinator = coordinator(vec![first, second, third]).await;
    coordinator
        .state()
        .executions
        .push(completed(LAPTOPS, "55556666", "device", 9));
    let mut watch = Running::start(command(&coordinator.url, &["execution", "watch", "laptops"]));
    watch.line().await;
    for expected in [
        "Created",
        "Executing  rack-7                         7…",
        "Completed  rack-7                          9",
    ] {
        assert_eq!(
            watch.change().await,
            format!("laptops                   device        {expected}")
        );
    }
    let (code, stderr) = watch.interrupt().await;
    assert_eq!(code, Some(0));
    assert!(
        stderr.starts_with("cannot watch executions: the coordinator is shutting down; trying again in "),
        "{stderr}"
    );
    let state = coordinator.state();
    let asked: Vec<_> = state
        .watched
        .iter()
        .map(|one| (one.parent.as_str(), one.resume_token.as_str()))
        .collect();
    assert_eq!(asked, [(LAPTOPS, ""), (LAPTOPS, "1"), (LAPTOPS, "2")]);
}

#[tokio::test]
async fn a_watch_that_never_began_fails() {
    let coordinator = coordinator(vec![]).await;
    let status = refusal(Code::Unavailable, "NOT_READY", "the coordinator has just started");
    coordinator.state().refusals.insert("WatchExecutions", status);
    let ran = run(&coordinator.url, &["execution", "watch", "--output", "json"]).await;
    ran.fails("error: cannot watch executions: the coordinator has just started\nnext: try again in a moment\n");
}

fn log_lines() -> Vec<muster_proto::v1::LogLine> {
    vec![
        log_line(1, LogSource::Coordinator, LogLevel::Info, "claimed by rack-7", 1),
        log_line(2, LogSource::Connector, LogLevel::Warn, "one file\ncannot be read", 1),
        log_line(3, LogSource::Runner, LogLevel::Error, "gave up", 2),
    ]
}

const LOG: &str = "\
09:12:02  INFO   coordinator  claimed by rack-7
09:12:03  WARN   connector    one file cannot be read
09:12:04  ERROR  runner       (attempt 2) gave up
";

#[tokio::test]
async fn logs_are_lines_with_who_said_them() {
    let coordinator = coordinator(vec![]).await;
    {
        let mut state = coordinator.state();
        state.log_lines = log_lines();
        state.dropped_log_lines = 412;
    }
    let ran = run(&coordinator.url, &["logs", "11112222"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, LOG));
    assert_eq!(ran.stderr, "412 lines more not kept: an execution keeps 1,000 lines\n");
    let listed = run(&coordinator.url, &["logs", "11112222", "--output", "json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("one document");
    assert_eq!(listed[1]["message"], "one file\ncannot be read");
}

#[tokio::test]
async fn followed_logs_go_on_after_the_last_line_that_came() {
    let coordinator = coordinator(vec![]).await;
    {
        let mut state = coordinator.state();
        let part = |range: std::ops::Range<usize>| TailLogLinesResponse {
            log_lines: log_lines()[range].to_vec(),
            dropped_count: 0,
        };
        state.tails.push_back(Script {
            messages: vec![part(0..2)],
            end: End::Badly(Status::unknown("broken pipe")),
        });
        state.tails.push_back(Script {
            messages: vec![part(2..3)],
            end: End::Well,
        });
    }
    let ran = run(&coordinator.url, &["logs", "-f", "11112222"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, LOG));
    assert!(ran.stderr.contains("; trying again in "), "{}", ran.stderr);
    let asked: Vec<u32> = coordinator.state().tailed.iter().map(|one| one.from_number).collect();
    assert_eq!(asked, [1, 3]);
}

fn records(lines: &'static [u8]) -> ReadRecordsResponse {
    ReadRecordsResponse { lines: lines.into() }
}

#[tokio::test]
async fn records_are_the_lines_as_they_lie() {
    let coordinator = coordinator(vec![]).await;
    let messages = vec![records(b"{\"name\":\"root\"}\n"), records(b"{\"name\":\"daemon\"}\n")];
    coordinator.state().records.push_back(Script {
        messages,
        end: End::Well,
    });
    run(&coordinator.url, &["records", "11112222", "--first", "2"])
        .await
        .tells("{\"name\":\"root\"}\n{\"name\":\"daemon\"}\n");
    assert_eq!(coordinator.state().read[0].max_records, 2);
}

#[tokio::test]
async fn records_that_break_off_are_a_failure() {
    let coordinator = coordinator(vec![]).await;
    let messages = vec![records(b"{\"name\":\"root\"}\n")];
    coordinator.state().records.push_back(Script {
        messages,
        end: End::Badly(Status::unknown("broken pipe")),
    });
    let ran = run(&coordinator.url, &["records", "11112222"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "{\"name\":\"root\"}\n"));
    assert!(
        ran.stderr.contains("broke after 1 record") && ran.stderr.contains("next: run the command again\n"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn an_execution_without_records_says_so() {
    let coordinator = coordinator(vec![]).await;
    let status = refusal(Code::NotFound, "RECORDS_NOT_FOUND", "it has no records: it is open");
    coordinator.state().refusals.insert("ReadRecords", status);
    run(&coordinator.url, &["records", "11112222"]).await.fails(
        "\
error: cannot read the records of execution `11112222`: it has no records: it is open
next: see how it stands: muster execution show 11112222
",
    );
}
