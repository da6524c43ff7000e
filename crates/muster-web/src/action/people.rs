//! What can be done with people.

use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use muster_proto::v1::{
    CreatePersonRequest, DeletePersonRequest, DisablePersonRequest, EnablePersonRequest, Person, UpdatePersonRequest,
};
use prost_types::FieldMask;

use super::{button, form, refused, shown};
use crate::Web;
use crate::api::Api;
use crate::fault::Fault;
use crate::form::Filled;
use crate::place::settings::people;
use crate::place::{Here, Query};
use crate::shell::Section;

pub(super) fn routes() -> Router<Web> {
    let of = |path: &str| format!("/organizations/{{organization}}/{path}");
    let set_role = |api: Api, name: String, said: Query| async move {
        let person = Person {
            name,
            role: people::role_of(said.get("role")).into(),
            ..Person::default()
        };
        let request = UpdatePersonRequest {
            person: Some(person),
            update_mask: Some(FieldMask {
                paths: vec!["role".to_owned()],
            }),
            ..UpdatePersonRequest::default()
        };
        api.access().update_person(request).await
    };
    let disable = |api: Api, name: String, _| async move {
        let request = DisablePersonRequest {
            name,
            ..DisablePersonRequest::default()
        };
        api.access().disable_person(request).await
    };
    let enable = |api: Api, name: String, _| async move {
        let request = EnablePersonRequest {
            name,
            ..EnablePersonRequest::default()
        };
        api.access().enable_person(request).await
    };
    let delete = |api: Api, name: String, _| async move {
        let request = DeletePersonRequest {
            name,
            ..DeletePersonRequest::default()
        };
        api.access().delete_person(request).await
    };
    Router::new()
        .route(&of("settings/people"), form(add).get(crate::page::show))
        .route(&of("people/{person}/role"), button(set_role))
        .route(&of("people/{person}/disable"), button(disable))
        .route(&of("people/{person}/enable"), button(enable))
        .route(&of("people/{person}/delete"), button(delete))
}

/// Lets a person do something.
async fn add(here: Here, said: Query) -> Result<Response, Fault> {
    let request = CreatePersonRequest {
        parent: here.organization.clone(),
        person: Some(Person {
            display_name: said.get("person.display_name").trim().to_owned(),
            email: said.get("person.email").trim().to_owned(),
            role: people::role_of(said.get("person.role")).into(),
            ..Person::default()
        }),
        request_id: said.get("request_id").to_owned(),
        ..CreatePersonRequest::default()
    };
    match here.api.access().create_person(request).await {
        Ok(made) => {
            // The next thing that they need.
            let to = Query::default().with("person", &made.into_inner().name);
            Ok(Redirect::to(&to.at(&here.path("settings/tokens"))).into_response())
        }
        Err(status) => {
            let (status, code) = refused(status)?;
            let view = people::view(&here, &Filled::refused(&said, &status)).await?;
            shown(&here, Section::Settings, (&here.path("settings/people"), code), view).await
        }
    }
}
