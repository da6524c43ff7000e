//! What can be done with executions.

use axum::Extension;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use muster_proto::v1::{CancelExecutionRequest, ListLogLinesRequest, LogSource, RunIntegrationRequest};
use serde::Deserialize;

use super::{Back, back};
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::words::exact;

/// What is to run.
#[derive(Deserialize)]
pub(super) struct Run {
    /// Empty: all.
    #[serde(default)]
    data_type: String,
    #[serde(default)]
    back: String,
}

/// Collects now.
pub(super) async fn run(
    Extension(visitor): Extension<Visitor>,
    Path((organization, integration)): Path<(String, String)>,
    Form(run): Form<Run>,
) -> Result<Redirect, Fault> {
    let request = RunIntegrationRequest {
        name: format!("organizations/{organization}/integrations/{integration}"),
        data_types: Some(run.data_type).filter(|one| !one.is_empty()).into_iter().collect(),
        ..RunIntegrationRequest::default()
    };
    visitor.api.integrations().run_integration(request).await?;
    Ok(back(&run.back))
}

/// Ends one that is open.
pub(super) async fn cancel(
    Extension(visitor): Extension<Visitor>,
    Path((organization, integration, execution)): Path<(String, String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let request = CancelExecutionRequest {
        name: name(&organization, &integration, &execution),
        ..CancelExecutionRequest::default()
    };
    visitor.api.executions().cancel_execution(request).await?;
    Ok(back(&form.back))
}

/// Its log as a file.
pub(super) async fn log(
    Extension(visitor): Extension<Visitor>,
    Path((organization, integration, execution)): Path<(String, String, String)>,
) -> Result<Response, Fault> {
    let mut text = String::new();
    let mut request = ListLogLinesRequest {
        parent: name(&organization, &integration, &execution),
        page_size: 1_000,
        ..ListLogLinesRequest::default()
    };
    loop {
        let page = visitor
            .api
            .log_lines()
            .list_log_lines(request.clone())
            .await?
            .into_inner();
        for line in page.log_lines {
            let source = match line.source() {
                LogSource::Coordinator => "coordinator",
                LogSource::Runner | LogSource::Unspecified => "runner",
                LogSource::Connector => "connector",
            };
            let level = line.level().as_str_name().trim_start_matches("LOG_LEVEL_");
            let at = line.time.as_ref().map(exact).unwrap_or_default();
            text.push_str(&format!("{at}\t{level}\t{source}\t{}\n", line.message));
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    // An id as the API knows it: its answer would have been an error otherwise.
    let disposition = format!("attachment; filename=\"{execution}.log\"");
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, text).into_response())
}

fn name(organization: &str, integration: &str, execution: &str) -> String {
    format!("organizations/{organization}/integrations/{integration}/executions/{execution}")
}
