//! `IntegrationService`: what is collected, from where, how often, and by which runners.

pub(super) mod attention;
mod check;
mod create;
mod judge;
mod list;
mod pause;
mod planned;
pub(super) mod preview;
mod run;
mod update;
mod watch;

use std::collections::BTreeMap;

use futures_util::stream::BoxStream;
use muster_core::decide::integration::{delete::Delete, disable::Disable, enable::Enable};
use muster_core::decide::{Command, Rejection};
use muster_core::entity::Integration;
use muster_core::health::Conditions;
use muster_core::remedy;
use muster_core::state::State;
use muster_core::time::Now;
use muster_core::words::{ConfigurationStatus, DataType, Enablement, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_proto::v1::integration_service_server::IntegrationService;
use muster_shard::Turn;
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::etag::Guard;
use crate::wire::integration::{self, Told};
use crate::wire::name;
use preview::{judge_command, preview};

/// How often a change is made anew because somebody else was faster. Each time somebody has succeeded, so it takes a crowd to get there.
const TRIES_MAX: usize = 8;

#[tonic::async_trait]
impl IntegrationService for Services {
    type WatchIntegrationsStream = watch::Responses;
    type CheckIntegrationStream = BoxStream<'static, Result<v1::CheckIntegrationResponse, Status>>;

    async fn create_integration(
        &self,
        request: Request<v1::CreateIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.create_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn get_integration(
        &self,
        request: Request<v1::GetIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        Ok(Response::new(
            self.get_integration_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn list_integrations(
        &self,
        request: Request<v1::ListIntegrationsRequest>,
    ) -> Result<Response<v1::ListIntegrationsResponse>, Status> {
        Ok(Response::new(
            self.list_integrations_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn update_integration(
        &self,
        request: Request<v1::UpdateIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.update_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn delete_integration(&self, request: Request<v1::DeleteIntegrationRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.delete_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn enable_integration(
        &self,
        request: Request<v1::EnableIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.enable_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn disable_integration(
        &self,
        request: Request<v1::DisableIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.disable_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn pause_integration(
        &self,
        request: Request<v1::PauseIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.pause_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn resume_integration(
        &self,
        request: Request<v1::ResumeIntegrationRequest>,
    ) -> Result<Response<v1::Integration>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.resume_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn check_integration(
        &self,
        request: Request<v1::CheckIntegrationRequest>,
    ) -> Result<Response<Self::CheckIntegrationStream>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.check_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn run_integration(
        &self,
        request: Request<v1::RunIntegrationRequest>,
    ) -> Result<Response<v1::RunIntegrationResponse>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.run_integration_of(call, request.into_inner()).await?,
        ))
    }

    async fn preview_schedule(
        &self,
        request: Request<v1::PreviewScheduleRequest>,
    ) -> Result<Response<v1::PreviewScheduleResponse>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.preview_schedule_of(call, request.into_inner()).await?,
        ))
    }

    async fn summarize_integrations(
        &self,
        request: Request<v1::SummarizeIntegrationsRequest>,
    ) -> Result<Response<v1::SummarizeIntegrationsResponse>, Status> {
        Ok(Response::new(
            self.summarize_integrations_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn watch_integrations(
        &self,
        request: Request<v1::WatchIntegrationsRequest>,
    ) -> Result<Response<Self::WatchIntegrationsStream>, Status> {
        Ok(Response::new(
            self.watch_integrations_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn batch_run_integrations(
        &self,
        request: Request<v1::BatchRunIntegrationsRequest>,
    ) -> Result<Response<v1::BatchRunIntegrationsResponse>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(
            self.batch_run_integrations_of(call, request.into_inner()).await?,
        ))
    }
}

impl Services {
    async fn get_integration_of(
        &self,
        call: Call,
        request: v1::GetIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let (organization, id) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let told = self.read_integration(organization, id).await?;
        integration::viewed(&told, request.view()).map_err(ServiceError::internal)
    }

    async fn summarize_integrations_of(
        &self,
        call: Call,
        request: v1::SummarizeIntegrationsRequest,
    ) -> Result<v1::SummarizeIntegrationsResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let attention_count = self.attention_of(&organization).await?.active_count;
        let summary = self.shard.turn(move |turn| {
            let index = turn.state().index();
            let count = |status| index.count(&organization, status) as u64;
            v1::SummarizeIntegrationsResponse {
                active_count: count(ConfigurationStatus::Active),
                error_count: count(ConfigurationStatus::Error),
                disabled_count: count(ConfigurationStatus::Disabled),
                open_incident_count: index.alerts().open_count_of(&organization) as u64,
                attention_count,
            }
        });
        Ok(summary.await?)
    }

    /// # Errors
    /// [`Rejection::IntegrationNotFound`], also for another organization's.
    async fn read_integration(&self, organization: OrganizationId, id: IntegrationId) -> Result<Told, ServiceError> {
        let found = self
            .shard
            .turn(move |turn| find(turn.state(), &organization, id).map(|found| told(turn.state(), found, turn.now())))
            .await?;
        Ok(found?)
    }

    async fn delete_integration_of(
        &self,
        call: Call,
        request: v1::DeleteIntegrationRequest,
    ) -> Result<(), ServiceError> {
        let (organization, integration) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        let guard = Guard::of(&request.etag);
        self.shard
            .turn(move |turn| {
                judge_guard(find(turn.state(), &organization, integration)?, guard)?;
                let command = Command::DeleteIntegration(Delete {
                    organization,
                    integration,
                    version: None,
                });
                if request.validate_only {
                    judge_command(turn, &by, command)?;
                } else {
                    by.ask(turn, command)?;
                }
                Ok(())
            })
            .await?
    }

    async fn disable_integration_of(
        &self,
        call: Call,
        request: v1::DisableIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let (organization, id) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        let command = Command::DisableIntegration(Disable {
            organization: organization.clone(),
            integration: id,
        });
        let change = Change {
            guard: Guard::of(&request.etag),
            validate_only: request.validate_only,
        };
        self.change_integration(by, (organization, id), command, change).await
    }

    /// Asks a command that changes an integration, and answers with what has become of it, or would.
    async fn change_integration(
        &self,
        by: Call,
        (organization, id): (OrganizationId, IntegrationId),
        command: Command,
        Change { guard, validate_only }: Change,
    ) -> Result<v1::Integration, ServiceError> {
        let told: Result<Told, ServiceError> = self
            .shard
            .turn(move |turn| {
                let now = find(turn.state(), &organization, id)?;
                judge_guard(now, guard)?;
                if validate_only {
                    return preview(turn, &by, command, Some(now));
                }
                asked(turn, &by, command, &organization, id)
            })
            .await?;
        integration::integration(&told?).map_err(ServiceError::internal)
    }

    /// Activates what fits its connector's schema. A draft was never judged by it, and a schema may have become stricter.
    async fn enable_integration_of(
        &self,
        call: Call,
        request: v1::EnableIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let (organization, id) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        self.judge_ready()?;
        let guard = Guard::of(&request.etag);
        for _ in 0..TRIES_MAX {
            let read = self.read_integration(organization.clone(), id).await?.integration;
            judge_guard(&read, guard)?;
            if read.enablement != Enablement::Enabled {
                let specification = self.specification(&organization, &read.definition.connector).await?;
                judge::configuration(&specification, &read.definition)?;
            }
            let (by, of, version) = (by.clone(), organization.clone(), read.version);
            let told: Result<Option<Told>, ServiceError> = self
                .shard
                .turn(move |turn| {
                    let now = find(turn.state(), &of, id)?;
                    if now.version != version {
                        return Ok(None);
                    }
                    let command = Command::EnableIntegration(Enable {
                        organization: of.clone(),
                        integration: id,
                    });
                    if request.validate_only {
                        return preview(turn, &by, command, Some(now)).map(Some);
                    }
                    asked(turn, &by, command, &of, id).map(Some)
                })
                .await?;
            if let Some(told) = told? {
                return integration::integration(&told).map_err(ServiceError::internal);
            }
        }
        Err(ServiceError::EtagMismatch(id))
    }
}

/// How a command is asked.
struct Change {
    guard: Guard,
    /// Only asks what would become of it.
    validate_only: bool,
}

/// The integration of this id, if it belongs to the organization: a foreign one and a missing one give the same answer.
pub(super) fn find<'a>(
    state: &'a State,
    organization: &OrganizationId,
    id: IntegrationId,
) -> Result<&'a Integration, Rejection> {
    let found = state.of(organization).integration(id);
    found.ok_or(Rejection::IntegrationNotFound(id))
}

fn judge_guard(integration: &Integration, guard: Guard) -> Result<(), ServiceError> {
    if guard.allows(integration.version) {
        Ok(())
    } else {
        Err(ServiceError::EtagMismatch(integration.id))
    }
}

/// Copies what an answer tells. Configurations and texts are shared, so it costs little of the writer's turn.
pub(super) fn told(state: &State, integration: &Integration, now: Now) -> Told {
    told_with(&mut Conditions::new(state, now), state, integration, now)
}

/// The same for one of many.
fn told_with(conditions: &mut Conditions<'_>, state: &State, integration: &Integration, now: Now) -> Told {
    let open = state
        .index()
        .open_of(integration.id)
        .filter_map(|id| state.of(&integration.organization).execution(id));
    let checked = integration.checked.as_ref();
    let known = conditions.state().of(&integration.organization);
    let checked_by = checked.and_then(|checked| known.runner(checked.runner));
    let no_runner = conditions.no_runner(integration.definition.lane());
    Told {
        integration: integration.clone(),
        conditions: conditions.of(integration),
        open: open
            .map(|execution| (execution.data_type.clone(), execution.id))
            .collect(),
        tally: integration
            .window
            .tally(now.stamp, integration.definition.notifications.window),
        checked_by: checked_by.map(|runner| runner.profile.display_name.to_string()),
        open_check: check::under_way(state, integration, now),
        no_runner: no_runner.map(|(why, step)| match step {
            Some(step) => format!("{why}: {step}"),
            None => why,
        }),
        now: now.stamp,
        remedies: remedies(state, integration),
    }
}

/// What to do about each data type's trouble, and about that of the newest check.
fn remedies(state: &State, integration: &Integration) -> BTreeMap<Option<DataType>, String> {
    let troubled = integration.collections.iter().filter_map(|(data_type, collection)| {
        let trouble = collection.trouble.as_ref()?;
        let remedy = remedy::of_trouble(state, integration, data_type, trouble);
        Some((Some(data_type.clone()), remedy))
    });
    let checked = integration
        .checked
        .as_ref()
        .and_then(|checked| checked.failure.as_ref());
    let checked = checked.map(|failure| (None, remedy::of_check(state, integration, failure)));
    troubled.chain(checked).collect()
}

/// Asks a command about an integration, and copies what has become of it.
fn asked(
    turn: &mut Turn<'_>,
    by: &Call,
    command: Command,
    organization: &OrganizationId,
    id: IntegrationId,
) -> Result<Told, ServiceError> {
    by.ask(turn, command)?;
    let found = find(turn.state(), organization, id)?;
    Ok(told(turn.state(), found, turn.now()))
}
