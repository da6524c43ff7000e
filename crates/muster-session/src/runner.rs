//! The runner's end of the check-in: one for the runner's whole life, over many streams.
//!
//! It keeps what the runner has in hand: what it carries out, and what it has finished and not handed over. A result
//! leaves its hand only when the coordinator has acknowledged or fenced it. It stops all work by itself when it has not
//! heard from the coordinator for 80 % of its lease.

mod backoff;
mod hand;
mod link;
mod log_queue;
mod output;
mod receive;
mod send;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use muster_core::decide::Work;
use muster_core::planted;
use muster_core::time::{Moment, Now};
use muster_core::words::{Category, CheckId, Counts, Cursor, Failure, LogLevel, LogSource};
use muster_proto::v1;
use v1::coordinator_message::Kind;

use self::backoff::Backoff;
use self::hand::Hand;
use self::link::{Lease, Link};
use self::log_queue::LogQueue;
use crate::HELLO_WITHIN;
use crate::error::ProtocolError;
use crate::wire;

pub use self::link::StreamEnd;
pub use self::output::{GiveUpReason, IgnoreReason, RunnerOutput, RunnerProfile, StopReason};

/// How long dialling may take, with the name look-up and the TLS handshake.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// How long a stream must have been welcome for the back-off to begin anew: one that ends as soon as it begins is no
/// success.
const STEADY_AFTER: Duration = Duration::from_secs(5);

/// The runner's end of the check-in. See the crate's documentation for how it is driven.
#[derive(Debug)]
pub struct RunnerEnd {
    profile: RunnerProfile,
    /// Which process it is.
    instance: u64,
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
    log_from: Moment,
    log_due: bool,
    /// Whether the lines that were logged before the next reports have been sent.
    lines_went_first: bool,
    /// The checks that this stream has brought and that go on.
    checks: BTreeSet<CheckId>,
    /// How others have ended, to be sent.
    check_results: VecDeque<v1::CheckResult>,
    outputs: VecDeque<RunnerOutput>,
    listed: Vec<Work>,
    draining: bool,
    drain_unsent: bool,
}

