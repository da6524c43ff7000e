//! The tokens by which people and programs come in.

use std::collections::HashMap;

use maud::{Markup, html};
use muster_proto::v1::{CreateTokenResponse, ListPeopleRequest, ListTokensRequest, Person, Role, Token};
use prost_types::Timestamp;

use super::super::Here;
use super::{for_admins, page, people};
use crate::fault::Fault;
use crate::form::{Filled, Input, choice, confirmed, once};
use crate::view::{Region, View};
use crate::words::{now, relative, role};

/// How many tokens a page has.
const PAGE: i32 = 200;

/// How many people the API tells at a time, and how often it is asked at most: from so many one can choose.
const PEOPLE: i32 = 1_000;
const CALLS_MAX: usize = 5;

/// The fields of the form, as the request calls them; `days` leads to `token.expire_time`.
const FIELDS: [&str; 4] = ["token.display_name", "token.person", "token.role", "token.expire_time"];

/// For how many days a token is good. Never is 0.
const DAYS: [(&str, &str); 5] = [
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "1 year"),
    ("0", "Never ends by itself"),
];

/// The tab, with a token that was just made: its text is shown this once, and is in nothing that changes by itself.
pub(crate) async fn view(here: &Here, filled: &Filled<'_>, made: Option<&CreateTokenResponse>) -> Result<View, Fault> {
    if !here.may_administer() {
        return Ok(page(here, "/tokens", "Tokens", for_admins(here, "Tokens"), Vec::new()));
    }
    let mut access = here.api.access();
    let tokens = ListTokensRequest {
        parent: here.organization.clone(),
        page_size: PAGE,
        page_token: here.query.get("after").to_owned(),
        person: here.query.get("person").to_owned(),
    };
    let (tokens, people) = tokio::try_join!(
        async { Ok::<_, Fault>(access.list_tokens(tokens).await?) },
        everybody(here)
    )?;
    let tokens = tokens.into_inner();
    let names: HashMap<&str, &str> = people
        .known
        .iter()
        .map(|person| (person.name.as_str(), person.display_name.as_str()))
        .collect();
    let now = now();
    let items = tokens
        .tokens
        .iter()
        .map(|token| row(here, token, (&names, &people), &now));
    let list = Region::list("rows", ("tbody", ""), items.collect());
    let holders: Vec<(&str, &str)> = [("", "A program")]
        .into_iter()
        .chain(
            people
                .known
                .iter()
                .map(|person| (person.name.as_str(), person.display_name.as_str())),
        )
        .collect();
    let body = html! {
        @if let Some(made) = made { (secret(made)) }
        @if !here.query.get("person").is_empty() {
            p.help { "Tokens of " bdi { (names.get(here.query.get("person")).copied().unwrap_or("somebody")) } ". " a href=(here.path("settings/tokens")) { "Show all" } }
        }
        @if tokens.tokens.is_empty() && here.query.get("after").is_empty() {
            div.empty { p { b { "There are no tokens yet." } } p { "People sign in by a token, and programs such as a script or a screen on the wall show one." } }
        } @else {
            table.cards {
                thead { tr { th scope="col" { "Token" } th scope="col" { "Whose" } th scope="col" { "May" } th scope="col" { "Last used" } th scope="col" { "Ends" } th scope="col" { "Made" } th scope="col" { span.unseen { "To do" } } } }
                (list)
            }
        }
        (super::super::pages(&here.query, &here.path("settings/tokens"), &tokens.next_page_token))
        section aria-labelledby="new" {
            h2 #new { "Make a token" }
            (filled.form(&here.path("settings/tokens"), &FIELDS, &html! {
                (once())
                input type="hidden" name="asked" value=(now.seconds);
                (Input { name: FIELDS[0], label: "Name", kind: "text", value: "", help: "What it is for, such as laptop, backup or wall.", required: true }.show(filled))
                (choice((FIELDS[1], "Whose", "A person’s token opens no more than they may do."), &holders, (filled, here.query.get("person"))))
                (choice((FIELDS[2], "Role at the most", "Of a person: all that they may do, unless you choose less."), &[&[("0", "As its person; a program: Viewer")], people::ROLES.as_slice()].concat(), (filled, "0")))
                (choice(("days", "Good for", "It can be revoked at any time."), &DAYS, (filled, "90")))
                div.actions { button.primary type="submit" { "Make it" } }
            }))
        }
    };
    Ok(page(here, "/tokens", "Tokens", body, vec![list]))
}

