//! `muster runner enroll-token`: what runners enroll by.

use std::time::{Duration, SystemTime};

use muster_proto::v1::{
    CreateEnrollmentTokenRequest, CreateHostedEnrollmentTokenRequest, CreatedEnrollmentToken, EnrollmentToken,
    RevokeEnrollmentTokenRequest, RevokeHostedEnrollmentTokenRequest,
};
use prost_types::Timestamp;

use crate::command::integration::HOSTED;
use crate::command::{Limit, Session, note_more};
use crate::configuration::parse_interval;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::{Json, list};
use crate::output::table::{Cell, Column, Table};
use crate::output::text::Tone;
use crate::output::{note, time};

/// Make and revoke what runners enroll by
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster runner enroll-token create --pool hq
  muster runner enroll-token list
  muster runner enroll-token revoke 456789ab")]
pub enum Command {
    /// Make a token; its text is printed this once
    #[command(after_help = "\
Examples:
  muster runner enroll-token create --pool hq --expires 1h
  muster runner enroll-token create --pool hq --uses 20 --expires 7d

On the runner's machine: muster-runner enroll --coordinator URL --token TOKEN. Whoever has the token may become a runner of this pool:
keep it as a password.")]
    Create {
        /// The pool that its runners serve; `hosted` is the service's own
        #[arg(long, short, value_name = "NAME")]
        pool: String,
        /// How long it is good, 1 min to 30 d
        #[arg(long, value_name = "LENGTH", default_value = "1h", value_parser = parse_interval)]
        expires: Duration,
        /// How many runners may enroll by it
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
    },
    /// List the tokens, the oldest first, until 30 days after their end
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  muster runner enroll-token list
  muster runner enroll-token list --hosted"
    )]
    List {
        /// Those for the service's own pool
        #[arg(long)]
        hosted: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// Let nobody enroll by a token any more; who has, stays
    #[command(after_help = "\
Examples:
  muster runner enroll-token revoke 456789ab")]
    Revoke {
        /// The token: its id, or the end of it
        token: String,
        /// It is one for the service's own pool
        #[arg(long)]
        hosted: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::Create { pool, expires, uses } => create(pool, expires, uses, session).await,
        Command::List { hosted, limit } => all(hosted, &limit, session).await,
        Command::Revoke { token, hosted } => revoke(&token, hosted, session).await,
    }
}

async fn create(pool: String, expires: Duration, uses_max: u32, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let life = Some(prost_types::Duration {
        // An interval that can be typed has far fewer seconds.
        seconds: i64::try_from(expires.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    });
    let made = if pool == HOSTED {
        let request = CreateHostedEnrollmentTokenRequest { life, uses_max };
        client.enrollment().create_hosted_enrollment_token(request).await
    } else {
        let request = CreateEnrollmentTokenRequest {
            parent: client.parent(),
            pool,
            life,
            uses_max,
        };
        client.enrollment().create_enrollment_token(request).await
    };
    let made: CreatedEnrollmentToken = made
        .map_err(|status| client.error("create the enrollment token", &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&made))?;
    } else {
        // Alone on standard output, so that it can be piped to where it is used.
        output.line(&made.token)?;
        let token = made.enrollment_token.unwrap_or_default();
        note(format!(
            "enrollment token {} of pool `{}`, for {} until {}; it is shown this once",
            names::short_id(&token.name),
            token.pool,
            runners(token.uses_max),
            time::exact(token.expire_time.as_ref())
        ));
    }
    Ok(Exit::Success)
}

fn runners(count: u32) -> String {
    match count {
        1 => "one runner".to_owned(),
        many => format!("{many} runners"),
    }
}

async fn all(hosted: bool, limit: &Limit, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let listed = crate::list::enrollment_tokens(client, hosted, limit.limit).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let now = Timestamp::from(SystemTime::now());
    let mut table = Table::new([
        Column::text("TOKEN", names::SHORT_ID_CHARS),
        Column::text("POOL", 14),
        Column::text("STATE", 8),
        Column::number("USED", 9),
        Column::text("EXPIRES", 23),
        Column::text("BY", 24),
    ]);
    for token in &listed.items {
        table.row([
            names::short_id(&token.name).into(),
            token.pool.as_str().into(),
            state(token, &now),
            format!("{}/{}", token.runners.len(), token.uses_max).into(),
            time::exact(token.expire_time.as_ref()).into(),
            token.creator.as_str().into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, limit);
    Ok(Exit::Success)
}

/// Whether somebody can still enroll by it.
fn state(token: &EnrollmentToken, now: &Timestamp) -> Cell {
    let is_over = token
        .expire_time
        .as_ref()
        .is_some_and(|end| (end.seconds, end.nanos) <= (now.seconds, now.nanos));
    if token.revoke_time.is_some() {
        Cell::toned("revoked", Tone::Quiet)
    } else if token.runners.len() >= token.uses_max as usize {
        Cell::toned("used", Tone::Quiet)
    } else if is_over {
        Cell::toned("over", Tone::Quiet)
    } else {
        Cell::toned("good", Tone::Good)
    }
}

async fn revoke(given: &str, hosted: bool, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let name = names::enrollment_token(client, hosted, given).await?.name;
    let revoked = if hosted {
        let request = RevokeHostedEnrollmentTokenRequest { name };
        client.enrollment().revoke_hosted_enrollment_token(request).await
    } else {
        let request = RevokeEnrollmentTokenRequest { name };
        client.enrollment().revoke_enrollment_token(request).await
    };
    let revoked = revoked
        .map_err(|status| client.error("revoke the enrollment token", &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&revoked))?;
    } else {
        output.line(format!("revoked enrollment token {}", names::id(&revoked.name)))?;
    }
    Ok(Exit::Success)
}