impl RunnerEnd {
    /// The end of a runner that has just started, with the results that its spool holds, the oldest first. It dials at
    /// once.
    ///
    /// # Errors
    /// [`ProtocolError::Field`] when a spooled report is none.
    pub fn new(
        profile: RunnerProfile,
        spooled: Vec<v1::Report>,
        mut chance: fastrand::Rng,
        now: Now,
    ) -> Result<Self, ProtocolError> {
        let mut hand = Hand::default();
        for report in spooled {
            hand.spool(wire::work_of_report(&report)?, report);
        }
        Ok(Self {
            profile,
            instance: chance.u64(1..),
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
            log_from: now.moment,
            log_due: false,
            lines_went_first: false,
            checks: BTreeSet::new(),
            check_results: VecDeque::new(),
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
    /// [`ProtocolError`] when it makes no sense: the runner has given the stream up then, and dials again later. For
    /// the log.
    pub fn receive(&mut self, message: v1::CoordinatorMessage, now: Now) -> Result<(), ProtocolError> {
        let result = match self.link {
            Link::Away { .. } | Link::Dialing { .. } => return Ok(()),
            Link::Greeting { .. } => match message.kind {
                Some(Kind::Welcome(welcome)) => self.welcome(&welcome, now).map_err(|error| error.under("welcome")),
                _ => Err(ProtocolError::WelcomeMissing),
            },
            Link::Up { .. } => {
                // A process that was stopped for longer finds old messages, which do not bring its lease back.
                self.stop_if_lost(now.moment);
                if let Some(lease) = &mut self.lease {
                    lease.heard = now.moment;
                }
                self.take(message.kind, now)
            }
        };
        if result.is_err() {
            let wait = self.backoff.long();
            self.give_up(now.moment.after(wait), GiveUpReason::Violation);
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
    pub fn failed(&mut self, work: Work, failure: Failure) -> bool {
        self.finish(work, wire::failed(work, &sayable(failure)))
    }

    /// A check has ended: the source can be read, or cannot. Nothing is said of one that was stopped in between.
    pub fn checked(&mut self, check: CheckId, failure: Option<Failure>) {
        if self.checks.remove(&check) {
            let failure = failure.map(sayable);
            self.check_results
                .push_back(wire::check_result_to_wire(check, failure.as_ref()));
        }
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
        let checked = self.checks.is_empty() && self.check_results.is_empty();
        self.draining && told && checked && self.hand.running_count() == 0 && self.hand.spooled_count() == 0
    }

    /// Whether the runner is checked in now.
    #[must_use]
    pub fn is_checked_in(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Now) {
        self.stop_if_lost(now.moment);
        match self.link {
            Link::Away { until } => {
                if now.moment >= until {
                    self.link = Link::Dialing { since: now.moment };
                    self.outputs.push_back(RunnerOutput::Connect);
                }
            }
            Link::Dialing { since } => {
                self.give_up_if(since.after(CONNECT_WITHIN), now.moment, GiveUpReason::NoConnection);
            }
            Link::Greeting { since, .. } => {
                self.give_up_if(since.after(HELLO_WITHIN), now.moment, GiveUpReason::NoWelcome);
            }
            Link::Up { sent, .. } => {
                if let Some(lease) = self.lease {
                    self.heartbeat_due |= now.moment >= sent.after(lease.heartbeat_interval);
                    self.progress_due |= !self.progress.is_empty() && now.moment >= self.progress_from;
                    self.log_due |= !self.log_lines.is_empty() && now.moment >= self.log_from;
                    self.give_up_if(lease.silent_at(), now.moment, GiveUpReason::Silence);
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
        let waits = self.is_checked_in() && !self.logs_now() && !self.log_lines.is_empty();
        let log_lines = waits.then_some(self.log_from);
        lost.into_iter().chain(link).chain(progress).chain(log_lines).min()
    }

    /// What the runner has to do next; `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<RunnerOutput> {
        self.outputs.pop_front()
    }

    /// The next message to the coordinator, with all that is ready; `None` when there is nothing to say. To be called
    /// only when there is room for it: what waits here goes out in fewer messages.
    pub fn poll_send(&mut self, now: Now) -> Option<v1::RunnerMessage> {
        use v1::runner_message::Kind as Said;
        let kind = match &mut self.link {
            Link::Away { .. } | Link::Dialing { .. } => return None,
            Link::Greeting { said_hello, .. } => {
                if *said_hello {
                    return None;
                }
                *said_hello = true;
                Said::Hello(self.hello(now))
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
                due || !self.unsent.is_empty() || !self.check_results.is_empty() || self.logs_now()
            }
        }
    }

    /// How much waits to be sent.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.unsent.len() + self.progress.len() + self.log_lines.len() + self.check_results.len()
    }

    /// Whether log lines are to go out now: those that came one by one have been gathered for long enough, so many wait that nothing is won by
    /// gathering, or the runner leaves.
    fn logs_now(&self) -> bool {
        self.log_due || self.log_lines.is_worth_a_message() || (self.draining && !self.log_lines.is_empty())
    }

    fn drop_running(&mut self, work: Work, why: StopReason) {
        if self.hand.stop(work) {
            self.progress.remove(&work);
            self.log_lines.forget(work);
            self.outputs.push_back(RunnerOutput::Stop { work, why });
        }
    }

    fn stop_if_lost(&mut self, now: Moment) {
        if self.lease.is_some_and(|lease| now >= lease.lost_at()) && !planted!("works-past-its-lease") {
            self.stop_all();
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

    fn give_up_if(&mut self, deadline: Moment, now: Moment, why: GiveUpReason) {
        if now >= deadline {
            let wait = self.wait(now);
            self.give_up(now.after(wait), why);
        }
    }

    fn give_up(&mut self, until: Moment, why: GiveUpReason) {
        self.outputs.push_back(RunnerOutput::Disconnect { why });
        self.leave(until);
    }

    fn leave(&mut self, until: Moment) {
        self.link = Link::Away { until };
        self.unsent.clear();
        for check in std::mem::take(&mut self.checks) {
            self.outputs.push_back(RunnerOutput::StopCheck(check));
        }
        self.check_results.clear();
        self.heartbeat_due = false;
        self.progress_due = false;
        self.log_due = false;
        self.lines_went_first = false;
    }
}

/// The failure as a runner may say it.
fn sayable(mut failure: Failure) -> Failure {
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
    failure
}
