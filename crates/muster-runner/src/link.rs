//! Drives the runner's end of the check-in: the session decides, this dials, carries, starts, stops and keeps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_core::decide::Work;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{Failure, LogLevel, LogSource};
use muster_failpoint::failpoint;
use muster_process::Tasks;
use muster_process::exit::chain;
use muster_proto::v1;
use muster_session::runner::{GiveUpReason, IgnoreReason, RunnerEnd, RunnerOutput, StopReason, StreamEnd};
use muster_session::wire::work_of_report;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tracing::Span;

use crate::check_in::{End, Event, Stream};
use crate::checker::{Checked, Checker};
use crate::dial::Dialer;
use crate::executor::{Collected, Executor, News, What};
use crate::spans::Spans;
use crate::spool::{Kept, Spool};
use crate::status::reason_of;

/// How long the link waits for the disk before it reports a result that is not kept yet: a disk that hangs must not
/// cost the runner its lease.
const KEPT_WITHIN: Duration = Duration::from_secs(5);

/// How long a runner that leaves waits for the coordinator to say good-bye.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// How long a runner waits for executions that it has stopped when it leaves: somewhat longer than the executor gives a
/// connector.
const STOPPED_WITHIN: Duration = Duration::from_secs(2);

/// Of the time in which a runner must stop, the part that is left for what comes after the drain: stopping what has not
/// finished, and the good-bye.
const AFTER_DRAIN: Duration = Duration::from_secs(3);

/// How long the link waits before it looks at an overdue deadline again while the stream takes nothing: a message that
/// is due cannot go out, and looking again at once would burn a core.
const HELD_UP_PAUSE: Duration = Duration::from_millis(100);

/// Both clocks, as the session wants them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            stamp: Stamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            moment: Moment::from_start(self.start.elapsed()),
        }
    }

    fn instant(self, moment: Moment) -> Instant {
        self.start + moment.since(Moment::default())
    }
}

/// Why the link left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// There is nothing left to do.
    Idle,
    /// The time to finish is over.
    Overdue,
}

/// The link to the coordinator: one for the runner's whole life.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) end: RunnerEnd,
    pub(crate) endpoint: Endpoint,
    pub(crate) dialer: Dialer,
    pub(crate) executor: Executor,
    pub(crate) news: mpsc::Receiver<News>,
    pub(crate) checker: Checker,
    pub(crate) checked: mpsc::Receiver<Checked>,
    pub(crate) spool: Spool,
    pub(crate) checked_in: watch::Sender<bool>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) stream: Option<Stream>,
    /// Whether something was due and the stream had no room for it.
    pub(crate) held_up: bool,
    pub(crate) spans: Spans,
}

/// What has happened.
enum Happened {
    Stream(Event),
    Room(mpsc::OwnedPermit<v1::RunnerMessage>),
    News(News),
    Checked(Checked),
    Time,
    Stop,
    DrainOver,
}

impl Link {
    /// Serves the coordinator until `stop`, then drains: finishes what runs, within `stop_within` less what the rest of
    /// stopping takes.
    pub(crate) async fn serve(mut self, stop: &CancellationToken, stop_within: Duration) {
        let mut drain_until = None;
        let leaving = loop {
            self.carry_out().await;
            if drain_until.is_some() && self.nothing_left() {
                break Leaving::Idle;
            }
            match self.happened(stop, drain_until).await {
                Happened::Stream(event) => self.stream_event(event),
                Happened::Room(room) => self.send(room),
                Happened::News(news) => self.take_news(news),
                Happened::Checked(Checked { check, failure }) => {
                    self.checker.forget(check);
                    self.end.checked(check, failure);
                }
                Happened::Time => {
                    self.end.tick(self.clock.now());
                    match self.stream.as_ref().map(Stream::room_now) {
                        Some(Some(room)) => self.send(room),
                        Some(None) => self.held_up = true,
                        None => {}
                    }
                }
                Happened::Stop => {
                    let within = stop_within - AFTER_DRAIN.min(stop_within / 2);
                    tracing::info!(
                        running = self.executor.running(),
                        ?within,
                        "draining: nothing new is taken, what runs may finish"
                    );
                    self.end.drain();
                    drain_until = Some(Instant::now() + within);
                }
                Happened::DrainOver => break Leaving::Overdue,
            }
        };
        self.leave(leaving).await;
    }

