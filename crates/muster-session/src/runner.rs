//! The runner's end of the check-in: one for the runner's whole life, over many streams.
//!
//! It keeps what the runner has in hand: what it carries out, and what it has finished and not handed over. A result leaves its hand only when the
//! coordinator has acknowledged or fenced it. It stops all work by itself when it has not heard from the coordinator for 80 % of its lease.

mod backoff;
mod hand;
mod log_queue;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use muster_core::decide::Work;
use muster_core::time::{Moment, Now};
use muster_core::words::{Category, Counts, Cursor, Failure, LogLevel, LogSource, RunnerId, SessionId};
use muster_proto::v1;
use prost::Message as _;
use v1::coordinator_message::Kind;

use self::backoff::Backoff;
use self::hand::Hand;
use self::log_queue::LogQueue;
use crate::error::ProtocolError;
use crate::wire::{self, Task};
use crate::{HELLO_WITHIN, MESSAGE_BYTES_MAX};

/// How long dialling may take, with the name look-up and the TLS handshake.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// How long a stream must have been welcome for the back-off to begin anew: one that ends as soon as it begins is no success.
const STEADY_AFTER: Duration = Duration::from_secs(5);

/// How far apart the reports on one attempt's progress are at the least.
const PROGRESS_SPACING: Duration = Duration::from_secs(1);

/// What one report on progress takes in a message at the most.
const PROGRESS_BYTES: usize = 48;

/// The most reports of one message.
const REPORTS_PER_MESSAGE: usize = 2_000;

/// What a message's bytes may be filled to: the framing has its part too.
const FILL_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1_024;

/// What a runner says about itself in each hello.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerProfile {
    /// Its identity, made at its first start and kept.
    pub runner: RunnerId,
    /// What people call it.
    pub display_name: String,
    /// `organizations/{organization}`; empty for the service's own pool.
    pub organization: String,
    /// The pool that it serves.
    pub pool: String,
    /// The version of its program.
    pub version: String,
    /// The connectors that its own configuration allows, with their specifications.
    pub connectors: Vec<v1::ConnectorSpecification>,
    /// How many executions it carries out at the same time: 1 to [`SLOTS_MAX`](wire::SLOTS_MAX).
    pub slots: u32,
    /// Where it runs.
    pub host: v1::HostFacts,
}

/// What the runner has to do. Messages to the coordinator come from [`RunnerEnd::poll_send`].
#[derive(Debug, Clone, PartialEq)]
pub enum RunnerOutput {
    /// Dial, by a fresh connection and name look-up; then say [`connected`](RunnerEnd::connected) or [`disconnected`](RunnerEnd::disconnected).
    Connect,
    /// Drop the stream, or the dialling, and hand in nothing more of it.
    Disconnect,
    /// The runner is checked in. Uploads name this session.
    Welcomed {
        /// The session.
        session: SessionId,
    },
    /// Carry this out. It is accepted already.
    Start(Box<Task>),
    /// Stop this work, and drop what it has staged. Nothing that it still hands in counts.
    Stop {
        /// Which attempt.
        work: Work,
        /// Why.
        why: StopReason,
    },
    /// Keep this result over restarts, until it is unspooled.
    Spool(v1::Report),
    /// Remove this result from the spool.
    Unspool {
        /// Which attempt.
        work: Work,
        /// Whether the coordinator has taken it. `false`: it was fenced or canceled, and counts for nothing.
        accepted: bool,
    },
    /// An assignment was not taken, and will be withdrawn: the coordinator does not see this runner as it is. Worth a line in the log.
    Ignored {
        /// Which attempt.
        work: Work,
        /// Why.
        why: IgnoreReason,
    },
}

/// Why work is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody canceled the execution.
    Canceled,
    /// The runner does not hold the attempt any more.
    Fenced,
    /// The coordinator was not heard for so long that it will have given the work to others.
    LeaseLost,
}

/// Why an assignment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoreReason {
    /// All slots are taken, or the spool is full.
    NoSlot,
    /// The runner is draining.
    Draining,
    /// The runner had this attempt, or a later one, before.
    Past,
}

/// How a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// It broke, or ended in a way after which checking in again helps.
    Broken,
    /// The runner's lease is over: what it runs is lost.
    Lapsed,
    /// The coordinator has refused the runner, and will again until something is changed.
    Refused,
    /// Another stream of the same identity has checked in, and it was not this process: two runners share one identity.
    Superseded,
}

