//! Which address shows what.

pub(crate) mod activity;
mod alerts;
mod integrations;
mod new;
mod organizations;
pub(crate) mod panel;
mod query;
pub(crate) mod runners;
pub(crate) mod settings;

use http::Uri;
use maud::{Markup, html};
use muster_proto::v1::{
    Role, SummarizeIntegrationsRequest, SummarizeIntegrationsResponse, WhoAmIRequest, WhoAmIResponse,
};

pub(crate) use integrations::CHOICES;
pub(crate) use panel::configuration::connector;
pub(crate) use query::{Query, quoted};

use crate::answer::Answer;
use crate::api::Api;
use crate::fault::Fault;
use crate::form::Filled;
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
    /// The address without that; empty where a form is answered with a view that has no other.
    pub(crate) at: String,
    /// What a form is answered with that was sent to this address.
    pub(crate) answer: Option<Answer>,
    /// Whether they have signed in; otherwise nobody is asked here.
    pub(crate) signed_in: bool,
}

impl Here {
    /// That of a visitor in an organization.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn of(visitor: &Visitor, organization: &str, query: Query) -> Result<Self, Fault> {
        Ok(Self {
            api: visitor.api.clone(),
            organization: format!("organizations/{organization}"),
            who: who(&visitor.api).await?,
            query,
            at: String::new(),
            signed_in: visitor.signed_in,
            answer: None,
        })
    }

    /// How its integrations and incidents stand.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn summary(&self) -> Result<SummarizeIntegrationsResponse, Fault> {
        let parent = self.organization.clone();
        let request = SummarizeIntegrationsRequest { parent };
        Ok(self
            .api
            .integrations()
            .summarize_integrations(request)
            .await?
            .into_inner())
    }

    /// A view of a section with the navigation above it.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn framed(&self, section: Section, mut view: View) -> Result<View, Fault> {
        let incidents = self.summary().await?.open_incident_count;
        let top = Region::one("top", shell::top(self, section, incidents));
        view.body = html! { (top) (view.body) };
        view.regions.push(top);
        Ok(view)
    }

    /// Whether they may decide who else may do what, and read what others have done.
    pub(crate) fn may_administer(&self) -> bool {
        self.who.role() == Role::Admin
    }

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
        parts => moved(parts),
    })
}

/// Where these parts of an address lead on to, whoever asks. It is made of the parts: an address that begins with two slashes would lead to another host.
fn moved(parts: &[&str]) -> Option<String> {
    match parts {
        ["organizations", organization] => Some(format!("/organizations/{organization}/integrations")),
        ["organizations", organization, "integrations", integration] if *integration != "new" => {
            Some(format!("/organizations/{organization}/integrations/{integration}/logs"))
        }
        _ => None,
    }
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
        return organizations::view(visitor, &query).await;
    }
    let ["organizations", organization, rest @ ..] = parts.as_slice() else {
        return Err(Fault::NotFound);
    };
    let here = Here {
        answer,
        at: at.path().to_owned(),
        ..Here::of(visitor, organization, query).await?
    };
    let (section, view) = match rest {
        ["integrations"] => (Section::Integrations, integrations::view(&here).await?),
        ["integrations", "new"] => (Section::Integrations, new::view(&here).await?),
        ["integrations", integration, tab @ ..] => (Section::Integrations, panel::view(&here, integration, tab).await?),
        ["runners"] => (Section::Runners, runners::view(&here).await?),
        ["runners", "add"] => (Section::Runners, runners::add::view(&here, &Filled::default()).await?),
        ["enrollments", token] => (Section::Runners, runners::enrollment::view(&here, token, None).await?),
        ["alerts"] => (Section::Alerts, alerts::view(&here).await?),
        ["activity"] => (Section::Activity, activity::view(&here, None).await?),
        ["settings"] => (
            Section::Settings,
            settings::view(&here, &settings::Told::default()).await?,
        ),
        ["settings", "people"] => (
            Section::Settings,
            settings::people::view(&here, &Filled::default()).await?,
        ),
        ["settings", "tokens"] => (
            Section::Settings,
            settings::tokens::view(&here, &Filled::default(), None).await?,
        ),
        _ => return Err(Fault::NotFound),
    };
    here.framed(section, view).await
}

/// Leads from the list of a path and its query to the page behind, and back to the first one.
fn pages(query: &Query, path: &str, next: &str) -> Markup {
    let is_first = query.get("after").is_empty();
    html! {
        @if !is_first || !next.is_empty() {
            nav.pages aria-label="Pages" {
                @if !is_first { a.button href=(query.with("after", "").with("from", "").at(path)) { "First page" } }
                @if !next.is_empty() { a.button href=(query.with("after", next).at(path)) { "Next page" } }
            }
        }
    }
}

async fn who(api: &Api) -> Result<WhoAmIResponse, Fault> {
    Ok(api.access().who_am_i(WhoAmIRequest {}).await?.into_inner())
}

/// The parts of an address's path. What is percent-encoded is left so: none of our names needs it.
fn parts(at: &Uri) -> Vec<&str> {
    at.path().split('/').filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_on_leads_to_this_host() {
        let moved = |at: &'static str| moved(&parts(&Uri::from_static(at)));
        assert_eq!(
            moved("/organizations/acme").as_deref(),
            Some("/organizations/acme/integrations")
        );
        assert_eq!(
            moved("//organizations/acme").as_deref(),
            Some("/organizations/acme/integrations")
        );
        assert_eq!(
            moved("//organizations/acme/integrations//1/").as_deref(),
            Some("/organizations/acme/integrations/1/logs")
        );
        assert_eq!(moved("/organizations/acme/integrations/new"), None);
        assert_eq!(moved("/organizations/acme/runners"), None);
    }
}
