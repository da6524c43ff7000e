//! `IntegrationService`.

mod change;
mod check;
mod create;
mod list;
mod planned;
mod run;

use muster_proto::v1;
use prost_types::FieldMask;
use tonic::Status;

use crate::rig::{ORGANIZATION, Rig};

fn request(integration: v1::Integration) -> v1::CreateIntegrationRequest {
    v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration),
        ..Default::default()
    }
}

async fn create(rig: &Rig, request: v1::CreateIntegrationRequest) -> Result<v1::Integration, Status> {
    rig.integrations()
        .create_integration(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn update(rig: &Rig, integration: v1::Integration, paths: &[&str]) -> Result<v1::Integration, Status> {
    let request = v1::UpdateIntegrationRequest {
        integration: Some(integration),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        validate_only: false,
    };
    rig.integrations()
        .update_integration(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn list(rig: &Rig, filter: &str, size: i32, token: &str) -> Result<(Vec<String>, String), Status> {
    let request = v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let page = rig.integrations().list_integrations(request).await?.into_inner();
    Ok((
        page.integrations.into_iter().map(|one| one.display_name).collect(),
        page.next_page_token,
    ))
}
