//! `muster connector collect`: a collection here, its records printed.

use std::sync::Arc;
use std::time::Instant;

use muster_connector::{
    CancellationToken, Category, Collection, Connector, Cursor, DataType, Done, Failure, Items, Limits, LogLevel,
    Redactor, SinkItem, Spec, run as run_collection, sink,
};
use muster_process::{TaskError, Tasks};

use super::check::{prepare, remedy_of, tell};
use super::here::Here;
use crate::command::Session;
use crate::command::configured::Configured;
use crate::command::integration::one_of;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::records::Records;
use crate::output::text::{Tone, bytes, clean, count};
use crate::output::{Output, note, time};
use muster_process::progress::Progress;

/// Collect here, and print the records; no coordinator is asked, and nothing is kept
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster connector collect host --data-type user
  muster connector collect host --data-type software --first 5
  muster connector collect host --data-type user --output jsonl > users.jsonl
  muster connector collect ./crm.py --config config.json

A table shows the first 30 records; jsonl and json have all of them. Log lines, counts and the cursor go to standard error. Ctrl-C
cancels. It exits with 2 when the collection ends in Error.")]
pub struct Args {
    #[command(flatten)]
    connector: Here,
    /// What to collect; may be left out where the connector offers one data type
    #[arg(long, short, value_name = "DATA_TYPE")]
    data_type: Option<String>,
    /// Stop after so many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    first: Option<u64>,
    /// Go on where an earlier collection has ended
    #[arg(long, value_name = "TEXT")]
    cursor: Option<String>,
    #[command(flatten)]
    configured: Configured,
}

/// Collects.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let output = &mut session.output;
    let configuration = args.configured.read()?;
    let connector = args.connector.open().await?;
    let spec = connector.spec();
    let data_type = data_type(&args, spec)?;
    let guard = args.connector.guard(&spec.name)?;
    let prepared = prepare(
        format!("collect `{data_type}`"),
        spec,
        configuration,
        &args.connector,
        &args.configured,
    )
    .await?;
    let key = spec
        .data_type(&data_type)
        .map(|one| one.primary_key.clone())
        .unwrap_or_default();
    let collection = Collection {
        config: prepared.config,
        data_type: data_type.clone(),
        cursor: args.cursor.as_deref().map(cursor).transpose()?,
        network: guard.network,
    };
    let begun = Instant::now();
    let canceled = CancellationToken::new();
    let mut running = Running::start(
        Arc::clone(&connector),
        collection,
        prepared.redactor,
        guard.limits,
        &canceled,
    );
    let mut records = Records::new(output.format, key, args.first);
    let mut reader = Reader {
        first: args.first,
        left: args.first,
        progress: Progress::beside_output(),
    };
    let mut interrupted = false;
    let ended = loop {
        tokio::select! {
            item = running.items.next() => match item {
                Some(item) if interrupted => drop(item),
                Some(item) => {
                    reader.take(item, &mut records, output)?;
                    if reader.is_full() && !canceled.is_cancelled() {
                        canceled.cancel();
                    }
                }
                None => break running.end().await,
            },
            signal = tokio::signal::ctrl_c() => {
                signal.map_err(Error::Runtime)?;
                if interrupted {
                    // Asked twice: whatever it still does, it does without anybody who waits.
                    return Ok(Exit::Interrupted);
                }
                interrupted = true;
                canceled.cancel();
                reader.progress.clear();
                note("canceling; Ctrl-C again ends it at once");
            }
        }
    };
    reader.progress.clear();
    let printed = records.total();
    records.finish(None, output)?;
    output.flush()?;
    let took = time::length(begun.elapsed());
    match ended {
        _ if interrupted => {
            note(format!("canceled after {} in {took}", count(printed, "record")));
            Ok(Exit::Interrupted)
        }
        // The collection may have ended before it heard that there is enough.
        Ok(_) if reader.is_full() => stopped(printed, &took),
        Err(failure) if reader.is_full() && failure.category == Category::Canceled => stopped(printed, &took),
        Ok(done) => {
            let collected = count(done.counts.records, "record");
            note(format!(
                "collected {collected} ({}) in {took}",
                bytes(done.counts.bytes)
            ));
            if let Some(cursor) = &done.cursor {
                note(format!(
                    "the next collection may begin with --cursor {}",
                    quoted(cursor.as_str())
                ));
            }
            Ok(Exit::Success)
        }
        Err(failure) => {
            tell(
                &format!("connector `{}` has not collected `{data_type}`", spec.name),
                &failure,
                &remedy_of(&failure, spec, Some(&data_type)),
            );
            Ok(Exit::InError)
        }
    }
}

fn stopped(printed: u64, took: &str) -> Result<Exit, Error> {
    note(format!("stopped after {} in {took}", count(printed, "record")));
    Ok(Exit::Success)
}

