//! What is shown instead of what was asked for: the one map from the API's errors to pages.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use maud::{Markup, html};
use tonic::{Code, Status};
use url::form_urlencoded;

use crate::limit::ANSWER_WITHIN;
use crate::words::prose;
use crate::{shell, sign_in};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// There is no such address.
    #[error("there is no such page")]
    NotFound,
    /// The session is over, or there was none.
    #[error("nobody is signed in")]
    SignedOut,
    /// What was to be shown was not made in time.
    #[error("the coordinator has not answered within {} s", ANSWER_WITHIN.as_secs())]
    Overdue,
    /// What was to be done may have been done, or not.
    #[error("the coordinator has not answered within {} s, and may have done it", ANSWER_WITHIN.as_secs())]
    Unknown,
    /// The API has said no.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unauthenticated => Self::SignedOut,
            _ => Self::Refused(Box::new(status)),
        }
    }
}

impl Fault {
    /// As HTTP says it.
    pub(crate) fn code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::Overdue | Self::Unknown => StatusCode::GATEWAY_TIMEOUT,
            Self::Refused(status) => match status.code() {
                Code::NotFound => StatusCode::NOT_FOUND,
                Code::PermissionDenied => StatusCode::FORBIDDEN,
                Code::InvalidArgument | Code::OutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
                Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
                Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
                Code::Ok
                | Code::Unknown
                | Code::Unimplemented
                | Code::Internal
                | Code::DataLoss
                | Code::Unauthenticated => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn title(&self) -> &'static str {
        match self.code() {
            StatusCode::NOT_FOUND => "There is nothing here",
            StatusCode::UNAUTHORIZED => "You are signed out",
            StatusCode::FORBIDDEN => "You may not do this",
            StatusCode::UNPROCESSABLE_ENTITY => "This cannot be taken as it is",
            StatusCode::CONFLICT => "This cannot be done now",
            StatusCode::TOO_MANY_REQUESTS => "That is too much at once",
            StatusCode::GATEWAY_TIMEOUT => "The coordinator has not answered in time",
            StatusCode::SERVICE_UNAVAILABLE => "The coordinator cannot do this now",
            _ => "Something is wrong with the coordinator",
        }
    }

    fn advice(&self) -> Markup {
        match self {
            Self::NotFound => html! {
                p { "No page has this address: it may be mistyped, or what it showed was deleted." }
            },
            Self::SignedOut => html! {
                p { "Your session is over, or its token was revoked. " a href="/sign-in" { "Sign in" } " and send it again." }
            },
            Self::Overdue => html! {
                p { "It was waited for " (ANSWER_WITHIN.as_secs()) " s. Try again in a moment; if it stays so, its log may say why." }
            },
            Self::Unknown => html! {
                p { "It was waited for " (ANSWER_WITHIN.as_secs()) " s. It may have been done: look before you do it again. If it stays so, its log may say why." }
            },
            Self::Refused(status) => html! {
                p { (prose(status.message())) }
            },
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let page = shell::bare(self.title(), &self.advice());
        (self.code(), page).into_response()
    }
}

/// What whoever asks for something gets whose session is over. Signing in leads back to it; what a form has said can be sent again from here.
pub(crate) fn signed_out(at: &Uri, is_read: bool, said: Option<&[u8]>) -> Response {
    let path = at.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // Another host is no place of ours.
    let path = if path.starts_with("//") { "/" } else { path };
    let back = if is_read { path } else { "/" };
    let advice = html! {
        @match said {
            None => p { "Your session is over, or its token was revoked. " a href=(sign_in::address(back)) { "Sign in" } " to go on." },
            Some(said) => {
                p { "Your session is over, or its token was revoked. Nothing was changed, and nothing that you typed is lost: "
                    a href="/sign-in" target="_blank" { "sign in in another tab" } ", come back to this one, and send it again." }
                form method="post" action=(path) {
                    @for (name, value) in form_urlencoded::parse(said) { input type="hidden" name=(name) value=(value); }
                    button.primary type="submit" { "Send it again" }
                }
            },
        }
    };
    let page = shell::bare(Fault::SignedOut.title(), &advice);
    (StatusCode::UNAUTHORIZED, page).into_response()
}

/// A page that says one thing and what to do about it.
pub(crate) fn told(code: StatusCode, title: &str, advice: &str) -> Response {
    (code, shell::bare(title, &html! { p { (advice) } })).into_response()
}
