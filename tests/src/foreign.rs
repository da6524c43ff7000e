//! Programs that this project did not write, as clients: Python's gRPC, `buf curl`, `grpcurl`.
//!
//! Where one is missing its tests say so and are skipped, but on CI (where `CI` is set) they fail: there `.ci/run` has installed what they need.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of the clients' own programs.
#[must_use]
pub fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is a folder of the repository")
}

/// A Python with packages of its own, in the target folder; it is made when it is first needed, and kept.
#[derive(Debug)]
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// A Python with the packages of a file of pinned requirements; `None` when this machine has no Python with `venv`.
    ///
    /// # Panics
    /// When the packages cannot be installed; on CI also when there is no Python.
    #[must_use]
    pub fn with(requirements: &Path) -> Option<Self> {
        let wanted = fs::read_to_string(requirements).expect("requirements can be read");
        if !answers(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
            missing("python3 with venv", "apt-get install python3-venv");
            return None;
        }
        let mut hash = DefaultHasher::new();
        wanted.hash(&mut hash);
        let venv = target().join(format!("python-{:016x}", hash.finish()));
        let program = venv.join("bin/python");
        // Tests are processes of their own, and the first one makes it for all.
        let lock = File::create(venv.with_extension("lock")).expect("the target folder can be written to");
        lock.lock().expect("a file can be locked");
        let made = venv.join("made");
        if !made.exists() {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
            run(Command::new(&program).args(install).arg(requirements));
            fs::write(&made, "").expect("the target folder can be written to");
        }
        Some(Self { program })
    }

    /// A command that runs a program of the clients' folder.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.command_of(&clients().join(program))
    }

    /// A command that runs this program.
    #[must_use]
    pub fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(program);
        command
    }
}

/// A command of buf; `None` when this machine has no `npx`.
///
/// # Panics
/// On CI when there is no `npx`.
#[must_use]
pub fn buf() -> Option<Command> {
    if !answers(Command::new("npx").arg("--version")) {
        missing("npx", "apt-get install npm");
        return None;
    }
    Some(Command::new(clients().join("buf")))
}

/// A command of `grpcurl`; `None` when it is not on the path. It comes from no registry that everybody has, so CI goes without, too.
#[must_use]
pub fn grpcurl() -> Option<Command> {
    if !answers(Command::new("grpcurl").arg("-version")) {
        eprintln!("SKIPPED: grpcurl is not on the path");
        return None;
    }
    Some(Command::new("grpcurl"))
}

/// What a command said that went well.
///
/// # Panics
/// When it did not.
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{said}\n{complained}",
        output.status
    );
    said
}

/// What a command complained of that was to fail.
///
/// # Panics
/// When it did not.
pub fn refused(command: &mut Command) -> String {
    let output = output(command);
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{command:?} went well:\n{said}");
    complained
}

fn output(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a command is there and goes well.
#[must_use]
pub fn answers(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Says that a program is missing, and how to have it.
///
/// # Panics
/// On CI, where nothing is skipped.
pub fn missing(what: &str, remedy: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "{what} is missing, and on CI nothing is skipped: {remedy}"
    );
    eprintln!("SKIPPED: {what} is missing: {remedy}");
}

fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    // <target>/<profile>/deps/<test>
    let target = test
        .ancestors()
        .nth(3)
        .expect("cargo puts tests into <target>/<profile>/deps");
    target.to_owned()
}
