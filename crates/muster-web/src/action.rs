//! What forms do: each makes one call, and leads back to where it was sent from.

mod activity;
mod execution;
mod integration;
mod people;
mod runners;
mod settings;
mod tokens;

use axum::extract::{Form, Path};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, post};
use axum::{Extension, Router};
use http::{StatusCode, Uri};
use tonic::Status;

use crate::Web;
use crate::api::Api;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::place::{Here, Query};
use crate::shell::{self, Section};
use crate::view::View;

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .merge(integration::routes())
        .merge(execution::routes())
        .merge(runners::routes())
        .merge(activity::routes())
        .merge(settings::routes())
        .merge(people::routes())
        .merge(tokens::routes())
}

/// What a form says, as browsers send it.
type Said = Form<Vec<(String, String)>>;

/// A button that asks for nothing: it makes one call about what its address names, `/{name}/{what is done}`, and leads back to where it stands.
fn button<D, A, T>(does: D) -> MethodRouter<Web>
where
    D: Fn(Api, String, Query) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<tonic::Response<T>, Status>> + Send,
    T: Send,
{
    post(
        move |Extension(visitor): Extension<Visitor>, at: Uri, Form(said): Said| async move {
            let said = Query::said(said);
            let to = back(said.get("back"));
            let name = at.path().trim_start_matches('/').rsplit_once('/');
            let (name, _) = name.ok_or(Fault::NotFound)?;
            does(visitor.api, name.to_owned(), said).await?;
            Ok::<_, Fault>(to)
        },
    )
}

/// A form of an organization that is answered with a view: what came of it, or it again with what is wrong.
fn form<D, A>(does: D) -> MethodRouter<Web>
where
    D: Fn(Here, Query) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response, Fault>> + Send,
{
    post(
        move |Extension(visitor): Extension<Visitor>, Path(organization): Path<String>, Form(said): Said| async move {
            let here = Here::of(&visitor, &organization, Query::default()).await?;
            does(here, Query::said(said)).await
        },
    )
}

/// What is wrong with what a form says, and how HTTP says that.
///
/// # Errors
/// What a page of its own says, because it is nothing of the form.
fn refused(status: Status) -> Result<(Box<Status>, StatusCode), Fault> {
    let fault = Fault::from(status);
    match (fault.code(), fault) {
        (code @ (StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT), Fault::Refused(status)) => {
            Ok((status, code))
        }
        (_, fault) => Err(fault),
    }
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

/// Leads back to where a form was sent from: an address of this site, never another one.
fn back(to: &str) -> Redirect {
    let is_path = to.starts_with("/organizations/") && !to.contains(['\\', '\r', '\n', '\t']);
    Redirect::to(if is_path { to } else { "/" })
}
