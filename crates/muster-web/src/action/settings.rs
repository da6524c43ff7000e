//! What can be done in the settings: people, tokens, a test mail, the organization itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Form, Path};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::StatusCode;
use muster_proto::v1::{
    CreatePersonRequest, CreateTokenRequest, DeletePersonRequest, DisablePersonRequest, EnablePersonRequest,
    Organization, Person, Quotas, RevokeTokenRequest, SendTestMailRequest, Token, UpdateOrganizationRequest,
    UpdatePersonRequest,
};
use prost_types::FieldMask;
use serde::Deserialize;
use tonic::Status;

use super::{Back, back, shown};
use crate::Web;
use crate::fault::Fault;
use crate::field::Filled;
use crate::gate::Visitor;
use crate::place::settings::{self, Told, people, tokens};
use crate::place::{Here, Query};
use crate::shell::Section;

pub(super) fn routes() -> Router<Web> {
    let show = crate::page::show;
    let of = |path: &str| format!("/organizations/{{organization}}/{path}");
    Router::new()
        .route(&of("settings/people"), post(add_person).get(show))
        .route(&of("settings/tokens"), post(make_token).get(show))
        .route(&of("settings/mail"), post(send_mail))
        .route(&of("settings/organization"), post(change_organization))
        .route(&of("people/{person}/role"), post(change_role))
        .route(&of("people/{person}/disable"), post(disable))
        .route(&of("people/{person}/enable"), post(enable))
        .route(&of("people/{person}/delete"), post(delete))
        .route(&of("tokens/{token}/revoke"), post(revoke))
}

const DAY: Duration = Duration::from_secs(86_400);

type Said = Form<Vec<(String, String)>>;

/// The form again as it was sent, with what is wrong with it; where that is nothing of the form, a page of its own says so.
async fn again(here: &Here, (status, is_shown): (Status, bool), tab: &str, said: &Query) -> Result<Response, Fault> {
    let fault = Fault::from(status);
    let code = fault.code();
    let Fault::Refused(status) = fault else {
        return Err(fault);
    };
    if !is_shown || !matches!(code, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT) {
        return Err(Fault::Refused(status));
    }
    let filled = Filled::refused(said, &status);
    let view = match tab {
        "/people" => people::view(here, &filled).await?,
        "/tokens" => tokens::view(here, &filled, None).await?,
        "#mail" => {
            let mail = filled;
            settings::view(
                here,
                &Told {
                    mail,
                    ..Told::default()
                },
            )
            .await?
        }
        _ => {
            let organization = filled;
            settings::view(
                here,
                &Told {
                    organization,
                    ..Told::default()
                },
            )
            .await?
        }
    };
    let address = here.path(&format!("settings{}", tab.trim_end_matches("#mail")));
    shown(here, Section::Settings, (&address, code), view).await
}

/// Lets a person do something.
async fn add_person(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    Form(said): Said,
) -> Result<Response, Fault> {
    let said = Query::said(said);
    let here = Here::of(&visitor, &organization, Query::default()).await?;
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
        Err(status) => again(&here, (status, here.may_administer()), "/people", &said).await,
    }
}

/// Makes a token, and tells it this once.
async fn make_token(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    Form(said): Said,
) -> Result<Response, Fault> {
    let said = Query::said(said);
    let here = Here::of(&visitor, &organization, Query::default()).await?;
    let days: u64 = said.get("days").parse().unwrap_or(90);
    let end = asked(said.get("asked")) + Duration::from_secs(days.min(36_500) * DAY.as_secs());
    let request = CreateTokenRequest {
        parent: here.organization.clone(),
        token: Some(Token {
            display_name: said.get("token.display_name").trim().to_owned(),
            person: said.get("token.person").to_owned(),
            role: people::role_of(said.get("token.role")).into(),
            expire_time: (days > 0).then(|| end.into()),
            ..Token::default()
        }),
        never_expires: days == 0,
        request_id: said.get("request_id").to_owned(),
        ..CreateTokenRequest::default()
    };
    match here.api.access().create_token(request).await {
        Ok(made) => {
            let view = tokens::view(&here, &Filled::default(), Some(made.get_ref())).await?;
            let address = here.path("settings/tokens");
            shown(&here, Section::Settings, (&address, StatusCode::OK), view).await
        }
        Err(status) => again(&here, (status, here.may_administer()), "/tokens", &said).await,
    }
}

/// When a form was asked for, by which it says the same when it is sent twice; now, where that was long ago or nobody knows.
fn asked(seconds: &str) -> SystemTime {
    let now = SystemTime::now();
    let at = seconds.parse().ok().and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    at.filter(|at| now.duration_since(*at).is_ok_and(|ago| ago < DAY)).unwrap_or(now)
}