    async fn happened(&mut self, stop: &CancellationToken, drain_until: Option<Instant>) -> Happened {
        let deadline = self.end.next_deadline().map(|moment| self.clock.instant(moment));
        let deadline = deadline.map(|at| {
            if self.held_up {
                at.max(Instant::now() + HELD_UP_PAUSE)
            } else {
                at
            }
        });
        let has_to_send = self.end.has_to_send();
        // First what ends, then what makes room, then what fills it.
        tokio::select! {
            biased;
            () = stop.cancelled(), if drain_until.is_none() => Happened::Stop,
            () = at(drain_until) => Happened::DrainOver,
            () = at(deadline) => Happened::Time,
            happened = stream_side(&mut self.stream, has_to_send) => happened,
            Some(checked) = self.checked.recv() => Happened::Checked(checked),
            Some(news) = self.news.recv() => Happened::News(news),
        }
    }

    /// Carries out what the session wants.
    async fn carry_out(&mut self) {
        let mut keep = Vec::new();
        let mut remove = Vec::new();
        while let Some(output) = self.end.poll_output() {
            match output {
                RunnerOutput::Connect => {
                    tracing::debug!(coordinator = %self.endpoint.uri(), "connecting");
                    self.stream = Some(Stream::dial(self.endpoint.clone(), self.dialer.clone(), &self.tasks));
                }
                RunnerOutput::Disconnect { why } => {
                    log_give_up(why, &self.endpoint.uri().to_string());
                    self.hang_up();
                }
                RunnerOutput::Welcomed {
                    session,
                    version_required,
                } => {
                    tracing::info!(%session, coordinator = %self.endpoint.uri(), "checked in");
                    if let Some(required) = version_required {
                        tracing::error!(
                            version = env!("CARGO_PKG_VERSION"),
                            required,
                            "this runner is too old for the coordinator and gets no work: update it"
                        );
                    }
                    self.checked_in.send_replace(true);
                }
                RunnerOutput::Start(task) => {
                    let assignment = &task.assignment;
                    let work = (assignment.execution, assignment.attempt);
                    let from = if assignment.cursor.is_some() {
                        ", from where the last one ended"
                    } else {
                        ""
                    };
                    let what = format!(
                        "collecting `{}` by `{}`, attempt {}{from}",
                        assignment.data_type, assignment.connector, assignment.attempt
                    );
                    self.end.log(work, LogSource::Runner, LogLevel::Info, &what);
                    let span = self.spans.begin(&task.assignment);
                    self.executor.start(*task, &span);
                }
                RunnerOutput::Stop { work, why } => self.stop(work, why),
                RunnerOutput::Check(order) => self.checker.start(*order),
                RunnerOutput::StopCheck(check) => self.checker.stop(check),
                RunnerOutput::Spool(report) => keep.push(report),
                RunnerOutput::Unspool { work, accepted } => {
                    if !accepted {
                        self.told(work, "the coordinator does not want this result any more");
                    }
                    self.spans.end(work);
                    remove.push(work);
                }
                RunnerOutput::Ignored { work, integration, why } => {
                    let why = match why {
                        IgnoreReason::NoSlot => "no slot is free",
                        IgnoreReason::Draining => "the runner is draining",
                        IgnoreReason::Past => "the runner has had it before",
                    };
                    let _span = self.spans.of_untaken(work, &integration).entered();
                    tracing::warn!(why, "an assignment was not taken");
                }
            }
        }
        self.keep(keep).await;
        self.remove(remove);
    }

