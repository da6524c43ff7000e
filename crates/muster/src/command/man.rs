//! `muster man`: a manual page for each command.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory;

use super::Cli;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{note, text};

/// Write manual pages, one for each command, into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster man man1

`man --local-file man1/muster-integration-create.1` shows one; in a folder `man1` of the manual path, such as /usr/local/share/man,
`man muster-integration-create` finds it.")]
pub struct Args {
    /// The folder; made if it is not there
    folder: PathBuf,
}

/// Writes them.
pub fn run(args: &Args) -> Result<Exit, Error> {
    let unwritable = |source| Error::Unwritable {
        path: args.folder.clone(),
        source,
    };
    fs::create_dir_all(&args.folder).map_err(unwritable)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let pages = write(&command, &args.folder).map_err(unwritable)?;
    note(format!(
        "wrote {} into {}",
        text::count(pages, "page"),
        args.folder.display()
    ));
    Ok(Exit::Success)
}

/// Writes the command's page and those below it; says how many.
fn write(command: &clap::Command, folder: &std::path::Path) -> std::io::Result<u64> {
    clap_mangen::Man::new(command.clone()).generate_to(folder)?;
    let mut pages = 1;
    for command in command.get_subcommands() {
        pages += write(command, folder)?;
    }
    Ok(pages)
}
