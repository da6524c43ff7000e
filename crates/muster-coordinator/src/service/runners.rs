//! `RunnerRegistryService`: the runners that serve an organization, as operators see them.

use muster_core::decide::session::drain::{Drain, Resume};
use muster_core::decide::{Command, Rejection};
use muster_core::entity::Runner;
use muster_core::state::State;
use muster_core::words::{OrganizationId, RunnerId};
use muster_proto::v1;
use muster_proto::v1::runner_registry_service_server::RunnerRegistryService;
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::filter::RunnerFilter;
use crate::wire::name;
use crate::wire::page::{PAGE_SIZE_MAX, order_by, page_size};
use crate::wire::runner::{self, EXECUTIONS_SHOWN_MAX, Seen};

#[tonic::async_trait]
impl RunnerRegistryService for Services {
    async fn get_runner(&self, request: Request<v1::GetRunnerRequest>) -> Result<Response<v1::Runner>, Status> {
        Ok(Response::new(
            self.get_runner_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn list_runners(
        &self,
        request: Request<v1::ListRunnersRequest>,
    ) -> Result<Response<v1::ListRunnersResponse>, Status> {
        Ok(Response::new(
            self.list_runners_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn drain_runner(&self, request: Request<v1::DrainRunnerRequest>) -> Result<Response<v1::Runner>, Status> {
        Ok(Response::new(
            self.drain_runner_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn resume_runner(&self, request: Request<v1::ResumeRunnerRequest>) -> Result<Response<v1::Runner>, Status> {
        Ok(Response::new(
            self.resume_runner_of(Call::of(&request), request.into_inner()).await?,
        ))
    }
}

impl Services {
    async fn get_runner_of(&self, call: Call, request: v1::GetRunnerRequest) -> Result<v1::Runner, ServiceError> {
        let (organization, id) = name::runner("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let of = organization.clone();
        let found = self
            .shard
            .turn(move |turn| {
                let found = turn.state().of(&of).runner(id)?;
                Some(seen(turn.state(), &of, found))
            })
            .await?;
        let found = found.ok_or(ServiceError::RunnerNotFound(id))?;
        Ok(runner::runner(&organization, found, self.said.by(id)))
    }

    async fn drain_runner_of(&self, call: Call, request: v1::DrainRunnerRequest) -> Result<v1::Runner, ServiceError> {
        let drain = |runner| Command::DrainRunner(Drain { runner });
        self.change_runner(call, &request.name, drain).await
    }

    async fn resume_runner_of(&self, call: Call, request: v1::ResumeRunnerRequest) -> Result<v1::Runner, ServiceError> {
        let resume = |runner| Command::ResumeRunner(Resume { runner });
        self.change_runner(call, &request.name, resume).await
    }

    /// Asks for a change of a runner of the organization's own.
    async fn change_runner(
        &self,
        call: Call,
        name: &str,
        change: fn(RunnerId) -> Command,
    ) -> Result<v1::Runner, ServiceError> {
        let (organization, id) = name::runner("name", name)?;
        self.judge_organization(&call, &organization)?;
        let of = organization.clone();
        let changed = self.shard.turn(move |turn| {
            let own = turn.state().of(&of).runner(id);
            // One of the service's own serves others, too.
            if own.is_none_or(|runner| runner.profile.organization.is_none()) {
                return Ok(None);
            }
            drop(call.ask(turn, change(id))?);
            let found = turn.state().of(&of).runner(id);
            Ok::<_, Rejection>(found.map(|runner| seen(turn.state(), &of, runner)))
        });
        let changed = changed.await??.ok_or(ServiceError::RunnerNotFound(id))?;
        Ok(runner::runner(&organization, changed, self.said.by(id)))
    }

    async fn list_runners_of(
        &self,
        call: Call,
        request: v1::ListRunnersRequest,
    ) -> Result<v1::ListRunnersResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let filter = RunnerFilter::parse(&request.filter).map_err(ServiceError::Filter)?;
        order_by(&request.order_by, &[("name", ())])?;
        let query = self.tokens.query("runners", &[&request.parent, &request.filter]);
        let after: Option<RunnerId> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let of = organization.clone();
        let (page, last) = self
            .shard
            .turn(move |turn| page(turn.state(), &of, &filter, after, size))
            .await?;
        let next_page_token = last.map(|last| query.token(&last)).unwrap_or_default();
        let runners = page
            .into_iter()
            .map(|seen| {
                let said = self.said.by(seen.runner.id);
                runner::runner(&organization, seen, said)
            })
            .collect();
        Ok(v1::ListRunnersResponse {
            runners,
            next_page_token,
        })
    }
}

/// At most `size` of the runners after `after`, and behind which one the next page begins; `None` after the last one.
fn page(
    state: &State,
    organization: &OrganizationId,
    filter: &RunnerFilter,
    after: Option<RunnerId>,
    size: usize,
) -> (Vec<Seen>, Option<RunnerId>) {
    let mut page = Vec::new();
    let mut last = None;
    let own = state.of(organization);
    let later = state.index().runners_serving(organization, after);
    let mut later = later.filter_map(|id| own.runner(id));
    for runner in later.by_ref().take(PAGE_SIZE_MAX) {
        last = Some(runner.id);
        if filter.takes(runner, state.roster().presence(runner.id), own.barred(runner)) {
            page.push(seen(state, organization, runner));
        }
        if page.len() >= size {
            break;
        }
    }
    let more = later.next().is_some();
    (page, last.filter(|_| more))
}

fn seen(state: &State, organization: &OrganizationId, runner: &Runner) -> Seen {
    let own = state.of(organization);
    let held = state.index().held_by(runner.id).filter_map(|id| own.execution(id));
    Seen {
        runner: runner.clone(),
        presence: state.roster().presence(runner.id).cloned(),
        barred: own.barred(runner),
        executions: held
            .map(|execution| (execution.integration, execution.id))
            .take(EXECUTIONS_SHOWN_MAX)
            .collect(),
    }
}
