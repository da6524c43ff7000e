//! What can be done with executions.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use muster_proto::v1::{CancelExecutionRequest, RunIntegrationRequest};

use super::button;
use crate::Web;
use crate::api::Api;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::place::Query;
use crate::place::panel::log_lines;
use crate::words::{clean, precise};

pub(super) fn routes() -> Router<Web> {
    let of = |path: &str| format!("/organizations/{{organization}}/integrations/{{integration}}/{path}");
    let run = |api: Api, name, said: Query| async move {
        // None: all.
        let data_type = Some(said.get("data_type")).filter(|one| !one.is_empty());
        let request = RunIntegrationRequest {
            name,
            data_types: data_type.map(str::to_owned).into_iter().collect(),
            ..RunIntegrationRequest::default()
        };
        api.integrations().run_integration(request).await
    };
    let cancel = |api: Api, name, _| async move {
        let request = CancelExecutionRequest {
            name,
            ..CancelExecutionRequest::default()
        };
        api.executions().cancel_execution(request).await
    };
    Router::new()
        .route(&of("run"), button(run))
        .route(&of("executions/{execution}/cancel"), button(cancel))
        .route(&of("executions/{execution}/log"), get(log))
}

/// Its log as a file.
async fn log(
    Extension(visitor): Extension<Visitor>,
    Path((organization, integration, execution)): Path<(String, String, String)>,
) -> Result<Response, Fault> {
    let name = format!("organizations/{organization}/integrations/{integration}/executions/{execution}");
    let mut text = String::new();
    log_lines::read(&visitor.api, &name, |line| {
        let level = line.level().as_str_name().trim_start_matches("LOG_LEVEL_");
        let at = line.time.as_ref().map(precise).unwrap_or_default();
        let (source, message) = (log_lines::source(&line), clean(&line.message));
        text.push_str(&format!("{at}\t{level}\t{source}\t{message}\n"));
    })
    .await?;
    // An id as the API knows it: its answer would have been an error otherwise.
    let disposition = format!("attachment; filename=\"{execution}.log\"");
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, text).into_response())
}
