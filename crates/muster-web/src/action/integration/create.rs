//! Adding an integration.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::Uri;
use muster_proto::v1::{CreateIntegrationRequest, Integration};

use super::refusal::{judged, refused};
use super::{Posted, Sent, asks, shown, tab};
use crate::definition::Definition;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::place::{self, Query};

/// Makes one of what was typed, as a draft or active.
pub(super) async fn create(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    at: Uri,
    sent: Sent,
) -> Result<Response, Fault> {
    let Posted { what, answer, .. } = match Posted::of(sent) {
        Ok(posted) => posted,
        Err(told) => return Ok(*told),
    };
    let organization = format!("organizations/{organization}");
    let is_draft = match what.as_str() {
        "draft" | "draft-check" => true,
        "activate" => false,
        "mail" => {
            let answer = asks::mail(&visitor, &organization, answer).await;
            return shown(&visitor, &at, answer).await;
        }
        _ => return shown(&visitor, &at, answer).await,
    };
    let name = Query::of(&at).get("connector").to_owned();
    let known = place::connector(&visitor.api, &organization, &name).await?;
    let specification = known.as_ref().and_then(|known| known.specification.as_ref());
    let definition = Definition::new(specification, answer.typed.get("access_schema"), None);
    let (integration, faults) = definition.read(&answer.typed);
    let request = CreateIntegrationRequest {
        parent: organization,
        integration: Some(Integration {
            connector: name,
            ..integration
        }),
        draft: is_draft,
        request_id: answer.request_id.clone(),
        validate_only: !faults.is_empty(),
    };
    let made = visitor.api.integrations().create_integration(request).await;
    if !faults.is_empty() {
        return shown(&visitor, &at, judged(answer, faults, made)).await;
    }
    let made = match made {
        Ok(made) => made.into_inner(),
        Err(status) => return shown(&visitor, &at, refused(answer, status)?).await,
    };
    // The connector is that of the new one, and not what the list beside it shows.
    let list = Query::of(&at).with("connector", "");
    if what == "draft-check"
        && let Ok(asked) = asks::check(&visitor, &made.name).await
    {
        let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        return Ok(Redirect::to(&tab(&list, &made.name, "configuration", &asked)).into_response());
    }
    let to = if is_draft {
        tab(&list, &made.name, "configuration", &[("said", "created")])
    } else {
        tab(&list, &made.name, "logs", &[])
    };
    Ok(Redirect::to(&to).into_response())
}
