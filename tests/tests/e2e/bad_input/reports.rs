//! The door of runners, once they are checked in: what they say of work that is not theirs, or not any more. It breaks no rule, so the stream goes
//! on; what comes back is an answer for that attempt, or nothing.

use std::fmt::Write as _;

use bytes::Bytes;
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind as Said;
use muster_proto::v1::report::Kind;
use muster_proto::v1::{ErrorCategory, ExecutionStatus, ReportKind};
use muster_tests::{CONNECTOR, DATA_TYPE, HOSTED, LIMIT, ScriptedRunner, Wanted, Work, World, eventually, id_of};

use super::told::Told;

/// Who speaks.
#[derive(Debug, Clone, Copy)]
enum Who {
    /// The runner that was given the work.
    Holder,
    /// Another runner of its organization.
    Other,
    /// A runner that does not belong to its organization.
    Foreign,
}
use Who::{Foreign, Holder, Other};

/// Of which work.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// An execution that there never was.
    Nothing,
    /// One that the holder carries out.
    Held,
    /// The next attempt at the same.
    Future,
    /// One that the holder has completed.
    Completed,
    /// One of which the holder has reported that it failed.
    Failed,
    /// One that somebody has canceled while the holder had it.
    Canceled,
}

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, Who, Of)] = &[
    ("an execution that there never was", Holder, Of::Nothing),
    ("an attempt from the future", Holder, Of::Future),
    ("another runner's attempt", Other, Of::Held),
    ("another runner's attempt from the future", Other, Of::Future),
    ("an attempt of another organization's runner", Foreign, Of::Held),
    ("an execution that this runner has completed", Holder, Of::Completed),
    ("an execution that another runner has completed", Other, Of::Completed),
    ("an execution that another organization's runner has completed", Foreign, Of::Completed),
    ("an execution that this runner has reported as failed", Holder, Of::Failed),
    ("an execution that another runner has reported as failed", Other, Of::Failed),
    ("an execution that was canceled", Holder, Of::Canceled),
];

