//! `muster token`: what people and programs show to be let in.

use std::time::{Duration, SystemTime};

use muster_proto::v1::{CreateTokenRequest, GetPersonRequest, RevokeTokenRequest, Token};
use prost_types::Timestamp;

use super::{Of, TypedRole, role, scope};
use crate::command::{Limit, Session, note_more};
use crate::configuration::parse_interval;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::{Json, list};
use crate::output::table::{Cell, Column, Facts, Table};
use crate::output::text::{Tone, clean};
use crate::output::{note, time};

/// Make and revoke what people and programs show to be let in
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster token create --person ada@example.com
  muster token create --program backup --role viewer --expires never
  muster token list
  muster token revoke 456789ab")]
pub enum Command {
    /// Make a token; its text is printed this once
    #[command(after_help = "\
Examples:
  muster token create --person ada@example.com
  muster token create --person ada@example.com --name laptop --role viewer --expires 8h
  muster token create --program backup --role viewer --expires never --output json | jq -r .text

Nobody can read its text again. Whoever has it may do what it opens: keep it as a password.")]
    Create(Create),
    /// List the tokens, the oldest first
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  muster token list
  muster token list --person ada@example.com"
    )]
    List {
        /// Those of this person alone
        #[arg(long)]
        person: Option<String>,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show a token, without its text
    #[command(after_help = "\
Examples:
  muster token show 456789ab")]
    Show(Which),
    /// Let a token open nothing any more; what is watched by it ends within seconds
    #[command(after_help = "\
Examples:
  muster token revoke 456789ab")]
    Revoke(Which),
}

/// One token.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The token: its id, or the end of it
    token: String,
    #[command(flatten)]
    of: Of,
}

impl Which {
    async fn find(&self, session: &Session) -> Result<Token, Error> {
        let parent = self.of.parent(&session.client);
        names::token(&session.client, &parent, &self.token).await
    }
}

/// What it is to be.
#[derive(Debug, clap::Args)]
pub struct Create {
    #[command(flatten)]
    holder: Holder,
    /// What the person calls it
    #[arg(long, value_name = "NAME", default_value = "token", conflicts_with = "program")]
    name: String,
    /// What it opens at the most [default: all that the person may do; of a program, what a viewer may]
    #[arg(long, value_enum)]
    role: Option<TypedRole>,
    /// When it ends by itself: after so long, or `never`
    #[arg(long, value_name = "LENGTH", default_value = "90d", value_parser = expiry)]
    expires: Expiry,
    #[command(flatten)]
    of: Of,
}

/// Whose it is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Holder {
    /// For this person: their e-mail address, their name, their id or the end of it
    #[arg(long)]
    person: Option<String>,
    /// For a program of this name
    #[arg(long, value_name = "NAME")]
    program: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    Never,
    After(Duration),
}

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    parse_interval(text)
        .map(Expiry::After)
        .map_err(|error| format!("{error}, or `never`"))
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::Create(create) => make(create, session).await,
        Command::List { person, of, limit } => all(person.as_deref(), &of, &limit, session).await,
        Command::Show(which) => show(&which, session).await,
        Command::Revoke(which) => revoke(&which, session).await,
    }
}

async fn make(create: Create, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let parent = create.of.parent(client);
    let (person, display_name) = match (create.holder.person, create.holder.program) {
        (Some(person), _) => (names::person(client, &parent, &person).await?.name, create.name),
        (None, program) => (String::new(), program.unwrap_or_default()),
    };
    let expire_time = match create.expires {
        Expiry::Never => None,
        Expiry::After(length) => SystemTime::now().checked_add(length).map(Timestamp::from),
    };
    let request = CreateTokenRequest {
        parent,
        token: Some(Token {
            display_name,
            person,
            role: create
                .role
                .map(|role| muster_proto::v1::Role::from(role).into())
                .unwrap_or_default(),
            expire_time,
            ..Token::default()
        }),
        never_expires: create.expires == Expiry::Never,
        ..Default::default()
    };
    let made = client.access().create_token(request).await;
    let made = made
        .map_err(|status| client.error("create the token", &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&made))?;
    } else {
        // Alone on standard output, so that it can be piped to where it is kept.
        output.line(&made.text)?;
        let token = made.token.unwrap_or_default();
        note(format!(
            "token {}, {}, {}; it is shown this once",
            names::short_id(&token.name),
            role(token.role()),
            expires(&token)
        ));
    }
    Ok(Exit::Success)
}

