//! What forms do: each makes one call, and leads back to where it was sent from.

mod activity;
mod execution;
mod integration;
mod runners;
mod settings;

use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

use http::StatusCode;
use serde::Deserialize;

use crate::fault::Fault;
use crate::place::Here;
use crate::shell::{self, Section};
use crate::view::View;
use crate::{Web, page};

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        // Whoever only looks there gets the page.
        .route(
            "/organizations/{organization}/integrations/new",
            post(integration::create).get(page::show),
        )
        .route(
            "/organizations/{organization}/integrations/{integration}/configuration",
            post(integration::change).get(page::show),
        )
        .route(
            "/organizations/{organization}/integrations/{integration}/delete",
            post(integration::delete),
        )
        .route(
            "/organizations/{organization}/integrations/{integration}/run",
            post(execution::run),
        )
        .route(
            "/organizations/{organization}/integrations/{integration}/executions/{execution}/cancel",
            post(execution::cancel),
        )
        .route(
            "/organizations/{organization}/integrations/{integration}/executions/{execution}/log",
            get(execution::log),
        )
        .merge(runners::routes())
        .merge(activity::routes())
        .merge(settings::routes())
}

/// A view that a form is answered with: what is told only once, or what is wrong with what was said. It is live as what is at `address`.
async fn shown(
    here: &Here,
    section: Section,
    (address, code): (&str, StatusCode),
    view: View,
) -> Result<Response, Fault> {
    let view = here.framed(section, view).await?;
    Ok((code, shell::page(address, &view)).into_response())
}

/// Where to go on.
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

/// Leads back to where a form was sent from: an address of this site, never another one.
fn back(to: &str) -> Redirect {
    let is_path = to.starts_with("/organizations/") && !to.contains(['\\', '\r', '\n', '\t']);
    Redirect::to(if is_path { to } else { "/" })
}
