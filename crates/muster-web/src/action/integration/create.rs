//! Adding an integration.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::Uri;
use muster_proto::v1::{CreateIntegrationRequest, Integration};

use super::change::Form;
use super::refusal::{found, refused};
use super::{Posted, Sent, asks, shown, tab};
use crate::answer::{Answer, Judged};
use crate::definition::Definition;
use crate::fault::Fault;
use crate::form::Faults;
use crate::gate::Visitor;
use crate::place::{self, Query};

/// Makes one of what was typed, as a draft or active.
pub(super) async fn create(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    at: Uri,
    sent: Sent,
) -> Result<Response, Fault> {
    let Posted { what, answer, judged } = match Posted::of(sent) {
        Ok(posted) => posted,
        Err(told) => return Ok(*told),
    };
    let organization = format!("organizations/{organization}");
    let is_draft = match what.as_str() {
        "draft" | "draft-check" => true,
        "activate" => false,
        what => {
            let answer = judged_again(&visitor, &organization, &at, answer, judged).await?;
            let answer = match what {
                "mail" => asks::mail(&visitor, &organization, answer).await,
                _ => answer,
            };
            return shown(&visitor, &at, answer).await;
        }
    };
    let judged = if is_draft { Judged::ToSave } else { Judged::ToCollect };
    let (mut request, faults) = asked(&visitor, &organization, &at, &answer).await?;
    request.draft = is_draft;
    request.request_id.clone_from(&answer.request_id);
    request.validate_only = !faults.is_empty();
    let made = visitor.api.integrations().create_integration(request).await;
    if !faults.is_empty() {
        let faults = found(faults, made);
        let said = format!("{NOT_SAVED}: {}", faults.count());
        let answer = Answer { faults, ..answer };
        return shown(&visitor, &at, answer.bad(said).judged(judged)).await;
    }
    let made = match made {
        Ok(made) => made.into_inner(),
        Err(status) => return shown(&visitor, &at, refused(answer, status, NOT_SAVED)?.judged(judged)).await,
    };
    // The connector is that of the new one, and not what the list beside it shows.
    let list = Query::of(&at).with("connector", "");
    if what == "draft-check" {
        let at = tab(&list, &made.name, "configuration", &[]).parse().unwrap_or(at);
        let form = Form {
            visitor,
            at,
            organization,
            name: made.name,
        };
        return form.tested("created", String::new()).await;
    }
    let to = if is_draft {
        tab(&list, &made.name, "configuration", &[("said", "created")])
    } else {
        tab(&list, &made.name, "logs", &[])
    };
    Ok(Redirect::to(&to).into_response())
}

const NOT_SAVED: &str = "not saved";

/// What is asked of the API for what was typed, and what is wrong with it before it is asked.
async fn asked(
    visitor: &Visitor,
    organization: &str,
    at: &Uri,
    answer: &Answer,
) -> Result<(CreateIntegrationRequest, Faults), Fault> {
    let connector = Query::of(at).get("connector").to_owned();
    let known = place::connector(&visitor.api, organization, &connector).await?;
    let specification = known.as_ref().and_then(|known| known.specification.as_ref());
    let definition = Definition::new(specification, answer.typed.get("access_schema"), None);
    let (integration, faults) = definition.read(&answer.typed);
    let request = CreateIntegrationRequest {
        parent: organization.to_owned(),
        integration: Some(Integration {
            connector,
            ..integration
        }),
        ..CreateIntegrationRequest::default()
    };
    Ok((request, faults))
}

/// The form with what is still wrong, judged for the same as before. Nothing is made.
async fn judged_again(
    visitor: &Visitor,
    organization: &str,
    at: &Uri,
    answer: Answer,
    judged: Option<Judged>,
) -> Result<Answer, Fault> {
    let Some(judged) = judged else { return Ok(answer) };
    let (mut request, faults) = asked(visitor, organization, at, &answer).await?;
    request.draft = judged == Judged::ToSave;
    request.validate_only = true;
    let faults = found(faults, visitor.api.integrations().create_integration(request).await);
    Ok(Answer { faults, ..answer }.judged(judged))
}
