//! Whether a connector keeps to what is expected of one: tried with a configuration of a source that answers.
//!
//! ```
//! use muster_connector::conformance::{Settings, run};
//! use muster_connector::Connector;
//!
//! async fn judge(connector: &dyn Connector) -> bool {
//!     let report = run(connector, &Settings::new(serde_json::json!({"url": "https://crm.example"}))).await;
//!     for case in &report.cases {
//!         println!("{:?} {}: {}", case.outcome, case.name, case.sentence);
//!     }
//!     report.has_passed()
//! }
//! ```

mod cancel;
mod collect;
mod configuration;
mod cursor;
mod specification;

use std::time::Duration;

use muster_core::words::{ConnectorName, DataType, Failure};
use serde_json::Value;

use crate::{Connector, Network};

/// How long each check and each collection may take when nobody says otherwise: a source to try things with is a small one.
pub const STEP_WITHIN_DEFAULT: Duration = Duration::from_secs(5 * 60);

/// What a connector is tried with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A configuration with which it collects.
    pub config: Value,
    /// A configuration that fits the schema and with which it cannot collect: a wrong password, a host that is not there. `None`: one is made
    /// from [`config`](Self::config), by a text in it that names nothing.
    pub wrong_config: Option<Value>,
    /// How long each check and each collection may take.
    pub step_within: Duration,
    /// The way to the source.
    pub network: Network,
}

impl Settings {
    /// Settings with this configuration, and defaults for the rest.
    #[must_use]
    pub fn new(config: Value) -> Self {
        Self {
            config,
            wrong_config: None,
            step_within: STEP_WITHIN_DEFAULT,
            network: Network::by_hand(),
        }
    }
}

/// How a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should: the connector needs mending.
    Failed,
    /// It could not be tried.
    Skipped,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What was tried: `a cursor resumes without loss (device)`.
    pub name: String,
    /// How it went.
    pub outcome: Outcome,
    /// What was seen; of a case that has failed, also what is expected.
    pub sentence: String,
}

/// All that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which connector.
    pub connector: ConnectorName,
    /// What was tried with it, in the order in which it was.
    pub cases: Vec<Case>,
}

impl Report {
    /// Whether no case has failed.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.count(Outcome::Failed) == 0
    }

    /// How many cases went this way.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome).count()
    }
}

/// What came of a case: what was seen, what is wrong, or why it could not be tried.
type Verdict = Result<String, Fault>;

enum Fault {
    Wrong(String),
    Untried(String),
}

/// Tries all cases, one after the other. A panic of the connector is the caller's to catch.
pub async fn run(connector: &dyn Connector, settings: &Settings) -> Report {
    let spec = connector.spec();
    let mut report = Report {
        connector: spec.name.clone(),
        cases: Vec::new(),
    };
    report.add("the specification is valid", specification::is_valid(spec));
    report.add(
        "a bad configuration is a clear error",
        configuration::bad_ones_are_refused(connector, settings).await,
    );
    report.add(
        "check accepts a good configuration",
        configuration::good_one_passes(connector, settings).await,
    );
    report.add(
        "check fails clearly on a wrong configuration",
        configuration::wrong_one_fails(connector, settings).await,
    );
    for data_type in &spec.data_types {
        let named = |what: &str| format!("{what} ({})", data_type.name);
        report.add(
            named("counts and keys match"),
            collect::counts_match(connector, settings, data_type).await,
        );
        report.add(
            named("collect obeys cancel"),
            cancel::is_obeyed(connector, settings, &data_type.name).await,
        );
        if data_type.incremental {
            let verdict = cursor::resumes_without_loss(connector, settings, data_type).await;
            report.add(named("a cursor resumes without loss"), verdict);
        }
    }
    report
}

impl Report {
    fn add(&mut self, name: impl Into<String>, verdict: Verdict) {
        let (outcome, sentence) = match verdict {
            Ok(sentence) => (Outcome::Passed, sentence),
            Err(Fault::Wrong(sentence)) => (Outcome::Failed, sentence),
            Err(Fault::Untried(sentence)) => (Outcome::Skipped, sentence),
        };
        self.cases.push(Case {
            name: name.into(),
            outcome,
            sentence,
        });
    }
}

fn wrong<T>(sentence: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(sentence.into()))
}

/// A failure in words: `permission: 403 for /devices`.
fn in_words(failure: &Failure) -> String {
    format!("{}: {}", failure.category.as_str(), failure.message)
}

fn too_slow<T>(what: &str, settings: &Settings) -> Result<T, Fault> {
    wrong(format!(
        "{what} did not end within {} s",
        settings.step_within.as_secs_f64()
    ))
}

fn collection(
    settings: &Settings,
    data_type: &DataType,
    cursor: Option<muster_core::words::Cursor>,
) -> crate::Collection {
    crate::Collection {
        config: settings.config.clone(),
        data_type: data_type.clone(),
        cursor,
        network: settings.network.clone(),
    }
}

#[cfg(test)]
mod tests;