fn expires(token: &Token) -> String {
    match token.expire_time.as_ref() {
        Some(time) => format!("until {}", time::exact(Some(time))),
        None => "for ever".to_owned(),
    }
}

async fn all(person: Option<&str>, of: &Of, limit: &Limit, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let parent = of.parent(client);
    let person = match person {
        Some(person) => names::person(client, &parent, person).await?.name,
        None => String::new(),
    };
    let listed = crate::list::tokens(client, &parent, &person, limit.limit).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let people = crate::list::people(client, &parent, crate::list::PAGE_MAX).await?;
    let now = time::now();
    let mut table = Table::new([
        Column::text("TOKEN", names::SHORT_ID_CHARS),
        Column::text("OF", 24),
        Column::text("NAME", 16),
        Column::text("ROLE", 8),
        Column::text("STATE", 8),
        Column::text("EXPIRES", 20),
        Column::text("USED", 12),
    ]);
    for token in &listed.items {
        let holder = people.items.iter().find(|person| person.name == token.person);
        let of = match holder {
            Some(person) => clean(&person.display_name),
            None if token.person.is_empty() => "program".to_owned(),
            None => names::short_id(&token.person).to_owned(),
        };
        let (state, tone) = state(token);
        table.row([
            names::short_id(&token.name).into(),
            of.into(),
            token.display_name.as_str().into(),
            role(token.role()).into(),
            Cell::toned(state, tone),
            end(token).into(),
            time::relative(token.last_use_time.as_ref(), &now).into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, limit);
    Ok(Exit::Success)
}

fn state(token: &Token) -> (&'static str, Tone) {
    match (token.active, &token.revoke_time) {
        (true, _) => ("active", Tone::Good),
        (false, Some(_)) => ("revoked", Tone::Quiet),
        (false, None) => ("over", Tone::Quiet),
    }
}

async fn show(which: &Which, session: &mut Session) -> Result<Exit, Error> {
    let token = which.find(session).await?;
    let Session { client, output, .. } = session;
    if output.is_for_programs() {
        output.document(&Json(&token))?;
        return Ok(Exit::Success);
    }
    let holder = match token.person.as_str() {
        "" => "program".to_owned(),
        name => {
            let person = client
                .access()
                .get_person(GetPersonRequest { name: name.to_owned() })
                .await;
            let person = person
                .map_err(|status| client.error("show whose token it is", &status))?
                .into_inner();
            format!("{} ({})", clean(&person.display_name), clean(&person.email))
        }
    };
    let mut facts = Facts::default();
    facts.add("token", &token.display_name);
    facts.add("id", names::id(&token.name));
    facts.add("of", holder);
    facts.add(
        "opens",
        format!("{} of {}", role(token.role()), scope(parent(&token.name))),
    );
    facts.add("state", state(&token).0);
    facts.add("expires", end(&token));
    facts.add("created", time::exact(token.create_time.as_ref()));
    facts.add("created by", clean(&token.creator));
    facts.add("used", time::exact(token.last_use_time.as_ref()));
    if token.revoke_time.is_some() {
        facts.add("revoked", time::exact(token.revoke_time.as_ref()));
    }
    for line in facts.lines() {
        output.line(line)?;
    }
    Ok(Exit::Success)
}

fn end(token: &Token) -> String {
    let end = token.expire_time.as_ref();
    end.map_or_else(|| "never".to_owned(), |end| time::exact(Some(end)))
}

/// Of what the token of this name is.
fn parent(name: &str) -> &str {
    name.split_once("/tokens/").map_or(name, |(parent, _)| parent)
}

async fn revoke(which: &Which, session: &mut Session) -> Result<Exit, Error> {
    let name = which.find(session).await?.name;
    let Session { client, output, .. } = session;
    let request = RevokeTokenRequest {
        name,
        ..Default::default()
    };
    let revoked = client.access().revoke_token(request).await;
    let revoked = revoked
        .map_err(|status| client.error("revoke the token", &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&revoked))?;
    } else {
        output.line(format!("revoked token {}", names::id(&revoked.name)))?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_length_or_never() {
        assert_eq!(expiry("never"), Ok(Expiry::Never));
        assert_eq!(expiry("90d"), Ok(Expiry::After(Duration::from_secs(90 * 86_400))));
        for wrong in ["", "0", "always", "-1h"] {
            assert!(expiry(wrong).is_err(), "{wrong}");
        }
    }
}
