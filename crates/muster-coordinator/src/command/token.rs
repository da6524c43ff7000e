//! `muster-coordinator token`: a token for the first admin, or for the day when all others are lost.

use std::io::{self, Write as _};
use std::time::SystemTime;

use clap::Args;
use muster_core::time::Stamp;
use muster_core::words::TokenId;
use muster_process::Exit;

use super::Failure;
use crate::access::text::TokenText;

const EXAMPLES: &str = "\
Examples:
  (umask 077; muster-coordinator token > /etc/muster/bootstrap-token)
  muster-coordinator --data /var/lib/muster --bootstrap-token-file /etc/muster/bootstrap-token

It opens nothing until a coordinator starts with that file: then it is the token of an admin of the service's staff.";

/// Print a token for `bootstrap_token_file`
///
/// A coordinator that starts with that file takes the token in as that of an admin of the service's own staff, beside all others. So somebody comes in for
/// the first time, or again when all other tokens are lost.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Token {}

impl Token {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let now = Stamp::from_millis(0).after(since_epoch);
        let text = TokenText::new(TokenId::generate(now, &mut fastrand::Rng::new()));
        writeln!(io::stdout(), "{}", text.reveal())?;
        Ok(Exit::Success)
    }
}
