//! What can be done with the audit log.

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use muster_proto::audit_log::{Entry, Header};
use muster_proto::v1::{AuditChain, ExportAuditEntriesRequest, ExportAuditEntriesResponse, VerifyAuditLogRequest};
use serde::Serialize;
use tonic::{Status, Streaming};

use super::{form, shown};
use crate::Web;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::place::{Here, Query, activity};
use crate::shell::Section;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/organizations/{organization}/activity/export", get(export))
        .route("/organizations/{organization}/activity/verify", form(verify))
}

/// Says whether the log is whole.
async fn verify(here: Here, _: Query) -> Result<Response, Fault> {
    let request = VerifyAuditLogRequest {
        parent: here.organization.clone(),
    };
    let found = here.api.audit().verify_audit_log(request).await?.into_inner();
    let view = activity::view(&here, Some(&found)).await?;
    let address = here.path("activity");
    shown(&here, Section::Activity, (&address, StatusCode::OK), view).await
}

/// The log as a file, as `muster audit export` prints it.
async fn export(Extension(visitor): Extension<Visitor>, Path(organization): Path<String>) -> Result<Response, Fault> {
    let request = ExportAuditEntriesRequest {
        parent: format!("organizations/{organization}"),
        from_number: 0,
    };
    let mut entries = visitor.api.audit().export_audit_entries(request).await?.into_inner();
    let first = entries.message().await?;
    let chain = first.and_then(|first| first.chain).unwrap_or_default();
    // An organization as the API knows it: its answer would have been an error otherwise.
    let disposition = format!("attachment; filename=\"audit-{organization}.jsonl\"");
    let headers = [
        (CONTENT_TYPE, "application/jsonl".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    let lines = stream::try_unfold((entries, Some(chain)), next);
    Ok((headers, Body::from_stream(lines)).into_response())
}

type Rest = (Streaming<ExportAuditEntriesResponse>, Option<AuditChain>);

/// The next lines; the first of them says where the log begins and ends.
async fn next((mut entries, header): Rest) -> Result<Option<(Bytes, Rest)>, Status> {
    let mut lines = Vec::new();
    let Some(message) = entries.message().await? else {
        let Some(chain) = header else { return Ok(None) };
        // There are none.
        line(
            &mut lines,
            &Header::new(&chain, chain.last_number + 1, chain.hash.clone()),
        )?;
        return Ok(Some((lines.into(), (entries, None))));
    };
    let message: Vec<Entry> = message.audit_entries.iter().map(Entry::from).collect();
    let header = match (header, message.first()) {
        (Some(chain), Some(first)) => {
            line(
                &mut lines,
                &Header::new(&chain, first.number, first.previous_hash.clone()),
            )?;
            None
        }
        (header, _) => header,
    };
    for entry in &message {
        line(&mut lines, entry)?;
    }
    Ok(Some((lines.into(), (entries, header))))
}

fn line(lines: &mut Vec<u8>, of: &impl Serialize) -> Result<(), Status> {
    serde_json::to_writer(&mut *lines, of).map_err(|error| Status::internal(error.to_string()))?;
    lines.push(b'\n');
    Ok(())
}
