//! `muster audit verify`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use muster_proto::v1::{AuditChain, VerifyAuditLogRequest};

use super::Of;
use super::export::Export;
use crate::audit::{self, Entry, Header, Known, Walk};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::text::clean;

/// Verify that nothing was removed from the audit log, changed in it or moved
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster audit export > audit.jsonl
  muster audit verify audit.jsonl
  muster audit verify

Without a file the coordinator walks through its log. With --known-hash NUMBER:HASH, of an entry that you know from an earlier export, this command
reads the log from there on itself, makes every hash anew, and so finds also a log that was made anew, or cut off at its end. It ends with 2 when
something is wrong.")]
pub struct Args {
    /// An exported log; no coordinator is asked then
    file: Option<PathBuf>,
    #[command(flatten)]
    of: Of,
    /// An entry that you know, which must be the same still
    #[arg(long, value_name = "NUMBER:HASH", value_parser = Known::parse)]
    known_hash: Option<Known>,
    /// The hash that the file must go on from: that of the last entry of the export before
    #[arg(long, value_name = "HASH", requires = "file")]
    after_hash: Option<String>,
}

/// Verifies it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    match &args.file {
        Some(file) => {
            let verified = of_file(file, &args).map_err(|source| Error::ExportUnreadable {
                path: file.clone(),
                source,
            })?;
            tell(&mut session.output, &file.display().to_string(), verified)
        }
        None => of_coordinator(&args, session).await,
    }
}

/// The ends of a log that is whole, or what is wrong with it.
type Verified = Result<Ends, String>;

struct Ends {
    first: u64,
    last: u64,
    hash: String,
}

fn of_file(file: &Path, args: &Args) -> io::Result<Verified> {
    let mut lines = BufReader::new(File::open(file)?).lines();
    let header = match lines.next().transpose()?.as_deref().map(audit::header) {
        Some(Ok(header)) => header,
        Some(Err(fault)) => return Ok(Err(fault)),
        None => return Ok(Err("it is empty".to_owned())),
    };
    if let Some(wanted) = &args.after_hash
        && !wanted.eq_ignore_ascii_case(&header.previous_hash)
    {
        let fault = format!(
            "it goes on from {}, and not from the hash that you know",
            clean(&header.previous_hash)
        );
        return Ok(Err(fault));
    }
    if let Some(known) = args.known_hash.as_ref().filter(|known| known.number < header.first) {
        if let Err(fault) = before(known, header.first, &header.previous_hash) {
            return Ok(Err(fault));
        }
        return walk_lines(header, None, lines);
    }
    walk_lines(header, args.known_hash.clone(), lines)
}

fn walk_lines(
    header: Header,
    known: Option<Known>,
    lines: impl Iterator<Item = io::Result<String>>,
) -> io::Result<Verified> {
    let mut walk = Walk::new(header.log, header.first, header.previous_hash, known);
    for (place, line) in (2_u64..).zip(lines) {
        let entry: Entry = match serde_json::from_str(&line?) {
            Ok(entry) => entry,
            Err(error) => return Ok(Err(format!("line {place} is no entry: {error}"))),
        };
        if let Err(fault) = walk.take(&entry) {
            return Ok(Err(fault));
        }
    }
    Ok(walk.end(header.last, &header.hash).map(|()| Ends {
        first: header.first,
        last: header.last,
        hash: header.hash,
    }))
}

/// Judges an entry that somebody knows, and that stands before the first one: only the one right before it can still be compared.
fn before(known: &Known, first: u64, previous_hash: &str) -> Result<(), String> {
    let number = known.number;
    if number + 1 != first {
        return Err(format!(
            "it begins with entry {first}, so entry {number} cannot be compared any more: know a newer one"
        ));
    }
    if known.hash != previous_hash {
        return Err(format!("entry {number} was another one than the one that you know"));
    }
    Ok(())
}

async fn of_coordinator(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let parent = args.of.parent(client);
    let request = VerifyAuditLogRequest { parent: parent.clone() };
    let verified = client.audit().verify_audit_log(request).await;
    let verified = verified
        .map_err(|status| client.error("verify the audit log", &status))?
        .into_inner();
    let Some(chain) = verified.chain else {
        return tell(
            output,
            &format!("the audit log of {parent}"),
            Err(clean(&verified.fault)),
        );
    };
    let what = format!("the audit log of {}", clean(&chain.log));
    let Some(known) = &args.known_hash else {
        return tell(output, &what, Ok(ends(&chain)));
    };
    if known.number < chain.first_number {
        let judged = before(known, chain.first_number, &chain.previous_hash).map(|()| ends(&chain));
        return tell(output, &what, judged);
    }
    let mut export = Export::begin(client, parent, known.number).await?;
    let chain = export.chain.clone();
    let mut walk = None;
    while let Some(entries) = export.next().await? {
        for entry in &entries {
            let entry = Entry::from(entry);
            let walk = walk.get_or_insert_with(|| {
                let previous = entry.previous_hash.clone();
                Walk::new(chain.log.clone(), known.number, previous, Some(known.clone()))
            });
            if let Err(fault) = walk.take(&entry) {
                return tell(output, &what, Err(fault));
            }
        }
    }
    let walk = walk.unwrap_or_else(|| {
        Walk::new(
            chain.log.clone(),
            chain.last_number + 1,
            chain.hash.clone(),
            Some(known.clone()),
        )
    });
    let judged = walk.end(chain.last_number, &chain.hash).map(|()| ends(&chain));
    tell(output, &what, judged)
}

fn ends(chain: &AuditChain) -> Ends {
    Ends {
        first: chain.first_number,
        last: chain.last_number,
        hash: chain.hash.clone(),
    }
}

/// Says how it is.
fn tell(output: &mut Output, what: &str, verified: Verified) -> Result<Exit, Error> {
    match verified {
        Ok(Ends { first, last, .. }) if first > last => {
            output.line(format!("{what} is whole, and has no entries"))?;
            Ok(Exit::Success)
        }
        Ok(Ends { first, last, hash }) => {
            output.line(format!("{what} is whole: entries {first} to {last}"))?;
            output.line(format!("to compare with later: --known-hash {last}:{}", clean(&hash)))?;
            Ok(Exit::Success)
        }
        Err(fault) => {
            output.line(format!("{what} is broken: {fault}"))?;
            Ok(Exit::InError)
        }
    }
}
