//! Who may do what: logging in, people, and tokens.

pub mod login;
pub mod logout;
pub mod person;
pub mod token;
pub mod whoami;

use muster_proto::v1::{Role, WhoAmIResponse};

use crate::client::Client;
use crate::contexts::Token;
use crate::error::Error;
use crate::output::text::clean;
use crate::settings::{Origin, Said};

/// The variable with the token to show.
const VARIABLE: &str = "MUSTER_TOKEN";

/// What is shown when the variable says so; `None`: what the context says.
///
/// # Errors
/// [`Error::TokenUnusable`] when it is no token.
pub fn given_token() -> Result<Option<Said<Token>>, Error> {
    let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // What it holds is not told: it may be a secret of something else.
    let unusable = |problem: String| Error::TokenUnusable {
        place: VARIABLE.to_owned(),
        problem,
    };
    let text = text.into_string();
    let token: Result<Token, _> = text
        .map_err(|_| "it is no text".to_owned())
        .and_then(|text| text.parse());
    Ok(Some(Said {
        value: token.map_err(unusable)?,
        origin: Origin::Variable(VARIABLE),
    }))
}

/// Of what people and tokens are: of the organization, or of the service's own staff.
#[derive(Debug, clap::Args)]
pub struct Of {
    /// Of the service's own staff, instead of the organization
    #[arg(long)]
    staff: bool,
}

impl Of {
    fn parent(&self, client: &Client) -> String {
        if self.staff {
            "service".to_owned()
        } else {
            client.parent()
        }
    }
}

/// A role as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TypedRole {
    /// Reads how everything is
    Viewer,
    /// Changes and runs integrations, and reads their records, too
    Operator,
    /// Lets others in, too
    Admin,
}

impl From<TypedRole> for Role {
    fn from(role: TypedRole) -> Self {
        match role {
            TypedRole::Viewer => Self::Viewer,
            TypedRole::Operator => Self::Operator,
            TypedRole::Admin => Self::Admin,
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Unspecified => "unknown",
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

/// Where somebody may do something.
fn scope(name: &str) -> String {
    match name.strip_prefix("organizations/") {
        Some(organization) => format!("organization {}", clean(organization)),
        None => "the service's staff".to_owned(),
    }
}

/// Somebody, in a line: "person Ada, admin of organization acme".
fn who(told: &WhoAmIResponse) -> String {
    format!(
        "{}, {} of {}",
        clean(&told.principal),
        role(told.role()),
        scope(&told.scope)
    )
}
