//! `muster connector test`: whether a connector keeps to what is expected of one.

use std::time::Duration;

use muster_connector::Redactor;
use muster_connector::conformance::{Case, Outcome, Report, Settings, run as try_all};
use muster_coordinator::settings::duration;
use serde::Serialize;
use serde_json::Value;

use super::check::prepare;
use super::here::Here;
use crate::command::Session;
use crate::command::configured::Configured;
use crate::configuration::Source;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::text::{Tone, clean, count};
use muster_process::progress::Progress;

/// How long a check or a collection may take when nobody says.
const STEP_WITHIN: &str = "5m";

/// Try whether a connector keeps to what is expected of one: its specification, bad configurations, counts, cancel, cursors
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster connector test host
  muster connector test ./crm.py --config config.json
  muster connector test ./crm.py --config config.json --wrong-config wrong.json --output json

It collects for real, and keeps nothing. It exits with 2 when the connector needs mending.")]
pub struct Args {
    #[command(flatten)]
    connector: Here,
    #[command(flatten)]
    configured: Configured,
    /// A configuration that fits the schema and cannot work, such as one with a wrong password [default: one is made]
    #[arg(
        long,
        value_name = "FILE",
        value_parser = |text: &str| Ok::<_, String>(Source::from(text)),
        help_heading = "Configuration"
    )]
    wrong_config: Option<Source>,
    /// How long a check or a collection may take
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = STEP_WITHIN)]
    within: Duration,
}

/// The report, for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    connector: &'a str,
    passed: bool,
    cases: Vec<CaseDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct CaseDocument<'a> {
    name: &'a str,
    outcome: &'static str,
    sentence: &'a str,
}

/// Tries it.
pub async fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let output = &mut session.output;
    let configuration = args.configured.read()?;
    let connector = args.connector.open().await?;
    let name = &connector.spec().name;
    let guard = args.connector.guard(name)?;
    let prepared = prepare(
        format!("test `{name}`"),
        connector.spec(),
        configuration,
        &args.connector,
        &args.configured,
    )
    .await?;
    let wrong_config = args.wrong_config.as_ref().map(Source::read).transpose()?;
    let settings = Settings {
        config: prepared.config,
        wrong_config: wrong_config.map(Value::Object),
        step_within: args.within,
        network: guard.network,
    };
    let mut progress = Progress::new();
    progress.tell(|| format!("trying `{name}`; Ctrl-C ends it"));
    let report = tokio::select! {
        report = try_all(connector.as_ref(), &settings) => report,
        signal = tokio::signal::ctrl_c() => return signal.map(|()| Exit::Interrupted).map_err(Error::Runtime),
    };
    let report = Report {
        cases: report
            .cases
            .into_iter()
            .map(|case| told(case, &prepared.redactor))
            .collect(),
        ..report
    };
    progress.clear();
    print(&report, output)?;
    Ok(if report.has_passed() {
        Exit::Success
    } else {
        Exit::InError
    })
}

/// The case without secrets in what is told of it: connectors' failures are.
fn told(case: Case, redactor: &Redactor) -> Case {
    Case {
        sentence: redactor.redact_own(case.sentence),
        ..case
    }
}

fn print(report: &Report, output: &mut Output) -> Result<(), Error> {
    if output.is_for_programs() {
        let cases = report.cases.iter().map(|case| CaseDocument {
            name: &case.name,
            outcome: word(case.outcome).0,
            sentence: &case.sentence,
        });
        return output.document(&Document {
            connector: report.connector.as_str(),
            passed: report.has_passed(),
            cases: cases.collect(),
        });
    }
    for case in &report.cases {
        let (word, tone) = word(case.outcome);
        let word = output.paint(tone, &format!("{word:<7}"));
        output.line(format!("{word}  {}: {}", clean(&case.name), clean(&case.sentence)))?;
    }
    let failed = report.count(Outcome::Failed);
    let connector = &report.connector;
    let verdict = if failed == 0 {
        format!("connector `{connector}` keeps to what is expected")
    } else {
        format!(
            "connector `{connector}` needs mending: {} failed",
            count(failed as u64, "case")
        )
    };
    output.line(format!("\n{verdict}"))
}

fn word(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Passed => ("passed", Tone::Good),
        Outcome::Failed => ("failed", Tone::Bad),
        Outcome::Skipped => ("skipped", Tone::Quiet),
    }
}
