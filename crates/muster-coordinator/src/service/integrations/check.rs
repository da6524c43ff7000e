//! A check of an integration: whom it was asked of, and then how it ended, told while it happens.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::decide::check::begin::Check;
use muster_core::decide::{Answer, CheckEnd, Command};
use muster_core::entity::Integration;
use muster_core::remedy;
use muster_core::state::State;
use muster_core::time::Now;
use muster_core::words::{Failure, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_proto::v1::check_integration_response::Event;
use muster_shard::{Ending, ShardHandle};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{find, judge_guard};
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::etag::Guard;
use crate::wire::integration::OpenCheck;
use crate::wire::{failure, name, time};

impl Services {
    pub(super) async fn check_integration_of(
        &self,
        call: Call,
        request: v1::CheckIntegrationRequest,
    ) -> Result<BoxStream<'static, Result<v1::CheckIntegrationResponse, Status>>, ServiceError> {
        let (organization, integration) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        self.judge_ready()?;
        let guard = Guard::of(&request.etag);
        let checks = self.shard.checks();
        let of = organization.clone();
        let shard = self.shard.clone();
        let begun: Result<(v1::CheckBegun, Ending), ServiceError> = self
            .shard
            .turn(move |turn| {
                let found = find(turn.state(), &organization, integration)?;
                judge_guard(found, guard)?;
                let revision = found.revision.0;
                let command = Command::Check(Check {
                    organization: organization.clone(),
                    integration,
                });
                let Answer::Checking { check, runner } = by.ask(turn, command)? else {
                    return Err(ServiceError::internal("a check has answered with something else"));
                };
                let ending = checks.wait_for(check);
                let state = turn.state();
                let known = state.of(&organization).runner(runner);
                let begun = v1::CheckBegun {
                    runner: name::of_runner(&organization, runner),
                    runner_display_name: known.map_or_else(String::new, |one| one.profile.display_name.to_string()),
                    revision,
                    time_limit: Some(time::span(state.roster().limits().check)),
                };
                Ok((begun, ending))
            })
            .await?;
        let (begun, ending) = begun?;
        let stop = self.tasks.token();
        let begun = stream::once(async move { Ok(response(Event::Begun(begun))) });
        let ended = stream::once(async move {
            Ok(response(Event::Ended(
                ended(&shard, of, integration, ending, stop).await?,
            )))
        });
        Ok(begun.chain(ended).boxed())
    }
}

/// The newest check of an integration that is under way.
pub(super) fn under_way(state: &State, integration: &Integration, now: Now) -> Option<OpenCheck> {
    let check = state.roster().checks().newest_of(integration.id)?;
    let known = state.of(&integration.organization).runner(check.runner);
    Some(OpenCheck {
        began: now.stamp.before(now.moment.since(check.began)),
        limit: state.roster().limits().check,
        runner: check.runner,
        runner_name: known.map_or_else(String::new, |runner| runner.profile.display_name.to_string()),
        revision: check.revision,
    })
}

fn response(event: Event) -> v1::CheckIntegrationResponse {
    v1::CheckIntegrationResponse { event: Some(event) }
}

/// Waits for the end of a check.
async fn ended(
    shard: &ShardHandle,
    organization: OrganizationId,
    integration: IntegrationId,
    ending: Ending,
    stop: CancellationToken,
) -> Result<v1::CheckEnded, ServiceError> {
    let end = tokio::select! {
        end = ending => end?,
        () = stop.cancelled() => return Err(ServiceError::ShuttingDown),
    };
    match end {
        CheckEnd::Reported {
            failure,
            took,
            outdated,
        } => {
            let failure = match failure {
                Some(failure) => Some(remedied(shard, organization, integration, failure).await?),
                None => None,
            };
            Ok(v1::CheckEnded {
                failure,
                duration: Some(time::span(took)),
                outdated,
            })
        }
        CheckEnd::Unanswered { why } => Err(ServiceError::CheckUnanswered(why)),
    }
}

/// The failure of a check, with what to do about it.
async fn remedied(
    shard: &ShardHandle,
    organization: OrganizationId,
    integration: IntegrationId,
    failed: Failure,
) -> Result<v1::Failure, ServiceError> {
    let asked = failed.clone();
    // An integration that was deleted meanwhile is not known any more.
    let remedy = shard.turn(move |turn| {
        let integration = turn.state().of(&organization).integration(integration)?;
        Some(remedy::of_check(turn.state(), integration, &asked))
    });
    Ok(failure::failure(&failed, remedy.await?))
}
