//! What the runner is told.

use std::time::Duration;

use muster_core::decide::Work;
use muster_core::planted;
use muster_core::roster::CHECKS_MAX;
use muster_core::time::Now;
use muster_core::words::{Category, Failure, SessionId};
use muster_proto::v1;
use v1::coordinator_message::Kind;

use super::link::{Lease, Link};
use super::{GiveUpReason, IgnoreReason, RunnerEnd, RunnerOutput, StopReason};
use crate::error::ProtocolError;
use crate::wire;

impl RunnerEnd {
    pub(super) fn welcome(&mut self, welcome: &v1::Welcome, now: Now) -> Result<(), ProtocolError> {
        let session = SessionId::from_bytes(wire::id_from_wire("session_id", &welcome.session_id)?);
        let length = positive("lease", welcome.lease)?;
        let heartbeat_interval = positive("heartbeat_interval", welcome.heartbeat_interval)?;
        if heartbeat_interval * 2 > length {
            return Err(ProtocolError::field(
                "heartbeat_interval",
                "must be at most half of the lease: a runner that is there would lose its work",
            ));
        }
        let resumed: Result<Vec<Work>, _> = welcome.resumed.iter().map(wire::held_from_wire).collect();
        let resumed = resumed.map_err(|error| error.under("resumed[]"))?;
        if !resumed.iter().all(|work| self.hand.has(*work)) {
            let wait = self.backoff.next();
            self.give_up(now.moment.after(wait), GiveUpReason::WorkLost);
            return Ok(());
        }
        self.lease = Some(Lease {
            length,
            heartbeat_interval,
            heard: now.moment,
        });
        self.link = Link::Up {
            since: now.moment,
            sent: now.moment,
        };
        let required = Some(&welcome.version_required).filter(|required| !required.is_empty());
        self.outputs.push_back(RunnerOutput::Welcomed {
            session,
            version_required: required.cloned(),
        });
        for work in std::mem::take(&mut self.listed) {
            if !resumed.contains(&work) && !planted!("resumed-not-compared") {
                self.drop_running(work, StopReason::Fenced);
            }
        }
        self.drain_unsent = self.draining;
        self.report_anew();
        Ok(())
    }

    /// Queues all reports that are not known to be durable: those of earlier streams may be lost.
    fn report_anew(&mut self) {
        self.unsent.clear();
        if planted!("not-reported-anew") {
            return;
        }
        for work in self.hand.all_spooled() {
            self.unsent.push_back((work, v1::ReportKind::Finished));
        }
        for (work, running) in self.hand.all_running() {
            let furthest = if running.started {
                v1::ReportKind::Started
            } else {
                v1::ReportKind::Accepted
            };
            if running.acked < Some(furthest) {
                self.unsent.push_back((work, furthest));
            }
        }
    }

    pub(super) fn take(&mut self, kind: Option<Kind>, now: Now) -> Result<(), ProtocolError> {
        match kind {
            Some(Kind::Welcome(_)) => return Err(ProtocolError::WelcomeRepeated),
            Some(Kind::Heartbeat(_)) | None => {}
            Some(Kind::Assignments(assignments)) => {
                for assignment in assignments.assignments {
                    self.take_assignment(assignment)
                        .map_err(|error| error.under("assignments.assignments[]"))?;
                }
            }
            Some(Kind::Acks(acks)) => {
                for ack in &acks.acks {
                    let work = wire::work_from_wire(&ack.execution_id, ack.attempt)
                        .map_err(|error| error.under("acks.acks[]"))?;
                    self.take_ack(work, ack.kind());
                }
            }
            Some(Kind::Fences(fences)) => {
                for fence in &fences.fences {
                    let work = wire::work_from_wire(&fence.execution_id, fence.attempt)
                        .map_err(|error| error.under("fences.fences[]"))?;
                    if !planted!("fence-not-obeyed") {
                        self.forget(work, StopReason::Fenced);
                    }
                }
            }
            Some(Kind::Cancels(cancels)) => {
                for cancel in &cancels.cancels {
                    let work = wire::work_from_wire(&cancel.execution_id, cancel.attempt)
                        .map_err(|error| error.under("cancels.cancels[]"))?;
                    self.forget(work, StopReason::Canceled);
                }
            }
            Some(Kind::Check(check)) => self.take_check(check).map_err(|error| error.under("check"))?,
            Some(Kind::Reconnect(reconnect)) => {
                let delay = wire::span("delay", reconnect.delay).map_err(|error| error.under("reconnect"))?;
                let jitter = self.wait(now.moment);
                self.give_up(
                    now.moment.after(delay.unwrap_or_default() + jitter),
                    GiveUpReason::Asked,
                );
            }
        }
        Ok(())
    }

