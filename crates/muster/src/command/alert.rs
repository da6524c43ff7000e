//! `muster alerts`: what goes wrong for a while, and whom that was told to.

mod list;
mod show;
mod test;

use muster_proto::v1::{
    Incident, IncidentCause, IncidentClosing, NoticeDelivery, NoticeDeliveryState, notice_delivery,
};

use super::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::text::clean;

/// Show what goes wrong for a while, and whom that was told to
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  muster alerts
  muster alerts --all --output json
  muster alerts show 456789ab
  muster alerts test oncall@example.com"
)]
pub struct Args {
    #[command(flatten)]
    list: list::Which,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What else there is about them.
#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(show::Args),
    Test(test::Args),
}

/// Runs it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    match args.command {
        None => list::run(args.list, session).await,
        Some(Command::Show(args)) => show::run(args, session).await,
        Some(Command::Test(args)) => test::run(args, session).await,
    }
}

/// What an incident is about, as people call it.
pub(super) fn about(incident: &Incident) -> String {
    let called = incident.notices.last().map_or("", |notice| &notice.display_name);
    match incident.cause() {
        IncidentCause::PoolOffline => format!("pool {called}"),
        IncidentCause::RunnerOutdated | IncidentCause::RunnerCloned => format!("runner {called}"),
        IncidentCause::Unspecified | IncidentCause::ErrorRate => called.to_owned(),
    }
}

/// What there is to say of an incident, in a line.
pub(super) fn what(incident: &Incident) -> &str {
    incident.notices.last().map_or("", |notice| &notice.summary)
}

/// To whom a notice goes.
fn recipient(delivery: &NoticeDelivery) -> String {
    match &delivery.channel {
        Some(notice_delivery::Channel::Email(address)) => clean(address),
        None => "a way that this version does not know".to_owned(),
    }
}

/// What has become of a delivery.
fn delivered(state: NoticeDeliveryState) -> &'static str {
    match state {
        NoticeDeliveryState::Unspecified => "unknown",
        NoticeDeliveryState::Waiting => "waits",
        NoticeDeliveryState::Sent => "sent",
        NoticeDeliveryState::Dead => "dead letter",
    }
}

/// Why an incident is over.
fn closing(closing: IncidentClosing) -> &'static str {
    match closing {
        IncidentClosing::Unspecified => "",
        IncidentClosing::Recovered => "recovered",
        IncidentClosing::Disabled => "the integration was disabled",
        IncidentClosing::Deleted => "the integration was deleted",
        IncidentClosing::Muted => "its notifications were switched off",
        IncidentClosing::Unused => "no enabled integration relies on the pool any more",
        IncidentClosing::Gone => "the runner has not been there for long",
    }
}
