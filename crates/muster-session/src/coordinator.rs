//! The coordinator's end of a check-in: one for each stream, from its hello to its end.
//!
//! It decides nothing about executions. It turns what the runner says into commands of the core, and what the core
//! answers into acks and fences; an ack leaves only when the answer is there, and the shard answers only when it is
//! durable.

mod outbox;
mod output;
mod reports;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use muster_core::decide::check::report::ReportCheck;
use muster_core::decide::execution::fail::Fail;
use muster_core::decide::session::presence::{Disconnect, Drain, Hear};
use muster_core::decide::{self, Answer, Assignment, CheckOrder, Command, Message, Rejection, Work};
use muster_core::planted;
use muster_core::time::{Moment, Now};
use muster_core::words::{
    Category, CheckId, Counts, Cursor, Failure, OrganizationId, Principal, RunnerId, SessionId, Staged,
};
use muster_proto::v1;
use v1::runner_message::Kind;

use self::outbox::Outbox;
use self::reports::{judge_reports, report};
use crate::error::ProtocolError;
use crate::wire::{self, REPORTS_MAX};
use crate::{HEARTBEAT_INTERVAL, HELLO_WITHIN, MESSAGE_BYTES_MAX};

pub use self::output::{CoordinatorOutput, Ended, Ending};

/// The most that a stream may have in hand before its driver stops reading from it: what was asked and not answered,
/// and what was not sent.
const IN_HAND_MAX: usize = REPORTS_MAX;

/// The most items that may wait to be sent. The core never has more for a runner than it has slots; what is more
/// belongs to a runner that does not read, whose session ends.
const UNSENT_MAX: usize = 2 * REPORTS_MAX;

/// The most attempts of one message of log lines: no runner has more in hand.
const LOG_ATTEMPTS_MAX: usize = 2 * wire::HELD_MAX;

/// What was asked of the shard, so that its answer can be told to the runner.
#[derive(Debug, Clone, Copy)]
enum Asked {
    CheckIn,
    Presence,
    Report(Work, v1::ReportKind),
    /// How a check has ended. Nobody is told whether that counts.
    CheckResult,
    /// The end's own word on an assignment that cannot be sent.
    Unsendable,
}

/// A good end that waits for the landing.
#[derive(Debug)]
struct Completion {
    counts: Counts,
    cursor: Option<Cursor>,
}

/// The coordinator's end of one stream. See the crate's documentation for how it is driven.
#[derive(Debug)]
pub struct CoordinatorEnd {
    session: SessionId,
    opened: Moment,
    runner: Option<RunnerId>,
    organization: Option<OrganizationId>,
    heartbeat_interval: Option<Duration>,
    heartbeat_due: bool,
    lease: Duration,
    check_in: Option<Command>,
    asks: Vec<Command>,
    asked: VecDeque<Asked>,
    staging: BTreeMap<Work, Completion>,
    ending: BTreeMap<Work, v1::ReportKind>,
    outputs: VecDeque<CoordinatorOutput>,
    outbox: Outbox,
    heard: Moment,
    sent: Moment,
    clock_skew_ms: Option<i64>,
    closed: bool,
}

impl CoordinatorEnd {
    /// The end of a stream that has just been opened, under a session id that was never used before.
    #[must_use]
    pub fn new(session: SessionId, now: Now) -> Self {
        Self {
            session,
            opened: now.moment,
            runner: None,
            organization: None,
            heartbeat_interval: None,
            heartbeat_due: false,
            lease: Duration::ZERO,
            check_in: None,
            asks: Vec::new(),
            asked: VecDeque::new(),
            staging: BTreeMap::new(),
            ending: BTreeMap::new(),
            outputs: VecDeque::new(),
            outbox: Outbox::default(),
            heard: now.moment,
            sent: now.moment,
            clock_skew_ms: None,
            closed: false,
        }
    }

    /// The session that this stream is.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Who is at the other end; `None` before the hello.
    #[must_use]
    pub fn runner(&self) -> Option<RunnerId> {
        self.runner
    }

