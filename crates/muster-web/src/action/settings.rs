//! What can be done in the settings beside people and tokens: a test mail, and how much an organization may have.

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use muster_proto::v1::{Organization, Quotas, SendTestMailRequest, UpdateOrganizationRequest};
use prost_types::FieldMask;

use super::{back, form, refused, shown};
use crate::Web;
use crate::fault::Fault;
use crate::form::Filled;
use crate::place::settings::{self, Told};
use crate::place::{Here, Query};
use crate::shell::Section;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/organizations/{organization}/settings/mail", form(mail))
        .route("/organizations/{organization}/settings/organization", form(change))
}

async fn told(here: &Here, code: StatusCode, told: Told<'_>) -> Result<Response, Fault> {
    let view = settings::view(here, &told).await?;
    shown(here, Section::Settings, (&here.path("settings"), code), view).await
}

/// Tries whether mails arrive.
async fn mail(here: Here, said: Query) -> Result<Response, Fault> {
    let request = SendTestMailRequest {
        parent: here.organization.clone(),
        recipient: said.get("recipient").trim().to_owned(),
    };
    match here.api.incidents().send_test_mail(request).await {
        Ok(sent) => {
            let mailed = Told {
                mailed: Some(&sent.get_ref().answer),
                ..Told::default()
            };
            told(&here, StatusCode::OK, mailed).await
        }
        Err(status) => {
            let (status, code) = refused(status)?;
            let mail = Told {
                mail: Filled::refused(&said, &status),
                ..Told::default()
            };
            told(&here, code, mail).await
        }
    }
}

/// Changes how much an organization may have, and for how long things are kept.
async fn change(here: Here, said: Query) -> Result<Response, Fault> {
    // What is no number is none that may be, and is refused as that.
    let number = |field: &str| -> u32 {
        said.get(&format!("organization.{field}"))
            .trim()
            .parse()
            .unwrap_or(u32::MAX)
    };
    let quota = |field: &str| -> Option<u32> {
        let field = format!("quotas.{field}");
        (!said.get(&format!("organization.{field}")).trim().is_empty()).then(|| number(&field))
    };
    let request = UpdateOrganizationRequest {
        organization: Some(Organization {
            name: here.organization.clone(),
            etag: said.get("etag").to_owned(),
            display_name: said.get("organization.display_name").trim().to_owned(),
            retention_days: number("retention_days"),
            audit_retention_days: number("audit_retention_days"),
            quotas: Some(Quotas {
                integrations: quota("integrations"),
                runners: quota("runners"),
                open_executions: quota("open_executions"),
                uploads_per_second: quota("uploads_per_second"),
                records_mib: quota("records_mib"),
            }),
            ..Organization::default()
        }),
        update_mask: Some(FieldMask {
            paths: ["display_name", "quotas", "retention_days", "audit_retention_days"]
                .map(str::to_owned)
                .to_vec(),
        }),
        validate_only: false,
    };
    match here.api.organizations().update_organization(request).await {
        Ok(_) => Ok(back(&here.path("settings")).into_response()),
        Err(status) => {
            let (status, code) = refused(status)?;
            let organization = Told {
                organization: Filled::refused(&said, &status),
                ..Told::default()
            };
            told(&here, code, organization).await
        }
    }
}
