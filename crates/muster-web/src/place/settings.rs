//! The settings of an organization: how much it may have and how long it is kept, how mails go out, where the coordinator is reached; its people; its
//! tokens.

mod organization;
pub(crate) mod people;
pub(crate) mod tokens;

use maud::{Markup, html};
use muster_proto::v1::{Coordinator, GetCoordinatorRequest, GetOrganizationRequest};

use super::Here;
use crate::fault::Fault;
use crate::form::{Filled, Input};
use crate::view::{Region, View};
use crate::words::role;

/// What has become of a form.
#[derive(Default)]
pub(crate) struct Told<'a> {
    /// What was typed of the organization, and refused.
    pub(crate) organization: Filled<'a>,
    /// The same of a test mail.
    pub(crate) mail: Filled<'a>,
    /// What the mail server has said to a test mail that it took.
    pub(crate) mailed: Option<&'a str>,
}

/// The first tab: the organization, mails, addresses.
pub(crate) async fn view(here: &Here, told: &Told<'_>) -> Result<View, Fault> {
    let (organization, coordinator) = tokio::try_join!(
        async {
            let name = here.organization.clone();
            let asked = here
                .api
                .organizations()
                .get_organization(GetOrganizationRequest { name })
                .await;
            Ok::<_, Fault>(asked?.into_inner())
        },
        async {
            let asked = here.api.coordinator().get_coordinator(GetCoordinatorRequest {}).await;
            Ok::<_, Fault>(asked?.into_inner())
        },
    )?;
    let usage = Region::one("usage", organization::usage(&organization));
    let body = html! {
        section aria-labelledby="organization" {
            h2 #organization { "Organization" }
            (organization::facts(&organization))
            (usage)
            @if here.who.scope == "service" && here.may_administer() { (organization::form(here, &organization, &told.organization)) }
            @else { p.help { "How much it may have, and for how long things are kept, those decide who operate the coordinator." } }
        }
        (mail(here, &coordinator, told))
        (addresses(&coordinator))
    };
    Ok(page(here, "", "Settings", body, vec![usage]))
}

/// A tab in its page.
fn page(here: &Here, current: &str, title: &str, body: Markup, regions: Vec<Region>) -> View {
    let tabs = [("", "General"), ("/people", "People"), ("/tokens", "Tokens")];
    let body = html! {
        main #main.settings {
            h1 { "Settings" }
            nav.tabs aria-label="Settings" {
                @for (part, name) in tabs { a href=(here.path(&format!("settings{part}"))) aria-current=[(part == current).then_some("page")] { (name) } }
            }
            @if !here.signed_in && !current.is_empty() {
                p.note.warned { "This coordinator was started with " code { "insecure" } ": it asks nobody who they are, and everybody may do everything." }
            }
            (body)
        }
    };
    View {
        title: title.to_owned(),
        body,
        regions,
    }
}

/// What stands instead of what only admins see.
fn for_admins(here: &Here, what: &str) -> Markup {
    html! {
        div.empty {
            p { b { (what) " are for admins." } }
            p { "You are " bdi { (here.who.principal) } ", " (role(here.who.role())) ". Ask an admin of the organization to change something." }
        }
    }
}

/// What is said where mails are spoken of and none is sent.
pub(crate) fn no_mail_server(here: &Here) -> Markup {
    html! {
        div.note.warned {
            p.all { b { "No mail server is set: nobody is mailed of errors." } " Incidents stand under " a href=(here.path("alerts")) { "Alerts" } " all the same." }
            p.all.remedy { b { "To do:" } " whoever operates the coordinator sets " code { "smtp" } " and " code { "mail_from" } ", as docs/alerts.md tells." }
        }
    }
}

fn mail(here: &Here, coordinator: &Coordinator, told: &Told<'_>) -> Markup {
    html! {
        section aria-labelledby="mail" {
            h2 #mail { "Mail" }
            @if coordinator.mail_sender.is_empty() {
                (no_mail_server(here))
            } @else {
                p { "Mails come from " b { bdi { (coordinator.mail_sender) } } "." }
                @if let Some(answer) = told.mailed {
                    p.note.good role="status" { b { "The mail server has taken it: " } bdi { (answer) } " Look whether it arrives." }
                }
                @if here.may_operate() {
                    form.form method="post" action=(here.path("settings/mail")) {
                        (told.mail.elsewhere(&["recipient"]))
                        (Input { name: "recipient", label: "Test mail to", kind: "email", value: "", required: true, help: "It says nothing but that mails arrive, and the mail server’s answer is shown here." }.show(&told.mail))
                        div.actions { button type="submit" { "Send a test mail" } }
                    }
                }
            }
        }
    }
}

fn addresses(coordinator: &Coordinator) -> Markup {
    html! {
        section aria-labelledby="addresses" {
            h2 #addresses { "Coordinator" }
            dl.facts {
                div { dt { "For runners" } dd { @for url in &coordinator.urls { code { (url) } " " } } }
                div { dt { "For browsers" } dd { @if coordinator.page_url.is_empty() { span.faint { "not set: mails have no links" } } @else { code { (coordinator.page_url) } } } }
                div { dt { "Certificate" } dd {
                    @if coordinator.insecure { span.warned { "none: it asks nobody who they are, and listens on this machine only" } }
                    @else if coordinator.publicly_certified { "of an authority that others trust already" }
                    @else { "of its own authority, which runners know by their enrollment token" }
                } }
                div { dt { "Version" } dd { (coordinator.version) } }
                @if !coordinator.runner_version_min.is_empty() { div { dt { "Runners" } dd { "of " (coordinator.runner_version_min) " or later get work" } } }
            }
        }
    }
}
