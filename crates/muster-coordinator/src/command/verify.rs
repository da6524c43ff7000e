//! `muster-coordinator verify`: whether all that a coordinator keeps is whole.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use muster_core::entity::{Finished, Phase};
use muster_core::state::State;
use muster_core::words::{ExecutionId, Outcome};
use muster_landing::verify::{Known, Told as ToldOfLanding};
use muster_landing::{Destination, Landing};
use muster_process::Exit;
use muster_process::progress::Progress;
use muster_store::verify::{Finding, Severity, Told, Verified};
use muster_store::{Store, StoreError};
use serde_json::json;

use super::{Failure, Kept};

const EXAMPLES: &str = "\
Examples:
  muster-coordinator verify --data /var/lib/muster
  muster-coordinator verify --config /etc/muster/coordinator.toml --output json

It ends with 0 when all is whole, with 3 when something is damaged, with 1 when that could not be found out. Notes are no damage.";

/// Look whether all that a coordinator keeps is whole: its store, and what has landed
///
/// The coordinator must be stopped. It looks at the store's format, at the journal's numbers, chain and checksums, at records, history and log lines with
/// their counts and checksums, at whether they fit each other, and at each file of records with its manifest. For each finding it says what is wrong, where,
/// and what to do.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    #[command(flatten)]
    kept: Kept,
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
        let verified = verified.map_err(explained)?;
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

/// Says what to do about a store that somebody serves.
fn explained(error: StoreError) -> Failure {
    match error {
        error @ StoreError::Locked { .. } => format!("{error}. To verify it, stop that coordinator first").into(),
        error => error.into(),
    }
}

async fn verify_landing(landing: &Landing, verified: &Verified, report: &mut Report) -> Result<(), Failure> {
    let Verified { store, state } = verified;
    let mut tell = |told| report.take(of_landing(told));
    let mut pass = landing.verify(&mut tell);
    pass.visible(|execution| std::future::ready(known(store, state, execution)))
        .await?;
    // A page at a time: the landing is asked in between.
    let mut before = None;
    loop {
        let page = store.finished_of_all_before(before, 1_000)?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for finished in page.iter().filter(|finished| finished.staged.is_some()) {
            if let Outcome::Completed { .. } = finished.outcome {
                pass.published(&destination(finished)).await?;
            }
        }
    }
    pass.end();
    Ok(())
}

/// What the landing's own verification says, as the store's does.
fn of_landing(told: ToldOfLanding) -> Told {
    let (kind, place, what) = match told {
        ToldOfLanding::Seen(done) => {
            return Told::Progress {
                part: "landing",
                done,
                of: None,
            };
        }
        ToldOfLanding::Found {
            kind,
            destination,
            more,
        } => {
            let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
            (
                kind,
                format!("landing, {destination}"),
                format!("{}{more}", kind.what()),
            )
        }
        ToldOfLanding::More { kind, count } => (kind, "landing".to_owned(), format!("{}: {count} more", kind.what())),
    };
    Told::Found(Finding {
        severity: if kind.is_damage() {
            Severity::Damage
        } else {
            Severity::Note
        },
        place,
        what,
        remedy: kind.remedy().to_owned(),
    })
}

fn destination(finished: &Finished) -> Destination {
    Destination {
        organization: finished.organization.clone(),
        integration: finished.integration,
        data_type: finished.data_type.clone(),
        execution: finished.id,
    }
}

/// What the ledger and history know of an execution. A damaged entry of history is told by its own verification.
fn known(store: &Store, state: &State, execution: ExecutionId) -> Known {
    if let Some(open) = state.ledger().execution(execution) {
        return Known::Open {
            attempt: open.attempt,
            committed: match &open.phase {
                Phase::Landing(_, staged) => Some(staged.id.clone()),
                Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) => None,
            },
        };
    }
    match store.find_finished(execution) {
        Ok(Some(finished)) => Known::Ended {
            attempt: finished.attempt,
            published: match finished.outcome {
                Outcome::Completed { counts, .. } => finished.staged.map(|id| (id, counts)),
                Outcome::Error(_) => None,
            },
        },
        Ok(None) | Err(_) => Known::Nothing,
    }
}

/// What was found, printed as it was asked for.
struct Report {
    output: Output,
    progress: Progress,
    findings: Vec<Finding>,
    damaged: u64,
    noted: u64,
}

impl Report {
    fn new(output: Output) -> Self {
        Self {
            output,
            progress: Progress::new(),
            findings: Vec::new(),
            damaged: 0,
            noted: 0,
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Progress { part, done, of } => self.progress.tell(|| match of {
                Some(of) if of > 0 => format!("{part}: {done} of {of}"),
                Some(_) | None => format!("{part}: {done}"),
            }),
            Told::Found(finding) => self.found(finding),
        }
    }

    fn found(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Damage => self.damaged += 1,
            Severity::Note => self.noted += 1,
        }
        match self.output {
            Output::Json => self.findings.push(finding),
            Output::Text => {
                self.progress.clear();
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
        self.progress.clear();
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
