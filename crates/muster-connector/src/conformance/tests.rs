//! A good connector passes, and each fault is found.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_core::time::Interval;
use muster_core::words::{Category, Cursor};
use serde_json::json;

use super::*;
use crate::{BoxFuture, Collection, DataTypeSpec, End, Sink, Spec};

/// What a connector does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoTitles,
    AnyKeyFits,
    CheckAsksNobody,
    CheckBlamesItself,
    KeyTwice,
    KeyNull,
    KeyList,
    DeafToCancel,
    NoCursor,
    CursorDropped,
    CursorSkipsOne,
    CursorBringsAll,
    CursorUsedUp,
}

/// Numbers records from 1; each look at it finds one more.
struct Numbers {
    flaw: Flaw,
    spec: Spec,
    newest: AtomicU64,
    used_up: AtomicU64,
}

impl Numbers {
    fn new(flaw: Flaw) -> Self {
        let file = match flaw {
            Flaw::NoTitles => json!({"type": "string"}),
            _ => json!({"type": "string", "title": "File", "description": "The file to read."}),
        };
        Self {
            flaw,
            spec: Spec {
                name: ConnectorName::new("numbers").expect("a name"),
                version: "1".into(),
                title: "Numbers".into(),
                description: "Counts.".into(),
                config_schema: json!({
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": flaw == Flaw::AnyKeyFits,
                    "properties": {"file": file},
                }),
                data_types: vec![DataTypeSpec {
                    name: DataType::new("device").expect("a name"),
                    title: "Devices".into(),
                    default_interval: Interval::HOUR,
                    primary_key: vec!["id".into()],
                    incremental: true,
                }],
                permissions: Vec::new(),
            },
            newest: AtomicU64::new(10),
            used_up: AtomicU64::new(0),
        }
    }

    async fn give(&self, from: u64, sink: &mut Sink) -> Result<u64, Failure> {
        let newest = self.newest.fetch_add(1, Ordering::Relaxed);
        for id in from..=newest {
            let id = match self.flaw {
                Flaw::KeyTwice => json!(id / 2),
                Flaw::KeyNull => json!(null),
                Flaw::KeyList => json!([id]),
                _ => json!(id),
            };
            sink.record(&json!({"id": id, "ballast": "x".repeat(100_000)})).await?;
        }
        if self.flaw == Flaw::DeafToCancel {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Ok(newest)
    }
}

impl Connector for Numbers {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check<'a>(&'a self, config: &'a Value, _: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.spec.validate(config)?;
            match self.flaw {
                _ if config["file"] == "/numbers" => Ok(()),
                Flaw::CheckAsksNobody => Ok(()),
                Flaw::CheckBlamesItself => Err(Failure::new(Category::Connector, "IndexError")),
                _ => Err(Failure::new(Category::Configuration, "there is no such file")),
            }
        })
    }

    fn collect<'a>(&'a self, it: &'a Collection, sink: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
        Box::pin(async move {
            let after = it
                .cursor
                .as_ref()
                .and_then(|cursor| cursor.as_str().parse().ok())
                .unwrap_or(0);
            let after = match self.flaw {
                Flaw::CursorSkipsOne if after > 0 => after + 1,
                Flaw::CursorBringsAll => 0,
                Flaw::CursorUsedUp if after > 0 => after.max(self.used_up.load(Ordering::Relaxed)),
                _ => after,
            };
            let newest = self.give(after + 1, sink).await?;
            self.used_up.store(newest, Ordering::Relaxed);
            let has_cursor = match self.flaw {
                Flaw::NoCursor => false,
                Flaw::CursorDropped => it.cursor.is_none(),
                _ => true,
            };
            let cursor = has_cursor.then(|| Cursor::new(newest.to_string()).expect("short"));
            Ok(End { cursor })
        })
    }
}

async fn failed(flaw: Flaw) -> Vec<Case> {
    let settings = Settings::new(json!({"file": "/numbers"}));
    let report = run(&Numbers::new(flaw), &settings).await;
    let failed = report.cases.into_iter();
    failed.filter(|case| case.outcome != Outcome::Passed).collect()
}

#[tokio::test(start_paused = true)]
async fn a_good_connector_passes_all() {
    let report = run(&Numbers::new(Flaw::None), &Settings::new(json!({"file": "/numbers"}))).await;
    assert!(report.has_passed(), "{report:?}");
    assert_eq!((report.count(Outcome::Passed), report.cases.len()), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn each_fault_fails_its_case_and_says_what_is_wrong() {
    for (flaw, name, told) in [
        (Flaw::NoTitles, "the specification is valid", "`file` has no `title`"),
        (
            Flaw::AnyKeyFits,
            "a bad configuration is a clear error",
            "an unknown key fits the schema",
        ),
        (
            Flaw::CheckAsksNobody,
            "check fails clearly on a wrong configuration",
            "check accepts `file` = `/muster-conformance/nothing`: let it ask",
        ),
        (
            Flaw::CheckBlamesItself,
            "check fails clearly on a wrong configuration",
            "connector: IndexError",
        ),
        (
            Flaw::KeyTwice,
            "counts and keys match (device)",
            "record 3 has the primary key of an earlier one",
        ),
        (
            Flaw::KeyNull,
            "counts and keys match (device)",
            "record 1 has null as its `id`",
        ),
        (
            Flaw::KeyList,
            "counts and keys match (device)",
            "record 1 has a list as its `id`",
        ),
        (
            Flaw::DeafToCancel,
            "collect obeys cancel (device)",
            "did not stop within 1 s",
        ),
        (
            Flaw::NoCursor,
            "a cursor resumes without loss (device)",
            "ends without a cursor",
        ),
        (
            Flaw::CursorDropped,
            "a cursor resumes without loss (device)",
            "would begin anew",
        ),
        (
            Flaw::CursorSkipsOne,
            "a cursor resumes without loss (device)",
            "records that are new since",
        ),
        (
            Flaw::CursorBringsAll,
            "a cursor resumes without loss (device)",
            "brings all",
        ),
        (
            Flaw::CursorUsedUp,
            "a cursor resumes without loss (device)",
            "may be done twice",
        ),
    ] {
        let cases = failed(flaw).await;
        let case = cases.iter().find(|case| case.name == name);
        let case = case.unwrap_or_else(|| panic!("{flaw:?} was not found: {cases:?}"));
        assert_eq!(case.outcome, Outcome::Failed, "{case:?}");
        assert!(case.sentence.contains(told), "{case:?}");
    }
}
