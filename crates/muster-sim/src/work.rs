//! What runners carry out: made-up collections of all kinds, with uploads that may break.

use std::collections::VecDeque;

use bytes::Bytes;
use muster_core::decide::Work;
use muster_core::words::{Category, Claim, Counts, Cursor, Failure, LogLevel, LogSource};
use muster_session::wire;

use crate::jobs;
use crate::trace::{broken, say};
use crate::upload::{Inbox, Refused, Taken};
use crate::world::{Due, World};

/// The work on one attempt.
pub struct Task {
    number: u64,
    steps: VecDeque<Step>,
    inbox: Option<Inbox>,
    /// What was uploaded so far.
    sent: Counts,
    /// What the coordinator has said to the upload.
    answer: Option<Result<Taken, Refused>>,
    cursor: Option<Cursor>,
    all: Vec<Bytes>,
}

enum Step {
    Begin,
    Say,
    Open,
    Chunk(Bytes),
    Close,
    /// The upload's answer is waited for.
    Await,
    Complete {
        /// How many records it says too many.
        lies: u64,
    },
    Fail(Category),
}

impl Task {
    /// Its upload breaks off.
    pub fn cut(&self) {
        if let Some(inbox) = &self.inbox {
            inbox.cut();
        }
    }
}

impl World {
    /// A runner begins with an assignment.
    pub(crate) fn begin(&mut self, which: usize, task: wire::Task) {
        let assignment = task.assignment;
        let work = (assignment.execution, assignment.attempt);
        self.check_begun(which, work, &assignment);
        let steps = self.plan(&assignment);
        let runner = &mut self.runners[which];
        let number = runner.next_task;
        runner.next_task += 1;
        let claim = Claim {
            runner: runner.id,
            attempt: work.1,
        };
        let chunks = steps.iter().filter_map(|step| match step {
            Step::Chunk(lines) => Some(lines.clone()),
            _ => None,
        });
        let cursor = format!(
            "{}/{}/{}/{}",
            assignment.organization, assignment.integration, assignment.data_type, assignment.execution
        );
        let made = Task {
            number,
            all: chunks.collect(),
            steps,
            inbox: Some(Inbox::new(work.0, claim)),
            sent: Counts::default(),
            answer: None,
            cursor: self
                .chance
                .u32(0..3)
                .eq(&0)
                .then(|| Cursor::new(cursor).expect("short")),
        };
        let runner = &mut self.runners[which];
        runner.tasks.insert(work, made);
        let (running, slots) = (runner.tasks.len(), runner.slots());
        if running > slots {
            broken!("{} runs {running} tasks in {slots} slots", runner.name);
        }
        let name = (self.trace.name("e", work.0.0), self.runners[which].name.clone());
        say!(self, "{}: begins {}.{}", name.1, name.0, work.1);
        let delay = self.chance.u64(1..800);
        self.wake(Due::Work(which, number), delay);
    }

    fn plan(&mut self, assignment: &muster_core::decide::Assignment) -> VecDeque<Step> {
        let mut steps = VecDeque::from([Step::Begin]);
        if self.chance.bool() {
            steps.push_back(Step::Say);
        }
        let fails = !self.healed && self.chance.u32(0..100) < 22;
        let records = match self.chance.u32(0..6) {
            0 => 0,
            1 => self.chance.u64(10..40),
            _ => self.chance.u64(1..6),
        };
        if records > 0 {
            steps.push_back(Step::Open);
            let chunks = self.chance.u64(1..4);
            for chunk in 0..chunks {
                let lines: String = (0..records)
                    .filter(|n| n % chunks == chunk)
                    .map(|n| record(assignment, n))
                    .collect();
                if !lines.is_empty() {
                    steps.push_back(Step::Chunk(lines.into()));
                }
            }
        }
        if fails {
            // Somewhere in the midst of it.
            let at = self.chance.usize(1..=steps.len());
            steps.truncate(at);
            let category = Category::ALL[self.chance.usize(0..Category::ALL.len())];
            steps.push_back(Step::Fail(category));
            return steps;
        }
        if records > 0 {
            steps.push_back(Step::Close);
            steps.push_back(Step::Await);
        }
        let lies = if !self.healed && self.chance.u32(0..60) == 0 {
            1
        } else {
            0
        };
        steps.push_back(Step::Complete { lies });
        steps
    }

    fn find_task(&mut self, which: usize, number: u64) -> Option<(Work, &mut Task)> {
        let tasks = self.runners[which].tasks.iter_mut();
        let mut found = tasks.filter(|(_, task)| task.number == number);
        found.next().map(|(work, task)| (*work, task))
    }

