//! What forms do: each makes one call, and leads back to where it was sent from.

mod execution;
mod integration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};

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
}

/// Leads back to where a form was sent from: an address of this site, never another one.
fn back(to: &str) -> Redirect {
    let is_path = to.starts_with("/organizations/") && !to.contains(['\\', '\r', '\n', '\t']);
    Redirect::to(if is_path { to } else { "/" })
}
