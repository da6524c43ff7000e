//! `muster person`: who may do what.

use muster_proto::v1::{
    CreatePersonRequest, DeletePersonRequest, DisablePersonRequest, EnablePersonRequest, Person, UpdatePersonRequest,
};
use prost_types::FieldMask;

use super::{Of, TypedRole, role, scope};
use crate::command::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::{Json, list};
use crate::output::table::{Cell, Column, Facts, Table};
use crate::output::text::{Tone, clean};
use crate::output::time;

/// Let people in, and say what they may do
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster person create Ada --email ada@example.com --role operator
  muster person list
  muster token create --person ada@example.com")]
pub enum Command {
    /// Let somebody do something, as soon as they have a token
    #[command(after_help = "\
Examples:
  muster person create Ada --email ada@example.com --role operator
  muster person create Root --email root@example.com --role admin --staff
  muster person create Ada --email ada@example.com --role operator --dry-run

Then make a token for them: muster token create --person ada@example.com")]
    Create {
        /// What they are called
        name: String,
        /// Their e-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: TypedRole,
        /// A UUID by which the coordinator knows the request again if it is repeated
        #[arg(long, value_name = "UUID", default_value = "", hide_default_value = true)]
        request_id: String,
        /// Only say whether they could be created
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        of: Of,
    },
    /// List the people, the oldest first
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  muster person list
  muster person list --staff --output json"
    )]
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show somebody
    #[command(after_help = "\
Examples:
  muster person show ada@example.com")]
    Show(Who),
    /// Change somebody; of a lower role all their tokens open less at once
    #[command(after_help = "\
Examples:
  muster person update ada@example.com --role viewer
  muster person update ada@example.com --name Countess --email ada.l@example.com")]
    Update {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        change: Change,
        /// Only say whether they could be changed
        #[arg(long)]
        dry_run: bool,
    },
    /// Let none of somebody's tokens open anything, until they are enabled again
    #[command(after_help = "\
Examples:
  muster person disable ada@example.com")]
    Disable(Who),
    /// Let somebody's tokens open again what they did
    #[command(after_help = "\
Examples:
  muster person enable ada@example.com")]
    Enable(Who),
    /// Let somebody go, with all their tokens
    #[command(
        visible_alias = "rm",
        after_help = "\
Examples:
  muster person delete ada@example.com"
    )]
    Delete(Who),
}

/// One person.
#[derive(Debug, clap::Args)]
pub struct Who {
    /// The person: their e-mail address, their name, their id or the end of it
    person: String,
    #[command(flatten)]
    of: Of,
}

/// What is to change.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Change {
    /// What they are called from now on
    #[arg(long)]
    name: Option<String>,
    /// Their e-mail address from now on
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// What they may do from now on
    #[arg(long, value_enum)]
    role: Option<TypedRole>,
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::Create {
            name,
            email,
            role,
            request_id,
            dry_run,
            of,
        } => {
            let request = CreatePersonRequest {
                parent: of.parent(&session.client),
                person: Some(Person {
                    display_name: name,
                    email,
                    role: muster_proto::v1::Role::from(role).into(),
                    ..Person::default()
                }),
                request_id,
                validate_only: dry_run,
            };
            let created = session.client.access().create_person(request).await;
            let done = if dry_run { "would create" } else { "created" };
            tell(done, "create", created, &of, session)
        }
        Command::List { of, limit } => all(&of, &limit, session).await,
        Command::Show(who) => {
            let person = who.find(session).await?;
            show(&person, session)
        }
        Command::Update { who, change, dry_run } => update(&who, change, dry_run, session).await,
        Command::Disable(who) => {
            let name = who.find(session).await?.name;
            let changed = session
                .client
                .access()
                .disable_person(DisablePersonRequest {
                    name,
                    ..Default::default()
                })
                .await;
            tell("disabled", "disable", changed, &who.of, session)
        }
        Command::Enable(who) => {
            let name = who.find(session).await?.name;
            let changed = session
                .client
                .access()
                .enable_person(EnablePersonRequest {
                    name,
                    ..Default::default()
                })
                .await;
            tell("enabled", "enable", changed, &who.of, session)
        }
        Command::Delete(who) => {
            let person = who.find(session).await?;
            // Guarded, so that nobody deletes whom somebody else has just changed.
            let request = DeletePersonRequest {
                name: person.name.clone(),
                etag: person.etag.clone(),
                ..Default::default()
            };
            let deleted = session.client.access().delete_person(request).await;
            tell(
                "deleted",
                "delete",
                deleted.map(|_| tonic::Response::new(person)),
                &who.of,
                session,
            )
        }
    }
}

