//! What the runner says: all that is ready goes into one message of its kind.

use std::time::Duration;

use muster_core::decide::Work;
use muster_core::time::{Moment, Now};
use muster_proto::v1;
use prost::Message as _;
use v1::runner_message::Kind;

use super::RunnerEnd;
use crate::{MESSAGE_BYTES_MAX, wire};

/// How far apart the reports on one attempt's progress are at the least.
const PROGRESS_SPACING: Duration = Duration::from_secs(1);

/// How far apart messages of few log lines are at the least. A coordinator that does not read for a while has each message as a frame of its own, and
/// HTTP/2 allows for some thousand small ones that nobody has read, lest somebody floods; a runner gives up a silent coordinator long before it
/// has sent so many.
const LOG_SPACING: Duration = Duration::from_millis(100);

/// What one report on progress takes in a message at the most.
const PROGRESS_BYTES: usize = 48;

/// The most reports of one message.
const REPORTS_PER_MESSAGE: usize = 2_000;

/// What a message's bytes may be filled to: the framing has its part too.
const FILL_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1_024;

impl RunnerEnd {
    pub(super) fn next_message(&mut self, now: Now) -> Option<Kind> {
        if std::mem::take(&mut self.drain_unsent) {
            return Some(Kind::Drain(v1::Drain {}));
        }
        // What was logged before a report is read before it, too. One message of it at the most: reports do not wait for a flood of lines.
        let goes_first = !self.unsent.is_empty() && !std::mem::replace(&mut self.lines_went_first, true);
        if goes_first && let Some(lines) = self.next_lines(now.moment) {
            return Some(lines);
        }
        self.lines_went_first = false;
        if let Some(result) = self.check_results.pop_front() {
            return Some(Kind::CheckResult(result));
        }
        if let Some(reports) = self.next_reports(now.moment) {
            return Some(Kind::Reports(reports));
        }
        if self.logs_now()
            && let Some(lines) = self.next_lines(now.moment)
        {
            return Some(lines);
        }
        self.heartbeat_due.then(|| {
            Kind::Heartbeat(v1::Heartbeat {
                local_time: Some(wire::timestamp(now.stamp)),
            })
        })
    }

    fn next_lines(&mut self, now: Moment) -> Option<Kind> {
        let lines = self.log_lines.take(FILL_BYTES_MAX)?;
        self.log_due = false;
        self.log_from = now.after(LOG_SPACING);
        Some(Kind::LogLines(lines))
    }

    pub(super) fn hello(&mut self, now: Now) -> v1::Hello {
        self.listed = self.hand.all_running().map(|(work, _)| work).collect();
        let spooled = self.hand.all_spooled().into_iter().take(wire::HELD_MAX);
        v1::Hello {
            runner_id: self.profile.runner.to_bytes().to_vec().into(),
            display_name: self.profile.display_name.clone(),
            organization: self.profile.organization.clone(),
            pool: self.profile.pool.clone(),
            version: self.profile.version.clone(),
            connectors: self.profile.connectors.clone(),
            slots: self.profile.slots,
            running: self.listed.iter().copied().map(wire::held_to_wire).collect(),
            finished: spooled.map(wire::held_to_wire).collect(),
            host: Some(self.profile.host.clone()),
            local_time: Some(wire::timestamp(now.stamp)),
            instance_id: self.instance,
            sealing_key: self.profile.sealing_key.clone(),
        }
    }

    /// As many reports as fit into a message; `None` when there are none. What a later one stands for is left out.
    fn next_reports(&mut self, now: Moment) -> Option<v1::Reports> {
        let mut reports = Vec::new();
        let mut bytes = 0;
        while reports.len() < REPORTS_PER_MESSAGE {
            let Some((work, kind)) = self.unsent.front().copied() else {
                break;
            };
            if let Some(report) = self.report_of(work, kind) {
                bytes += report.encoded_len() + 8;
                if !reports.is_empty() && bytes > FILL_BYTES_MAX {
                    break;
                }
                reports.push(report);
            }
            self.unsent.pop_front();
        }
        if self.progress_due && bytes + self.progress.len() * PROGRESS_BYTES <= FILL_BYTES_MAX {
            self.progress_due = false;
            self.progress_from = now.after(PROGRESS_SPACING);
            let progress = std::mem::take(&mut self.progress);
            reports.extend(
                progress
                    .into_iter()
                    .map(|(work, records)| wire::progress(work, records)),
            );
        }
        (!reports.is_empty()).then_some(v1::Reports { reports })
    }

    /// The report, if it still says something.
    fn report_of(&mut self, work: Work, kind: v1::ReportKind) -> Option<v1::Report> {
        match kind {
            v1::ReportKind::Accepted => {
                let running = self.hand.running(work)?;
                (!running.started).then(|| wire::accepted(work))
            }
            v1::ReportKind::Started => {
                let known = self.hand.is_running(work) || self.hand.spooled(work).is_some();
                known.then(|| wire::started(work))
            }
            v1::ReportKind::Finished => self.hand.spooled(work).cloned(),
            v1::ReportKind::Unspecified => None,
        }
    }
}