/// The text of a token, this once.
fn secret(made: &CreateTokenResponse) -> Markup {
    let name = made.token.as_ref().map_or("", |token| &token.display_name);
    if made.text.is_empty() {
        return html! {
            div.note.warned.secret role="status" tabindex="-1" autofocus {
                p { b { "The token " bdi { (name) } " was made already, and its text was told then." } " Nobody can tell it again: this form was sent twice." }
                p.remedy { b { "To do:" } " if nobody has copied it, revoke it in the list, and make another one." }
            }
        };
    }
    html! {
        div.note.good.secret role="status" tabindex="-1" autofocus {
            p { b { "Copy the token " bdi { (name) } " now: it is shown this once." } }
            div.block {
                pre tabindex="0" { code { (made.text) } }
                button type="button" data-copy=(made.text) { "Copy" }
            }
            p { "Whoever has it signs in on this page with it, or by " code { "muster login" } "." }
        }
    }
}

/// The people of an organization, as far as they are told.
struct Everybody {
    known: Vec<Person>,
    /// Whether there are more.
    more: bool,
}

impl Everybody {
    /// What somebody is called who is not known.
    fn stranger(&self) -> &'static str {
        if self.more { "somebody" } else { "somebody who is gone" }
    }
}

async fn everybody(here: &Here) -> Result<Everybody, Fault> {
    let mut people = Everybody {
        known: Vec::new(),
        more: true,
    };
    let mut page_token = String::new();
    for _ in 0..CALLS_MAX {
        let request = ListPeopleRequest {
            parent: here.organization.clone(),
            page_size: PEOPLE,
            page_token,
        };
        let page = here.api.access().list_people(request).await?.into_inner();
        people.known.extend(page.people);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            people.more = false;
            break;
        }
    }
    Ok(people)
}

fn row(
    here: &Here,
    token: &Token,
    (names, people): (&HashMap<&str, &str>, &Everybody),
    now: &Timestamp,
) -> (String, Markup) {
    let id = token.name.rsplit('/').next().unwrap_or_default();
    let key = format!("t-{id}");
    let is_over = !token.active;
    let html = html! {
        tr id=(key) data-over[is_over] {
            th scope="row" { bdi { (token.display_name) } @if here.who.token == token.name { " " small { "you are here by it" } } }
            td data-name="Whose" { @if token.person.is_empty() { span.faint { "a program" } } @else { bdi { (names.get(token.person.as_str()).copied().unwrap_or(people.stranger())) } } }
            td data-name="May" { @if token.role() == Role::Unspecified { "all its person may" } @else { (role(token.role())) } }
            td data-name="Last used" { @match &token.last_use_time { Some(at) => (relative(at, now)), None => span.faint { "never" } } }
            td data-name="Ends" {
                @if let Some(at) = &token.revoke_time { span.state.canceled { i {} "Revoked" } " " small { (relative(at, now)) } }
                @else if let Some(at) = &token.expire_time { (relative(at, now)) }
                @else { "never" }
                @if is_over && token.revoke_time.is_none() { small { "opens nothing now" } }
            }
            td data-name="Made" { @if let Some(at) = &token.create_time { (relative(at, now)) } " " small { bdi { (token.creator) } } }
            td {
                @if token.revoke_time.is_none() {
                    (confirmed("Revoke", "It opens nothing any more, and sessions by it end within seconds. Nothing undoes that.", &format!("/{}/revoke", token.name), (&here.path("settings/tokens"), "Revoke it")))
                }
            }
        }
    };
    (key, html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_said_to_be_gone_who_may_be_among_those_that_are_not_told() {
        let people = |more| Everybody {
            known: Vec::new(),
            more,
        };
        assert_eq!(people(false).stranger(), "somebody who is gone");
        assert_eq!(people(true).stranger(), "somebody");
    }
}
