//! `muster logs`: what was said while an execution was carried out.

use muster_proto::v1::{ListLogLinesRequest, LogLine, TailLogLinesRequest};

use super::Session;
use crate::client::{Backoff, Client};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::{Json, list};
use crate::output::text::{clean, count, pad};
use crate::output::{Output, note, time, words};

/// How wide the column of who has said a line is: "coordinator".
const SOURCE_COLUMNS: usize = 11;

/// How wide the column of a line's level is.
const LEVEL_COLUMNS: usize = 5;

/// Print the log of an execution. Times are UTC
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster logs 456789ab
  muster logs -f 456789ab
  muster logs 456789ab --output json | jq '.[].message'

With --output json it is one array; with --follow one object a line.")]
pub struct Args {
    /// The execution: its id, the end of it as lists show it, or its full name
    execution: String,
    /// Go on until the execution has ended
    #[arg(long, short)]
    follow: bool,
}

/// Prints the lines that there are, or all that come until the execution has ended.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let execution = names::execution(client, &args.execution).await?;
    let dropped = if args.follow {
        follow(client, output, &execution.name).await?
    } else {
        let (lines, dropped) = read(client, &execution.name).await?;
        if output.is_for_programs() {
            output.documents(&list(&lines))?;
        } else if lines.is_empty() {
            note(format!(
                "execution `{}` has said nothing so far",
                names::short_id(&execution.name)
            ));
        } else {
            print(output, &lines)?;
        }
        dropped
    };
    if dropped > 0 {
        note(format!(
            "{} more not kept: an execution keeps 1,000 lines",
            count(dropped, "line")
        ));
    }
    Ok(Exit::Success)
}

fn doing(execution: &str) -> String {
    format!("read the log of execution `{}`", names::short_id(execution))
}

/// All lines that there are, and how many more there were: an execution keeps so few that they come as a whole.
async fn read(client: &Client, execution: &str) -> Result<(Vec<LogLine>, u64), Error> {
    let mut dropped = 0;
    let mut service = client.log_lines();
    let listed = crate::list::pages(usize::MAX, crate::list::PAGE_MAX, async |page_size, page_token| {
        let parent = execution.to_owned();
        let request = ListLogLinesRequest {
            parent,
            page_size,
            page_token,
        };
        let page = service.list_log_lines(request).await;
        let page = page
            .map_err(|status| client.error(doing(execution), &status))?
            .into_inner();
        dropped = page.dropped_count;
        Ok((page.log_lines, page.next_page_token))
    })
    .await?;
    Ok((listed.items, dropped))
}

/// Prints lines until the execution has ended, over broken streams too; says how many lines there were that were not kept.
async fn follow(client: &Client, output: &mut Output, execution: &str) -> Result<u64, Error> {
    let mut from_number = 1;
    let mut dropped = 0;
    let mut answered = false;
    let mut backoff = Backoff::default();
    loop {
        let ended = async {
            let parent = execution.to_owned();
            let opened = client
                .log_lines()
                .tail_log_lines(TailLogLinesRequest { parent, from_number })
                .await;
            let mut stream = opened
                .map_err(|status| client.error(doing(execution), &status))?
                .into_inner();
            answered = true;
            while let Some(part) = stream
                .message()
                .await
                .map_err(|status| client.error(doing(execution), &status))?
            {
                backoff.reset();
                dropped = part.dropped_count;
                print(output, &part.log_lines)?;
                output.flush()?;
                from_number = part
                    .log_lines
                    .last()
                    .map_or(from_number, |line| line.number.saturating_add(1));
            }
            Ok(())
        };
        match ended.await {
            Ok(()) => return Ok(dropped),
            Err(error @ Error::Output(_)) => return Err(error),
            Err(error) if answered && error.may_pass() => {
                let again_in = backoff.next();
                note(format!("{error}; trying again in {}", time::length(again_in)));
                tokio::time::sleep(again_in).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn print(output: &mut Output, lines: &[LogLine]) -> Result<(), Error> {
    for line in lines {
        if output.is_for_programs() {
            output.document_line(&Json(line))?;
            continue;
        }
        let level = words::log_level(line.level());
        let mut start = format!(
            "{}  {}  {}  ",
            time::clock(line.time.as_ref()),
            output.paint(level.tone, &pad(level.text, LEVEL_COLUMNS)),
            pad(words::log_source(line.source()), SOURCE_COLUMNS),
        );
        if line.attempt > 1 {
            start.push_str(&format!("(attempt {}) ", line.attempt));
        }
        output.line(start + &clean(&line.message))?;
    }
    Ok(())
}
