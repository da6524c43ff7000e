//! `ExecutionService`: shows executions, cancels them, and reads what they have collected.

mod cancel;
mod list;
mod records;
mod summarize;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use muster_core::entity::{Execution, Finished};
use muster_core::explain::explain;
use muster_core::remedy;
use muster_core::words::{ExecutionId, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_proto::v1::execution_service_server::ExecutionService;
use muster_shard::Turn;
use tonic::{Request, Response, Status};

use super::{Progress, Services};
use crate::caller::Call;
use crate::landing::Destination;
use crate::status::ServiceError;
use crate::wire::execution::{self, Open, has_records};
use crate::wire::name::{self, ExecutionName};

/// The most remedies that are found in a turn of the writer: each looks up three entities and writes a text.
const REMEDIES_MAX: usize = 100;

#[tonic::async_trait]
impl ExecutionService for Services {
    type WatchExecutionsStream = BoxStream<'static, Result<v1::WatchExecutionsResponse, Status>>;
    type ReadRecordsStream = BoxStream<'static, Result<v1::ReadRecordsResponse, Status>>;

    async fn get_execution(
        &self,
        request: Request<v1::GetExecutionRequest>,
    ) -> Result<Response<v1::Execution>, Status> {
        Ok(Response::new(
            self.get_execution_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn list_executions(
        &self,
        request: Request<v1::ListExecutionsRequest>,
    ) -> Result<Response<v1::ListExecutionsResponse>, Status> {
        Ok(Response::new(
            self.list_executions_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn summarize_executions(
        &self,
        request: Request<v1::SummarizeExecutionsRequest>,
    ) -> Result<Response<v1::SummarizeExecutionsResponse>, Status> {
        Ok(Response::new(
            self.summarize_executions_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn cancel_execution(
        &self,
        request: Request<v1::CancelExecutionRequest>,
    ) -> Result<Response<v1::Execution>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.cancel_execution_of(call, request.into_inner()).await?,
        ))
    }

    async fn watch_executions(
        &self,
        request: Request<v1::WatchExecutionsRequest>,
    ) -> Result<Response<Self::WatchExecutionsStream>, Status> {
        Ok(Response::new(
            self.watch_executions_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn read_records(
        &self,
        request: Request<v1::ReadRecordsRequest>,
    ) -> Result<Response<Self::ReadRecordsStream>, Status> {
        Ok(Response::new(
            self.read_records_of(Call::of(&request), request.into_inner()).await?,
        ))
    }
}

/// An execution that there is.
pub(super) enum Found {
    /// It is open.
    Open(Box<Open>),
    /// It has ended.
    Finished(Arc<Finished>),
}

impl Services {
    async fn get_execution_of(
        &self,
        call: Call,
        request: v1::GetExecutionRequest,
    ) -> Result<v1::Execution, ServiceError> {
        let (scope, execution) = name::execution_anywhere("name", &request.name)?;
        self.judge_organization(&call, &scope.organization)?;
        let integration = match scope.integration {
            Some(integration) => integration,
            None => self.integration_of(scope.organization.clone(), execution).await?,
        };
        let name = ExecutionName {
            organization: scope.organization,
            integration,
            execution,
        };
        Ok(match self.find_execution(name).await? {
            Found::Open(open) => execution::open(*open),
            Found::Finished(finished) => {
                let mut remedies = self.remedies(vec![Arc::clone(&finished)]).await?;
                self.finished_to_wire(&finished, remedies.remove(&finished.id))
            }
        })
    }

    /// To which integration an execution belongs.
    ///
    /// # Errors
    /// [`ServiceError::ExecutionNotFound`], also for one of another organization.
    async fn integration_of(
        &self,
        organization: OrganizationId,
        execution: ExecutionId,
    ) -> Result<IntegrationId, ServiceError> {
        let of = organization.clone();
        let open = self.shard.turn(move |turn| {
            let found = turn.state().of(&of).execution(execution)?;
            Some(found.integration)
        });
        if let Some(integration) = open.await? {
            return Ok(integration);
        }
        let finished = self.shard.find_finished(execution).await?;
        let own = finished.filter(|finished| finished.organization == organization);
        own.map(|own| own.integration)
            .ok_or(ServiceError::ExecutionNotFound(execution))
    }

    /// # Errors
    /// [`ServiceError::ExecutionNotFound`], also for one of another integration or organization.
    pub(super) async fn find_execution(&self, name: ExecutionName) -> Result<Found, ServiceError> {
        let ExecutionName {
            organization,
            integration,
            execution,
        } = name.clone();
        let progress = self.progress.clone();
        let open = self
            .shard
            .turn(move |turn| {
                let found = own(turn, &name)?;
                Some(opened(turn, found, &progress))
            })
            .await?;
        if let Some(open) = open {
            return Ok(Found::Open(Box::new(open)));
        }
        // What is not open any more is in history by now, or in the tail before it.
        let finished = self.shard.finished(integration, execution).await?;
        let finished = finished.filter(|finished| finished.organization == organization);
        finished
            .map(Found::Finished)
            .ok_or(ServiceError::ExecutionNotFound(execution))
    }

    /// A finished execution, with what to do about its failure.
    pub(super) fn finished_to_wire(&self, finished: &Finished, remedy: Option<String>) -> v1::Execution {
        let uri = has_records(finished).then(|| self.landing.uri(&destination(finished)));
        execution::finished(finished, uri, remedy)
    }

    /// What to do about the failures of these, as things are now. Those that have not failed are left out.
    pub(super) async fn remedies(
        &self,
        mut finished: Vec<Arc<Finished>>,
    ) -> Result<BTreeMap<ExecutionId, String>, ServiceError> {
        finished.retain(|one| one.outcome.failure().is_some());
        let mut remedies = BTreeMap::new();
        for some in finished.chunks(REMEDIES_MAX) {
            let some = some.to_vec();
            let found = self.shard.turn(move |turn| {
                let found = some
                    .iter()
                    .filter_map(|one| Some((one.id, remedy::of_finished(turn.state(), one)?)));
                found.collect::<Vec<_>>()
            });
            remedies.extend(found.await?);
        }
        Ok(remedies)
    }
}

/// An open execution as an answer tells it, with the reason why it is where it is.
pub(super) fn opened(turn: &Turn<'_>, execution: &Execution, progress: &Progress) -> Open {
    Open {
        explanation: explain(turn.state(), execution, turn.now(), turn.held()),
        progress: progress.of((execution.id, execution.attempt)),
        remedy: remedy::of_open(turn.state(), execution),
        execution: execution.clone(),
    }
}

/// The open execution of this name; `None` when there is none, or it belongs to somebody else.
fn own<'a>(turn: &'a Turn<'_>, name: &ExecutionName) -> Option<&'a Execution> {
    let found = turn.state().of(&name.organization).execution(name.execution)?;
    (found.integration == name.integration).then_some(found)
}

/// Where the records of an execution lie.
fn destination(finished: &Finished) -> Destination {
    Destination {
        organization: finished.organization.clone(),
        integration: finished.integration,
        data_type: finished.data_type.clone(),
        execution: finished.id,
    }
}