    fn take_assignment(&mut self, assignment: v1::Assignment) -> Result<(), ProtocolError> {
        let work = wire::work_from_wire(&assignment.execution_id, assignment.attempt)?;
        if self.hand.is_running(work) {
            self.report(work, v1::ReportKind::Accepted);
            return Ok(());
        }
        if self.hand.spooled(work).is_some() {
            self.report(work, v1::ReportKind::Finished);
            return Ok(());
        }
        let ignored = if self.hand.is_past(work) {
            Some(IgnoreReason::Past)
        } else if self.draining {
            Some(IgnoreReason::Draining)
        } else if self.hand.free(self.slots()) == 0 {
            Some(IgnoreReason::NoSlot)
        } else {
            None
        };
        if let Some(why) = ignored {
            let integration = assignment.integration;
            self.outputs.push_back(RunnerOutput::Ignored { work, integration, why });
            return Ok(());
        }
        self.hand.begin(work);
        self.report(work, v1::ReportKind::Accepted);
        match wire::task_from_wire(assignment) {
            Ok(task) => self.outputs.push_back(RunnerOutput::Start(Box::new(task))),
            Err(error) => {
                let message = format!("the runner does not understand its assignment: {error}");
                self.failed(work, Failure::new(Category::Configuration, message));
            }
        }
        Ok(())
    }

    /// A coordinator never asks for more than [`CHECKS_MAX`] at a time: what is more, or asked for twice, is not begun.
    fn take_check(&mut self, check: v1::Check) -> Result<(), ProtocolError> {
        let id = wire::check_id_from_wire(&check.check_id)?;
        if self.checks.len() >= CHECKS_MAX || !self.checks.insert(id) {
            return Ok(());
        }
        match wire::check_from_wire(check) {
            Ok(order) => self.outputs.push_back(RunnerOutput::Check(Box::new(order))),
            Err(error) => {
                let message = format!("the runner does not understand what it is to check: {error}");
                self.checked(id, Some(Failure::new(Category::Configuration, message)));
            }
        }
        Ok(())
    }

    fn take_ack(&mut self, work: Work, kind: v1::ReportKind) {
        match kind {
            v1::ReportKind::Accepted | v1::ReportKind::Started => {
                if let Some(running) = self.hand.running(work) {
                    running.acked = running.acked.max(Some(kind));
                } else if planted!("unspooled-by-any-ack") && self.hand.unspool(work) {
                    self.outputs.push_back(RunnerOutput::Unspool { work, accepted: true });
                }
            }
            v1::ReportKind::Finished => {
                if self.hand.unspool(work) {
                    self.outputs.push_back(RunnerOutput::Unspool { work, accepted: true });
                } else {
                    // The coordinator has the end of this attempt, so nobody waits for what still runs here.
                    self.forget(work, StopReason::Fenced);
                }
            }
            // A kind of a newer coordinator.
            v1::ReportKind::Unspecified => {}
        }
    }

    /// The attempt is not the runner's any more, whatever it has of it.
    fn forget(&mut self, work: Work, why: StopReason) {
        self.drop_running(work, why);
        if self.hand.unspool(work) {
            self.log_lines.forget(work);
            self.outputs.push_back(RunnerOutput::Unspool { work, accepted: false });
        }
    }
}

fn positive(field: &str, duration: Option<prost_types::Duration>) -> Result<Duration, ProtocolError> {
    wire::span(field, duration)?
        .filter(|span| !span.is_zero())
        .ok_or_else(|| ProtocolError::field(field, "must be longer than nothing"))
}
