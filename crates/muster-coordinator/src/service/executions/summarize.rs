//! The executions of an integration, counted.

use muster_core::decide::Rejection;
use muster_core::health::Window;
use muster_core::words::ExecutionStatus;
use muster_proto::v1;

use crate::caller::Call;
use crate::service::Services;
use crate::service::integrations::find;
use crate::status::ServiceError;
use crate::wire::name;

impl Services {
    pub(super) async fn summarize_executions_of(
        &self,
        call: Call,
        request: v1::SummarizeExecutionsRequest,
    ) -> Result<v1::SummarizeExecutionsResponse, ServiceError> {
        let (organization, id) = name::integration("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let counted = self.shard.turn(move |turn| {
            let state = turn.state();
            let integration = find(state, &organization, id)?;
            let tally = integration.window.tally(turn.now().stamp, Window::LENGTH);
            let mut counts = v1::SummarizeExecutionsResponse {
                completed_count: u64::from(tally.finished - tally.failed),
                error_count: u64::from(tally.failed),
                ..v1::SummarizeExecutionsResponse::default()
            };
            let own = state.of(&organization);
            for execution in state.index().open_of(id).filter_map(|open| own.execution(open)) {
                match execution.status() {
                    ExecutionStatus::Created => counts.created_count += 1,
                    ExecutionStatus::Pending => counts.pending_count += 1,
                    ExecutionStatus::Executing => counts.executing_count += 1,
                    // What is open has not ended.
                    ExecutionStatus::Completed | ExecutionStatus::Error => {}
                }
            }
            Ok::<_, Rejection>(counts)
        });
        Ok(counted.await??)
    }
}
