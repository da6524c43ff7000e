//! `RunnerService`: the runners' own service. Here is its check-in: the driver of one stream around [`CoordinatorEnd`].

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use muster_core::decide::execution::Report;
use muster_core::decide::execution::fail::Fail;
use muster_core::decide::execution::finish::Finish;
use muster_core::decide::session::check_in;
use muster_core::decide::{Command, Work};
use muster_core::words::{Pool, SessionId, Staged};
use muster_failpoint::failpoint;
use muster_identity::RunnerCertificate;
use muster_proto::v1;
use muster_proto::v1::runner_message::Kind;
use muster_session::ProtocolError;
use muster_session::coordinator::{CoordinatorEnd, CoordinatorOutput, Ended, Ending};
use muster_shard::{Answered, Outbox, Posted};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

use super::Services;
use super::log_keeper::LogSender;
use crate::audit;
use crate::clock;
use crate::connection::Scissors;
use crate::status::{ServiceError, legible, refusal};

/// How many messages may wait in a stream for the transport: they hold all that was ready, so few are enough.
pub(super) const SENDING_MAX: usize = 4;

/// How long a stream stays open after its runner was told to check in anew, so that the message arrives.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// How long a stream lives before its runner is told to check in anew, on a new connection: the connection's own age is an hour.
const AGE_MOST: Duration = Duration::from_secs(55 * 60);

/// Jitter of the age, so that runners that came together do not all come again together.
const AGE_JITTER: Duration = Duration::from_secs(20 * 60);

/// Boxed, since a channel keeps room for many of them and most streams are idle.
pub(super) type Outgoing = Box<Result<v1::CoordinatorMessage, Status>>;

type Sender = mpsc::Sender<Outgoing>;

/// One stream of a runner.
pub(super) struct CheckIn {
    services: Services,
    certificate: Option<RunnerCertificate>,
    /// From where it comes; `None` when its connection had gone before that could be asked.
    peer: Option<IpAddr>,
    end: CoordinatorEnd,
    outbox: Outbox,
    asked: FuturesOrdered<Posted<Vec<Answered>>>,
    looking_up: FuturesUnordered<BoxFuture<'static, Result<Found, Status>>>,
    log: LogSender,
    /// What the runner has said faster than it may, and when that is acted on. Nothing more is read until then.
    /// Boxed, since hardly any stream ever has one.
    early: Option<(Box<v1::RunnerMessage>, Instant)>,
    /// When the runner is told to check in anew.
    age: Instant,
    /// When the stream ends, after it was told so.
    leave: Option<Instant>,
    /// Tells when something has changed of what the stream was let in by.
    directory: watch::Receiver<u64>,
}

/// What was looked up.
enum Found {
    Staged(Work, Option<Staged>),
    Ended(Work, Ended),
}

impl CheckIn {
    /// A stream of the runner that has shown this certificate; `None` where nobody is asked for one.
    pub(super) fn new(services: Services, certificate: Option<RunnerCertificate>, peer: Option<IpAddr>) -> Self {
        let now = clock::now();
        let session = SessionId::generate(now.stamp, &mut fastrand::Rng::new());
        let jitter = AGE_JITTER.mul_f64(fastrand::f64());
        Self {
            end: CoordinatorEnd::new(session, now),
            outbox: services.shard.open_outbox(session),
            asked: FuturesOrdered::new(),
            looking_up: FuturesUnordered::new(),
            log: LogSender::new(services.clone()),
            early: None,
            age: Instant::now() + AGE_MOST - jitter,
            leave: None,
            directory: services.shard.directory().watch(),
            services,
            certificate,
            peer,
        }
    }

    /// Drives the stream to its end, tells the shard that it is over, and sees to it that it ends at the runner, too.
    pub(super) async fn run(
        self,
        mut inbound: Streaming<v1::RunnerMessage>,
        outbound: Sender,
        connection: Option<Scissors>,
    ) {
        if let Err(status) = self.until_over(&mut inbound, &outbound).await {
            // The runner may have gone, or does not read; then nobody is to be told.
            let _ = timeout(LEAVE_WITHIN, outbound.send(Box::new(Err(status)))).await;
        }
        drop(outbound);
        see_off(inbound, connection).await;
    }

    async fn until_over(mut self, inbound: &mut Streaming<v1::RunnerMessage>, outbound: &Sender) -> Result<(), Status> {
        let ended = self.drive(inbound, outbound).await;
        self.services.shard.close_outbox(self.end.session());
        if let Some(runner) = self.end.runner() {
            self.services.said.end(runner, self.end.session());
        }
        if let Err(status) = &ended {
            tracing::debug!(session = %self.end.session(), %status, "a runner's stream has ended");
        }
        self.end.disconnected();
        while let Some(output) = self.end.poll_output() {
            if let (CoordinatorOutput::Ask(commands), Some(by)) = (output, self.end.principal()) {
                // A shard that has stopped takes leave of all runners by itself.
                let _ = self.services.shard.ask_all(by, commands).await;
            }
        }
        ended
    }

