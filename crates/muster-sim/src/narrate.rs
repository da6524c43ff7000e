//! What is said and what happens, as a person reads it in the trace.

use muster_core::entity::EntityKey;
use muster_core::event::Recorded;
use muster_proto::v1;

use crate::trace::say;
use crate::world::World;

impl World {
    /// Adds an event to the trace.
    pub(crate) fn trace_event(&mut self, recorded: &Recorded) {
        if !self.trace.is_on() {
            return;
        }
        let (first, _) = recorded.event.entities();
        match first {
            EntityKey::Execution(id) => {
                self.trace.name("e", id.0);
            }
            EntityKey::Integration(id) => {
                self.trace.name("i", id.0);
            }
            EntityKey::Runner(id) => {
                self.trace.name("r", id.0);
            }
            EntityKey::Incident(id) => {
                self.trace.name("n", id.0);
            }
            EntityKey::Person(id) => {
                self.trace.name("p", id.0);
            }
            EntityKey::Token(id) => {
                self.trace.name("t", id.0);
            }
            EntityKey::Connector(_)
            | EntityKey::Organization(_)
            | EntityKey::Authority(_)
            | EntityKey::EnrollmentToken(_)
            | EntityKey::RunnerIdentity(_)
            | EntityKey::AuditLog(_) => {}
        }
        let text = self.trace.shortened(&format!("{:?}", recorded.event));
        let short: String = text.chars().take(220).collect();
        say!(self, "journal ({}): {short}", recorded.by);
    }

    pub(crate) fn trace_up(&mut self, id: u64, message: &v1::RunnerMessage) {
        if self.trace.is_on() && !matches!(message.kind, Some(v1::runner_message::Kind::Heartbeat(_))) {
            let kind = match &message.kind {
                Some(v1::runner_message::Kind::Hello(hello)) => {
                    format!(
                        "hello ({} running, {} finished)",
                        hello.running.len(),
                        hello.finished.len()
                    )
                }
                Some(v1::runner_message::Kind::Reports(reports)) => {
                    let reports = reports.reports.iter().map(|report| {
                        let work = muster_session::wire::work_of_report(report).ok();
                        let name = work.map(|work| format!("{}.{}", self.trace.name("e", work.0.0), work.1));
                        let what = match &report.kind {
                            Some(v1::report::Kind::Accepted(_)) => "accepted",
                            Some(v1::report::Kind::Started(_)) => "started",
                            Some(v1::report::Kind::Progress(_)) => "progress",
                            Some(v1::report::Kind::Completed(_)) => "completed",
                            Some(v1::report::Kind::Failed(_)) => "failed",
                            None => "nothing",
                        };
                        format!("{} {what}", name.unwrap_or_default())
                    });
                    reports.collect::<Vec<_>>().join(", ")
                }
                Some(v1::runner_message::Kind::LogLines(_)) => "log lines".to_owned(),
                Some(v1::runner_message::Kind::CheckResult(_)) => "check result".to_owned(),
                Some(v1::runner_message::Kind::Drain(_)) => "drain".to_owned(),
                Some(v1::runner_message::Kind::Heartbeat(_)) | None => return,
            };
            say!(self, "stream {id} ↑ {kind}");
        }
    }

    pub(crate) fn trace_down(&mut self, id: u64, message: &v1::CoordinatorMessage) {
        use v1::coordinator_message::Kind;
        if !self.trace.is_on() {
            return;
        }
        let mut named = |id: &[u8], attempt: u32| {
            let id = <[u8; 16]>::try_from(id).map(u128::from_be_bytes).unwrap_or_default();
            format!("{}.{attempt}", self.trace.name("e", id))
        };
        let kind = match &message.kind {
            Some(Kind::Acks(it)) => {
                let acks = it.acks.iter();
                let acks = acks.map(|ack| format!("{} {:?}", named(&ack.execution_id, ack.attempt), ack.kind()));
                format!("acks {}", acks.collect::<Vec<_>>().join(", "))
            }
            Some(Kind::Fences(it)) => {
                let fences = it.fences.iter();
                let fences = fences.map(|one| format!("{} {:?}", named(&one.execution_id, one.attempt), one.reason()));
                format!("fences {}", fences.collect::<Vec<_>>().join(", "))
            }
            Some(Kind::Cancels(it)) => {
                let cancels = it.cancels.iter().map(|one| named(&one.execution_id, one.attempt));
                format!("cancels {}", cancels.collect::<Vec<_>>().join(", "))
            }
            Some(Kind::Assignments(_) | Kind::Heartbeat(_)) | None => return,
            Some(Kind::Check(_)) => "check".to_owned(),
            Some(Kind::Welcome(_)) => "welcome".to_owned(),
            Some(Kind::Reconnect(_)) => "reconnect".to_owned(),
        };
        say!(self, "stream {id} ↓ {kind}");
    }
}
