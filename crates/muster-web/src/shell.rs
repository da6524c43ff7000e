//! What stands around every view: the head of the page, and the navigation.

use maud::{DOCTYPE, Markup, html};

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
    html! {
        header #top {
            a.word href=(here.path("integrations")) { "muster" }
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
            span #live-state role="status" data-own {}
            details.menu {
                summary { (organization) }
                div.sheet {
                    p { b { (here.who.principal) } br; (role(here.who.role())) " of " (here.who.scope.trim_start_matches("organizations/")) }
                    @if here.who.scope == "service" {
                        a href="/organizations" { "All organizations" }
                    }
                    @if here.signed_in {
                        form method="post" action="/sign-out" data-plain { button type="submit" { "Sign out" } }
                    }
                }
            }
        }
    }
}