impl StreamEnd {
    /// What the reason of the status means that ended the stream; `None` for a status without one, and an end without a status.
    #[must_use]
    pub fn of(reason: Option<v1::ErrorReason>) -> Self {
        use v1::ErrorReason as Reason;
        match reason {
            Some(
                Reason::ProtocolViolation
                | Reason::InvalidField
                | Reason::OrganizationNotFound
                | Reason::RunnerVersionUnsupported,
            ) => Self::Refused,
            Some(Reason::SessionSuperseded) => Self::Superseded,
            Some(Reason::SessionLapsed) => Self::Lapsed,
            // Any other, also one of a newer coordinator, may pass.
            Some(_) | None => Self::Broken,
        }
    }
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy)]
enum Link {
    /// There is none until this moment.
    Away { until: Moment },
    /// The driver dials.
    Dialing { since: Moment },
    /// The hello is to be sent, or has been; the welcome is awaited.
    Greeting { since: Moment, said_hello: bool },
    /// Checked in.
    Up { since: Moment, sent: Moment },
}

/// What the welcome said, and when the coordinator was heard last. It outlives the stream.
#[derive(Debug, Clone, Copy)]
struct Lease {
    length: Duration,
    heartbeat_interval: Duration,
    heard: Moment,
}

impl Lease {
    /// When the runner gives its work up: the coordinator waits for the rest of the lease and a grace before it gives it to others.
    fn lost_at(&self) -> Moment {
        self.heard.after(self.length * 4 / 5)
    }

    /// When a stream on which nothing came is dead: two heartbeats are missing, and a third of one was granted to the way.
    fn silent_at(&self) -> Moment {
        self.heard.after(self.heartbeat_interval * 7 / 3)
    }
}

/// The runner's end of the check-in. See the crate's documentation for how it is driven.
#[derive(Debug)]
pub struct RunnerEnd {
    profile: RunnerProfile,
    backoff: Backoff,
    link: Link,
    lease: Option<Lease>,
    hand: Hand,
    /// What was not sent on this stream so far, in order. At most one of each kind for each attempt.
    unsent: VecDeque<(Work, v1::ReportKind)>,
    progress: BTreeMap<Work, u64>,
    progress_from: Moment,
    progress_due: bool,
    heartbeat_due: bool,
    log_lines: LogQueue,
    outputs: VecDeque<RunnerOutput>,
    listed: Vec<Work>,
    draining: bool,
    drain_unsent: bool,
}

impl RunnerEnd {
    /// The end of a runner that has just started, with the results that its spool holds, the oldest first. It dials at once.
    ///
    /// # Errors
    /// [`ProtocolError::Field`] when a spooled report is none.
    pub fn new(
        profile: RunnerProfile,
        spooled: Vec<v1::Report>,
        chance: fastrand::Rng,
        now: Now,
    ) -> Result<Self, ProtocolError> {
        let mut hand = Hand::default();
        for report in spooled {
            hand.spool(wire::work_of_report(&report)?, report);
        }
        Ok(Self {
            profile,
            backoff: Backoff::new(chance),
            link: Link::Dialing { since: now.moment },
            lease: None,
            hand,
            unsent: VecDeque::new(),
            progress: BTreeMap::new(),
            progress_from: now.moment,
            progress_due: false,
            heartbeat_due: false,
            log_lines: LogQueue::default(),
            outputs: VecDeque::from([RunnerOutput::Connect]),
            listed: Vec::new(),
            draining: false,
            drain_unsent: false,
        })
    }

    /// The stream is open: the hello follows.
    pub fn connected(&mut self, now: Now) {
        if let Link::Dialing { .. } = self.link {
            self.link = Link::Greeting {
                since: now.moment,
                said_hello: false,
            };
        }
    }

    /// The stream has ended, or could not be opened.
    pub fn disconnected(&mut self, end: StreamEnd, now: Now) {
        if let Link::Away { .. } = self.link {
            return;
        }
        let wait = match end {
            StreamEnd::Broken => self.wait(now.moment),
            StreamEnd::Lapsed => {
                self.stop_all();
                self.wait(now.moment)
            }
            StreamEnd::Refused | StreamEnd::Superseded => self.backoff.long(),
        };
        self.leave(now.moment.after(wait));
    }

