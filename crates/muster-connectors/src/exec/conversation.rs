//! One run of a program: its request, all that it prints, and how it ends.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::time::Duration;

use muster_connector::{CancellationToken, Category, Failure, Reason, Stop};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::time::{Instant, sleep_until};

use super::lines::{Lines, Next};
use super::process::{Pipes, Process, STOPS_WITHIN, crash, in_words};
use super::program::Launch;
use super::protocol::{self, Line, Message, Request};
use super::tail::Tail;

/// How long a program has to exit once it has said its last, or has closed its standard output.
const EXITS_WITHIN: Duration = Duration::from_secs(10);

/// How long the pipes of a program that has exited may be silent without being at their end. What it has printed is there at once; somebody
/// else holds them.
const SILENT_MAX: Duration = Duration::from_millis(500);

/// The most bytes of a line of standard error; what is longer is cut.
const ERROR_LINE_BYTES_MAX: usize = muster_core::words::LogLine::BYTES_MAX;

/// A program that was asked something.
pub(super) struct Conversation<'l> {
    launch: &'l Launch,
    process: Process,
    /// The writing of the request; `None` once it is written, or nobody reads it.
    request: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
    output: Lines<ChildStdout>,
    errors: Lines<ChildStderr>,
    canceled: CancellationToken,
    /// The last lines of standard error.
    tail: Tail,
    /// How many lines of standard output there were.
    line_number: u64,
    /// What it said last: nothing may follow.
    said_last: bool,
    exited: bool,
    exited_well: bool,
    /// How it ended, if that was not well.
    crash: Option<Reason>,
    /// When patience ends; `None` while there is nothing to be impatient about.
    deadline: Option<Instant>,
    /// Forks outside of the group that hold the pipes were killed already.
    let_go_before: bool,
    /// What it was broken off for: only its standard error is heard since.
    broken_off: Option<Failure>,
}

/// What was heard of a program.
pub(super) enum Heard<'c> {
    Message(Message<'c>),
    /// A line that is no message, or one of standard error.
    Text(String),
    /// A line that breaks the program's word. To break off is all that is left.
    Wrong(Failure),
}

/// Which pipe has something.
enum Source {
    Output(Next),
    Errors(Next),
}

/// Something has happened that is no line.
enum Event {
    Source(io::Result<Source>),
    RequestDone,
    Exited,
    Overdue,
    Canceled,
}

impl<'l> Conversation<'l> {
    /// Starts the program and asks it something; `ports` are those that it may connect to.
    ///
    /// # Errors
    /// `connector`: it cannot be started. The runner's own configuration names it, so no integration can be blamed.
    pub(super) fn begin(
        launch: &'l Launch,
        request: &Request<'_>,
        ports: Option<Vec<u16>>,
        canceled: CancellationToken,
    ) -> Result<Self, Failure> {
        let (process, pipes) = Process::start(launch, request.command.as_str(), ports).map_err(|error| {
            // The file itself was looked at before.
            let lacks_another = error.kind() == io::ErrorKind::NotFound && launch.program.exists();
            let is_walled_off = error.kind() == io::ErrorKind::PermissionDenied && launch.is_confined();
            let why = if lacks_another {
                "its interpreter or loader, or the folder in which it is to run, is not there: "
            } else if is_walled_off {
                "it or its interpreter lies where its confinement does not let it read: "
            } else {
                ""
            };
            let remedy = if is_walled_off {
                "name the folder in which they lie in `read_paths` of the program's table in the runner's configuration; then restart the runner"
            } else {
                "correct the program's file, or its table in the runner's configuration; then restart the runner"
            };
            let program = launch.program.display();
            let message = format!("the program {program} cannot be started: {why}{error}");
            Failure::new(Category::Connector, message).with_remedy(remedy)
        })?;
        let Pipes {
            mut stdin,
            stdout,
            stderr,
        } = pipes;
        let line = request.to_line();
        let write = async move {
            stdin.write_all(&line).await
            // Closed here: there is only one request.
        };
        Ok(Self {
            launch,
            process,
            request: Some(Box::pin(write)),
            output: Lines::new(stdout, launch.line_bytes_max),
            errors: Lines::new(stderr, ERROR_LINE_BYTES_MAX),
            canceled,
            tail: Tail::default(),
            line_number: 0,
            said_last: false,
            exited: false,
            exited_well: false,
            crash: None,
            deadline: None,
            let_go_before: false,
            broken_off: None,
        })
    }

