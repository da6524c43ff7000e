//! What can be done with runners, and with what they enroll by.

use axum::extract::{Form, Path};
use axum::response::{Redirect, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::StatusCode;
use muster_proto::v1::{
    CreateEnrollmentTokenRequest, DrainRunnerRequest, RevokeEnrollmentTokenRequest, RevokeRunnerRequest,
};
use tonic::Code;

use super::{Back, back, shown};
use crate::Web;
use crate::fault::Fault;
use crate::field::Filled;
use crate::gate::Visitor;
use crate::place::runners::{add, enrollment};
use crate::place::{Here, Query};
use crate::shell::Section;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route(
            "/organizations/{organization}/runners/add",
            post(enroll).get(crate::page::show),
        )
        .route("/organizations/{organization}/runners/{runner}/drain", post(drain))
        .route("/organizations/{organization}/runners/{runner}/revoke", post(revoke))
        .route(
            "/organizations/{organization}/enrollmentTokens/{token}/revoke",
            post(revoke_token),
        )
}

/// Makes an enrollment token, and tells it this once.
async fn enroll(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    Form(said): Form<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let said = Query::said(said);
    let here = Here::of(&visitor, &organization, Query::default()).await?;
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
        Err(status) if status.code() == Code::InvalidArgument => {
            let view = add::view(&here, &Filled::refused(&said, &status)).await?;
            let address = here.path("runners/add");
            let code = StatusCode::UNPROCESSABLE_ENTITY;
            shown(&here, Section::Runners, (&address, code), view).await
        }
        Err(status) => Err(status.into()),
    }
}

/// Gives it nothing new.
async fn drain(
    Extension(visitor): Extension<Visitor>,
    Path((organization, runner)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = format!("organizations/{organization}/runners/{runner}");
    visitor.api.runners().drain_runner(DrainRunnerRequest { name }).await?;
    Ok(back(&form.back))
}

/// Ends that it may check in.
async fn revoke(
    Extension(visitor): Extension<Visitor>,
    Path((organization, runner)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = format!("organizations/{organization}/runners/{runner}");
    visitor
        .api
        .enrollment()
        .revoke_runner(RevokeRunnerRequest { name })
        .await?;
    Ok(back(&form.back))
}

/// Lets nobody enroll by a token any more.
async fn revoke_token(
    Extension(visitor): Extension<Visitor>,
    Path((organization, token)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = format!("organizations/{organization}/enrollmentTokens/{token}");
    let request = RevokeEnrollmentTokenRequest { name };
    visitor.api.enrollment().revoke_enrollment_token(request).await?;
    Ok(back(&form.back))
}
