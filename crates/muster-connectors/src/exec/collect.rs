//! The three things that a program is asked, and what is made of its answers.

use std::time::Duration;

use muster_connector::{
    CancellationToken, Category, Collection, ConnectorName, Cursor, End, Failure, KeyFault, LogLevel, Network, Sink,
    Spec, judge_key,
};
use serde_json::Value;
use tokio::time::timeout;

use super::conversation::{Conversation, Heard};
use super::program::Launch;
use super::protocol::{self, Command, Message, Request, SpecMessage};
use super::spec;

/// What a program has said in the end.
enum Last {
    End(Option<u64>),
    Error(protocol::Error),
    Spec(Box<SpecMessage>),
}

/// Asks a program what it is.
pub(super) async fn spec(name: &ConnectorName, launch: &Launch) -> Result<Spec, Failure> {
    let by_hand = || format!("see what it prints: muster connector test {}", launch.program.display());
    // To say what it is, a program needs nobody.
    let message = answer(launch, &Request::spec(), launch.spec_within, Some(Vec::new())).await;
    let message = message.map_err(|failure| match failure.remedy {
        Some(_) => failure,
        // No execution has a log of it.
        None => failure.with_remedy(by_hand()),
    })?;
    let Last::Spec(message) = message else {
        return Err(Failure::new(
            Category::Connector,
            "the program has answered `spec` with another message than `spec`",
        )
        .with_remedy(by_hand()));
    };
    spec::judge(name, *message).map_err(|faults| {
        Failure::new(
            Category::Connector,
            format!("the program's specification is wrong: {}", faults.join("; ")),
        )
        .with_remedy("correct what the program prints when it is asked for `spec`: docs/exec.md has an example")
    })
}

/// Asks a program whether its source answers.
pub(super) async fn check(launch: &Launch, config: &Value, network: &Network) -> Result<(), Failure> {
    let request = Request {
        command: Command::Check,
        config: Some(config),
        ..Request::spec()
    };
    match answer(launch, &request, launch.check_within, network.reach().ports()).await? {
        Last::End(_) => Ok(()),
        Last::Error(_) | Last::Spec(_) => Err(Failure::new(
            Category::Connector,
            "the program has answered `check` with another message than `end` or `error`",
        )),
    }
}

/// The one message that answers a request; log lines go nowhere, save for the last ones of a failure.
async fn answer(
    launch: &Launch,
    request: &Request<'_>,
    within: Duration,
    ports: Option<Vec<u16>>,
) -> Result<Last, Failure> {
    let command = request.command.as_str();
    let mut program = Conversation::begin(launch, request, ports, CancellationToken::new())?;
    let listen = async {
        let mut last = None;
        while let Some(heard) = program.next().await? {
            let said = match heard {
                Heard::Text(_) | Heard::Message(Message::Log(_) | Message::Progress(_)) => continue,
                Heard::Message(Message::End(end)) => Last::End(end.records),
                Heard::Message(Message::Error(error)) => Last::Error(error),
                Heard::Message(Message::Spec(spec)) => Last::Spec(spec),
                Heard::Message(Message::Record(_) | Message::Cursor(_)) => {
                    let failure = program.fault(format_args!(
                        "is a record or a cursor, and it was asked for `{command}`"
                    ));
                    program.break_off(failure);
                    continue;
                }
                Heard::Wrong(failure) => {
                    program.break_off(failure);
                    continue;
                }
            };
            last = Some(said);
            program.said_last();
        }
        Ok(last)
    };
    let listened = timeout(within, listen).await;
    let exit = program.end().await;
    let last = listened.unwrap_or_else(|_| {
        let limit = format!("{within:?}");
        let failure = program.failure(format_args!("the program did not answer `{command}` within {limit}"));
        Err(Failure {
            category: Category::Timeout,
            reason: None,
            ..failure
        })
    })?;
    judge_end(&program, last, &exit)
}

