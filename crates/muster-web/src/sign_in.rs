//! Signing in by a token, and out again.

use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use muster_proto::v1::WhoAmIRequest;
use serde::Deserialize;
use url::form_urlencoded;

use crate::Web;
use crate::api::{Api, Peer};
use crate::session::no_cookie;
use crate::shell;
use crate::words::prose;

/// The most bytes of its form, which comes from whoever likes: a token, and an address.
pub(crate) const BYTES_MAX: usize = 16 * 1024;

/// Where somebody wants to go.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    to: String,
}

/// What the form says.
#[derive(Deserialize)]
pub(crate) struct Shown {
    token: String,
    #[serde(default)]
    to: String,
}

/// The address of the form, which leads on to another one.
pub(crate) fn address(to: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if to != "/" {
        query.append_pair("to", to);
    }
    let query = query.finish();
    if query.is_empty() {
        "/sign-in".to_owned()
    } else {
        format!("/sign-in?{query}")
    }
}

/// The form.
pub(crate) async fn show(State(web): State<Web>, Query(wanted): Query<Wanted>) -> Response {
    if web.0.options.sessions.is_none() {
        return Redirect::to("/").into_response();
    }
    form(&wanted.to, None).into_response()
}

/// Takes a token, if the API takes it.
pub(crate) async fn sign_in(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    Form(shown): Form<Shown>,
) -> Response {
    let Some(key) = &web.0.options.sessions else {
        return Redirect::to("/").into_response();
    };
    let token = shown.token.trim();
    let api = Api::new(web.0.api.clone(), peer, Some(token));
    match api.access().who_am_i(WhoAmIRequest {}).await {
        Ok(_) => ([(SET_COOKIE, key.cookie(token))], Redirect::to(inside(&shown.to))).into_response(),
        Err(status) => {
            let page = form(&shown.to, Some(&prose(status.message())));
            (StatusCode::UNAUTHORIZED, page).into_response()
        }
    }
}

/// Forgets the session. The token stays good for whoever has it.
pub(crate) async fn sign_out() -> Response {
    ([(SET_COOKIE, no_cookie())], Redirect::to("/sign-in")).into_response()
}

/// Where to go: never to another host.
fn inside(to: &str) -> &str {
    let is_path = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n', '\t']);
    if is_path { to } else { "/" }
}

fn form(to: &str, fault: Option<&Markup>) -> Markup {
    let form = html! {
        p.lead { "Show the API token that you were given: it begins with " code { "mst_" } "." }
        form.sign-in method="post" action="/sign-in" {
            input type="hidden" name="to" value=(to);
            label for="token" { "API token" }
            input #token type="password" name="token" required autofocus autocomplete="current-password" spellcheck="false"
                aria-invalid=[fault.map(|_| "true")] aria-describedby=(if fault.is_some() { "token-fault" } else { "token-help" });
            @if let Some(fault) = fault {
                p #token-fault.fault role="alert" { (fault) }
            }
            button.primary type="submit" { "Sign in" }
        }
        p #token-help.help {
            "An admin makes one with " code { "muster token create" } ". The first admin's token lies in the file "
            code { "bootstrap-token" } " of the coordinator's data folder."
        }
    };
    shell::bare("Sign in", &form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_host() {
        assert_eq!(
            inside("/organizations/acme/integrations?q=a"),
            "/organizations/acme/integrations?q=a"
        );
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
        ] {
            assert_eq!(inside(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(address("/"), "/sign-in");
        assert_eq!(address("/a?b=c&d"), "/sign-in?to=%2Fa%3Fb%3Dc%26d");
    }
}