    async fn drive(&mut self, inbound: &mut Streaming<v1::RunnerMessage>, outbound: &Sender) -> Result<(), Status> {
        let stopping = self.services.tasks.token();
        loop {
            while let Some(output) = self.end.poll_output() {
                self.carry_out(output).await?;
            }
            let deadline = self.end.next_deadline().map_or(self.age, clock::instant);
            let leave = self.leave.unwrap_or(self.age);
            let due = self.early.as_ref().map(|(_, due)| *due);
            tokio::select! {
                permit = outbound.reserve(), if self.end.has_to_send() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    if let Some(message) = self.end.poll_send(clock::now()) {
                        permit.send(Box::new(Ok(message)));
                    }
                }
                message = inbound.message(), if due.is_none() && self.end.wants_input() => match message.map_err(legible)? {
                    Some(message) => self.hear(message)?,
                    None => return Ok(()),
                },
                () = sleep_until(due.unwrap_or(self.age)), if due.is_some() => {
                    if let Some((message, _)) = self.early.take() {
                        self.hear(*message)?;
                    }
                }
                Some(answers) = self.asked.next(), if !self.asked.is_empty() => {
                    for answer in answers.map_err(ServiceError::from)? {
                        self.end.answered(answer, clock::now());
                    }
                }
                Some(found) = self.looking_up.next(), if !self.looking_up.is_empty() => match found? {
                    Found::Staged(work, staged) => self.end.staged(work, staged),
                    Found::Ended(work, ended) => self.end.ended(work, ended),
                },
                bundle = self.outbox.recv() => match bundle {
                    Some(messages) => messages.into_iter().for_each(|message| self.end.told(message)),
                    None => return Err(ending(Ending::Overflow)),
                },
                () = sleep_until(deadline) => self.end.tick(clock::now()).map_err(|error| violation(&error))?,
                Ok(()) = self.directory.changed() => self.judge_again()?,
                () = stopping.cancelled(), if self.leave.is_none() => self.take_leave(v1::ReconnectReason::Shutdown),
                () = sleep_until(self.age), if self.leave.is_none() => {
                    self.take_leave(v1::ReconnectReason::ConnectionAge);
                }
                () = sleep_until(leave), if self.leave.is_some() => return Ok(()),
            }
        }
    }

    /// Acts on a message, or sets it aside if the runner has said too much of late.
    fn hear(&mut self, message: v1::RunnerMessage) -> Result<(), Status> {
        if let Some(runner) = self.end.runner()
            && let Err(wait) = self.services.limits.says(runner, &message)
        {
            self.early = Some((Box::new(message), Instant::now() + wait.time));
            return Ok(());
        }
        let host = match &message.kind {
            Some(Kind::Hello(hello)) => Some(
                hello
                    .host
                    .as_ref()
                    .map_or_else(String::new, |host| host.hostname.clone()),
            ),
            Some(Kind::Heartbeat(_)) => None,
            Some(Kind::Reports(_) | Kind::LogLines(_) | Kind::Drain(_) | Kind::CheckResult(_)) | None => {
                return self.receive(message);
            }
        };
        self.receive(message)?;
        if let Some(runner) = self.end.runner() {
            let (said, session) = (&self.services.said, self.end.session());
            if let Some(hostname) = host {
                said.begin(runner, session, &hostname);
            }
            said.note_clock(runner, session, self.end.clock_skew_ms());
        }
        Ok(())
    }

    fn receive(&mut self, message: v1::RunnerMessage) -> Result<(), Status> {
        self.end
            .receive(message, clock::now())
            .map_err(|error| violation(&error))
    }

    /// Ends the stream when its runner would not be let in any more.
    fn judge_again(&self) -> Result<(), Status> {
        match self.end.organization() {
            Some(organization) => Ok(self.services.judge_active(organization)?),
            None => Ok(()),
        }
    }

    fn take_leave(&mut self, reason: v1::ReconnectReason) {
        self.end.reconnect(reason, None);
        self.leave = Some(Instant::now() + LEAVE_WITHIN);
    }

    async fn carry_out(&mut self, output: CoordinatorOutput) -> Result<(), Status> {
        match output {
            CoordinatorOutput::Ask(commands) => self.ask(commands).await,
            CoordinatorOutput::LookUpStaged(report) => {
                self.looking_up
                    .push(Box::pin(look_up_staged(self.services.clone(), report)));
                Ok(())
            }
            CoordinatorOutput::LookUpEnded(report) => {
                self.looking_up
                    .push(Box::pin(look_up_ended(self.services.clone(), report)));
                Ok(())
            }
            CoordinatorOutput::LogLines { work, lines, dropped } => {
                if let Some(runner) = self.end.runner() {
                    self.log.keep(runner, work, lines, dropped);
                }
                Ok(())
            }
            CoordinatorOutput::Progress { work, records } => {
                self.services.progress.note(work, records);
                Ok(())
            }
            CoordinatorOutput::Refuse(rejection) => Err(ServiceError::from(rejection).into()),
            CoordinatorOutput::Close(why) => Err(ending(why)),
        }
    }

    async fn ask(&mut self, mut commands: Vec<Command>) -> Result<(), Status> {
        let Some(by) = self.end.principal() else { return Ok(()) };
        if let [Command::CheckIn(check_in)] = commands.as_mut_slice() {
            if let Some(certificate) = &self.certificate {
                judge_hello(check_in, certificate)?;
                check_in.key = Some(certificate.key);
            }
            self.services.judge_check_in(check_in)?;
            let profile = &check_in.profile;
            tracing::info!(
                runner = %check_in.runner,
                name = %profile.display_name,
                pool = %profile.pool,
                version = %profile.version,
                slots = profile.slots.0,
                "a runner checks in"
            );
        }
        for command in &commands {
            if let Command::Finish(Finish { report, .. }) | Command::Fail(Fail { report, .. }) = command {
                self.services.progress.forget(report.execution);
            }
            if matches!(command, Command::Finish(_)) {
                failpoint!("commit");
            }
        }
        let peer = self.peer;
        let posted = self.services.shard.post(move |turn| {
            let asked = commands.into_iter().map(|command| match command {
                Command::CheckIn(check_in) => audit::ask_to_check_in(turn, &by, check_in, peer),
                command => turn.ask(&by, command),
            });
            asked.collect()
        });
        let posted = posted.await.map_err(ServiceError::from)?;
        self.asked.push_back(posted);
        Ok(())
    }
}

