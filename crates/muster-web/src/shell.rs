//! What stands around every view: the head of the page, and the navigation.

use http::Uri;
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
}

const SECTIONS: [(Section, &str, &str); 1] = [(Section::Integrations, "Integrations", "integrations")];

/// A view as a page.
pub(crate) fn page(at: &Uri, view: &View) -> Markup {
    let address = at.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
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

/// The navigation.
pub(crate) fn top(here: &Here, current: Section, signed_in: bool) -> Markup {
    let organization = here.organization.trim_start_matches("organizations/");
    html! {
        header #top {
            a.word href=(here.path("integrations")) { "muster" }
            nav aria-label="Admin" {
                @for (section, name, path) in SECTIONS {
                    a href=(here.path(path)) aria-current=[(section == current).then_some("page")] {
                        (name)
                    }
                }
            }
            span #live-state role="status" {}
            details.menu {
                summary { (organization) }
                div.sheet {
                    p { b { (here.who.principal) } br; (role(here.who.role())) " of " (here.who.scope.trim_start_matches("organizations/")) }
                    @if here.who.scope == "service" {
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
