//! `OrganizationService`: the tenants of this coordinator, for those who operate it.

use muster_core::decide::organization::{delete::Delete, resume::Resume, suspend::Suspend};
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::entity::Organization;
use muster_core::ledger::Entity;
use muster_core::state::State;
use muster_core::words::OrganizationId;
use muster_proto::v1;
use muster_proto::v1::organization_service_server::OrganizationService;
use muster_shard::Turn;
use tonic::{Request, Response, Status};

use super::Services;
use super::integrations::preview::{applied, judge_command};
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::etag::Guard;
use crate::wire::organization::{self, Told};
use crate::wire::page::{PAGE_SIZE_MAX, page_size};
use crate::wire::repeat::repeatable;
use crate::wire::{FieldFault, name};

#[tonic::async_trait]
impl OrganizationService for Services {
    async fn create_organization(
        &self,
        request: Request<v1::CreateOrganizationRequest>,
    ) -> Result<Response<v1::Organization>, Status> {
        let by = Call::of(&request);
        Ok(Response::new(
            self.create_organization_of(by, request.into_inner()).await?,
        ))
    }

    async fn get_organization(
        &self,
        request: Request<v1::GetOrganizationRequest>,
    ) -> Result<Response<v1::Organization>, Status> {
        let call = Call::of(&request);
        let id = name::organization("name", &request.get_ref().name).map_err(ServiceError::from)?;
        self.judge_organization(&call, &id)?;
        let found = self.shard.turn(move |turn| told(turn.state(), &id)).await;
        let found = found.map_err(ServiceError::from)?.map_err(ServiceError::from)?;
        Ok(Response::new(self.told_of(&found)))
    }

    async fn list_organizations(
        &self,
        request: Request<v1::ListOrganizationsRequest>,
    ) -> Result<Response<v1::ListOrganizationsResponse>, Status> {
        Ok(Response::new(self.list_organizations_of(request.into_inner()).await?))
    }

    async fn update_organization(
        &self,
        request: Request<v1::UpdateOrganizationRequest>,
    ) -> Result<Response<v1::Organization>, Status> {
        let by = Call::of(&request);
        Ok(Response::new(
            self.update_organization_of(by, request.into_inner()).await?,
        ))
    }

    async fn suspend_organization(
        &self,
        request: Request<v1::SuspendOrganizationRequest>,
    ) -> Result<Response<v1::Organization>, Status> {
        let by = Call::of(&request);
        let request = request.into_inner();
        let id = name::organization("name", &request.name).map_err(ServiceError::from)?;
        let reason = organization::reason(&request.reason).map_err(ServiceError::from)?;
        let command = Command::SuspendOrganization(Suspend {
            organization: id.clone(),
            reason,
            version: None,
        });
        let change = (Guard::of(&request.etag), request.validate_only);
        Ok(Response::new(self.change_organization(by, id, command, change).await?))
    }

    async fn resume_organization(
        &self,
        request: Request<v1::ResumeOrganizationRequest>,
    ) -> Result<Response<v1::Organization>, Status> {
        let by = Call::of(&request);
        let request = request.into_inner();
        let id = name::organization("name", &request.name).map_err(ServiceError::from)?;
        let command = Command::ResumeOrganization(Resume {
            organization: id.clone(),
            version: None,
        });
        let change = (Guard::of(&request.etag), request.validate_only);
        Ok(Response::new(self.change_organization(by, id, command, change).await?))
    }

    async fn delete_organization(
        &self,
        request: Request<v1::DeleteOrganizationRequest>,
    ) -> Result<Response<v1::Organization>, Status> {
        let by = Call::of(&request);
        let request = request.into_inner();
        let id = name::organization("name", &request.name).map_err(ServiceError::from)?;
        let command = Command::DeleteOrganization(Delete {
            organization: id.clone(),
            version: None,
        });
        let change = (Guard::of(&request.etag), request.validate_only);
        Ok(Response::new(self.change_organization(by, id, command, change).await?))
    }
}

impl Services {
    async fn create_organization_of(
        &self,
        by: Call,
        request: v1::CreateOrganizationRequest,
    ) -> Result<v1::Organization, ServiceError> {
        self.judge_ready()?;
        // What only asks whether it is in order makes nothing that could remember it.
        let repeatable = repeatable(&request)?.filter(|_| !request.validate_only);
        let command = organization::new(&request, self.retention, repeatable)?;
        let id = command.organization.clone();
        let change = (Guard::None, request.validate_only);
        let command = Command::CreateOrganization(command);
        let told = self
            .shard
            .turn(move |turn| asked(turn, &by, command, &id, change))
            .await??;
        Ok(self.told_of(&told))
    }

