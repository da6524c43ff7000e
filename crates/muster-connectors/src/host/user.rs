//! Data type `user`: the local accounts.

mod group;
mod lastlog;
mod passwd;
mod shadow;

use std::collections::HashSet;
use std::io::BufReader;

use muster_connector::{Category, Failure, Sink};
use serde::Serialize;

use self::group::Groups;
use self::lastlog::LastLog;
use self::passwd::Account;
use self::shadow::Shadow;
use super::bridge::{Emitter, Ended, read_blocking};
use super::lines::{Line, Lines, text};
use super::root::Root;

/// The list of the local accounts.
pub(super) const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";
const SHADOW: &str = "etc/shadow";
const LASTLOG: &str = "var/log/lastlog";

/// A record; `docs/records.md` says what each field means.
#[derive(Debug, Serialize)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    primary_group: Option<String>,
    groups: Option<Vec<String>>,
    full_name: Option<String>,
    home: Option<String>,
    shell: Option<String>,
    locked: Option<bool>,
    last_login_at: Option<String>,
}

/// What is known of the accounts besides `/etc/passwd`; `None` where it could not be read.
struct Sources {
    groups: Option<Groups>,
    shadow: Option<Shadow>,
    last_log: Option<LastLog>,
}

/// Collects all accounts.
pub(super) async fn collect(root: Root, sink: &mut Sink) -> Result<(), Failure> {
    read_blocking(sink, move |emitter| read(&root, emitter)).await
}

fn read(root: &Root, emitter: &Emitter<User>) -> Result<(), Ended> {
    let passwd = root.open(PASSWD).map_err(|error| unreadable(&error))?;
    let sources = Sources {
        groups: emitter
            .readable(GROUP, root.read(GROUP), "the groups are unknown")?
            .map(|file| Groups::parse(&file)),
        shadow: emitter
            .readable(SHADOW, root.read(SHADOW), "it is unknown which accounts are locked")?
            .map(|file| Shadow::parse(&file)),
        last_log: emitter
            .readable(LASTLOG, root.open(LASTLOG), "the last logins are unknown")?
            .map(LastLog::new),
    };
    let mut lines = Lines::new(BufReader::new(passwd));
    let mut names = HashSet::new();
    let (mut line_number, mut odd, mut first_odd) = (0_u64, 0_u64, 0_u64);
    while let Some(line) = lines.next().map_err(|error| unreadable(&error))? {
        line_number += 1;
        let parsed = match line {
            Line::Text(line) if passwd::is_no_account(line) => continue,
            Line::Text(line) => passwd::parse(line),
            Line::TooLong => None,
        };
        // The first entry of a name is the one that the system uses.
        match parsed.filter(|account| names.insert(account.name.to_vec())) {
            Some(account) => emitter.record(user(&account, &sources))?,
            None => {
                odd += 1;
                first_odd = if odd == 1 { line_number } else { first_odd };
            }
        }
    }
    if odd > 0 {
        emitter.warn(format!(
            "{odd} lines of /{PASSWD} were passed over, since they are malformed or repeat a name; the first is line {first_odd}"
        ))?;
    }
    Ok(())
}

fn unreadable(error: &std::io::Error) -> Failure {
    let category = match error.kind() {
        std::io::ErrorKind::NotFound => Category::Configuration,
        _ => Category::Permission,
    };
    Failure::new(category, format!("/{PASSWD} cannot be read: {error}"))
}

fn user(account: &Account<'_>, sources: &Sources) -> User {
    let name = String::from_utf8_lossy(account.name).into_owned();
    let locked = match account.password {
        passwd::Password::InShadow => sources
            .shadow
            .as_ref()
            .and_then(|shadow| shadow.is_locked(account.name)),
        passwd::Password::Here { locked } => Some(locked),
    };
    User {
        uid: account.uid,
        gid: account.gid,
        primary_group: sources.groups.as_ref().and_then(|groups| groups.name(account.gid)),
        groups: sources.groups.as_ref().map(|groups| groups.of_member(account.name)),
        full_name: text(account.gecos.split(|byte| *byte == b',').next().unwrap_or_default()),
        home: text(account.home),
        shell: text(account.shell),
        locked,
        last_login_at: sources
            .last_log
            .as_ref()
            .and_then(|last_log| last_log.of_uid(account.uid)),
        name,
    }
}
