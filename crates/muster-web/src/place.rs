//! Which address shows what.

mod integrations;
mod new;
mod organizations;
mod panel;
mod query;

use http::Uri;
use maud::html;
use muster_proto::v1::{Role, WhoAmIRequest, WhoAmIResponse};

pub(crate) use integrations::CHOICES;
pub(crate) use panel::configuration::connector;
pub(crate) use query::Query;

use crate::answer::Answer;
use crate::api::Api;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::shell::{self, Section};
use crate::view::{Region, View};

/// Where somebody is, and who they are there.
pub(crate) struct Here {
    /// The API as they may use it.
    pub(crate) api: Api,
    /// `organizations/{organization}`.
    pub(crate) organization: String,
    /// Who they are, as the API says.
    pub(crate) who: WhoAmIResponse,
    /// What the address asks for.
    pub(crate) query: Query,
    /// What a form is answered with that was sent to this address.
    pub(crate) answer: Option<Answer>,
}

impl Here {
    /// Whether they may change what is collected.
    pub(crate) fn may_operate(&self) -> bool {
        matches!(self.who.role(), Role::Operator | Role::Admin)
    }

    /// The address of something in this organization.
    pub(crate) fn path(&self, of: &str) -> String {
        format!("/{}/{of}", self.organization)
    }
}

/// Where an address leads on to that shows nothing by itself; `None` where there is something to show.
///
/// # Errors
/// [`Fault`].
pub(crate) async fn redirect(visitor: &Visitor, at: &Uri) -> Result<Option<String>, Fault> {
    let parts: Vec<&str> = parts(at);
    Ok(match parts.as_slice() {
        [] => {
            let who = who(&visitor.api).await?;
            Some(match who.scope.as_str() {
                "service" => organizations::only(visitor).await?,
                organization => format!("/{organization}/integrations"),
            })
        }
        ["organizations", _] => Some(format!("{}/integrations", at.path())),
        ["organizations", _, "integrations", integration] if *integration != "new" => {
            Some(format!("{}/logs", at.path()))
        }
        _ => None,
    })
}

/// What is at an address.
///
/// # Errors
/// [`Fault`].
pub(crate) async fn view(visitor: &Visitor, at: &Uri) -> Result<View, Fault> {
    answered(visitor, at, None).await
}

/// The same, with the answer to a form that was sent there.
///
/// # Errors
/// [`Fault`].
pub(crate) async fn answered(visitor: &Visitor, at: &Uri, answer: Option<Answer>) -> Result<View, Fault> {
    let parts = parts(at);
    let query = Query::of(at);
    if parts.as_slice() == ["organizations"] {
        return organizations::view(visitor).await;
    }
    let ["organizations", organization, rest @ ..] = parts.as_slice() else {
        return Err(Fault::NotFound);
    };
    let here = Here {
        api: visitor.api.clone(),
        organization: format!("organizations/{organization}"),
        who: who(&visitor.api).await?,
        query,
        answer,
    };
    let (section, mut view) = match rest {
        ["integrations"] => (Section::Integrations, integrations::view(&here).await?),
        ["integrations", "new"] => (Section::Integrations, new::view(&here).await?),
        ["integrations", integration, tab @ ..] => (Section::Integrations, panel::view(&here, integration, tab).await?),
        _ => return Err(Fault::NotFound),
    };
    let top = Region::one("top", shell::top(&here, section, visitor.signed_in));
    view.body = html! { (top) (view.body) };
    view.regions.push(top);
    Ok(view)
}

async fn who(api: &Api) -> Result<WhoAmIResponse, Fault> {
    Ok(api.access().who_am_i(WhoAmIRequest {}).await?.into_inner())
}

/// The parts of an address's path. What is percent-encoded is left so: none of our names needs it.
fn parts(at: &Uri) -> Vec<&str> {
    at.path().split('/').filter(|part| !part.is_empty()).collect()
}
