//! `muster alerts test`.

use muster_proto::v1::SendTestMailRequest;

use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::json::Json;
use crate::output::text::clean;

/// Send a test mail, and show what the mail server answers
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster alerts test oncall@example.com
  muster alerts test oncall@example.com --output json

The coordinator sends it by its own settings, as it tells incidents. What the mail server answers says that it has taken the mail, not that somebody
reads it: look into the mailbox, too.")]
pub struct Args {
    /// To whom: the address of a mailbox
    #[arg(value_name = "ADDRESS")]
    address: String,
}

/// Sends it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let request = SendTestMailRequest {
        parent: client.parent(),
        recipient: args.address.clone(),
    };
    let sent = client.incidents().send_test_mail(request).await;
    let address = clean(&args.address);
    let sent = sent.map_err(|status| client.error(format!("send a test mail to {address}"), &status))?;
    let sent = sent.into_inner();
    if output.is_for_programs() {
        output.document(&Json(&sent))?;
    } else {
        output.line(format!(
            "the mail server has taken a mail to {address}: {}",
            clean(&sent.answer)
        ))?;
    }
    Ok(Exit::Success)
}
