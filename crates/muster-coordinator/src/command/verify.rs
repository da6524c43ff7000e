//! `muster-coordinator verify`: whether all that a coordinator keeps is whole.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use muster_core::state::State;
use muster_core::words::ExecutionId;
use muster_process::Exit;
use muster_process::progress::Progress;
use muster_proto::v1;
use muster_proto::v1::verify_response::Told as Kind;
use muster_store::verify::{Finding, Severity, Told, Verified};
use muster_store::{Store, StoreError};
use serde_json::json;

use super::{Failure, Kept, serving};
use crate::landing::Landing;
use crate::landing::verify::Known;
use crate::{landed, wire};

const EXAMPLES: &str = "\
Examples:
  muster-coordinator verify --data /var/lib/muster
  muster-coordinator verify --config /etc/muster/coordinator.toml --output json

It ends with 0 when all is whole, with 3 when something is damaged, with 1 when that could not be found out. Notes are no damage.";

/// Look whether all that a coordinator keeps is whole: its store, and what has landed
///
/// It looks at the store's format, at the journal's numbers, chain and checksums, at records, history and log lines with
/// their counts and checksums, at whether they fit each other, and at each file of records with its manifest. For each finding it says what is wrong, where,
/// and what to do. A coordinator that serves the store is asked to look, a little at a time; what only a replay of the journal shows is left out then.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    shown: serving::Shown,
    /// How the findings are printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line or two for each, as they are found.
    Text,
    /// One document at the end.
    Json,
}

impl Verify {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.kept.settings()?;
        let mut report = Report::new(self.output);
        let store = settings.data.join("store");
        let verified = muster_store::verify::verify(&store, &mut |told| report.take(told));
        let verified = match verified {
            Err(held @ StoreError::Locked { .. }) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let client = serving::client(&settings, &self.shown, &held).await?;
                    verify_serving(client, &mut report).await
                })?;
                return Ok(report.end()?);
            }
            verified => verified?,
        };
        if let Some(verified) = verified {
            let landing = settings.landing();
            if Landing::is_there(&landing) {
                let landing = Landing::open(&landing)?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(verify_landing(&landing, &verified, &mut report))?;
            } else {
                let missing = format!("there is no landing in {}", landing.display());
                report.take(Told::Found(Finding {
                    severity: Severity::Note,
                    place: "landing".to_owned(),
                    what: missing,
                    remedy: "it is safe to ignore if nothing has ever landed; otherwise name its folder by `--landing`"
                        .to_owned(),
                }));
            }
        }
        Ok(report.end()?)
    }
}

/// Has the coordinator that serves the store verify it.
async fn verify_serving(mut client: serving::Client, report: &mut Report) -> Result<(), Failure> {
    let answer = client.verify(v1::VerifyRequest {}).await;
    let mut told = answer.map_err(|status| serving::failed(&status))?.into_inner();
    while let Some(next) = told.message().await.map_err(|status| serving::failed(&status))? {
        match next.told {
            Some(Kind::Progress(progress)) => {
                report.progress(&progress.part, progress.done_count, progress.total_count);
            }
            Some(Kind::Finding(finding)) => report.found(wire::verify::finding(finding)),
            None => {}
        }
    }
    Ok(())
}

async fn verify_landing(landing: &Landing, verified: &Verified, report: &mut Report) -> Result<(), Failure> {
    let Verified { store, state } = verified;
    let mut tell = |told| report.take(landed::told(told));
    let mut pass = landing.verify(&mut tell);
    pass.visible(|execution| std::future::ready(known(store, state, execution)))
        .await?;
    // A page at a time: the landing is asked in between.
    let mut before = None;
    loop {
        let page = store.finished_of_all_before(before, 1_000)?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for place in page.iter().filter_map(landed::place_of) {
            pass.published(&place).await?;
        }
    }
    pass.end();
    Ok(())
}

/// What the ledger and history know of an execution. A damaged entry of history is told by its own verification.
fn known(store: &Store, state: &State, execution: ExecutionId) -> Known {
    if let Some(open) = state.everywhere().execution(execution) {
        return landed::of_open(open);
    }
    match store.find_finished(execution) {
        Ok(Some(finished)) => landed::of_ended(&finished),
        Ok(None) | Err(_) => Known::Nothing,
    }
}

/// What was found, printed as it was asked for.
struct Report {
    output: Output,
    drawn: Progress,
    findings: Vec<Finding>,
    damaged: u64,
    noted: u64,
}

impl Report {
    fn new(output: Output) -> Self {
        Self {
            output,
            drawn: Progress::new(),
            findings: Vec::new(),
            damaged: 0,
            noted: 0,
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Progress { part, done, of } => self.progress(part, done, of),
            Told::Found(finding) => self.found(finding),
        }
    }

    fn progress(&mut self, part: &str, done: u64, of: Option<u64>) {
        self.drawn.tell(|| match of {
            Some(of) if of > 0 => format!("{part}: {done} of {of}"),
            Some(_) | None => format!("{part}: {done}"),
        });
    }

    fn found(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Damage => self.damaged += 1,
            Severity::Note => self.noted += 1,
        }
        match self.output {
            Output::Json => self.findings.push(finding),
            Output::Text => {
                self.drawn.clear();
                let Finding {
                    severity,
                    place,
                    what,
                    remedy,
                } = finding;
                // Whoever has closed standard output gets the exit code all the same.
                let _ = writeln!(
                    io::stdout(),
                    "{}: {place}: {what}\n  what to do: {remedy}",
                    word(severity)
                );
            }
        }
    }

    fn end(mut self) -> io::Result<Exit> {
        self.drawn.clear();
        let whole = self.damaged == 0;
        let mut stdout = io::stdout();
        match self.output {
            Output::Text => {
                let notes = match self.noted {
                    0 => String::new(),
                    count => format!("; notes: {count}"),
                };
                if whole {
                    writeln!(stdout, "whole: all that is kept is what was told{notes}")?;
                } else {
                    writeln!(stdout, "damaged: findings of damage: {}{notes}", self.damaged)?;
                }
            }
            Output::Json => {
                let findings: Vec<_> = self.findings.iter().map(document).collect();
                writeln!(stdout, "{:#}", json!({ "whole": whole, "findings": findings }))?;
            }
        }
        Ok(if whole { Exit::Success } else { Exit::Damage })
    }
}

fn document(finding: &Finding) -> serde_json::Value {
    json!({
        "severity": word(finding.severity),
        "place": finding.place,
        "what": finding.what,
        "remedy": finding.remedy,
    })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Damage => "damage",
    }
}