    /// Whose runner is at the other end; `None` before the hello, and for one of the service's own.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationId> {
        self.organization.as_ref()
    }

    /// In whose name this stream's commands are asked; `None` before the hello.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        self.runner.map(Principal::Runner)
    }

    /// How far the runner's clock was ahead of the coordinator's when it was heard last, in milliseconds; negative when
    /// it was behind, `None` when it has not said.
    #[must_use]
    pub fn clock_skew_ms(&self) -> Option<i64> {
        self.clock_skew_ms
    }

    /// A message of the runner.
    ///
    /// # Errors
    /// [`ProtocolError`]: the driver ends the stream with it, and then calls [`disconnected`](Self::disconnected).
    pub fn receive(&mut self, message: v1::RunnerMessage, now: Now) -> Result<(), ProtocolError> {
        if self.closed {
            return Ok(());
        }
        let Some(runner) = self.runner else {
            return match message.kind {
                Some(Kind::Hello(hello)) => self.greet(hello, now).map_err(|error| error.under("hello")),
                _ => Err(ProtocolError::HelloMissing),
            };
        };
        match message.kind {
            Some(Kind::Hello(_)) => return Err(ProtocolError::HelloRepeated),
            Some(Kind::Heartbeat(heartbeat)) => self.note_clock(heartbeat.local_time, now),
            Some(Kind::Reports(reports)) => {
                let said = judge_reports(reports).map_err(|error| error.under("reports"))?;
                for (work, said) in said {
                    self.take_report(runner, work, said);
                }
            }
            Some(Kind::LogLines(lines)) => self
                .take_log_lines(lines, now)
                .map_err(|error| error.under("log_lines"))?,
            Some(Kind::CheckResult(result)) => {
                let (check, failure) =
                    wire::check_result_from_wire(result).map_err(|error| error.under("check_result"))?;
                self.report_check(runner, check, failure);
            }
            Some(Kind::Drain(v1::Drain {})) => {
                let session = self.session;
                self.ask(Command::Drain(Drain { runner, session }), Asked::Presence);
            }
            None => return Err(ProtocolError::KindUnknown),
        }
        self.hear(runner, now.moment);
        Ok(())
    }

    /// The shard's answer to the oldest command that was asked and not yet answered.
    pub fn answered(&mut self, answer: Result<Answer, Rejection>, now: Now) {
        let Some(asked) = self.asked.pop_front() else {
            return self.close(Ending::Internal);
        };
        match asked {
            Asked::CheckIn => match answer {
                Ok(Answer::Welcome(welcome)) => self.welcome(welcome, now),
                Ok(Answer::Barred(why)) => self.close(why.into()),
                Err(Rejection::Identity(why)) => self.close(Ending::of(&why)),
                Err(rejection) => {
                    self.closed = true;
                    self.outputs.push_back(CoordinatorOutput::Refuse(rejection));
                }
                Ok(
                    Answer::Done
                    | Answer::Integration(_)
                    | Answer::Person(_)
                    | Answer::Token(_)
                    | Answer::Organization(_)
                    | Answer::Executions(_)
                    | Answer::Certified { .. }
                    | Answer::Checking { .. },
                ) => self.close(Ending::Internal),
            },
            Asked::Presence => {
                if answer.is_err() {
                    // The session is over. Where the core says so by itself as well, its word has been here first.
                    self.close(Ending::Lapsed);
                }
            }
            Asked::Report(work, kind) => self.answer_report(work, kind, answer),
            Asked::CheckResult | Asked::Unsendable => {}
        }
    }

    /// What the landing holds of an attempt, as was looked up; `None` when nothing was uploaded, or not to its end.
    ///
    /// When the landing cannot be read, the driver tries again or ends the stream: the runner then repeats its report
    /// later.
    pub fn staged(&mut self, work: Work, staged: Option<Staged>) {
        let (Some(runner), Some(completion)) = (self.runner, self.staging.remove(&work)) else {
            return;
        };
        self.finish(report(runner, work), completion.counts, completion.cursor, staged);
    }

    /// What history says of an execution, as was looked up.
    pub fn ended(&mut self, work: Work, ended: Ended) {
        let Some(kind) = self.ending.remove(&work) else {
            return;
        };
        match ended {
            Ended::Accepted => self.outbox.ack(work, kind),
            Ended::Otherwise => self.outbox.fence(work, v1::FenceReason::Ended),
            Ended::Unknown => self.outbox.fence(work, v1::FenceReason::Unknown),
        }
    }

    /// What the core tells this session's runner without having been asked.
    pub fn told(&mut self, message: Message) {
        if self.closed {
            return;
        }
        match message {
            Message::Assign(assignment) => self.assign(*assignment),
            // Only an assignment that was not confirmed in time is fenced without a report.
            Message::Fence { execution, attempt } => {
                self.outbox.fence((execution, attempt), v1::FenceReason::Withdrawn);
            }
            Message::Cancel { execution, attempt } => self.outbox.cancel((execution, attempt)),
            Message::Check(order) => self.check(*order),
            Message::CheckInAnew => self.reconnect(v1::ReconnectReason::Unconfirmed, None),
            Message::Close(decide::CloseReason::Superseded) => self.close(Ending::Superseded),
            Message::Close(decide::CloseReason::Lapsed) => self.close(Ending::Lapsed),
            Message::Close(decide::CloseReason::Revoked) => self.close(Ending::Revoked),
            Message::Close(decide::CloseReason::Cloned) => self.close(Ending::Cloned),
        }
        if self.outbox.len() > UNSENT_MAX {
            self.close(Ending::Overflow);
        }
    }

    /// Tells the runner to check in anew, on a new connection, after `delay`. The driver ends the stream some seconds
    /// later.
    pub fn reconnect(&mut self, reason: v1::ReconnectReason, delay: Option<Duration>) {
        self.outbox.reconnect(v1::Reconnect {
            reason: reason.into(),
            delay: delay.map(wire::duration),
        });
    }

    /// The stream has ended, by whichever end. The last outputs tell the shard.
    pub fn disconnected(&mut self) {
        self.closed = true;
        if let Some(runner) = self.runner
            && self.check_in.take().is_none()
        {
            let session = self.session;
            self.asks.push(Command::Disconnect(Disconnect { runner, session }));
        }
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// [`ProtocolError::HelloLate`] when the hello has not come in time.
    pub fn tick(&mut self, now: Now) -> Result<(), ProtocolError> {
        if self.runner.is_none() && !self.closed && now.moment >= self.opened.after(HELLO_WITHIN) {
            return Err(ProtocolError::HelloLate);
        }
        if let Some(interval) = self.heartbeat_interval {
            self.heartbeat_due |= now.moment >= self.sent.after(interval);
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) has something to do although nothing came; `None` when there is no such time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        if self.closed || self.heartbeat_due {
            return None;
        }
        match (self.runner, self.heartbeat_interval) {
            (None, _) => Some(self.opened.after(HELLO_WITHIN)),
            (Some(_), None) => None,
            (Some(_), Some(interval)) => Some(self.sent.after(interval)),
        }
    }

    /// What the driver has to do next; `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<CoordinatorOutput> {
        if let Some(check_in) = self.check_in.take() {
            return Some(CoordinatorOutput::Ask(vec![check_in]));
        }
        if !self.asks.is_empty() {
            return Some(CoordinatorOutput::Ask(std::mem::take(&mut self.asks)));
        }
        self.outputs.pop_front()
    }

    /// The next message to the runner, with all that is ready; `None` when there is nothing to say. To be called only
    /// when there is room for it: what waits here goes out in fewer messages.
    pub fn poll_send(&mut self, now: Now) -> Option<v1::CoordinatorMessage> {
        if self.closed {
            return None;
        }
        let message = self.outbox.next().or_else(|| self.heartbeat(now))?;
        self.sent = now.moment;
        self.heartbeat_due = false;
        Some(message)
    }

    /// Whether [`poll_send`](Self::poll_send) has something now.
    #[must_use]
    pub fn has_to_send(&self) -> bool {
        !self.closed && (self.heartbeat_due || self.outbox.has_to_send())
    }

    /// Whether the driver may read the next message from the stream. Not while there is too much in hand already: so a
    /// runner that reports faster than the shard answers, or does not read its answers, is slowed down by the stream
    /// itself.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !self.closed && self.in_hand() < IN_HAND_MAX
    }

    /// How much was asked and not answered, or not sent.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.asked.len() + self.staging.len() + self.ending.len() + self.outbox.len()
    }

    fn greet(&mut self, hello: v1::Hello, now: Now) -> Result<(), ProtocolError> {
        self.note_clock(hello.local_time, now);
        let check_in = wire::check_in_from_wire(hello, self.session)?;
        self.runner = Some(check_in.runner);
        self.organization.clone_from(&check_in.profile.organization);
        self.heard = now.moment;
        self.check_in = Some(Command::CheckIn(check_in));
        self.asked.push_back(Asked::CheckIn);
        Ok(())
    }

    fn welcome(&mut self, welcome: decide::Welcome, now: Now) {
        // Three heartbeats may be lost within a lease.
        let interval = HEARTBEAT_INTERVAL.min(welcome.lease / 4);
        self.heartbeat_interval = Some(interval);
        self.lease = welcome.lease;
        self.sent = now.moment;
        for work in welcome.fenced {
            self.outbox.fence(work, v1::FenceReason::NotHeld);
        }
        self.outbox.welcome(v1::Welcome {
            session_id: self.session.to_bytes().to_vec().into(),
            lease: Some(wire::duration(welcome.lease)),
            heartbeat_interval: Some(wire::duration(interval)),
            server_time: Some(wire::timestamp(now.stamp)),
            organization: wire::organization_to_wire(self.organization.as_ref()),
            resumed: welcome.resumed.into_iter().map(wire::held_to_wire).collect(),
            message_bytes_max: u32::try_from(MESSAGE_BYTES_MAX).unwrap_or(u32::MAX),
            version_required: welcome
                .required
                .map(|required| required.to_string())
                .unwrap_or_default(),
        });
    }

    fn take_log_lines(&mut self, lines: v1::RunnerLogLines, now: Now) -> Result<(), ProtocolError> {
        if lines.attempts.len() > LOG_ATTEMPTS_MAX {
            return Err(ProtocolError::field(
                "attempts",
                format_args!("are {}: at most {LOG_ATTEMPTS_MAX} are allowed", lines.attempts.len()),
            ));
        }
        for (index, attempt) in lines.attempts.into_iter().enumerate() {
            let dropped = attempt.dropped_count;
            let (work, lines) = wire::log_lines_from_wire(attempt, now.stamp)
                .map_err(|error| error.under(format_args!("attempts[{index}]")))?;
            self.outputs
                .push_back(CoordinatorOutput::LogLines { work, lines, dropped });
        }
        Ok(())
    }

    fn assign(&mut self, assignment: Assignment) {
        let work = (assignment.execution, assignment.attempt);
        match wire::assignment_to_wire(assignment) {
            Ok(assignment) => self.outbox.assign(work, assignment),
            Err(error) => {
                // No runner could ever be told, so it ends here, with a cause that a person can mend.
                let Some(runner) = self.runner else { return };
                let failure = Failure::new(
                    Category::Configuration,
                    format!("the configuration cannot be sent to a runner: {error}"),
                );
                let report = report(runner, work);
                self.ask(Command::Fail(Fail { report, failure }), Asked::Unsendable);
            }
        }
    }

    fn check(&mut self, order: CheckOrder) {
        let check = order.check;
        match wire::check_to_wire(order) {
            Ok(order) => self.outbox.check(order),
            Err(error) => {
                // No runner could ever be told, so it ends here, with a cause that a person can mend.
                let Some(runner) = self.runner else { return };
                let message = format!("the configuration cannot be sent to a runner: {error}");
                self.report_check(runner, check, Some(Failure::new(Category::Configuration, message)));
            }
        }
    }

    fn report_check(&mut self, runner: RunnerId, check: CheckId, failure: Option<Failure>) {
        let command = ReportCheck {
            runner,
            session: self.session,
            check,
            failure,
        };
        self.ask(Command::ReportCheck(command), Asked::CheckResult);
    }

    fn ask(&mut self, command: Command, asked: Asked) {
        self.asks.push(command);
        self.asked.push_back(asked);
    }

    /// Any message renews the lease; on a busy stream one in a while is enough to say so.
    fn hear(&mut self, runner: RunnerId, now: Moment) {
        if now.since(self.heard) >= crate::hear_spacing(self.lease) && !planted!("not-heard") {
            self.heard = now;
            let session = self.session;
            self.ask(Command::Hear(Hear { runner, session }), Asked::Presence);
        }
    }

    fn heartbeat(&self, now: Now) -> Option<v1::CoordinatorMessage> {
        self.heartbeat_due.then(|| v1::CoordinatorMessage {
            kind: Some(v1::coordinator_message::Kind::Heartbeat(v1::Heartbeat {
                local_time: Some(wire::timestamp(now.stamp)),
            })),
        })
    }

    fn note_clock(&mut self, local_time: Option<prost_types::Timestamp>, now: Now) {
        if let Some(local_time) = local_time {
            self.clock_skew_ms = Some(wire::skew_ms(local_time, now.stamp));
        }
    }

    fn close(&mut self, ending: Ending) {
        if !self.closed {
            self.closed = true;
            self.outputs.push_back(CoordinatorOutput::Close(ending));
        }
    }
}