    /// The next step of a runner's work.
    pub(crate) fn work(&mut self, which: usize, number: u64) {
        if !self.is_awake(which, Due::Work(which, number)) {
            return;
        }
        let (healed, is_checked_in) = (
            self.healed,
            self.runners[which].end.as_ref().is_some_and(|end| end.is_checked_in()),
        );
        let Some((work, task)) = self.find_task(which, number) else {
            return;
        };
        let Some(step) = task.steps.pop_front() else { return };
        match step {
            Step::Begin => {
                if let Some(end) = &mut self.runners[which].end {
                    end.started(work);
                }
            }
            Step::Say => {
                if let Some(end) = &mut self.runners[which].end {
                    end.progress(work, 5);
                    end.log(work, LogSource::Connector, LogLevel::Info, "page 1");
                }
            }
            Step::Open => {
                if !is_checked_in {
                    // Uploads that have not begun wait for the next session.
                    task.steps.push_front(Step::Open);
                    return self.wake(Due::Work(which, number), 500);
                }
                self.open_upload(which, number);
            }
            Step::Chunk(lines) => {
                task.sent.records += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
                task.sent.bytes += lines.len() as u64;
                if let Some(inbox) = &task.inbox {
                    inbox.chunk(lines);
                }
            }
            Step::Close => {
                if let Some(inbox) = &task.inbox {
                    inbox.end(task.sent);
                }
            }
            Step::Await => match task.answer.take() {
                None => {
                    task.steps.push_front(Step::Await);
                    return;
                }
                Some(Ok(taken)) if taken == task.sent => {}
                Some(Ok(taken)) => broken!("{taken:?} were staged, and {:?} were sent", task.sent),
                Some(Err(_)) => task.steps = VecDeque::from([Step::Fail(Category::Landing)]),
            },
            Step::Complete { lies } => {
                let (mut counts, cursor) = (task.sent, task.cursor.clone());
                counts.records += lies;
                let staged = task.sent.records > 0;
                if lies > 0 {
                    self.trace.count("a runner says wrong counts");
                    self.told.lies.insert(work);
                }
                self.finish(which, work, |end| end.completed(work, counts, cursor.as_ref(), staged));
                return;
            }
            Step::Fail(category) => {
                self.finish(which, work, |end| {
                    end.failed(work, Failure::new(category, "it did not work"))
                });
                return;
            }
        }
        let delay = match self.chance.u32(0..40) {
            0 if !healed => self.chance.u64(60_000..240_000),
            1..5 => self.chance.u64(2_000..20_000),
            _ => self.chance.u64(1..1_500),
        };
        self.wake(Due::Work(which, number), delay);
        self.wake(Due::Runner(which), 0);
    }

    fn finish(
        &mut self,
        which: usize,
        work: Work,
        finish: impl FnOnce(&mut muster_session::runner::RunnerEnd) -> bool,
    ) {
        let runner = &mut self.runners[which];
        if let Some(task) = runner.tasks.remove(&work) {
            task.cut();
        }
        let Some(end) = &mut runner.end else { return };
        if !finish(end) {
            broken!("{}: what was not stopped still counts: {work:?}", runner.name);
        }
        self.wake(Due::Runner(which), 0);
    }

    fn open_upload(&mut self, which: usize, number: u64) {
        let (life, now) = (self.runners[which].life, self.now);
        let cut_off = self.runners[which].cut_off_until > now;
        let Some((_, task)) = self.find_task(which, number) else {
            return;
        };
        let Some(inbox) = task.inbox.clone() else { return };
        if cut_off || self.coordinator.is_none() {
            return self.uploaded(which, life, number, Err(Refused::Broken));
        }
        self.start(jobs::Work::Upload {
            runner: which,
            life,
            task: number,
            inbox,
        });
    }

    /// The coordinator answers an upload; the answer may get lost.
    pub(crate) fn uploaded(&mut self, which: usize, life: u32, number: u64, taken: Result<Taken, Refused>) {
        if self.runners[which].life != life {
            return;
        }
        let mut taken = taken;
        let (lost, repeats) = (!self.healed && self.chance.u32(0..25) == 0, self.chance.bool());
        let Some((work, task)) = self.find_task(which, number) else {
            return;
        };
        let mut delay = 1;
        if lost && taken.is_ok() {
            delay = 8_000;
            if repeats {
                // Whoever carries it on the way sends it again: all of it, on a connection of its own.
                let claim = task.inbox.as_ref().map(|inbox| inbox.claim);
                if let Some(claim) = claim {
                    let again = Inbox::new(work.0, claim);
                    let chunks = task.all.clone();
                    chunks.into_iter().for_each(|lines| again.chunk(lines));
                    again.end(task.sent);
                    task.inbox = Some(again);
                    self.trace.count("an upload comes twice");
                    return self.open_upload(which, number);
                }
            }
            self.trace.count("the answer to an upload is lost");
            taken = Err(Refused::Broken);
        } else if taken.is_err() {
            self.trace.count("an upload breaks");
        }
        let Some((_, task)) = self.find_task(which, number) else {
            return;
        };
        task.answer = Some(taken);
        if taken.is_err() {
            // It is noticed at once, whatever was to be done first.
            task.steps = VecDeque::from([Step::Await]);
        }
        self.wake(Due::Work(which, number), delay);
    }

    /// The coordinator's process has ended: so have its uploads.
    pub(crate) fn break_uploads(&mut self) {
        for which in 0..self.runners.len() {
            let life = self.runners[which].life;
            let waiting: Vec<u64> = self.runners[which]
                .tasks
                .values()
                .filter(|task| task.answer.is_none() && task.is_uploading())
                .map(|task| task.number)
                .collect();
            for number in waiting {
                self.uploaded(which, life, number, Err(Refused::Broken));
            }
        }
    }
}

impl Task {
    fn is_uploading(&self) -> bool {
        let opened = !self.steps.iter().any(|step| matches!(step, Step::Open));
        opened
            && self
                .steps
                .iter()
                .any(|step| matches!(step, Step::Chunk(_) | Step::Close | Step::Await))
    }
}

/// A record, with all that tells where it must not come to lie.
fn record(assignment: &muster_core::decide::Assignment, n: u64) -> String {
    format!(
        "{{\"organization\":\"{}\",\"integration\":\"{}\",\"data_type\":\"{}\",\"execution\":\"{}\",\"attempt\":{},\"n\":{n}}}\n",
        assignment.organization, assignment.integration, assignment.data_type, assignment.execution, assignment.attempt
    )
}
