//! Ending an open execution.

use muster_core::decide::execution::cancel::Cancel;
use muster_core::decide::{Command, Rejection};
use muster_core::entity::Finished;
use muster_core::words::{LogLevel, LogLine, LogSource, Outcome, Principal};
use muster_proto::v1;

use super::own;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::{FieldFault, name};

/// The most characters of a reason.
const REASON_CHARS_MAX: usize = 500;

impl Services {
    pub(super) async fn cancel_execution_of(
        &self,
        by: Principal,
        request: v1::CancelExecutionRequest,
    ) -> Result<v1::Execution, ServiceError> {
        let name = name::execution("name", &request.name)?;
        self.judge_organization(&name.organization)?;
        let chars = request.reason.chars().count();
        if chars > REASON_CHARS_MAX {
            let problem = format_args!("has {chars} characters: at most {REASON_CHARS_MAX} are allowed");
            return Err(FieldFault::new("reason", problem).into());
        }
        let (integration, execution) = (name.integration, name.execution);
        let asked = name.clone();
        let reason = Some(request.reason).filter(|reason| !reason.is_empty());
        let ended = self
            .shard
            .turn(move |turn| {
                if own(turn, &asked).is_none() {
                    return Err(Rejection::NotOpen(execution));
                }
                let command = Cancel {
                    organization: asked.organization,
                    execution,
                    reason,
                };
                turn.ask(&by, Command::Cancel(command))?;
                let at = turn.now().stamp;
                Ok((at, turn.finished(integration, execution)))
            })
            .await?;
        let (at, finished) = match ended {
            Ok(ended) => ended,
            // It never was, or it has ended: that is another answer, and only history knows.
            Err(Rejection::NotOpen(_)) => {
                self.find_execution(name).await?;
                return Err(ServiceError::ExecutionEnded(execution));
            }
            Err(rejection) => return Err(rejection.into()),
        };
        self.progress.forget(execution);
        let finished =
            finished.ok_or_else(|| ServiceError::internal("a canceled execution is not in history's tail"))?;
        let line = LogLine {
            at,
            source: LogSource::Coordinator,
            level: LogLevel::Info,
            message: why(&finished),
            attempt: None,
        };
        if let Err(error) = self.shard.append_log_lines(execution, vec![line]).await {
            // It is canceled all the same.
            tracing::warn!(%execution, %error, "the log line of a cancellation could not be kept");
        }
        Ok(self.finished_to_wire(&finished))
    }
}

/// As what it has ended: "canceled by operator alice: not today".
fn why(finished: &Finished) -> String {
    match &finished.outcome {
        Outcome::Error(failure) => failure.message.to_string(),
        Outcome::Completed { .. } => String::new(),
    }
}
