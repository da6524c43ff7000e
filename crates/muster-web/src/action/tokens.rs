//! What can be done with the tokens by which people and programs come in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::response::Response;
use http::StatusCode;
use muster_proto::v1::{CreateTokenRequest, RevokeTokenRequest, Token};

use super::{button, form, refused, shown};
use crate::Web;
use crate::api::Api;
use crate::fault::Fault;
use crate::form::Filled;
use crate::place::settings::{people, tokens};
use crate::place::{Here, Query};
use crate::shell::Section;

const DAY: Duration = Duration::from_secs(86_400);

/// For how many days a token is good where nobody says.
const DAYS: u32 = 90;

/// The most days that a token is good for; more is never.
const DAYS_MAX: u32 = 36_500;

pub(super) fn routes() -> Router<Web> {
    let revoke = |api: Api, name: String, _| async move {
        let request = RevokeTokenRequest {
            name,
            ..RevokeTokenRequest::default()
        };
        api.access().revoke_token(request).await
    };
    Router::new()
        .route(
            "/organizations/{organization}/settings/tokens",
            form(make).get(crate::page::show),
        )
        .route("/organizations/{organization}/tokens/{token}/revoke", button(revoke))
}

/// Makes a token, and tells it this once.
async fn make(here: Here, said: Query) -> Result<Response, Fault> {
    let days = said.get("days").parse().unwrap_or(DAYS);
    let end = asked(said.get("asked")) + DAY * days.min(DAYS_MAX);
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
    let address = here.path("settings/tokens");
    match here.api.access().create_token(request).await {
        Ok(made) => {
            let view = tokens::view(&here, &Filled::default(), Some(made.get_ref())).await?;
            shown(&here, Section::Settings, (&address, StatusCode::OK), view).await
        }
        Err(status) => {
            let (status, code) = refused(status)?;
            let view = tokens::view(&here, &Filled::refused(&said, &status), None).await?;
            shown(&here, Section::Settings, (&address, code), view).await
        }
    }
}

/// When a form was asked for, by which it says the same when it is sent twice; now, where that was long ago or nobody knows.
fn asked(seconds: &str) -> SystemTime {
    let now = SystemTime::now();
    let at = seconds.parse().ok();
    let at = at.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    at.filter(|at| now.duration_since(*at).is_ok_and(|ago| ago < DAY))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_sent_twice_says_the_same_for_a_day() {
        let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let now = SystemTime::now();
        let lately = seconds(now - DAY / 2);
        assert_eq!(seconds(asked(&lately.to_string())), lately);
        let long_ago = seconds(now - DAY * 2).to_string();
        let to_come = seconds(now + DAY).to_string();
        for wrong in ["", "soon", "-1", "18446744073709551615", &long_ago, &to_come] {
            assert!(asked(wrong) >= now, "{wrong}");
        }
    }
}
