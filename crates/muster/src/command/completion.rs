//! `muster completion`: what makes a shell complete commands and flags.

use std::io;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::Cli;
use crate::error::Error;
use crate::exit::Exit;

/// Print what makes a shell complete commands and flags
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster completion bash > muster.bash
  muster completion zsh > _muster
  muster completion fish > muster.fish

Where it belongs:
  bash  ~/.local/share/bash-completion/completions/muster
  zsh   a folder of $fpath, such as /usr/local/share/zsh/site-functions/_muster
  fish  ~/.config/fish/completions/muster.fish")]
pub struct Args {
    /// The shell
    shell: Known,
}

/// The shells that are documented and tested.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

/// Prints it.
pub fn run(args: &Args) -> Result<Exit, Error> {
    let shell = match args.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "muster", &mut script);
    io::Write::write_all(&mut io::stdout(), &script).map_err(Error::Output)?;
    Ok(Exit::Success)
}