    /// Writes results to the spool, before anything of them is sent.
    async fn keep(&self, reports: Vec<v1::Report>) {
        if reports.is_empty() {
            return;
        }
        let spool = self.spool.clone();
        let named = |report| {
            let work = work_of_report(&report).ok()?;
            let integration = self.spans.integration(work).map(str::to_owned);
            Some((work, self.spans.of(work), Kept { report, integration }))
        };
        let reports: Vec<(Work, Span, Kept)> = reports.into_iter().filter_map(named).collect();
        let writing = tokio::task::spawn_blocking(move || {
            for (work, span, kept) in &reports {
                let _span = span.enter();
                if let Err(error) = spool.put(*work, kept) {
                    tracing::error!(
                        error = chain(&error),
                        "a result cannot be kept on disk: it is lost if the runner ends before the coordinator has it"
                    );
                }
            }
        });
        match timeout(KEPT_WITHIN, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = chain(&error), "results could not be kept on disk"),
            Err(_) => {
                tracing::error!(within = ?KEPT_WITHIN, "the disk does not answer: results go out before they are kept")
            }
        }
    }

    /// Removes results from the spool. Nobody waits for it: one that stays is reported again after the next start,
    /// which does no harm.
    fn remove(&self, works: Vec<Work>) {
        if works.is_empty() {
            return;
        }
        drop(tokio::task::spawn_blocking(self.spool.remove(works)));
    }

    fn stop(&mut self, work: Work, why: StopReason) {
        let why = match why {
            StopReason::Canceled => "somebody has canceled it",
            StopReason::Fenced => "another attempt holds it, or it has ended",
            StopReason::LeaseLost => "the coordinator was not heard for 80 % of the lease",
        };
        self.told(work, why);
        self.executor.stop(work);
        self.spans.end(work);
    }

    fn told(&self, work: Work, why: &'static str) {
        let _span = self.spans.of(work).entered();
        tracing::info!(why, "work is given up");
    }

    fn stream_event(&mut self, event: Event) {
        match event {
            Event::Connected => self.end.connected(self.clock.now()),
            Event::Message(message) => {
                if let Err(error) = self.end.receive(message, self.clock.now()) {
                    tracing::error!(
                        error = chain(&error),
                        "the coordinator has broken the protocol: trying again later"
                    );
                }
            }
            Event::Ended(end) => {
                let was_welcome = self.end.is_checked_in();
                self.hang_up();
                let meaning = log_end(&end, was_welcome, &self.endpoint.uri().to_string());
                self.end.disconnected(meaning, self.clock.now());
            }
        }
    }

    /// Drops the stream. Uploads that have not begun wait for the next session.
    fn hang_up(&mut self) {
        self.stream = None;
        self.held_up = false;
        self.checked_in.send_replace(false);
    }

    fn take_news(&mut self, News { work, what }: News) {
        match what {
            What::Started => self.end.started(work),
            What::Progress(records) => self.end.progress(work, records),
            What::Log(source, level, message) => self.end.log(work, source, level, &message),
            What::Ended(ended) => {
                failpoint!("runner-ended");
                self.executor.forget(work);
                self.log_end(work, &ended);
                // Whether it still counts makes no difference here: the session has told what to do with it.
                let _ = match ended {
                    Ok(it) => self.end.completed(work, it.counts, it.cursor.as_ref(), it.staged),
                    Err(failure) => self.end.failed(work, failure),
                };
            }
        }
    }

    /// Says in the execution's log how its attempt has ended here.
    fn log_end(&mut self, work: Work, ended: &Result<Collected, Failure>) {
        let (level, what) = match ended {
            Ok(it) => (
                LogLevel::Info,
                format!("collected {} records ({} bytes)", it.counts.records, it.counts.bytes),
            ),
            Err(failure) => (
                LogLevel::Error,
                format!("failed ({}): {}", failure.category.as_str(), failure.message),
            ),
        };
        self.end.log(work, LogSource::Runner, level, &what);
    }

    fn send(&mut self, room: mpsc::OwnedPermit<v1::RunnerMessage>) {
        self.held_up = false;
        if let Some(message) = self.end.poll_send(self.clock.now()) {
            let is_report = matches!(message.kind, Some(v1::runner_message::Kind::Reports(_)));
            if is_report {
                failpoint!("report");
            }
            room.send(message);
            if is_report {
                failpoint!("reported");
            }
        }
    }

    /// Whether a draining runner has nothing more to do: all is handed over, or what is left waits on disk for a
    /// coordinator that is not there.
    fn nothing_left(&self) -> bool {
        self.end.is_idle() || (self.executor.running() == 0 && !self.end.is_checked_in())
    }

    /// Drops what has not finished, and says good-bye.
    async fn leave(mut self, leaving: Leaving) {
        match leaving {
            Leaving::Idle => tracing::info!(unreported = self.spool.kept_count(), "drained"),
            Leaving::Overdue => tracing::warn!(
                unfinished = self.executor.running(),
                unreported = self.spool.kept_count(),
                "the time to finish is over: what still runs is dropped, and the coordinator gives it to others"
            ),
        }
        self.executor.stop_all();
        // Nobody reads it any more, and who waits for room in it must not.
        self.news.close();
        if let Some(mut stream) = self.stream.take() {
            stream.close();
            let goodbye = async { while !matches!(stream.next().await, Event::Ended(_)) {} };
            if timeout(GOODBYE_WITHIN, goodbye).await.is_err() {
                tracing::debug!("the coordinator did not say good-bye");
            }
        }
        if timeout(STOPPED_WITHIN, self.executor.idle()).await.is_err() {
            tracing::warn!("executions that were stopped have not ended");
        }
    }
}

