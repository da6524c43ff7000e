//! Where the binaries are, and that they are those of the sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Set by whoever has built the binaries already, so that no test builds them again.
const BUILT_VARIABLE: &str = "MUSTER_BINARIES_BUILT";

/// A binary of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `muster-coordinator`.
    Coordinator,
    /// `muster-runner`.
    Runner,
    /// `muster`.
    Cli,
}

impl Binary {
    /// The name of its file, which is that of its package.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "muster-coordinator",
            Self::Runner => "muster-runner",
            Self::Cli => "muster",
        }
    }

    /// Its file.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn path(self) -> PathBuf {
        folder().join(self.name())
    }

    /// A command that runs it with nothing of the environment that could change what it does.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn command(self) -> Command {
        Self::command_of(&self.path())
    }

    /// The same of a binary that lies elsewhere.
    #[must_use]
    pub fn command_of(path: &Path) -> Command {
        let mut command = Command::new(path);
        for (name, _) in std::env::vars_os() {
            let is_ours = name.to_string_lossy().starts_with("MUSTER_") && name != "MUSTER_LOG";
            if is_ours {
                command.env_remove(name);
            }
        }
        command
    }
}

/// The folder of the binaries: that of the profile with which the tests were built. Built once for each process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own file");
        // <target>/<profile>/deps/<test>
        let folder = test.ancestors().nth(2).expect("cargo puts tests into <profile>/deps");
        if std::env::var_os(BUILT_VARIABLE).is_none() {
            build(folder);
        }
        folder.to_owned()
    })
}

fn build(folder: &Path) {
    let target = folder.parent().expect("cargo puts profiles into a target folder");
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--bins"]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    // The folder of the profile `dev` has another name than the profile.
    command.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
    command.arg("--target-dir").arg(target);
    for binary in [Binary::Coordinator, Binary::Runner, Binary::Cli] {
        command.args(["-p", binary.name()]);
    }
    let status = command.status().expect("cargo is there: it runs the tests");
    assert!(status.success(), "the binaries cannot be built ({status})");
}
