//! `muster authority`: what certifies an organization's runners, or the service's own and the coordinator itself.

use std::time::Duration;

use muster_proto::v1::{
    Authority, AuthorityGeneration, GetAuthorityRequest, GetServiceAuthorityRequest, RotateAuthorityRequest,
    RotateServiceAuthorityRequest,
};

use super::Session;
use crate::client::Client;
use crate::configuration::parse_interval;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::json::Json;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::Tone;
use crate::output::{note, time};

/// Show what certifies runners, and replace it
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster authority show
  muster authority rotate --overlap 30d
  muster authority show --service --pem > ca.pem")]
pub enum Command {
    /// Show the generations of an authority, the oldest first; the last one signs
    #[command(after_help = "\
Examples:
  muster authority show
  muster authority show --service --pem > ca.pem

An organization has one from its first enrollment token on. That of the service certifies its own runners and the coordinator itself.")]
    Show {
        #[command(flatten)]
        of: Of,
        /// Print the certificates of those that are trusted now, and nothing else
        #[arg(long)]
        pem: bool,
    },
    /// Let another generation sign from now on
    #[command(after_help = "\
Examples:
  muster authority rotate
  muster authority rotate --overlap 7d
  muster authority rotate --service

A runner gets a certificate of the new one with its next renewal. One that does not renew before the overlap is over enrolls anew.")]
    Rotate {
        #[command(flatten)]
        of: Of,
        /// How long what came before is still trusted, up to 365 d; after 0 s all runners enroll anew
        #[arg(long, value_name = "LENGTH", default_value = "30d", value_parser = parse_interval)]
        overlap: Duration,
    },
}

/// Whose it is.
#[derive(Debug, clap::Args)]
pub struct Of {
    /// The service's own, instead of the organization's
    #[arg(long)]
    service: bool,
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::Show { of, pem } => show(&of, pem, session).await,
        Command::Rotate { of, overlap } => rotate(&of, overlap, session).await,
    }
}

fn name(client: &Client) -> String {
    format!("{}/authority", client.parent())
}

async fn show(of: &Of, pem: bool, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let found = if of.service {
        client
            .enrollment()
            .get_service_authority(GetServiceAuthorityRequest {})
            .await
    } else {
        let request = GetAuthorityRequest { name: name(client) };
        client.enrollment().get_authority(request).await
    };
    let authority = found
        .map_err(|status| client.error("show the authority", &status))?
        .into_inner();
    if pem {
        for generation in authority.generations.iter().filter(|one| !is_over(one)) {
            output.line(generation.certificate.trim_end())?;
        }
    } else if output.is_for_programs() {
        output.document(&Json(&authority))?;
    } else {
        output.table(&table(&authority))?;
    }
    if authority.generations.is_empty() {
        note(
            "there is none yet: it is made with the first enrollment token (muster runner enroll-token create --pool NAME)",
        );
    }
    Ok(Exit::Success)
}

async fn rotate(of: &Of, overlap: Duration, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let overlap = Some(prost_types::Duration {
        // An interval that can be typed has far fewer seconds.
        seconds: i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    });
    let rotated = if of.service {
        let request = RotateServiceAuthorityRequest { overlap };
        client.enrollment().rotate_service_authority(request).await
    } else {
        let request = RotateAuthorityRequest {
            name: name(client),
            overlap,
        };
        client.enrollment().rotate_authority(request).await
    };
    let authority = rotated
        .map_err(|status| client.error("rotate the authority", &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&authority))?;
        return Ok(Exit::Success);
    }
    output.table(&table(&authority))?;
    if of.service {
        note(
            "the coordinator shows a certificate of the new generation when the overlap is over: until then give clients both \
             (muster authority show --service --pem)",
        );
    }
    Ok(Exit::Success)
}

fn table(authority: &Authority) -> Table {
    let mut table = Table::new([
        Column::number("NUMBER", 6),
        Column::text("STATE", 8),
        Column::text("SIGNS SINCE", 23),
        Column::text("TRUSTED UNTIL", 23),
        Column::text("FINGERPRINT", 19),
    ]);
    for generation in &authority.generations {
        let state = match generation.trusted_until_time {
            None => Cell::toned("signs", Tone::Good),
            Some(_) if is_over(generation) => Cell::toned("over", Tone::Quiet),
            Some(_) => "trusted".into(),
        };
        table.row([
            generation.number.to_string().into(),
            state,
            time::exact(generation.begin_time.as_ref()).into(),
            time::exact(generation.trusted_until_time.as_ref()).into(),
            fingerprint(&generation.fingerprint).into(),
        ]);
    }
    table
}

/// Its beginning, which tells generations apart: a line has no room for more. All of it is in the JSON.
fn fingerprint(all: &str) -> String {
    let short: String = all.chars().take(16).collect();
    if short.len() < all.len() {
        format!("{short}…")
    } else {
        short
    }
}

fn is_over(generation: &AuthorityGeneration) -> bool {
    let now = time::now();
    generation
        .trusted_until_time
        .as_ref()
        .is_some_and(|until| (until.seconds, until.nanos) <= (now.seconds, now.nanos))
}
