//! Reports on the work of one attempt.

use muster_core::decide::Work;
use muster_core::words::{Counts, Cursor, Failure};
use muster_proto::v1;
use v1::report::Kind;

use super::{failure_from_wire, failure_to_wire, work_from_wire};
use crate::error::ProtocolError;

/// The most reports of one message: three of each of a runner's slots, and as many more to catch up with.
pub const REPORTS_MAX: usize = 6_000;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Accepted,
    Started,
    Progress(u64),
    Completed {
        counts: Counts,
        cursor: Option<Cursor>,
        staged: bool,
    },
    Failed(Failure),
}

/// Which attempt a report is about.
///
/// # Errors
/// [`ProtocolError::Field`] when its id or attempt is none.
pub fn work_of_report(report: &v1::Report) -> Result<Work, ProtocolError> {
    work_from_wire(&report.execution_id, report.attempt)
}

pub(crate) fn report_from_wire(report: v1::Report) -> Result<(Work, Said), ProtocolError> {
    let work = work_of_report(&report)?;
    let said = match report.kind {
        Some(Kind::Accepted(v1::Accepted {})) => Said::Accepted,
        Some(Kind::Started(v1::Started {})) => Said::Started,
        Some(Kind::Progress(progress)) => Said::Progress(progress.records),
        Some(Kind::Completed(completed)) => completed_from_wire(completed).map_err(|error| error.under("completed"))?,
        Some(Kind::Failed(failure)) => Said::Failed(failure_from_wire(failure).map_err(|error| error.under("failed"))?),
        None => return Err(ProtocolError::field("kind", "is missing: say what has happened")),
    };
    Ok((work, said))
}

fn completed_from_wire(completed: v1::Completed) -> Result<Said, ProtocolError> {
    let counts = completed.counts.unwrap_or_default();
    let cursor = completed
        .cursor
        .map(Cursor::new)
        .transpose()
        .map_err(|error| ProtocolError::field("cursor", error))?;
    Ok(Said::Completed {
        counts: Counts {
            records: counts.records,
            bytes: counts.bytes,
        },
        cursor,
        staged: completed.staged,
    })
}

pub(crate) fn accepted(work: Work) -> v1::Report {
    report(work, Kind::Accepted(v1::Accepted {}))
}

pub(crate) fn started(work: Work) -> v1::Report {
    report(work, Kind::Started(v1::Started {}))
}

pub(crate) fn progress(work: Work, records: u64) -> v1::Report {
    report(work, Kind::Progress(v1::Progress { records }))
}

pub(crate) fn completed(work: Work, counts: Counts, cursor: Option<&Cursor>, staged: bool) -> v1::Report {
    let completed = v1::Completed {
        counts: Some(v1::Counts {
            records: counts.records,
            bytes: counts.bytes,
        }),
        cursor: cursor.map(|cursor| cursor.as_str().to_owned()),
        staged,
    };
    report(work, Kind::Completed(completed))
}

pub(crate) fn failed(work: Work, failure: &Failure) -> v1::Report {
    report(work, Kind::Failed(failure_to_wire(failure)))
}

fn report((execution, attempt): Work, kind: Kind) -> v1::Report {
    v1::Report {
        execution_id: execution.to_bytes().to_vec().into(),
        attempt: attempt.0,
        kind: Some(kind),
    }
}
