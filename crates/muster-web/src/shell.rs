//! What stands around every view: the head of the page, and the navigation.

use maud::{DOCTYPE, Markup, html};
use muster_proto::v1::WhoAmIResponse;

use crate::assets;
use crate::gate::nonce;
use crate::place::Here;
use crate::view::{Mark, View};
use crate::words::role;

/// The parts of the product that the navigation leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Integrations,
    Runners,
    Alerts,
    Activity,
    Settings,
}

const SECTIONS: [(Section, &str, &str); 5] = [
    (Section::Integrations, "Integrations", "integrations"),
    (Section::Runners, "Runners", "runners"),
    (Section::Alerts, "Alerts", "alerts"),
    (Section::Activity, "Activity", "activity"),
    (Section::Settings, "Settings", "settings"),
];

/// The view that is at an address, as a page.
pub(crate) fn page(address: &str, view: &View) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&view.title))
            body data-live=(address) data-seen=(Mark::of_view(view)) data-version=(assets::version()) {
                a.skip href="#main" { "Skip to the content" }
                (view.body)
                div #notice role="status" aria-live="polite" {}
            }
        }
    }
}

/// A page that has nothing around what it says.
pub(crate) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body.bare {
                main #main {
                    p.word { a href="/" { "muster" } }
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · Muster" }
            link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
            link rel="stylesheet" href=(assets::address("muster.css")) nonce=(nonce());
            script src=(assets::address("muster.js")) nonce=(nonce()) defer {}
        }
    }
}

/// The navigation: a row, or on a narrow screen a menu.
pub(crate) fn top(here: &Here, current: Section, open_incidents: u64) -> Markup {
    let organization = here.organization.trim_start_matches("organizations/");
    let sections = html! {
        button.admin type="button" popovertarget="admin" { "Admin" }
        nav #admin popover aria-label="Admin" {
            @for (section, name, path) in SECTIONS {
                a href=(here.path(path)) aria-current=[(section == current).then_some("page")] {
                    (name)
                    @if section == Section::Alerts && open_incidents > 0 {
                        " " span.count { (open_incidents) span.unseen { " open" } }
                    }
                }
            }
        }
    };
    bar(
        &here.path("integrations"),
        &sections,
        organization,
        (&here.who, here.signed_in),
    )
}

/// What stands above a view that is no organization's.
pub(crate) fn top_of_service(who: &WhoAmIResponse, signed_in: bool) -> Markup {
    let sections = html! {
        nav aria-label="Service" { a href="/organizations" aria-current="page" { "Organizations" } }
    };
    bar("/organizations", &sections, "All organizations", (who, signed_in))
}

/// A bar with a link home, what `leads` elsewhere, and a menu of whoever looks at this `place`.
fn bar(home: &str, leads: &Markup, place: &str, (who, signed_in): (&WhoAmIResponse, bool)) -> Markup {
    html! {
        header #top {
            a.word href=(home) { "muster" }
            (leads)
            span #live-state role="status" data-own {}
            details.menu {
                summary { (place) }
                div.sheet {
                    p { b { (who.principal) } br; (role(who.role())) " of " (who.scope.trim_start_matches("organizations/")) }
                    @if who.scope == "service" {
                        a href="/organizations" { "All organizations" }
                    }
                    @if signed_in {
                        form method="post" action="/sign-out" data-plain { button type="submit" { "Sign out" } }
                    }
                }
            }
        }
    }
}
