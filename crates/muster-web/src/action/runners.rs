//! What can be done with runners, and with what they enroll by.

use axum::Router;
use axum::response::Response;
use http::StatusCode;
use muster_proto::v1::{
    CreateEnrollmentTokenRequest, DrainRunnerRequest, ResumeRunnerRequest, RevokeEnrollmentTokenRequest,
    RevokeRunnerRequest,
};

use super::{button, form, refused, shown};
use crate::Web;
use crate::api::Api;
use crate::fault::Fault;
use crate::form::Filled;
use crate::place::runners::{add, enrollment};
use crate::place::{Here, Query};
use crate::shell::Section;

pub(super) fn routes() -> Router<Web> {
    let of = |path: &str| format!("/organizations/{{organization}}/{path}");
    let drain = |api: Api, name, _| async move { api.runners().drain_runner(DrainRunnerRequest { name }).await };
    let resume = |api: Api, name, _| async move { api.runners().resume_runner(ResumeRunnerRequest { name }).await };
    let revoke = |api: Api, name, _| async move { api.enrollment().revoke_runner(RevokeRunnerRequest { name }).await };
    let revoke_token = |api: Api, name, _| async move {
        let request = RevokeEnrollmentTokenRequest { name };
        api.enrollment().revoke_enrollment_token(request).await
    };
    Router::new()
        .route(&of("runners/add"), form(enroll).get(crate::page::show))
        .route(&of("runners/{runner}/drain"), button(drain))
        .route(&of("runners/{runner}/resume"), button(resume))
        .route(&of("runners/{runner}/revoke"), button(revoke))
        .route(&of("enrollmentTokens/{token}/revoke"), button(revoke_token))
}

/// Makes an enrollment token, and tells it this once.
async fn enroll(here: Here, said: Query) -> Result<Response, Fault> {
    let life = said.get("life").parse().unwrap_or(0);
    let request = CreateEnrollmentTokenRequest {
        parent: here.organization.clone(),
        pool: said.get("pool").trim().to_owned(),
        life: Some(prost_types::Duration {
            seconds: life,
            nanos: 0,
        }),
        // What is no number is more than anybody may ask for, and is refused as that.
        uses_max: said.get("uses_max").trim().parse().unwrap_or(u32::MAX),
    };
    match here.api.enrollment().create_enrollment_token(request).await {
        Ok(made) => {
            let made = made.into_inner();
            let token = made.enrollment_token.unwrap_or_default();
            let id = token.name.rsplit('/').next().unwrap_or_default();
            let view = enrollment::view(&here, id, Some(&made.token)).await?;
            let address = here.path(&format!("enrollments/{id}"));
            shown(&here, Section::Runners, (&address, StatusCode::OK), view).await
        }
        Err(status) => {
            let (status, code) = refused(status)?;
            let view = add::view(&here, &Filled::refused(&said, &status)).await?;
            shown(&here, Section::Runners, (&here.path("runners/add"), code), view).await
        }
    }
}
