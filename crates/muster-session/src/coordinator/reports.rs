//! From a report to its answer.

use std::collections::BTreeSet;

use muster_core::decide::execution::Report;
use muster_core::decide::execution::fail::Fail;
use muster_core::decide::execution::finish::Finish;
use muster_core::decide::execution::progress::{Accept, Start};
use muster_core::decide::{Answer, Command, Rejection, Work};
use muster_core::planted;
use muster_core::words::{Claim, Counts, Cursor, RunnerId, Staged};
use muster_proto::v1;

use super::{Asked, Completion, CoordinatorEnd, CoordinatorOutput, Ending};
use crate::error::ProtocolError;
use crate::wire::{self, REPORTS_MAX, Said};

impl CoordinatorEnd {
    pub(super) fn take_report(&mut self, runner: RunnerId, work: Work, said: Said) {
        let report = report(runner, work);
        match said {
            Said::Accepted => {
                self.ask(
                    Command::Accept(Accept(report)),
                    Asked::Report(work, v1::ReportKind::Accepted),
                );
            }
            Said::Started => {
                if planted!("ack-before-answer") {
                    self.outbox.ack(work, v1::ReportKind::Started);
                }
                self.ask(
                    Command::Start(Start(report)),
                    Asked::Report(work, v1::ReportKind::Started),
                );
            }
            Said::Progress(records) => self.outputs.push_back(CoordinatorOutput::Progress { work, records }),
            Said::Completed {
                counts,
                cursor,
                staged: false,
            } => self.finish(report, counts, cursor, None),
            Said::Completed {
                counts,
                cursor,
                staged: true,
            } => {
                // A repeated report while the landing is asked changes nothing: both get the one answer.
                if self.staging.insert(work, Completion { counts, cursor }).is_none() {
                    self.outputs.push_back(CoordinatorOutput::LookUpStaged(report));
                }
            }
            Said::Failed(failure) => {
                self.ask(
                    Command::Fail(Fail { report, failure }),
                    Asked::Report(work, v1::ReportKind::Finished),
                );
            }
        }
    }

    pub(super) fn finish(&mut self, report: Report, counts: Counts, cursor: Option<Cursor>, staged: Option<Staged>) {
        let work = (report.execution, report.claim.attempt);
        let finish = Finish {
            report,
            counts,
            cursor,
            staged,
        };
        self.ask(Command::Finish(finish), Asked::Report(work, v1::ReportKind::Finished));
    }

    pub(super) fn answer_report(&mut self, work: Work, kind: v1::ReportKind, answer: Result<Answer, Rejection>) {
        match answer {
            Ok(_) => self.outbox.ack(work, kind),
            Err(Rejection::Fenced { .. }) => self.outbox.fence(work, v1::FenceReason::NotHeld),
            Err(Rejection::NotOpen(_)) => self.look_up_ended(work, kind),
            Err(
                Rejection::OrganizationNotFound(_)
                | Rejection::OrganizationExists(_)
                | Rejection::OrganizationStale(_)
                | Rejection::OrganizationSuspended { .. }
                | Rejection::OrganizationInUse { .. }
                | Rejection::OrganizationClosing(_)
                | Rejection::QuotaReached { .. }
                | Rejection::IntegrationNotFound(_)
                | Rejection::RequestReused { .. }
                | Rejection::NameTaken { .. }
                | Rejection::Stale { .. }
                | Rejection::NoDataTypes
                | Rejection::NotCollected { .. }
                | Rejection::NotEnabled(_)
                | Rejection::PauseOutOfBounds { .. }
                | Rejection::NoRunner { .. }
                | Rejection::ChecksFull { .. }
                | Rejection::ConnectorFixed { .. }
                | Rejection::Committed(_)
                | Rejection::SessionOver(_)
                | Rejection::Access(_)
                | Rejection::Identity(_),
            ) => self.close(Ending::Internal),
        }
    }

    fn look_up_ended(&mut self, work: Work, kind: v1::ReportKind) {
        let Some(runner) = self.runner else { return };
        let furthest = self.ending.get(&work).map_or(kind, |before| kind.max(*before));
        if self.ending.insert(work, furthest).is_none() {
            self.outputs
                .push_back(CoordinatorOutput::LookUpEnded(report(runner, work)));
        }
    }
}

/// The reports of a message, all judged before the first is acted on. What a later report of the same message stands
/// for is left out.
pub(super) fn judge_reports(reports: v1::Reports) -> Result<Vec<(Work, Said)>, ProtocolError> {
    if reports.reports.len() > REPORTS_MAX {
        return Err(ProtocolError::field(
            "reports",
            format_args!("are {}: at most {REPORTS_MAX} are allowed", reports.reports.len()),
        ));
    }
    let reports = reports.reports.into_iter().enumerate();
    let mut said = reports
        .map(|(index, report)| {
            wire::report_from_wire(report).map_err(|error| error.under(format_args!("reports[{index}]")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // Not the end: that may wait for the landing for longer than an assignment has to be confirmed.
    let beyond: BTreeSet<Work> = said
        .iter()
        .filter(|(_, said)| *said == Said::Started)
        .map(|(work, _)| *work)
        .collect();
    said.retain(|(work, said)| *said != Said::Accepted || !beyond.contains(work));
    Ok(said)
}

pub(super) fn report(runner: RunnerId, (execution, attempt): Work) -> Report {
    Report {
        execution,
        claim: Claim { runner, attempt },
    }
}