impl Who {
    async fn find(&self, session: &Session) -> Result<Person, Error> {
        let parent = self.of.parent(&session.client);
        names::person(&session.client, &parent, &self.person).await
    }
}

async fn update(who: &Who, change: Change, dry_run: bool, session: &mut Session) -> Result<Exit, Error> {
    let name = who.find(session).await?.name;
    let fields = [
        ("display_name", change.name.is_some()),
        ("email", change.email.is_some()),
        ("role", change.role.is_some()),
    ];
    let paths = fields.into_iter().filter(|(_, given)| *given);
    let request = UpdatePersonRequest {
        person: Some(Person {
            name,
            display_name: change.name.unwrap_or_default(),
            email: change.email.unwrap_or_default(),
            role: change
                .role
                .map(|role| muster_proto::v1::Role::from(role).into())
                .unwrap_or_default(),
            ..Person::default()
        }),
        update_mask: Some(FieldMask {
            paths: paths.map(|(path, _)| path.to_owned()).collect(),
        }),
        validate_only: dry_run,
    };
    let updated = session.client.access().update_person(request).await;
    let done = if dry_run { "would change" } else { "changed" };
    tell(done, "change", updated, &who.of, session)
}

/// Prints what was done to somebody.
fn tell(
    done: &str,
    doing: &str,
    answer: Result<tonic::Response<Person>, tonic::Status>,
    of: &Of,
    session: &mut Session,
) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let person = answer
        .map_err(|status| client.error(format!("{doing} the person"), &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&person))?;
    } else {
        output.line(format!(
            "{done} person `{}` ({}), {} of {}",
            clean(&person.display_name),
            clean(&person.email),
            role(person.role()),
            scope(&of.parent(client))
        ))?;
    }
    Ok(Exit::Success)
}

async fn all(of: &Of, limit: &Limit, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let listed = crate::list::people(client, &of.parent(client), limit.limit).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let now = time::now();
    let mut table = Table::new([
        Column::text("NAME", 24),
        Column::text("E-MAIL", 30),
        Column::text("ROLE", 8),
        Column::text("STATE", 8),
        Column::text("SINCE", 12),
        Column::text("ID", names::SHORT_ID_CHARS),
    ]);
    for person in &listed.items {
        table.row([
            person.display_name.as_str().into(),
            person.email.as_str().into(),
            role(person.role()).into(),
            state(person),
            time::relative(person.create_time.as_ref(), &now).into(),
            names::short_id(&person.name).into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, limit);
    Ok(Exit::Success)
}

fn state(person: &Person) -> Cell {
    if person.disabled {
        Cell::toned("disabled", Tone::Bad)
    } else {
        Cell::toned("enabled", Tone::Good)
    }
}

fn show(person: &Person, session: &mut Session) -> Result<Exit, Error> {
    let output = &mut session.output;
    if output.is_for_programs() {
        output.document(&Json(person))?;
        return Ok(Exit::Success);
    }
    let mut facts = Facts::default();
    facts.add("person", &person.display_name);
    facts.add("id", names::id(&person.name));
    facts.add("e-mail", &person.email);
    facts.add("role", role(person.role()));
    facts.add("of", scope(parent(&person.name)));
    facts.add("state", if person.disabled { "disabled" } else { "enabled" });
    facts.add("created", time::exact(person.create_time.as_ref()));
    facts.add("changed", time::exact(person.update_time.as_ref()));
    for line in facts.lines() {
        output.line(line)?;
    }
    Ok(Exit::Success)
}

/// Of what the resource of this name is.
fn parent(name: &str) -> &str {
    name.split_once("/people/").map_or(name, |(parent, _)| parent)
}
