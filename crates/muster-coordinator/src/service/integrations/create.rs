//! Creating an integration.

use muster_core::decide::integration::create::Create;
use muster_core::decide::{Answer, Command};
use muster_core::words::Principal;
use muster_proto::v1;
use muster_shard::Turn;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::preview::preview;
use super::{find, judge, told};
use crate::service::Services;
use crate::service::requests::{Known, RequestKey, Requests, request_id};
use crate::status::ServiceError;
use crate::wire::integration::{self, Told};
use crate::wire::{FieldFault, definition, name};

impl Services {
    pub(super) async fn create_integration_of(
        &self,
        by: Principal,
        request: v1::CreateIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&organization)?;
        self.judge_ready()?;
        let repeatable = request_id(&request.request_id)?.map(|id| Repeatable {
            requests: self.requests.clone(),
            key: (organization.clone(), id),
            digest: Sha256::digest(request.encode_to_vec()).into(),
        });
        let integration = request.integration.as_ref();
        let integration =
            integration.ok_or_else(|| FieldFault::new("integration", "is missing: say what to create"))?;
        let new = definition::new(integration)?;
        let specification = self.specification(&organization, &new.connector).await?;
        let definition = judge::define(&specification, &organization, new, request.draft)?;
        let command = Create {
            organization,
            definition,
            draft: request.draft,
        };
        if request.validate_only {
            let command = Command::CreateIntegration(command);
            let told = self.shard.turn(move |turn| preview(turn, &by, command, None)).await??;
            return unnamed(&told);
        }
        let told = self
            .shard
            .turn(move |turn| create(turn, &by, command, repeatable))
            .await??;
        integration::integration(&told).map_err(ServiceError::internal)
    }
}

/// A request that may come again.
struct Repeatable {
    requests: Requests,
    key: RequestKey,
    digest: [u8; 32],
}

fn create(
    turn: &mut Turn<'_>,
    by: &Principal,
    command: Create,
    repeatable: Option<Repeatable>,
) -> Result<Told, ServiceError> {
    let organization = command.organization.clone();
    let now = turn.now().moment;
    if let Some(Repeatable { requests, key, digest }) = &repeatable {
        match requests.look_up(key, *digest, now) {
            Known::New => {}
            Known::Same(id) => {
                let made = find(turn.state(), &organization, id)?;
                return Ok(told(turn.state(), made));
            }
            Known::Other => return Err(ServiceError::RequestIdReused),
        }
    }
    let Answer::Integration(id) = turn.ask(by, Command::CreateIntegration(command))? else {
        return Err(ServiceError::internal(
            "the creation of an integration has answered with something else",
        ));
    };
    if let Some(Repeatable { requests, key, digest }) = repeatable {
        requests.remember(key, digest, id, now);
    }
    let made = find(turn.state(), &organization, id)?;
    Ok(told(turn.state(), made))
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