    /// What the program says next; `None` when it has exited and all has been heard.
    ///
    /// # Errors
    /// What the program was broken off for, once it has exited and its standard error has been heard; or it was canceled. Nothing more is
    /// to be heard then: [`Conversation::end`] it.
    pub(super) async fn next(&mut self) -> Result<Option<Heard<'_>>, Failure> {
        loop {
            if self.exited && self.errors.has_ended() {
                if let Some(failure) = &self.broken_off {
                    return Err(self.with_tail(failure.clone()));
                }
                if self.output.has_ended() {
                    return Ok(None);
                }
            }
            match self.event().await {
                Event::Source(Ok(Source::Output(Next::Line))) => {
                    self.line_number += 1;
                    return Ok(Some(self.output_line()));
                }
                Event::Source(Ok(Source::Output(Next::TooLong))) => {
                    self.line_number += 1;
                    let most = self.launch.line_bytes_max;
                    return Ok(Some(Heard::Wrong(
                        self.fault(format_args!("has more than {most} bytes")),
                    )));
                }
                Event::Source(Ok(Source::Errors(next @ (Next::Line | Next::TooLong)))) => {
                    let mut text = protocol::text(self.errors.line());
                    if next == Next::TooLong {
                        text.push('…');
                    }
                    self.tail.push(&text);
                    return Ok(Some(Heard::Text(text)));
                }
                Event::Source(Ok(Source::Output(Next::End))) => self.be_impatient(EXITS_WITHIN),
                Event::Source(Ok(Source::Errors(Next::End))) => {}
                Event::Source(Err(error)) => {
                    let text = format!("what the program prints cannot be read: {error}");
                    return Err(Failure::new(Category::Connector, text));
                }
                Event::RequestDone => self.request = None,
                Event::Exited => {
                    self.exited = true;
                    self.process.kill_forks();
                    self.deadline = Some(Instant::now() + SILENT_MAX);
                }
                Event::Overdue if self.exited => self.let_go(),
                Event::Overdue => {
                    let failure = self.broken_off.clone().unwrap_or_else(|| self.lingers());
                    return Err(self.with_tail(failure));
                }
                Event::Canceled => return Err(Stop::Canceled.into()),
            }
        }
    }

    /// Waits for the next thing to happen. Safe to cancel.
    async fn event(&mut self) -> Event {
        let Self {
            process,
            request,
            output,
            errors,
            canceled,
            exited,
            deadline,
            broken_off,
            ..
        } = self;
        let heeds_output = broken_off.is_none();
        // Most lines come in bunches, so most of them are told without a look at everything else.
        if heeds_output && let Some(next) = output.buffered() {
            return Event::Source(Ok(Source::Output(next)));
        }
        let event = tokio::select! {
            biased;
            () = canceled.cancelled() => Event::Canceled,
            // Before what is printed: a fork may print faster than anybody reads, and only the end of its program ends it.
            () = process.exited(), if !*exited => Event::Exited,
            // Whoever is to stop has no say in when.
            () = passed(*deadline), if !heeds_output && !*exited => Event::Overdue,
            // Errors go before the output: there are few of them, and they must not pile up behind many records.
            next = errors.next(), if !errors.has_ended() => Event::Source(next.map(Source::Errors)),
            next = output.next(), if heeds_output && !output.has_ended() => Event::Source(next.map(Source::Output)),
            _ = written(request), if request.is_some() => Event::RequestDone,
            () = passed(*deadline) => Event::Overdue,
        };
        if let (Event::Source(_), true, Some(deadline)) = (&event, *exited, deadline.as_mut()) {
            // Silence is what counts, not how long the sink has taken for what there was.
            *deadline = Instant::now() + SILENT_MAX;
        }
        event
    }

    fn output_line(&self) -> Heard<'_> {
        if self.said_last {
            return Heard::Wrong(self.fault(format_args!("comes after the program's end")));
        }
        match protocol::read(self.output.line()) {
            Line::Message(message) => Heard::Message(message),
            Line::Text(text) => Heard::Text(text),
            Line::Wrong(problem) => Heard::Wrong(self.fault(format_args!("{problem}"))),
        }
    }

    /// Stops the program for a fault of its output, of which nothing more is heeded. What it wrote on standard error before, or writes now that
    /// it is to stop, is heard to its end: mostly that says why.
    pub(super) fn break_off(&mut self, failure: Failure) {
        self.broken_off = Some(failure);
        if !self.exited {
            self.process.stop();
            self.deadline = Some(Instant::now() + STOPS_WITHIN);
        }
    }

    /// The program has said its last: it is to exit now.
    pub(super) fn said_last(&mut self) {
        self.said_last = true;
        self.be_impatient(EXITS_WITHIN);
    }

    fn be_impatient(&mut self, within: Duration) {
        if !self.exited {
            self.deadline.get_or_insert_with(|| Instant::now() + within);
        }
    }

    /// Kills who still holds the pipes of a program that has exited; gives them up when that does not help.
    fn let_go(&mut self) {
        let pipes = [self.output.pipe().as_fd(), self.errors.pipe().as_fd()];
        let killed = Process::kill_writers(&pipes);
        if killed == 0 || self.let_go_before {
            self.output.give_up();
            self.errors.give_up();
        }
        self.let_go_before = true;
        self.deadline = Some(Instant::now() + SILENT_MAX);
    }

    /// Ends a program that has nothing more to say, or that nobody listens to any more; tells how it exited, in words.
    pub(super) async fn end(&mut self) -> String {
        let status = if self.exited || self.broken_off.is_some() {
            self.process.reap().await
        } else {
            self.process.end().await
        };
        self.exited_well = status.is_some_and(|status| status.success());
        self.crash = status.and_then(crash);
        status.map_or_else(|| "did not even end when it was killed".to_owned(), in_words)
    }

    /// Whether it has exited with the code 0, once it was ended.
    pub(super) fn exited_well(&self) -> bool {
        self.exited_well
    }

    /// A failure of the connector, with the last that the program wrote on standard error.
    pub(super) fn failure(&self, message: impl std::fmt::Display) -> Failure {
        self.with_tail(Failure::new(Category::Connector, message.to_string()))
    }

    fn with_tail(&self, failure: Failure) -> Failure {
        Failure {
            message: format!("{}{}", failure.message, self.tail),
            ..failure
        }
    }

    /// A failure of a program that was ended, with how.
    pub(super) fn ended_badly(&self, message: impl std::fmt::Display) -> Failure {
        let failure = self.failure(message);
        let failure = match &self.crash {
            Some(crash) => failure.with_reason(crash.clone()),
            None => failure,
        };
        // As interpreters and shells say it of what lies outside of the walls.
        if self.launch.is_confined() && self.tail.to_string().contains("ermission denied") {
            return failure.with_remedy(
                "if it is a file or folder that the program needs, name it in `read_paths` (or `write_paths`) of the program's table in the \
                 runner's configuration, and restart the runner: programs are confined, docs/exec.md tells to what",
            );
        }
        failure
    }

    /// A failure of the connector, for the line that was heard last. To [break off](Conversation::break_off) with.
    pub(super) fn fault(&self, problem: impl std::fmt::Display) -> Failure {
        let line = self.line_number;
        Failure::new(
            Category::Connector,
            format!("line {line} of the program's output {problem}"),
        )
    }

    fn lingers(&self) -> Failure {
        let what = if self.said_last {
            "its last message"
        } else {
            "it had closed its output"
        };
        let within = EXITS_WITHIN.as_secs();
        Failure::new(
            Category::Connector,
            format!("the program did not exit within {within} s after {what}"),
        )
    }
}

/// Waits until the request is written. Safe to cancel.
async fn written(request: &mut Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>) {
    if let Some(request) = request {
        // A program that does not read it closes the pipe, and is judged by what it prints.
        let _ = request.await;
    }
}

/// Waits until this moment; for ever when there is none.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