/// What the stream has, or what it can take; waits for ever without one.
async fn stream_side(stream: &mut Option<Stream>, has_to_send: bool) -> Happened {
    let Some(stream) = stream else {
        return std::future::pending().await;
    };
    if !has_to_send {
        return Happened::Stream(stream.next().await);
    }
    let room = stream.room();
    tokio::select! {
        room = room => Happened::Room(room),
        event = stream.next() => Happened::Stream(event),
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Logs why a stream is given up, unless that was logged already.
fn log_give_up(why: GiveUpReason, coordinator: &str) {
    match why {
        GiveUpReason::NoConnection => tracing::warn!(coordinator, "cannot reach the coordinator in time: trying again"),
        GiveUpReason::NoWelcome => tracing::warn!(
            coordinator,
            "who is at the coordinator's address does not answer: if it stays so, check that it is the coordinator's gRPC port; trying again"
        ),
        GiveUpReason::Silence => tracing::warn!(
            coordinator,
            "nothing comes from the coordinator any more: the connection is taken for dead, checking in again"
        ),
        GiveUpReason::Asked => tracing::info!(coordinator, "the coordinator asks to check in anew"),
        GiveUpReason::WorkLost => tracing::warn!(
            coordinator,
            "work was given up while the check-in was under way: checking in again without it"
        ),
        GiveUpReason::Violation => {}
    }
}

/// Whether no coordinator answers a hello so: it has the call, and gives a reason. A proxy before one that is away says that it is unavailable.
fn is_strange(status: &Status) -> bool {
    status.code() != Code::Unavailable && reason_of(status).is_none()
}

/// Logs how a stream has ended, once, and tells what it means.
fn log_end(end: &End, was_welcome: bool, coordinator: &str) -> StreamEnd {
    let meaning = end.meaning();
    let why = end.text();
    match meaning {
        StreamEnd::Broken => match end {
            End::Unreachable(_) => tracing::warn!(coordinator, why, "cannot reach the coordinator: trying again"),
            End::Status(status) if !was_welcome && is_strange(status) => tracing::warn!(
                coordinator,
                why,
                "who is at the coordinator's address does not answer as a coordinator: check that it is the coordinator's gRPC port; trying again"
            ),
            End::Status(_) | End::Closed => tracing::warn!(why, "the check-in has ended: checking in again"),
        },
        StreamEnd::Lapsed => tracing::warn!(why, "the lease is over: what ran is lost, checking in anew"),
        StreamEnd::Refused => tracing::error!(
            why,
            "the coordinator refuses this runner, and will until something is changed: trying again later"
        ),
        StreamEnd::Superseded => tracing::error!(
            why,
            "another process has this runner's identity: stop one of them, or give it a data folder of its own"
        ),
    }
    meaning
}
