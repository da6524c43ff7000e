//! The first way in: a token of an admin of the staff, made when there is none, and shown once; or the one that whoever starts the coordinator gives it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use muster_core::decide::Command;
use muster_core::decide::access::{Access, token::Create, ways_in};
use muster_core::words::{DisplayName, Grant, Role, Scope, TokenHash, TokenId};
use muster_shard::{AskError, ShardHandle};

use super::text::TokenText;
use crate::audit::ask_by_itself;
use crate::clock;

/// The file in the data folder that it is written to when nobody looks at a terminal.
pub(crate) const FILE: &str = "bootstrap-token";

/// What its owner is called.
const NAME: &str = "bootstrap";

/// Why there is no first way in.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The given file cannot be read.
    #[error("the token in `{}` (`bootstrap_token_file`) cannot be read", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has no token.
    #[error(
        "`{}` (`bootstrap_token_file`) has no token, or one with a typing error: write one there with `muster-coordinator token`",
        .0.display()
    )]
    NoToken(PathBuf),
    /// The token that was made cannot be shown.
    #[error("the first token cannot be written to `{}`: nobody could come in", .file.display())]
    Unwritable {
        /// To which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The shard has not taken it.
    #[error("the first token cannot be kept")]
    Unkept(#[source] AskError),
}

/// Sees to it that somebody can come in: takes in the token of the file `given`, or makes one when there is none that opens everything. It is shown on
/// standard output where somebody looks at a `terminal`, and else written to a file in `data`.
///
/// # Errors
/// [`BootstrapError`].
pub async fn make_way_in(
    shard: &ShardHandle,
    data: &Path,
    given: Option<&Path>,
    terminal: bool,
) -> Result<(), BootstrapError> {
    if let Some(file) = given {
        return take_in(shard, file).await;
    }
    let has_one = shard
        .turn(|turn| ways_in(turn.state(), turn.now().stamp).next().is_some())
        .await
        .map_err(|error| BootstrapError::Unkept(error.into()))?;
    if has_one {
        return Ok(());
    }
    let id = TokenId::generate(clock::now().stamp, &mut fastrand::Rng::new());
    let text = TokenText::new(id);
    // It is shown before it is kept: one that opens nothing harms nobody, and one that nobody has seen would be the only way in.
    show(&text, data, terminal)?;
    keep(shard, id, text.hash()).await
}

/// Takes in the token of a file, if it is not known.
async fn take_in(shard: &ShardHandle, file: &Path) -> Result<(), BootstrapError> {
    let text = fs::read_to_string(file).map_err(|source| BootstrapError::Unreadable {
        file: file.to_owned(),
        source,
    })?;
    let parts = TokenText::parts(text.trim()).ok_or_else(|| BootstrapError::NoToken(file.to_owned()))?;
    match shard.directory().token(parts.id) {
        None => keep(shard, parts.id, parts.hash).await,
        Some((token, _)) => {
            if token.revoked.is_some() {
                tracing::warn!(token = %parts.id, file = %file.display(), "the token of `bootstrap_token_file` was revoked, and stays so");
            }
            Ok(())
        }
    }
}

async fn keep(shard: &ShardHandle, token: TokenId, hash: TokenHash) -> Result<(), BootstrapError> {
    let create = Create {
        granter: Grant::MOST,
        token,
        scope: Scope::Service,
        person: None,
        name: DisplayName::new(NAME).expect("a name of letters"),
        role: Some(Role::Admin),
        expires: None,
        hash,
        request: None,
    };
    let asked = ask_by_itself(shard, "bootstrap", Command::Access(Access::CreateToken(create)));
    asked.await.map(drop).map_err(BootstrapError::Unkept)
}

/// Shows it once: on the terminal, or in a file that only this user reads. It is never in the log.
fn show(text: &TokenText, data: &Path, terminal: bool) -> Result<(), BootstrapError> {
    if terminal {
        let token = text.reveal();
        let said = writeln!(
            io::stdout(),
            "\nThis is the token of the first admin. It is shown this once:\n\n  {token}\n\nLog in with it: muster login --server URL\n"
        );
        if said.is_ok() {
            return Ok(());
        }
    }
    let file = data.join(FILE);
    write(&file, text.reveal()).map_err(|source| BootstrapError::Unwritable {
        file: file.clone(),
        source,
    })?;
    tracing::warn!(
        file = %file.display(),
        "there was no token of an admin: one was made, and is in this file; log in with it, and remove the file"
    );
    Ok(())
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    writeln!(made, "{text}")?;
    made.sync_all()
}
