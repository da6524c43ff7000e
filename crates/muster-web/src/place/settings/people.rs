//! The people of an organization, and what they may do.

use maud::{Markup, html};
use muster_proto::v1::{ListPeopleRequest, Person, Role};
use prost_types::Timestamp;

use super::super::Here;
use super::{for_admins, page};
use crate::fault::Fault;
use crate::form::{Filled, Input, choice, confirmed, once};
use crate::view::{Region, View};
use crate::words::{now, relative, role};

/// How many people a page has.
const PAGE: i32 = 200;

/// The fields of the form, as the request calls them.
const FIELDS: [&str; 3] = ["person.display_name", "person.email", "person.role"];

/// The roles by their numbers, with what they allow.
pub(crate) const ROLES: [(&str, &str); 3] = [
    ("1", "Viewer: reads how everything is"),
    ("2", "Operator: changes and runs integrations, reads records"),
    ("3", "Admin: decides who else may do what"),
];

/// The tab.
pub(crate) async fn view(here: &Here, filled: &Filled<'_>) -> Result<View, Fault> {
    if !here.may_administer() {
        return Ok(page(here, "/people", "People", for_admins(here, "People"), Vec::new()));
    }
    let request = ListPeopleRequest {
        parent: here.organization.clone(),
        page_size: PAGE,
        page_token: here.query.get("after").to_owned(),
    };
    let found = here.api.access().list_people(request).await?.into_inner();
    let now = now();
    let items = found.people.iter().map(|person| row(here, person, &now));
    let list = Region::list("rows", ("tbody", ""), items.collect());
    let body = html! {
        @if found.people.is_empty() && here.query.get("after").is_empty() {
            div.empty {
                p { b { "There are no people yet." } }
                p { "Add whoever works with this organization, then give them a " a href=(here.path("settings/tokens")) { "token" } ": they sign in with it. The service’s own staff may do everything here and is not listed." }
            }
        } @else {
            table.cards {
                thead { tr { th scope="col" { "Person" } th scope="col" { "May" } th scope="col" { "State" } th scope="col" { "Since" } } }
                (list)
            }
        }
        (super::super::pages(&here.query, &here.path("settings/people"), &found.next_page_token))
        section aria-labelledby="new" {
            h2 #new { "Add a person" }
            (filled.form(&here.path("settings/people"), &FIELDS, &html! {
                (once())
                (Input { name: FIELDS[0], label: "Name", kind: "text", value: "", help: "", required: true }.show(filled))
                (Input { name: FIELDS[1], label: "E-mail address", kind: "email", value: "", help: "No two people of an organization have the same.", required: true }.show(filled))
                (choice((FIELDS[2], "Role", "Each may do what the one before may."), &ROLES, (filled, "1")))
                div.actions { button.primary type="submit" { "Add" } }
            }))
        }
    };
    Ok(page(here, "/people", "People", body, vec![list]))
}

fn row(here: &Here, person: &Person, now: &Timestamp) -> (String, Markup) {
    let id = person.name.rsplit('/').next().unwrap_or_default();
    let key = format!("p-{id}");
    let address = format!("/{}", person.name);
    let back = here.path("settings/people");
    let chosen = i32::from(person.role()).to_string();
    let html = html! {
        tr id=(key) {
            th scope="row" {
                details {
                    summary { bdi { (person.display_name) } @if here.who.person == person.name { " " small { "you" } } " " small { bdi { (person.email) } } }
                    form.line method="post" action={ (address) "/role" } data-guard {
                        input type="hidden" name="back" value=(back);
                        label.unseen for={ "role-" (id) } { "Role" }
                        select id={ "role-" (id) } name="role" { @for (value, word) in ROLES { option value=(value) selected[value == chosen] { (word) } } }
                        button type="submit" { "Change role" }
                    }
                    div.actions {
                        a.button href=(super::super::Query::default().with("person", &person.name).at(&here.path("settings/tokens"))) { "Tokens" }
                        @if person.disabled {
                            form method="post" action={ (address) "/enable" } { input type="hidden" name="back" value=(back); button type="submit" { "Enable" } }
                        } @else {
                            form method="post" action={ (address) "/disable" } { input type="hidden" name="back" value=(back); button type="submit" { "Disable" } }
                        }
                        (confirmed("Delete", "They go with all their tokens, which open nothing any more. What they did stays in the audit log.", &format!("{address}/delete"), (&back, "Delete for good")))
                    }
                }
            }
            td data-name="May" { (role(person.role())) }
            td data-name="State" {
                @if person.disabled { span.state.canceled { i {} "Disabled" } } @else { span.state.completed { i {} "Active" } }
            }
            td data-name="Since" { @if let Some(at) = &person.create_time { (relative(at, now)) } }
        }
    };
    (key, html)
}

/// The role of this number; none is what the API refuses.
pub(crate) fn role_of(number: &str) -> Role {
    number
        .parse()
        .ok()
        .and_then(|number: i32| Role::try_from(number).ok())
        .unwrap_or_default()
}
