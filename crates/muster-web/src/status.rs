//! How the integrations of an organization are, as JSON: for screens on walls and for scripts, which show a viewer's token.

use std::time::SystemTime;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use muster_proto::v1::{
    Incident, Integration, ListIncidentsRequest, ListIntegrationsRequest, SummarizeIntegrationsResponse,
};
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Web;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::limit::within;
use crate::place::{Here, Query};
use crate::words::iso;

/// How many of a kind are told one by one.
const TOLD: i32 = 100;

/// The end of its address.
const ENDING: &str = "/status.json";

pub(crate) fn routes() -> Router<Web> {
    Router::new().route("/organizations/{organization}/status.json", get(status))
}

/// Whether this is its address, which is for programs, too.
pub(crate) fn is_at(path: &str) -> bool {
    path.ends_with(ENDING)
}

/// The token that a program shows.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What a program is told that shows nothing.
pub(crate) fn unasked() -> Response {
    let told = "show a token of a viewer: `Authorization: Bearer mst_…`; an admin makes one under Settings, Tokens";
    let headers = [(WWW_AUTHENTICATE, "Bearer")];
    (headers, answer(StatusCode::UNAUTHORIZED, &json!({ "error": told }))).into_response()
}

/// All that is told.
#[derive(Serialize)]
struct Status {
    organization: String,
    time: String,
    integrations: Counts,
    /// The integrations in Error, at most a hundred.
    errors: Vec<Value>,
    open_incident_count: u64,
    /// The incidents that are open, at most a hundred.
    incidents: Vec<Value>,
}

#[derive(Serialize)]
struct Counts {
    active: u64,
    /// How many of the Active call for attention.
    attention: u64,
    error: u64,
    disabled: u64,
}

async fn status(Extension(visitor): Extension<Visitor>, Path(organization): Path<String>) -> Response {
    match within(read(&visitor, &organization)).await {
        Ok(status) => answer(StatusCode::OK, &status),
        Err(Fault::SignedOut) => unasked(),
        Err(fault) => answer(fault.code(), &json!({ "error": fault.to_string() })),
    }
}

fn answer(code: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).expect("texts and numbers are JSON");
    (code, [(CONTENT_TYPE, "application/json")], text).into_response()
}

async fn read(visitor: &Visitor, organization: &str) -> Result<Status, Fault> {
    let here = Here::of(visitor, organization, Query::default()).await?;
    let (mut integrations, mut incidents) = (here.api.integrations(), here.api.incidents());
    let in_error = ListIntegrationsRequest {
        parent: here.organization.clone(),
        page_size: TOLD,
        filter: "status = ERROR".to_owned(),
        ..ListIntegrationsRequest::default()
    };
    let open = ListIncidentsRequest {
        parent: here.organization.clone(),
        page_size: TOLD,
        filter: "state = OPEN".to_owned(),
        ..ListIncidentsRequest::default()
    };
    let (summary, in_error, open) = tokio::try_join!(
        here.summary(),
        async {
            Ok(integrations
                .list_integrations(in_error)
                .await?
                .into_inner()
                .integrations)
        },
        async { Ok(incidents.list_incidents(open).await?.into_inner().incidents) },
    )?;
    let now = Timestamp::from(SystemTime::now());
    Ok(told(&here.organization, &now, &summary, (&in_error, &open)))
}

fn told(
    organization: &str,
    now: &Timestamp,
    summary: &SummarizeIntegrationsResponse,
    (in_error, open): (&[Integration], &[Incident]),
) -> Status {
    Status {
        organization: organization.to_owned(),
        time: iso(now),
        integrations: Counts {
            active: summary.active_count,
            attention: summary.attention_count,
            error: summary.error_count,
            disabled: summary.disabled_count,
        },
        errors: in_error.iter().map(error).collect(),
        open_incident_count: summary.open_incident_count,
        incidents: open.iter().map(incident).collect(),
    }
}

fn error(of: &Integration) -> Value {
    json!({
        "name": of.name,
        "display_name": of.display_name,
        "connector": of.connector,
        "pool": of.pool,
        "since": of.status_time.as_ref().map(iso),
        "message": of.status_message,
        "remedy": of.status_remedy,
    })
}

fn incident(of: &Incident) -> Value {
    let newest = of.notices.last();
    json!({
        "name": of.name,
        "cause": of.cause().as_str_name().trim_start_matches("INCIDENT_CAUSE_"),
        "display_name": newest.map(|notice| &notice.display_name),
        "since": of.open_time.as_ref().map(iso),
        "summary": newest.map(|notice| &notice.summary),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_told_has_the_names_that_the_documentation_says() {
        let now = Timestamp {
            seconds: 1_795_990_992,
            nanos: 0,
        };
        let summary = SummarizeIntegrationsResponse {
            active_count: 4,
            error_count: 1,
            attention_count: 2,
            ..SummarizeIntegrationsResponse::default()
        };
        let broken = Integration {
            name: "organizations/acme/integrations/1".to_owned(),
            display_name: "Corp directory".to_owned(),
            status_time: Some(now),
            status_remedy: "grant it".to_owned(),
            ..Integration::default()
        };
        let status = told(
            "organizations/acme",
            &now,
            &summary,
            (&[broken], &[Incident::default()]),
        );
        let status = serde_json::to_value(status).expect("JSON");
        assert_eq!(
            status["integrations"],
            json!({ "active": 4, "attention": 2, "error": 1, "disabled": 0 })
        );
        assert_eq!(status["errors"][0]["since"], "2026-11-29T22:23:12Z");
        assert_eq!(status["errors"][0]["remedy"], "grant it");
        assert_eq!(status["incidents"][0]["cause"], "UNSPECIFIED");
    }

    #[test]
    fn a_program_shows_a_token_by_a_header() {
        let shown = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(shown("Bearer mst_1"), Some("mst_1".to_owned()));
        assert_eq!(shown("bearer mst_1"), Some("mst_1".to_owned()));
        assert_eq!(shown("Basic mst_1"), None);
        assert_eq!(shown("mst_1"), None);
        assert!(is_at("/organizations/acme/status.json") && !is_at("/organizations/acme/status"));
    }
}
