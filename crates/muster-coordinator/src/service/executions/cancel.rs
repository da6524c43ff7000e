//! Ending an open execution.

use std::sync::Arc;

use muster_core::decide::execution::cancel::Cancel;
use muster_core::decide::{Command, Rejection};
use muster_core::entity::Finished;
use muster_core::time::Stamp;
use muster_core::words::{LogLevel, LogLine, LogSource, Outcome};
use muster_proto::v1;

use super::{opened, own};
use crate::caller::Call;
use crate::service::Services;
use crate::service::integrations::preview::judge_command;
use crate::status::ServiceError;
use crate::wire::execution::Open;
use crate::wire::{FieldFault, execution, name};

/// The most characters of a reason.
const REASON_CHARS_MAX: usize = 500;

impl Services {
    pub(super) async fn cancel_execution_of(
        &self,
        call: Call,
        request: v1::CancelExecutionRequest,
    ) -> Result<v1::Execution, ServiceError> {
        let name = name::execution("name", &request.name)?;
        self.judge_organization(&call, &name.organization)?;
        let by = call;
        let chars = request.reason.chars().count();
        if chars > REASON_CHARS_MAX {
            let problem = format_args!("has {chars} characters: at most {REASON_CHARS_MAX} are allowed");
            return Err(FieldFault::new("reason", problem).into());
        }
        let (integration, id) = (name.integration, name.execution);
        let progress = self.progress.clone();
        let asked = name.clone();
        let reason = Some(request.reason).filter(|reason| !reason.is_empty());
        let ended = self
            .shard
            .turn(move |turn| {
                let Some(open) = own(turn, &asked) else {
                    return Err(Rejection::NotOpen(id));
                };
                let command = Cancel {
                    organization: asked.organization,
                    execution: id,
                    reason,
                };
                if request.validate_only {
                    judge_command(turn, &by, Command::Cancel(command))?;
                    return Ok(Answered::WouldEnd(Box::new(opened(turn, open, &progress))));
                }
                by.ask(turn, Command::Cancel(command))?;
                let at = turn.now().stamp;
                Ok(Answered::Ended(at, turn.finished(integration, id)))
            })
            .await?;
        let (at, finished) = match ended {
            Ok(Answered::Ended(at, finished)) => (at, finished),
            Ok(Answered::WouldEnd(open)) => return Ok(execution::open(*open)),
            // It never was, or it has ended: that is another answer, and only history knows.
            Err(Rejection::NotOpen(_)) => {
                self.find_execution(name).await?;
                return Err(ServiceError::ExecutionEnded(id));
            }
            Err(rejection) => return Err(rejection.into()),
        };
        self.progress.forget(id);
        let finished =
            finished.ok_or_else(|| ServiceError::internal("a canceled execution is not in history's tail"))?;
        let line = LogLine {
            at,
            source: LogSource::Coordinator,
            level: LogLevel::Info,
            message: why(&finished),
            attempt: None,
        };
        if let Err(error) = self.shard.append_log_lines(id, vec![line]).await {
            // It is canceled all the same.
            let execution = name::of_execution(&finished.organization, integration, id);
            tracing::warn!(execution, %error, "the log line of a cancellation could not be kept");
        }
        // A cancellation asks for nothing that the ledger would know.
        Ok(self.finished_to_wire(&finished, None))
    }
}

/// What has become of a request.
enum Answered {
    /// It has ended: when, and as what.
    Ended(Stamp, Option<Arc<Finished>>),
    /// It would end, as it is now.
    WouldEnd(Box<Open>),
}

/// As what it has ended: "canceled by operator alice: not today".
fn why(finished: &Finished) -> String {
    match &finished.outcome {
        Outcome::Error(failure) => failure.message.to_string(),
        Outcome::Completed { .. } => String::new(),
    }
}
