//! What was found, for people and for programs.

use serde_json::{Value, json};

use super::{Finding, Outcome, Step};

impl Step {
    /// Its name in both.
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Permission => "permission",
            Self::Clock => "clock",
            Self::Stream => "stream",
        }
    }
}

/// A finding as people read it: a line, and one more with what to do.
pub(crate) fn line(finding: &Finding) -> String {
    let Finding { step, outcome, detail } = finding;
    let (mark, remedy) = match outcome {
        Outcome::Ok => ("ok", None),
        Outcome::Failed(remedy) => ("FAILED", Some(remedy)),
        Outcome::Skipped => ("-", None),
    };
    let mut text = format!("{mark:<7} {:<11} {detail}\n", step.name());
    if let Some(remedy) = remedy {
        text.push_str(&format!("{:<20}do: {remedy}\n", ""));
    }
    text
}

/// All of them for a program.
pub(crate) fn to_json(coordinator: &str, findings: &[Finding]) -> Value {
    let steps = findings.iter().map(|Finding { step, outcome, detail }| {
        let (outcome, remedy) = match outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Failed(remedy) => ("failed", Some(remedy)),
            Outcome::Skipped => ("skipped", None),
        };
        json!({ "step": step.name(), "outcome": outcome, "detail": detail, "remedy": remedy })
    });
    let steps: Vec<Value> = steps.collect();
    json!({ "coordinator": coordinator, "ok": is_well(findings), "steps": steps })
}

/// Whether nothing has failed.
pub(crate) fn is_well(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| !matches!(finding.outcome, Outcome::Failed(_)))
}