    async fn list_organizations_of(
        &self,
        request: v1::ListOrganizationsRequest,
    ) -> Result<v1::ListOrganizationsResponse, ServiceError> {
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let query = self.tokens.query("organizations", &[]);
        let after: Option<String> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let (page, last) = self
            .shard
            .turn(move |turn| page(turn.state(), after.as_deref(), size))
            .await?;
        Ok(v1::ListOrganizationsResponse {
            organizations: page.iter().map(|told| self.told_of(told)).collect(),
            next_page_token: last.map(|last| query.token(&last)).unwrap_or_default(),
        })
    }

    async fn update_organization_of(
        &self,
        by: Call,
        request: v1::UpdateOrganizationRequest,
    ) -> Result<v1::Organization, ServiceError> {
        let wanted = request.organization.as_ref();
        let wanted = wanted.ok_or_else(|| FieldFault::new("organization", "is missing: say what to change"))?;
        let id = name::organization("organization.name", &wanted.name)?;
        let guard = Guard::of(&wanted.etag);
        let told: Result<Told, ServiceError> = self
            .shard
            .turn(move |turn| {
                let before = told(turn.state(), &id)?.organization;
                judge_guard(&before, guard)?;
                let asked_for = request.organization.unwrap_or_default();
                let command = organization::changed(&before, &asked_for, request.update_mask.as_ref())?;
                let command = Command::UpdateOrganization(command);
                asked(turn, &by, command, &id, (guard, request.validate_only))
            })
            .await?;
        Ok(self.told_of(&told?))
    }

    async fn change_organization(
        &self,
        by: Call,
        id: OrganizationId,
        command: Command,
        change: (Guard, bool),
    ) -> Result<v1::Organization, ServiceError> {
        let told = self
            .shard
            .turn(move |turn| asked(turn, &by, command, &id, change))
            .await??;
        Ok(self.told_of(&told))
    }
}

impl Services {
    fn told_of(&self, told: &Told) -> v1::Organization {
        organization::organization(told, self.kept.of(&told.organization.id))
    }
}

/// Asks a command about an organization, or only what would become of it, and copies that.
fn asked(
    turn: &mut Turn<'_>,
    by: &Call,
    command: Command,
    id: &OrganizationId,
    (guard, validate_only): (Guard, bool),
) -> Result<Told, ServiceError> {
    if let Ok(before) = told(turn.state(), id) {
        judge_guard(&before.organization, guard)?;
    }
    if validate_only {
        return would_be(turn, by, command, id);
    }
    match by.ask(turn, command)? {
        Answer::Organization(_) => Ok(told(turn.state(), id)?),
        other => Err(ServiceError::internal(format!(
            "a change of an organization has answered with {other:?}"
        ))),
    }
}

/// What a command would make of an organization.
fn would_be(turn: &Turn<'_>, by: &Call, command: Command, id: &OrganizationId) -> Result<Told, ServiceError> {
    let decision = judge_command(turn, by, command)?;
    let before = told(turn.state(), id).ok();
    let known = before
        .as_ref()
        .map(|told| Entity::Organization(told.organization.clone()));
    let copy = applied(turn, by, decision.events, known);
    let after = copy.organization(id).cloned();
    let after = after.ok_or_else(|| Rejection::OrganizationNotFound(id.clone()))?;
    Ok(Told {
        organization: after,
        integrations: before.as_ref().map_or(0, |told| told.integrations),
        runners: before.as_ref().map_or(0, |told| told.runners),
        open_executions: before.as_ref().map_or(0, |told| told.open_executions),
    })
}

fn judge_guard(organization: &Organization, guard: Guard) -> Result<(), Rejection> {
    if guard.allows(organization.version) {
        Ok(())
    } else {
        Err(Rejection::OrganizationStale(organization.id.clone()))
    }
}

/// # Errors
/// [`Rejection::OrganizationNotFound`], also when it was deleted.
fn told(state: &State, id: &OrganizationId) -> Result<Told, Rejection> {
    let found = state.of(id).organization();
    let found = found.ok_or_else(|| Rejection::OrganizationNotFound(id.clone()))?;
    Ok(counted(state, found))
}

fn counted(state: &State, organization: &Organization) -> Told {
    let index = state.index();
    Told {
        organization: organization.clone(),
        integrations: index.integration_count(&organization.id),
        runners: index.runner_count(&organization.id),
        open_executions: index.open_count_of(&organization.id),
    }
}

/// At most `size` of the organizations after `after`, and behind which one the next page begins; `None` after the last one.
fn page(state: &State, after: Option<&str>, size: usize) -> (Vec<Told>, Option<String>) {
    let mut page = Vec::new();
    let mut last = None;
    let mut later = state.everywhere().organizations_after(after);
    for organization in later.by_ref().take(PAGE_SIZE_MAX) {
        last = Some(organization.id.to_string());
        if organization.exists() {
            page.push(counted(state, organization));
        }
        if page.len() >= size {
            break;
        }
    }
    let more = later.next().is_some();
    (page, last.filter(|_| more))
}