/// Waits until the runner has closed its half of a stream whose other half has ended, and cuts its connection if it does not. Otherwise a runner that is
/// no more, stands still or does not read would hold the stream, and what waits in it, for as long as its connection seems to live.
async fn see_off(mut inbound: Streaming<v1::RunnerMessage>, connection: Option<Scissors>) {
    let closed = async { while let Ok(Some(_)) = inbound.message().await {} };
    if timeout(LEAVE_WITHIN, closed).await.is_err()
        && let Some(connection) = connection
    {
        tracing::debug!("a runner does not take the end of its stream: its connection is cut");
        connection.cut();
    }
}

/// The landing tries by itself for a while; when it cannot be read then, the stream ends, and the runner repeats its report later.
async fn look_up_staged(services: Services, report: Report) -> Result<Found, Status> {
    let work = (report.execution, report.claim.attempt);
    let staged = services.landing.staged(work.0, work.1).await;
    let staged = staged.map_err(ServiceError::from)?;
    Ok(Found::Staged(work, staged))
}

async fn look_up_ended(services: Services, report: Report) -> Result<Found, Status> {
    let finished = services.shard.find_finished(report.execution).await;
    let finished = finished.map_err(ServiceError::from)?;
    let ended = Ended::of(finished.as_deref(), report.claim);
    Ok(Found::Ended((report.execution, report.claim.attempt), ended))
}

/// Whether a runner says of itself what its certificate says.
pub(super) fn judge_hello(check_in: &check_in::CheckIn, certificate: &RunnerCertificate) -> Result<(), Status> {
    let name = &certificate.name;
    let message = if check_in.runner != name.runner {
        format!(
            "the hello is of the runner {}, and the certificate of the runner {}: give each runner a data folder of its own",
            check_in.runner, name.runner
        )
    } else if check_in.profile.pool != name.pool {
        let whose = |pool: &Pool| match &pool.organization {
            Some(organization) => format!("`{}` of the organization `{organization}`", pool.name),
            None => format!("`{}` of the service", pool.name),
        };
        format!(
            "the runner serves the pool {} by its configuration, and {} by its certificate: correct the one, or enroll it anew for the other",
            whose(&check_in.profile.pool),
            whose(&name.pool)
        )
    } else {
        return Ok(());
    };
    Err(refusal(v1::ErrorReason::CertificateMismatch, message))
}

pub(super) fn violation(error: &ProtocolError) -> Status {
    tracing::warn!(%error, "a runner has broken the protocol: its stream ends");
    refusal(error.reason(), error.to_string())
}

fn ending(why: Ending) -> Status {
    refusal(why.reason(), why.to_string())
}