/// What may be said of a work, each on its own.
fn reports(work: &Work) -> [(&'static str, v1::Report); 5] {
    let failure = v1::Failure {
        category: ErrorCategory::Connector.into(),
        message: "it has failed".to_owned(),
        remedy: String::new(),
        reason: None,
    };
    [
        ("accepted", work.accepted()),
        ("started", work.started()),
        ("progress", work.report(Kind::Progress(v1::Progress { records: 7 }))),
        ("completed", work.completed(None)),
        ("failed", work.report(Kind::Failed(failure))),
    ]
}

/// An execution that there never was: no other has this id.
fn nothing() -> Work {
    let id = fastrand::Rng::new().u128(..);
    Work {
        execution: Bytes::copy_from_slice(&id.to_be_bytes()),
        attempt: 1,
    }
}

/// What comes back before the answer to a report that is always answered.
async fn answer(runner: &mut ScriptedRunner, work: &Work, report: v1::Report) -> String {
    let is_answered = !matches!(report.kind, Some(Kind::Progress(_)));
    runner.report(vec![report]).await;
    let awaited = if is_answered { work.clone() } else { nothing() };
    if !is_answered {
        runner.report(vec![awaited.accepted()]).await;
    }
    let mut told = String::new();
    loop {
        let message = tokio::time::timeout(LIMIT, runner.message()).await;
        let message = message.expect("an answer comes in time").expect("the stream goes on");
        let (of, text) = match &message {
            Said::Acks(acks) => (
                &acks.acks[0].execution_id,
                format!("ack {}", acks.acks[0].kind().as_str_name()),
            ),
            Said::Fences(fences) => {
                let fence = &fences.fences[0];
                (&fence.execution_id, format!("fence {}", fence.reason().as_str_name()))
            }
            other => panic!("an answer is awaited: {other:?}"),
        };
        let is_awaited = *of == awaited.execution;
        if is_answered || !is_awaited {
            told.push_str(&text);
        }
        if is_awaited {
            return if told.is_empty() { "nothing".to_owned() } else { told };
        }
    }
}

/// Each runner, and each work.
struct Scene {
    world: World,
    holder: ScriptedRunner,
    other: ScriptedRunner,
    foreign: ScriptedRunner,
    held: Work,
    completed: Work,
    failed: Work,
    canceled: Work,
}

impl Scene {
    async fn start() -> Self {
        let world = World::start_with(&[]).await;
        let url = world.coordinator.url();
        let client = world.client();
        let mut holder = ScriptedRunner::named("holder", "ours", 4).check_in(&url).await;
        let other = ScriptedRunner::named("other", "theirs", 1).check_in(&url).await;
        let foreign = ScriptedRunner::named("foreign", HOSTED, 1).check_in(&url).await;
        let mut works = Vec::new();
        for name in ["held", "completed", "failed", "canceled"] {
            client.create_soon(&Wanted::new(name, CONNECTOR).pool("ours")).await;
            let work = holder.assignment().await;
            holder.report(vec![work.started()]).await;
            holder.ack(&work, ReportKind::Started).await;
            works.push(work);
        }
        let works: [Work; 4] = works.try_into().expect("each has an execution");
        let [held, completed, failed, canceled] = works;
        let [.., (_, failure)] = reports(&failed);
        holder.report(vec![completed.completed(None)]).await;
        holder.ack(&completed, ReportKind::Finished).await;
        holder.report(vec![failure]).await;
        holder.ack(&failed, ReportKind::Finished).await;
        let executions = client.all_executions().await.expect("they are known");
        let of_canceled = executions.iter().find(|one| id_of(&one.name) == canceled.id());
        let of_canceled = &of_canceled.expect("it is there").name;
        client.cancel(of_canceled).await.expect("it is open");
        let told = tokio::time::timeout(LIMIT, holder.message()).await;
        assert!(matches!(told, Ok(Some(Said::Cancels(_)))), "{told:?}");
        Self {
            world,
            holder,
            other,
            foreign,
            held,
            completed,
            failed,
            canceled,
        }
    }

    fn work(&self, of: Of) -> Work {
        match of {
            Of::Nothing => nothing(),
            Of::Held => self.held.clone(),
            Of::Future => self.held.attempt(self.held.attempt + 1),
            Of::Completed => self.completed.clone(),
            Of::Failed => self.failed.clone(),
            Of::Canceled => self.canceled.clone(),
        }
    }

    fn runner(&mut self, who: Who) -> &mut ScriptedRunner {
        match who {
            Holder => &mut self.holder,
            Other => &mut self.other,
            Foreign => &mut self.foreign,
        }
    }

    /// The messages of all lines that were kept with this work's execution.
    async fn log(&self, work: &Work) -> Vec<String> {
        let client = self.world.client();
        let executions = client.all_executions().await.expect("they are known");
        let execution = executions.iter().find(|one| id_of(&one.name) == work.id());
        let lines = client.log_lines(&execution.expect("it is there").name).await;
        let lines = lines.expect("they are listed").into_iter();
        lines
            .filter(|line| line.source() == v1::LogSource::Runner)
            .map(|line| line.message)
            .collect()
    }

    /// Has each runner write a line that it may write, after all that it has written so far: lines are kept in order.
    async fn all_lines_are_kept(&mut self) {
        let client = self.world.client();
        for (who, pool) in [(Other, "theirs"), (Foreign, HOSTED)] {
            client.create_soon(&Wanted::new(pool, CONNECTOR).pool(pool)).await;
            let runner = self.runner(who);
            let work = runner.assignment().await;
            runner.report(vec![work.started()]).await;
            runner.log(&work, "mine").await;
            self.is_kept(&work, "mine").await;
        }
        let held = self.held.clone();
        self.holder.log(&held, "mine").await;
        self.is_kept(&held, "mine").await;
    }

    async fn is_kept(&self, work: &Work, line: &str) {
        eventually("a line of one's own", LIMIT, async || {
            let log = self.log(work).await;
            if log.iter().any(|one| one == line) {
                Ok(())
            } else {
                Err(format!("{log:?}"))
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_in_vain_is_answered_for_its_attempt_and_changes_nothing() {
    let mut scene = Scene::start().await;
    let client = scene.world.client();
    let before = client.all_executions().await.expect("they are known");
    let mut told = Told::default();
    for (row, who, of) in ROWS {
        let work = scene.work(*of);
        let mut text = String::new();
        for (what, report) in reports(&work) {
            let answer = answer(scene.runner(*who), &work, report).await;
            let _ = writeln!(text, "{what}: {answer}");
        }
        told.add(row, &text);
        // Nothing ever answers a line.
        scene.runner(*who).log(&work, &format!("of {row}")).await;
        let after = client.all_executions().await.expect("the next caller is served");
        assert_eq!(after, before, "`{row}` has changed something");
    }
    scene.all_lines_are_kept().await;
    assert_eq!(scene.log(&scene.held).await, ["mine"]);
    // Its holder may say more of what it had to the end, as what was said before the end and came after it.
    for (work, line) in [
        (&scene.completed, "of an execution that this runner has completed"),
        (&scene.failed, "of an execution that this runner has reported as failed"),
        (&scene.canceled, "of an execution that was canceled"),
    ] {
        assert_eq!(scene.log(work).await, [line]);
    }

    let held = scene.held.clone();
    scene.holder.report(vec![held.completed(None)]).await;
    scene.holder.ack(&held, ReportKind::Finished).await;
    let executions = client.all_executions().await.expect("they are known");
    let execution = executions
        .iter()
        .find(|one| id_of(&one.name) == held.id())
        .expect("it is there");
    assert_eq!(execution.status(), ExecutionStatus::Completed, "{execution:?}");
    assert_eq!(execution.data_type, DATA_TYPE);
    told.is_as_reviewed("reports");
}