/// The data type that was named, or the only one.
fn data_type(args: &Args, spec: &Spec) -> Result<DataType, Error> {
    let offered: Vec<&str> = spec.data_types.iter().map(|one| one.name.as_str()).collect();
    let next = format!("name one: --data-type {}", offered.join("|"));
    match (&args.data_type, &spec.data_types[..]) {
        (Some(given), all) => {
            one_of(
                given,
                &offered,
                &format!("among those of connector `{}`", spec.name),
                &next,
            )?;
            let found = all.iter().find(|one| one.name.as_str() == given);
            Ok(found.expect("it is one of those that are offered").name.clone())
        }
        (None, [only]) => Ok(only.name.clone()),
        (None, _) => Err(Error::Connector {
            reason: format!(
                "`{}` offers {}, and none was named",
                spec.name,
                count(offered.len() as u64, "data type")
            ),
            next,
        }),
    }
}

fn cursor(text: &str) -> Result<Cursor, Error> {
    Cursor::new(text).map_err(|error| Error::Assignment {
        flag: "--cursor".to_owned(),
        reason: error.to_string(),
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", clean(text).replace('\'', r"'\''"))
}

/// A collection in a task of its own, so that a panic of the connector ends it alone.
struct Running {
    items: Items,
    redactor: Redactor,
    task: tokio::task::JoinHandle<Result<Result<Done, Failure>, TaskError>>,
}

impl Running {
    fn start(
        connector: Arc<dyn Connector>,
        collection: Collection,
        redactor: Redactor,
        limits: Limits,
        canceled: &CancellationToken,
    ) -> Self {
        let (sink, items) = sink(canceled.clone());
        let sink = sink.with_redactor(redactor.clone()).with_limits(limits);
        let told = redactor.clone();
        let collecting = async move {
            let judged = collection
                .network
                .judge_config(&connector.spec().config_schema, &collection.config)
                .await;
            judged.map_err(|failure| told.failure(failure))?;
            run_collection(connector.as_ref(), &collection, sink).await
        };
        let task = Tasks::new().spawn("collection", collecting);
        Self { items, redactor, task }
    }

    /// How it has ended; to be asked when there are no more items.
    async fn end(self) -> Result<Done, Failure> {
        let crashed = |what: String| self.redactor.failure(Failure::new(Category::Connector, what));
        match self.task.await {
            Ok(Ok(ended)) => ended,
            Ok(Err(panicked)) => Err(crashed(panicked.to_string())),
            Err(aborted) => Err(crashed(aborted.to_string())),
        }
    }
}

/// Takes what comes out of a collection.
struct Reader {
    first: Option<u64>,
    /// How many more records are wanted; `None`: all.
    left: Option<u64>,
    progress: Progress,
}

impl Reader {
    fn is_full(&self) -> bool {
        self.first.is_some() && self.left == Some(0)
    }

    fn take(&mut self, item: SinkItem, records: &mut Records, output: &mut Output) -> Result<(), Error> {
        match item {
            SinkItem::Records { lines, records: all } => {
                let wanted = match &mut self.left {
                    Some(left) => {
                        let wanted = first_lines(&lines, *left);
                        *left = left.saturating_sub(all);
                        wanted
                    }
                    None => &lines[..],
                };
                records.take(output, wanted)?;
                output.flush()?;
                let total = records.total();
                self.progress
                    .tell(|| format!("{} so far; Ctrl-C cancels", count(total, "record")));
            }
            SinkItem::Log { level, message } => {
                self.progress.clear();
                let (word, tone) = level_word(level);
                note(format!("{}  {}", output.paint(tone, word), clean(&message)));
            }
            SinkItem::Progress { counts, total } => self.progress.tell(|| match total {
                Some(total) => format!("{} of {total} so far; Ctrl-C cancels", count(counts.records, "record")),
                None => format!("{} so far; Ctrl-C cancels", count(counts.records, "record")),
            }),
        }
        Ok(())
    }
}

/// The first so many lines.
fn first_lines(lines: &[u8], wanted: u64) -> &[u8] {
    let ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let end = ends
        .map(|(index, _)| index + 1)
        .take(usize::try_from(wanted).unwrap_or(usize::MAX))
        .last();
    &lines[..end.unwrap_or(0)]
}

fn level_word(level: LogLevel) -> (&'static str, Tone) {
    match level {
        LogLevel::Debug => ("debug", Tone::Quiet),
        LogLevel::Info => ("info ", Tone::Busy),
        LogLevel::Warn => ("warn ", Tone::Busy),
        LogLevel::Error => ("error", Tone::Bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_lines_are_wanted() {
        assert_eq!(first_lines(b"a\nb\nc\n", 2), b"a\nb\n");
        assert_eq!(first_lines(b"a\nb\n", 5), b"a\nb\n");
        assert_eq!(first_lines(b"a\nb\n", 0), b"");
    }
}