/// Tries whether mails arrive.
async fn send_mail(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    Form(said): Said,
) -> Result<Response, Fault> {
    let said = Query::said(said);
    let here = Here::of(&visitor, &organization, Query::default()).await?;
    let request = SendTestMailRequest {
        parent: here.organization.clone(),
        recipient: said.get("recipient").trim().to_owned(),
    };
    match here.api.incidents().send_test_mail(request).await {
        Ok(sent) => {
            let told = Told {
                mailed: Some(&sent.get_ref().answer),
                ..Told::default()
            };
            let view = settings::view(&here, &told).await?;
            let address = here.path("settings");
            shown(&here, Section::Settings, (&address, StatusCode::OK), view).await
        }
        Err(status) => again(&here, (status, true), "#mail", &said).await,
    }
}

/// Changes how much an organization may have, and for how long things are kept.
async fn change_organization(
    Extension(visitor): Extension<Visitor>,
    Path(organization): Path<String>,
    Form(said): Said,
) -> Result<Response, Fault> {
    let said = Query::said(said);
    let here = Here::of(&visitor, &organization, Query::default()).await?;
    // What is no number is none that may be, and is refused as that.
    let number = |field: &str| -> u32 {
        said.get(&format!("organization.{field}"))
            .trim()
            .parse()
            .unwrap_or(u32::MAX)
    };
    let quota = |field: &str| -> Option<u32> {
        let field = format!("quotas.{field}");
        (!said.get(&format!("organization.{field}")).trim().is_empty()).then(|| number(&field))
    };
    let request = UpdateOrganizationRequest {
        organization: Some(Organization {
            name: here.organization.clone(),
            etag: said.get("etag").to_owned(),
            display_name: said.get("organization.display_name").trim().to_owned(),
            retention_days: number("retention_days"),
            audit_retention_days: number("audit_retention_days"),
            quotas: Some(Quotas {
                integrations: quota("integrations"),
                runners: quota("runners"),
                open_executions: quota("open_executions"),
                uploads_per_second: quota("uploads_per_second"),
                records_mib: quota("records_mib"),
            }),
            ..Organization::default()
        }),
        update_mask: Some(FieldMask {
            paths: ["display_name", "quotas", "retention_days", "audit_retention_days"]
                .map(str::to_owned)
                .to_vec(),
        }),
        validate_only: false,
    };
    match here.api.organizations().update_organization(request).await {
        Ok(_) => Ok(back(&here.path("settings")).into_response()),
        Err(status) => again(&here, (status, true), "", &said).await,
    }
}

/// What a person is to be allowed.
#[derive(Deserialize)]
struct Role {
    role: String,
    #[serde(default)]
    back: String,
}

/// Changes what a person may do.
async fn change_role(
    Extension(visitor): Extension<Visitor>,
    Path((organization, person)): Path<(String, String)>,
    Form(form): Form<Role>,
) -> Result<Redirect, Fault> {
    let request = UpdatePersonRequest {
        person: Some(Person {
            name: person_name(&organization, &person),
            role: people::role_of(&form.role).into(),
            ..Person::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["role".to_owned()],
        }),
        ..UpdatePersonRequest::default()
    };
    visitor.api.access().update_person(request).await?;
    Ok(back(&form.back))
}

/// Lets none of a person's tokens open anything.
async fn disable(
    Extension(visitor): Extension<Visitor>,
    Path((organization, person)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = person_name(&organization, &person);
    visitor
        .api
        .access()
        .disable_person(DisablePersonRequest {
            name,
            ..DisablePersonRequest::default()
        })
        .await?;
    Ok(back(&form.back))
}

/// Lets them open again what they did.
async fn enable(
    Extension(visitor): Extension<Visitor>,
    Path((organization, person)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = person_name(&organization, &person);
    visitor
        .api
        .access()
        .enable_person(EnablePersonRequest {
            name,
            ..EnablePersonRequest::default()
        })
        .await?;
    Ok(back(&form.back))
}

/// Lets a person go.
async fn delete(
    Extension(visitor): Extension<Visitor>,
    Path((organization, person)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = person_name(&organization, &person);
    visitor
        .api
        .access()
        .delete_person(DeletePersonRequest {
            name,
            ..DeletePersonRequest::default()
        })
        .await?;
    Ok(back(&form.back))
}

/// Lets a token open nothing any more.
async fn revoke(
    Extension(visitor): Extension<Visitor>,
    Path((organization, token)): Path<(String, String)>,
    Form(form): Form<Back>,
) -> Result<Redirect, Fault> {
    let name = format!("organizations/{organization}/tokens/{token}");
    visitor
        .api
        .access()
        .revoke_token(RevokeTokenRequest {
            name,
            ..RevokeTokenRequest::default()
        })
        .await?;
    Ok(back(&form.back))
}

fn person_name(organization: &str, person: &str) -> String {
    format!("organizations/{organization}/people/{person}")
}