/// Has a program collect into the sink, records with this primary key.
pub(super) async fn collect(
    launch: &Launch,
    key: &[String],
    collection: &Collection,
    sink: &mut Sink,
) -> Result<End, Failure> {
    let request = Request {
        command: Command::Collect,
        config: Some(&collection.config),
        data_type: Some(collection.data_type.as_str()),
        cursor: collection.cursor.as_ref().map(Cursor::as_str),
        ..Request::spec()
    };
    let mut program = Conversation::begin(
        launch,
        &request,
        collection.network.reach().ports(),
        sink.cancellation(),
    )?;
    let mut log = Log::new(launch.log_lines_max);
    let listened = listen(&mut program, key, sink, &mut log).await;
    let exit = program.end().await;
    let (last, cursor) = listened?;
    log.tell_left_out(sink).await?;
    let sent = sink.counts().records;
    match judge_end(&program, last, &exit)? {
        Last::End(Some(said)) if said == sent => Ok(End { cursor }),
        Last::End(Some(said)) => Err(program.failure(format_args!(
            "the program says that it has sent {said} records, and {sent} have come"
        ))),
        Last::End(None) => Err(program.failure(format_args!(
            "the program's `end` does not say how many records it has sent: {{\"end\": {{\"records\": {sent}}}}}"
        ))),
        Last::Error(_) | Last::Spec(_) => Err(program.failure(
            "the program has answered `collect` with a specification: it should look at what it is asked for",
        )),
    }
}

async fn listen(
    program: &mut Conversation<'_>,
    key: &[String],
    sink: &mut Sink,
    log: &mut Log,
) -> Result<(Option<Last>, Option<Cursor>), Failure> {
    let mut last = None;
    let mut cursor = None;
    while let Some(heard) = program.next().await? {
        match heard {
            Heard::Message(Message::Record(record)) => match judge_key(record.get(), key) {
                Ok(()) => sink.record(record).await?,
                Err(fault) => program.break_off(keyless(program, &fault)),
            },
            Heard::Message(Message::Progress(progress)) => sink.progress(progress.total),
            Heard::Message(Message::Log(line)) => log.line(sink, line.level.into(), line.message).await?,
            Heard::Text(text) => log.line(sink, LogLevel::Info, text).await?,
            Heard::Wrong(failure) => program.break_off(failure),
            Heard::Message(Message::Cursor(text)) => cursor = Some(protocol::cursor(text)?),
            Heard::Message(Message::End(end)) => {
                last = Some(Last::End(end.records));
                program.said_last();
            }
            Heard::Message(Message::Error(error)) => {
                last = Some(Last::Error(error));
                program.said_last();
            }
            Heard::Message(Message::Spec(spec)) => {
                last = Some(Last::Spec(spec));
                program.said_last();
            }
        }
    }
    Ok((last, cursor))
}

/// The failure of a program that has printed a record which nobody can tell from others.
fn keyless(program: &Conversation<'_>, fault: &KeyFault) -> Failure {
    let failure = program.fault(format_args!("is a record that {fault}"));
    failure.with_remedy(format!(
        "let the program print a text, a number, or true or false as `{}` of every record; or name in the `primary_key` of its \
         specification the fields that tell its records apart",
        fault.field
    ))
}

/// What a program's end is worth: its own failure, one for how it exited, or what it has said.
fn judge_end(program: &Conversation<'_>, last: Option<Last>, exit: &str) -> Result<Last, Failure> {
    match last {
        // It knows better than its exit code why it failed.
        Some(Last::Error(error)) => Err(error.into()),
        Some(last) if program.exited_well() => Ok(last),
        Some(Last::End(_) | Last::Spec(_)) => Err(program.ended_badly(format_args!(
            "the program {exit}, although it had said that it ended well"
        ))),
        None => Err(program.ended_badly(format_args!("the program {exit}, without a word on how it ended"))),
    }
}

/// The log lines of a run: so many of them, and a word on the rest.
struct Log {
    left: usize,
    left_out: u64,
}

impl Log {
    fn new(lines_max: usize) -> Self {
        Self {
            left: lines_max,
            left_out: 0,
        }
    }

    async fn line(&mut self, sink: &mut Sink, level: LogLevel, message: String) -> Result<(), Failure> {
        if message.is_empty() {
            return Ok(());
        }
        if self.left == 0 {
            self.left_out += 1;
            return Ok(());
        }
        self.left -= 1;
        Ok(sink.log(level, message).await?)
    }

    async fn tell_left_out(&self, sink: &mut Sink) -> Result<(), Failure> {
        if self.left_out > 0 {
            let text = format!("{} more log lines of the program were left out", self.left_out);
            sink.log(LogLevel::Warn, text).await?;
        }
        Ok(())
    }
}