    /// A message of the coordinator. One of a kind that this runner does not know is ignored.
    ///
    /// # Errors
    /// [`ProtocolError`] when it makes no sense: the runner has given the stream up then, and dials again later. For the log.
    pub fn receive(&mut self, message: v1::CoordinatorMessage, now: Now) -> Result<(), ProtocolError> {
        let result = match self.link {
            Link::Away { .. } | Link::Dialing { .. } => return Ok(()),
            Link::Greeting { .. } => match message.kind {
                Some(Kind::Welcome(welcome)) => self.welcome(&welcome, now).map_err(|error| error.under("welcome")),
                _ => Err(ProtocolError::WelcomeMissing),
            },
            Link::Up { .. } => {
                if let Some(lease) = &mut self.lease {
                    lease.heard = now.moment;
                }
                self.take(message.kind, now)
            }
        };
        if result.is_err() {
            let wait = self.backoff.long();
            self.give_up(now.moment.after(wait));
        }
        result
    }

    /// The connector has begun to collect.
    pub fn started(&mut self, work: Work) {
        if let Some(running) = self.hand.running(work)
            && !running.started
        {
            running.started = true;
            self.report(work, v1::ReportKind::Started);
        }
    }

    /// How many records an attempt has collected so far. The newest number is sent, at most once a second.
    pub fn progress(&mut self, work: Work, records: u64) {
        if self.hand.is_running(work) {
            self.progress.insert(work, records);
        }
    }

    /// All was collected. `staged` says whether its records were uploaded, with these counts.
    ///
    /// Returns whether the result still counts; `false` when the work was stopped in between.
    pub fn completed(&mut self, work: Work, counts: Counts, cursor: Option<&Cursor>, staged: bool) -> bool {
        self.finish(work, wire::completed(work, counts, cursor, staged))
    }

    /// The work has failed.
    ///
    /// Returns whether the result still counts; `false` when the work was stopped in between.
    pub fn failed(&mut self, work: Work, mut failure: Failure) -> bool {
        match failure.category {
            // These are the coordinator's to say, which would refuse them for ever.
            Category::RunnerLost | Category::Canceled => failure.category = Category::Connector,
            Category::Permission
            | Category::Configuration
            | Category::Communication
            | Category::Connector
            | Category::Timeout
            | Category::Landing => {}
        }
        if failure.message.is_empty() {
            "the connector gave no reason".clone_into(&mut failure.message);
        }
        self.finish(work, wire::failed(work, &failure))
    }

    /// Something was said about work in hand. Lines that do not fit into the queue are counted, and the count is sent.
    pub fn log(&mut self, work: Work, source: LogSource, level: LogLevel, message: &str) {
        if self.hand.is_running(work) || self.hand.spooled(work).is_some() {
            self.log_lines
                .push(work, wire::log_line_to_wire(source, level, message));
        }
    }

