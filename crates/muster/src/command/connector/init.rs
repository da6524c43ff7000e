//! `muster connector init`: the beginning of a connector of one's own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use muster_connector::ConnectorName;
use muster_connectors::exec::{Language, SkeletonFile, skeleton};
use serde::Serialize;

use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;

/// Begin a connector of your own: a program that works, to be changed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster connector init crm
  muster connector init crm --language shell
  muster connector init crm --folder /opt/connectors/crm

Nothing that is there already is written over. docs/own-connector.md goes on from there.")]
pub struct Args {
    /// What integrations will call it
    #[arg(value_parser = |text: &str| ConnectorName::new(text).map_err(|error| error.to_string()))]
    name: ConnectorName,
    /// What to write it in
    #[arg(long, value_name = "LANGUAGE", default_value = "python")]
    language: Written,
    /// Where to [default: a new folder of its name]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// The languages in which a beginning is there.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    /// Python 3, with nothing but its standard library
    Python,
    /// POSIX shell, with jq
    Shell,
}

/// What was written, for programs.
#[derive(Debug, Serialize)]
struct Document {
    connector: String,
    files: Vec<PathBuf>,
}

/// Writes it.
pub fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let output = &mut session.output;
    let language = match args.language {
        Written::Python => Language::Python,
        Written::Shell => Language::Shell,
    };
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    let files = skeleton(&args.name, language);
    let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
    // Looked at before anything is written, so that nothing is left half done.
    if let Some(there) = paths.iter().find(|path| path.exists()) {
        return Err(Error::Unwritable {
            path: there.clone(),
            source: io::Error::new(io::ErrorKind::AlreadyExists, "it is there already"),
        });
    }
    for (file, path) in files.iter().zip(&paths) {
        write(file, path).map_err(|source| Error::Unwritable {
            path: path.clone(),
            source,
        })?;
    }
    if output.is_for_programs() {
        output.document(&Document {
            connector: args.name.to_string(),
            files: paths,
        })?;
        return Ok(Exit::Success);
    }
    for path in &paths {
        output.line(format!("wrote {}", path.display()))?;
    }
    let typed = |path: &Path| {
        // One in this folder needs a `/` to be known for a path.
        if path.components().count() == 1 {
            format!("./{}", path.display())
        } else {
            path.display().to_string()
        }
    };
    let program = paths.first().map(|path| typed(path)).unwrap_or_default();
    let config = folder.join("config.json");
    output.line(format!(
        "try it:  muster connector test {program} --config {}",
        config.display()
    ))?;
    Ok(Exit::Success)
}

fn write(file: &SkeletonFile, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mode = if file.is_executable { 0o755 } else { 0o644 };
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    opened.write_all(file.contents.as_bytes())
}
