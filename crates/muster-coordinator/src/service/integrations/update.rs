//! Changing an integration.

use muster_core::decide::Command;
use muster_core::decide::integration::update::Update;
use muster_core::entity::{Definition, Integration, PerDataType};
use muster_core::time::Interval;
use muster_core::words::{Enablement, OrganizationId, Pool};
use muster_proto::v1;

use super::preview::preview;
use super::{TRIES_MAX, asked, find, judge, judge_guard};
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::definition::{self, Changes, intervals, judge_access_schema};
use crate::wire::etag::Guard;
use crate::wire::integration::{self, Told};
use crate::wire::{FieldFault, name};

impl Services {
    /// Reads, changes and judges outside of the turn, and begins anew when somebody else has changed the integration meanwhile: so a change of one
    /// field never undoes another's of a second one.
    pub(super) async fn update_integration_of(
        &self,
        call: Call,
        request: v1::UpdateIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let asked_for = request.integration.as_ref();
        let asked_for = asked_for.ok_or_else(|| FieldFault::new("integration", "is missing: say what to change"))?;
        let (organization, id) = name::integration("integration.name", &asked_for.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        let guard = Guard::of(&asked_for.etag);
        let changes = definition::changes(asked_for, request.update_mask.as_ref())?;
        for _ in 0..TRIES_MAX {
            let read = self.read_integration(organization.clone(), id).await?.integration;
            judge_guard(&read, guard)?;
            let (definition, intervals) = self.changed(&organization, &read, &changes).await?;
            let (by, of) = (by.clone(), organization.clone());
            let validate_only = request.validate_only;
            let told: Result<Option<Told>, ServiceError> = self
                .shard
                .turn(move |turn| {
                    let now = find(turn.state(), &of, id)?;
                    if now.version != read.version {
                        return Ok(None);
                    }
                    let version = Some(read.version);
                    let command = Update {
                        organization: of.clone(),
                        integration: id,
                        definition,
                        intervals,
                        version,
                    };
                    let command = Command::UpdateIntegration(command);
                    if validate_only {
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

    /// The definition after the changes, and what is collected then. It is judged where it has changed; an integration that is switched off is judged when it is enabled.
    async fn changed(
        &self,
        organization: &OrganizationId,
        before: &Integration,
        changes: &Changes,
    ) -> Result<(Definition, PerDataType<Interval>), ServiceError> {
        let mut collected = before.intervals();
        let mut after = before.definition.clone();
        if let Some(display_name) = &changes.display_name {
            after.display_name = display_name.clone();
        }
        if let Some(pool) = &changes.pool {
            after.pool = Pool::named(organization, pool);
        }
        if let Some(notifications) = &changes.notifications {
            after.notifications.clone_from(notifications);
        }
        let of_connector =
            changes.access_schema.is_some() || changes.configuration.is_some() || changes.data_types.is_some();
        if !of_connector {
            return Ok((after, collected));
        }
        let specification = self.specification(organization, &after.connector).await?;
        if let Some(access_schema) = &changes.access_schema {
            judge_access_schema(&specification, access_schema.as_ref())?;
            after.access_schema.clone_from(access_schema);
        }
        if let Some(asked) = &changes.data_types {
            collected = intervals(&specification, asked)?;
        }
        if let Some(configuration) = &changes.configuration {
            after.configuration = configuration.clone();
        }
        if changes.configuration.is_some() || changes.access_schema.is_some() {
            match before.enablement {
                Enablement::Enabled => judge::configuration(&specification, &after)?,
                Enablement::Draft | Enablement::Disabled => judge::secrets(&specification, &after)?,
            }
            after.sealed_to = judge::recipients(&specification, &after)?;
        }
        Ok((after, collected))
    }
}