    /// The runner shuts down: it takes nothing new, and finishes what it has. There is no way back.
    pub fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.drain_unsent = true;
        }
    }

    /// Whether a draining runner has nothing left to do: all is finished, and taken over by the coordinator.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let told = !self.drain_unsent || !self.is_checked_in();
        self.draining && told && self.hand.running_count() == 0 && self.hand.spooled_count() == 0
    }

    /// Whether the runner is checked in now.
    #[must_use]
    pub fn is_checked_in(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Now) {
        if let Some(lease) = self.lease
            && now.moment >= lease.lost_at()
        {
            self.stop_all();
        }
        match self.link {
            Link::Away { until } => {
                if now.moment >= until {
                    self.link = Link::Dialing { since: now.moment };
                    self.outputs.push_back(RunnerOutput::Connect);
                }
            }
            Link::Dialing { since } => self.give_up_if(since.after(CONNECT_WITHIN), now.moment),
            Link::Greeting { since, .. } => self.give_up_if(since.after(HELLO_WITHIN), now.moment),
            Link::Up { sent, .. } => {
                if let Some(lease) = self.lease {
                    self.heartbeat_due |= now.moment >= sent.after(lease.heartbeat_interval);
                    self.progress_due |= !self.progress.is_empty() && now.moment >= self.progress_from;
                    self.give_up_if(lease.silent_at(), now.moment);
                }
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do although nothing came; `None` when there is no such time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        let lost = self
            .lease
            .filter(|_| self.hand.running_count() > 0)
            .map(|lease| lease.lost_at());
        let link = match self.link {
            Link::Away { until } => Some(until),
            Link::Dialing { since } => Some(since.after(CONNECT_WITHIN)),
            Link::Greeting { since, .. } => Some(since.after(HELLO_WITHIN)),
            Link::Up { sent, .. } => self.lease.map(|lease| {
                let heartbeat = sent.after(lease.heartbeat_interval);
                let heartbeat = Some(heartbeat).filter(|_| !self.heartbeat_due);
                heartbeat.into_iter().chain([lease.silent_at()]).min().unwrap_or(sent)
            }),
        };
        let waits = self.is_checked_in() && !self.progress_due && !self.progress.is_empty();
        let progress = waits.then_some(self.progress_from);
        lost.into_iter().chain(link).chain(progress).min()
    }

    /// What the runner has to do next; `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<RunnerOutput> {
        self.outputs.pop_front()
    }

    /// The next message to the coordinator, with all that is ready; `None` when there is nothing to say. To be called only when there is room for it:
    /// what waits here goes out in fewer messages.
    pub fn poll_send(&mut self, now: Now) -> Option<v1::RunnerMessage> {
        use v1::runner_message::Kind;
        let kind = match &mut self.link {
            Link::Away { .. } | Link::Dialing { .. } => return None,
            Link::Greeting { said_hello, .. } => {
                if *said_hello {
                    return None;
                }
                *said_hello = true;
                Kind::Hello(self.hello(now))
            }
            Link::Up { .. } => self.next_message(now)?,
        };
        if let Link::Up { sent, .. } = &mut self.link {
            *sent = now.moment;
            self.heartbeat_due = false;
        }
        Some(v1::RunnerMessage { kind: Some(kind) })
    }

    /// Whether [`poll_send`](Self::poll_send) has something now.
    #[must_use]
    pub fn has_to_send(&self) -> bool {
        match self.link {
            Link::Away { .. } | Link::Dialing { .. } => false,
            Link::Greeting { said_hello, .. } => !said_hello,
            Link::Up { .. } => {
                let due = self.heartbeat_due || self.progress_due || self.drain_unsent;
                due || !self.unsent.is_empty() || !self.log_lines.is_empty()
            }
        }
    }

    /// How much waits to be sent.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.unsent.len() + self.progress.len() + self.log_lines.len()
    }

    fn next_message(&mut self, now: Now) -> Option<v1::runner_message::Kind> {
        use v1::runner_message::Kind;
        if std::mem::take(&mut self.drain_unsent) {
            return Some(Kind::Drain(v1::Drain {}));
        }
        if let Some(reports) = self.next_reports(now.moment) {
            return Some(Kind::Reports(reports));
        }
        if let Some(lines) = self.log_lines.take(FILL_BYTES_MAX) {
            return Some(Kind::LogLines(lines));
        }
        self.heartbeat_due.then(|| {
            Kind::Heartbeat(v1::Heartbeat {
                local_time: Some(wire::timestamp(now.stamp)),
            })
        })
    }

    fn hello(&mut self, now: Now) -> v1::Hello {
        self.listed = self.hand.all_running().map(|(work, _)| work).collect();
        let spooled = self.hand.all_spooled().into_iter().take(wire::HELD_MAX);
        v1::Hello {
            runner_id: self.profile.runner.to_bytes().to_vec().into(),
            display_name: self.profile.display_name.clone(),
            organization: self.profile.organization.clone(),
            pool: self.profile.pool.clone(),
            version: self.profile.version.clone(),
            connectors: self.profile.connectors.clone(),
            slots: self.profile.slots,
            running: self.listed.iter().copied().map(wire::held_to_wire).collect(),
            finished: spooled.map(wire::held_to_wire).collect(),
            host: Some(self.profile.host.clone()),
            local_time: Some(wire::timestamp(now.stamp)),
        }
    }

    fn welcome(&mut self, welcome: &v1::Welcome, now: Now) -> Result<(), ProtocolError> {
        let session = SessionId::from_bytes(wire::id_from_wire("session_id", &welcome.session_id)?);
        let length = positive("lease", welcome.lease)?;
        let heartbeat_interval = positive("heartbeat_interval", welcome.heartbeat_interval)?;
        if heartbeat_interval * 2 > length {
            return Err(ProtocolError::field(
                "heartbeat_interval",
                "must be at most half of the lease: a runner that is there would lose its work",
            ));
        }
        let resumed: Result<Vec<Work>, _> = welcome.resumed.iter().map(wire::held_from_wire).collect();
        let resumed = resumed.map_err(|error| error.under("resumed[]"))?;
        self.lease = Some(Lease {
            length,
            heartbeat_interval,
            heard: now.moment,
        });
        self.link = Link::Up {
            since: now.moment,
            sent: now.moment,
        };
        self.outputs.push_back(RunnerOutput::Welcomed { session });
        for work in std::mem::take(&mut self.listed) {
            if !resumed.contains(&work) {
                self.drop_running(work, StopReason::Fenced);
            }
        }
        self.drain_unsent = self.draining;
        self.report_anew();
        Ok(())
    }

    /// Queues all reports that are not known to be durable: those of earlier streams may be lost.
    fn report_anew(&mut self) {
        self.unsent.clear();
        for work in self.hand.all_spooled() {
            self.unsent.push_back((work, v1::ReportKind::Finished));
        }
        for (work, running) in self.hand.all_running() {
            let furthest = if running.started {
                v1::ReportKind::Started
            } else {
                v1::ReportKind::Accepted
            };
            if running.acked < Some(furthest) {
                self.unsent.push_back((work, furthest));
            }
        }
    }

    fn take(&mut self, kind: Option<Kind>, now: Now) -> Result<(), ProtocolError> {
        match kind {
            Some(Kind::Welcome(_)) => return Err(ProtocolError::WelcomeRepeated),
            Some(Kind::Heartbeat(_)) | None => {}
            Some(Kind::Assignments(assignments)) => {
                for assignment in assignments.assignments {
                    self.take_assignment(assignment)
                        .map_err(|error| error.under("assignments.assignments[]"))?;
                }
            }
            Some(Kind::Acks(acks)) => {
                for ack in &acks.acks {
                    let work = wire::work_from_wire(&ack.execution_id, ack.attempt)
                        .map_err(|error| error.under("acks.acks[]"))?;
                    self.take_ack(work, ack.kind());
                }
            }
            Some(Kind::Fences(fences)) => {
                for fence in &fences.fences {
                    let work = wire::work_from_wire(&fence.execution_id, fence.attempt)
                        .map_err(|error| error.under("fences.fences[]"))?;
                    self.forget(work, StopReason::Fenced);
                }
            }
            Some(Kind::Cancels(cancels)) => {
                for cancel in &cancels.cancels {
                    let work = wire::work_from_wire(&cancel.execution_id, cancel.attempt)
                        .map_err(|error| error.under("cancels.cancels[]"))?;
                    self.forget(work, StopReason::Canceled);
                }
            }
            Some(Kind::Reconnect(reconnect)) => {
                let delay = wire::span("delay", reconnect.delay).map_err(|error| error.under("reconnect"))?;
                let jitter = self.wait(now.moment);
                self.give_up(now.moment.after(delay.unwrap_or_default() + jitter));
            }
        }
        Ok(())
    }

    fn take_assignment(&mut self, assignment: v1::Assignment) -> Result<(), ProtocolError> {
        let work = wire::work_from_wire(&assignment.execution_id, assignment.attempt)?;
        if self.hand.is_running(work) {
            self.report(work, v1::ReportKind::Accepted);
            return Ok(());
        }
        if self.hand.spooled(work).is_some() {
            self.report(work, v1::ReportKind::Finished);
            return Ok(());
        }
        let ignored = if self.hand.is_past(work) {
            Some(IgnoreReason::Past)
        } else if self.draining {
            Some(IgnoreReason::Draining)
        } else if self.hand.free(self.slots()) == 0 {
            Some(IgnoreReason::NoSlot)
        } else {
            None
        };
        if let Some(why) = ignored {
            self.outputs.push_back(RunnerOutput::Ignored { work, why });
            return Ok(());
        }
        self.hand.begin(work);
        self.report(work, v1::ReportKind::Accepted);
        match wire::task_from_wire(assignment) {
            Ok(task) => self.outputs.push_back(RunnerOutput::Start(Box::new(task))),
            Err(error) => {
                let message = format!("the runner does not understand its assignment: {error}");
                self.failed(work, Failure::new(Category::Configuration, message));
            }
        }
        Ok(())
    }

    fn take_ack(&mut self, work: Work, kind: v1::ReportKind) {
        match kind {
            v1::ReportKind::Accepted | v1::ReportKind::Started => {
                if let Some(running) = self.hand.running(work) {
                    running.acked = running.acked.max(Some(kind));
                }
            }
            v1::ReportKind::Finished => {
                if self.hand.unspool(work) {
                    self.outputs.push_back(RunnerOutput::Unspool { work, accepted: true });
                } else {
                    // The coordinator has the end of this attempt, so nobody waits for what still runs here.
                    self.forget(work, StopReason::Fenced);
                }
            }
            // A kind of a newer coordinator.
            v1::ReportKind::Unspecified => {}
        }
    }

    /// The attempt is not the runner's any more, whatever it has of it.
    fn forget(&mut self, work: Work, why: StopReason) {
        self.drop_running(work, why);
        if self.hand.unspool(work) {
            self.log_lines.forget(work);
            self.outputs.push_back(RunnerOutput::Unspool { work, accepted: false });
        }
    }

    fn drop_running(&mut self, work: Work, why: StopReason) {
        if self.hand.stop(work) {
            self.progress.remove(&work);
            self.log_lines.forget(work);
            self.outputs.push_back(RunnerOutput::Stop { work, why });
        }
    }

    fn stop_all(&mut self) {
        for work in self.hand.stop_all() {
            self.progress.remove(&work);
            self.log_lines.forget(work);
            self.outputs.push_back(RunnerOutput::Stop {
                work,
                why: StopReason::LeaseLost,
            });
        }
    }

    fn finish(&mut self, work: Work, report: v1::Report) -> bool {
        if !self.hand.stop(work) {
            return false;
        }
        self.progress.remove(&work);
        self.hand.spool(work, report.clone());
        self.outputs.push_back(RunnerOutput::Spool(report));
        self.report(work, v1::ReportKind::Finished);
        true
    }

    /// Queues a report for this stream; without one the next welcome queues all that is needed.
    fn report(&mut self, work: Work, kind: v1::ReportKind) {
        if self.is_checked_in() && !self.unsent.contains(&(work, kind)) {
            self.unsent.push_back((work, kind));
        }
    }

    /// As many reports as fit into a message; `None` when there are none. What a later one stands for is left out.
    fn next_reports(&mut self, now: Moment) -> Option<v1::Reports> {
        let mut reports = Vec::new();
        let mut bytes = 0;
        while reports.len() < REPORTS_PER_MESSAGE {
            let Some((work, kind)) = self.unsent.front().copied() else {
                break;
            };
            if let Some(report) = self.report_of(work, kind) {
                bytes += report.encoded_len() + 8;
                if !reports.is_empty() && bytes > FILL_BYTES_MAX {
                    break;
                }
                reports.push(report);
            }
            self.unsent.pop_front();
        }
        if self.progress_due && bytes + self.progress.len() * PROGRESS_BYTES <= FILL_BYTES_MAX {
            self.progress_due = false;
            self.progress_from = now.after(PROGRESS_SPACING);
            let progress = std::mem::take(&mut self.progress);
            reports.extend(
                progress
                    .into_iter()
                    .map(|(work, records)| wire::progress(work, records)),
            );
        }
        (!reports.is_empty()).then_some(v1::Reports { reports })
    }

    /// The report, if it still says something.
    fn report_of(&mut self, work: Work, kind: v1::ReportKind) -> Option<v1::Report> {
        match kind {
            v1::ReportKind::Accepted => {
                let running = self.hand.running(work)?;
                (!running.started).then(|| wire::accepted(work))
            }
            v1::ReportKind::Started => {
                let known = self.hand.is_running(work) || self.hand.spooled(work).is_some();
                known.then(|| wire::started(work))
            }
            v1::ReportKind::Finished => self.hand.spooled(work).cloned(),
            v1::ReportKind::Unspecified => None,
        }
    }

    fn slots(&self) -> usize {
        self.profile.slots.min(wire::SLOTS_MAX) as usize
    }

    /// The wait before the next stream, after the one that ends now.
    fn wait(&mut self, now: Moment) -> Duration {
        if let Link::Up { since, .. } = self.link
            && now.since(since) >= STEADY_AFTER
        {
            self.backoff.reset();
        }
        self.backoff.next()
    }

    fn give_up_if(&mut self, deadline: Moment, now: Moment) {
        if now >= deadline {
            let wait = self.wait(now);
            self.give_up(now.after(wait));
        }
    }

    fn give_up(&mut self, until: Moment) {
        self.outputs.push_back(RunnerOutput::Disconnect);
        self.leave(until);
    }

    fn leave(&mut self, until: Moment) {
        self.link = Link::Away { until };
        self.unsent.clear();
        self.heartbeat_due = false;
        self.progress_due = false;
    }
}

fn positive(field: &str, duration: Option<prost_types::Duration>) -> Result<Duration, ProtocolError> {
    wire::span(field, duration)?
        .filter(|span| !span.is_zero())
        .ok_or_else(|| ProtocolError::field(field, "must be longer than nothing"))
}
