//! What every request goes through before anything is done for it: by which name it has come, from whose page, and as whom.

mod forms;

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::Web;
use crate::api::{Api, Peer};
use crate::fault::{signed_out, told};
use crate::status;
use forms::{held, said};

pub(crate) use forms::Forms;

tokio::task_local! {
    /// What the page's own script and stylesheet are known by, another one for each answer: whatever else gets into a page is not run.
    static NONCE: String;
}

/// What stands as `nonce` at the page's own script and stylesheet. Empty where no answer is made.
pub(crate) fn nonce() -> String {
    NONCE.try_with(Clone::clone).unwrap_or_default()
}

/// What a page may do: what comes from here, and nothing else.
fn policy(nonce: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types muster"
    );
    HeaderValue::from_str(&policy).expect("base64 is fit for a header")
}

fn random() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Whoever looks at a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The API as they may use it.
    pub(crate) api: Api,
    /// Whether they have signed in; otherwise nobody is asked here.
    pub(crate) signed_in: bool,
}

/// Says what browsers may do with an answer.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let nonce = random();
    let policy = policy(&nonce);
    let mut answer = NONCE.scope(nonce, next.run(request)).await;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Lets in who comes by a right name, posts from a page of ours, and has a session.
pub(crate) async fn guard(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let options = &web.0.options;
    let host = host(&request).to_owned();
    if !is_ours(&request, &options.hosts) {
        return told(
            StatusCode::MISDIRECTED_REQUEST,
            "This coordinator is not known by that name",
            &format!(
                "It was asked for as “{host}”. Use the address that the coordinator's setting `public_url` says, or one of its `public_names`."
            ),
        );
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && !is_from_here(headers, &host) {
        return told(
            StatusCode::FORBIDDEN,
            "This form did not come from here",
            "What a page of another site sends is not taken. Open the page itself, and send it from there.",
        );
    }
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return told(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Nobody knows where this request comes from",
            "Report this fault.",
        );
    };
    let session = options.sessions.as_ref().map(|key| key.shown(headers));
    let mut renewed = None;
    let visitor = match &session {
        None => Some(Visitor {
            api: Api::new(web.0.api.clone(), peer, None),
            signed_in: false,
        }),
        Some(None) if status::is_at(request.uri().path()) => status::bearer(headers).map(|token| Visitor {
            api: Api::new(web.0.api.clone(), peer, Some(token)),
            signed_in: true,
        }),
        Some(None) => None,
        Some(Some(session)) => {
            if session.is_old() {
                renewed = options.sessions.as_ref().map(|key| key.cookie(&session.token));
            }
            Some(Visitor {
                api: Api::new(web.0.api.clone(), peer, Some(&session.token)),
                signed_in: true,
            })
        }
    };
    let at = request.uri().clone();
    let is_sign_in = matches!(at.path(), "/sign-in" | "/sign-out");
    let (said, place) = if is_read || is_sign_in {
        (None, None)
    } else {
        match said(&mut request, web.0.forms.of(visitor.is_some())).await {
            Ok(said) => said,
            Err(untaken) => return untaken.into_response(),
        }
    };
    let was_signed_in = matches!(&session, Some(Some(_)));
    match visitor {
        Some(visitor) => {
            request.extensions_mut().insert(visitor);
        }
        None if is_sign_in => {}
        None if status::is_at(at.path()) => return status::unasked(),
        None if is_read && at.path() != "/live" => {
            let wanted = at.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            return Redirect::to(&crate::sign_in::address(wanted)).into_response();
        }
        None => return held(signed_out(&at, is_read, said.as_deref()), place),
    }
    let mut answer = next.run(request).await;
    // The session goes on, but its token does not.
    if was_signed_in && !is_sign_in && answer.status() == StatusCode::UNAUTHORIZED {
        return held(signed_out(&at, is_read, said.as_deref()), place);
    }
    if let Some(cookie) = renewed
        && !answer.headers().contains_key(SET_COOKIE)
    {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// By which name a request has come.
fn host<B>(request: &http::Request<B>) -> &str {
    let named = request.uri().authority().map(http::uri::Authority::as_str);
    named
        .or_else(|| request.headers().get(HOST)?.to_str().ok())
        .unwrap_or_default()
}

/// Whether a request has come by a name that only leads to this machine from this machine itself.
pub fn is_of_this_machine<B>(request: &http::Request<B>) -> bool {
    let name = name(host(request));
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// A host without its port, and an address of IPv6 without its brackets.
fn name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether browsers may have reached this listener by the name of a request: a site of somebody else's that makes its name lead here is told apart by it.
fn is_ours<B>(request: &http::Request<B>, hosts: &[String]) -> bool {
    let name = name(host(request));
    is_of_this_machine(request) || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a form comes from a page of this same origin, as browsers say since 2023 of every request, and of a posted form always.
fn is_from_here(headers: &HeaderMap, host: &str) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let authority = origin
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, authority)| authority);
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_has_made_lead_here_is_not_ours() {
        let hosts = ["muster.example.com".to_owned(), "192.0.2.7".to_owned()];
        let is_ours = |host: &str| {
            is_ours(
                &http::Request::get("/").header(HOST, host).body(()).expect("a request"),
                &hosts,
            )
        };
        for ours in [
            "localhost:7480",
            "LOCALHOST",
            "127.0.0.1:7480",
            "[::1]:7480",
            "[::1]",
            "Muster.example.com",
            "192.0.2.7:443",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "evil.example:7480",
            "muster.example.com.evil.example",
            "localhost.evil.example",
            "192.0.2.8",
            "[",
            "[::2]",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_told_apart() {
        let from = |name: HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            is_from_here(&headers, "localhost:7480")
        };
        assert!(from(SEC_FETCH_SITE, "same-origin"));
        assert!(from(ORIGIN, "http://localhost:7480"));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!from(SEC_FETCH_SITE, site), "{site}");
        }
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:7481",
            "http://localhost",
        ] {
            assert!(!from(ORIGIN, origin), "{origin}");
        }
        assert!(!is_from_here(&HeaderMap::new(), "localhost:7480"));
    }
}
