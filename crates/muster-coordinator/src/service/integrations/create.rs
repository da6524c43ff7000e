//! Creating an integration.

use muster_core::decide::integration::create::Create;
use muster_core::decide::{Answer, Command};
use muster_core::words::{OrganizationId, Request};
use muster_proto::v1;
use muster_shard::Turn;

use super::preview::preview;
use super::{find, judge, told};
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::integration::{self, Told};
use crate::wire::repeat::repeatable;
use crate::wire::{FieldFault, definition, name};

impl Services {
    pub(super) async fn create_integration_of(
        &self,
        call: Call,
        request: v1::CreateIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        self.judge_ready()?;
        let repeatable = repeatable(&request)?;
        if let Some(told) = self.made_by(&organization, repeatable).await? {
            return integration::integration(&told).map_err(ServiceError::internal);
        }
        let integration = request.integration.as_ref();
        let integration =
            integration.ok_or_else(|| FieldFault::new("integration", "is missing: say what to create"))?;
        let new = definition::new(integration)?;
        let specification = self.specification(&organization, &new.connector).await?;
        let (definition, intervals) = judge::define(&specification, &organization, new, request.draft)?;
        let command = Create {
            organization,
            definition,
            intervals,
            draft: request.draft,
            // What only asks whether it is in order makes nothing that could remember it.
            request: repeatable.filter(|_| !request.validate_only),
        };
        if request.validate_only {
            let command = Command::CreateIntegration(command);
            let told = self.shard.turn(move |turn| preview(turn, &by, command, None)).await??;
            return unnamed(&told);
        }
        let told = self.shard.turn(move |turn| create(turn, &by, command)).await??;
        integration::integration(&told).map_err(ServiceError::internal)
    }
}

impl Services {
    /// What this very request has made before; `None` when it is new, or not in order. A repeated one is not judged again: what the connector
    /// takes may have changed since.
    async fn made_by(
        &self,
        organization: &OrganizationId,
        request: Option<Request>,
    ) -> Result<Option<Told>, ServiceError> {
        let Some(request) = request else { return Ok(None) };
        let organization = organization.clone();
        let found = self.shard.turn(move |turn| {
            let id = turn.state().index().requested(&organization, request.id)?;
            let made = turn.state().of(&organization).integration(id)?;
            (made.request.as_deref() == Some(&request)).then(|| told(turn.state(), made, turn.now()))
        });
        Ok(found.await?)
    }
}

/// Asks for the integration, and copies it: the new one, or what the same request has made before.
fn create(turn: &mut Turn<'_>, by: &Call, command: Create) -> Result<Told, ServiceError> {
    let organization = command.organization.clone();
    let Answer::Integration(id) = by.ask(turn, Command::CreateIntegration(command))? else {
        return Err(ServiceError::internal(
            "the creation of an integration has answered with something else",
        ));
    };
    let made = find(turn.state(), &organization, id)?;
    Ok(told(turn.state(), made, turn.now()))
}

/// What would be created. The names in it would be others, so none are told.
fn unnamed(told: &Told) -> Result<v1::Integration, ServiceError> {
    let mut integration = integration::integration(told).map_err(ServiceError::internal)?;
    integration.name.clear();
    for schedule in &mut integration.data_types {
        schedule.open_execution.clear();
    }
    Ok(integration)
}
