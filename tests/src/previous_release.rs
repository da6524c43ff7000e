//! The binaries of the release before this one, built from its tag.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries::Binary;

/// Names the folder of binaries that somebody has built already.
const BUILT_VARIABLE: &str = "MUSTER_PREVIOUS_RELEASE";

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folder with the runner and the coordinator of the newest release that came before this version; `None` where there is none yet, or its tag is not in
/// this clone. Builds them, unless that was done before.
///
/// # Panics
/// When they cannot be built.
#[must_use]
pub fn previous_release() -> Option<PathBuf> {
    if let Some(built) = std::env::var_os(BUILT_VARIABLE) {
        return Some(built.into());
    }
    let tag = tag()?;
    let test = std::env::current_exe().expect("a test knows its own file");
    // <target>/<profile>/deps/<test>
    let target = test
        .ancestors()
        .nth(3)
        .expect("cargo puts tests into <target>/<profile>/deps");
    let folder = target.join("previous-release").join(&tag);
    let built = folder.join("target/debug");
    let programs = [Binary::Coordinator, Binary::Runner];
    if programs.iter().any(|program| !built.join(program.name()).exists()) {
        println!("building {tag}, which came before this one");
        let source = folder.join("source");
        unpack(&tag, &source);
        build(&source, &folder.join("target"), &programs);
    }
    Some(built)
}

/// The newest tag of a version that led to this one, and is another.
fn tag() -> Option<String> {
    let mut git = Command::new("git");
    git.args([
        "-C",
        REPOSITORY,
        "tag",
        "--list",
        "v*",
        "--merged",
        "HEAD",
        "--sort=-version:refname",
    ]);
    let listed = git.stderr(Stdio::null()).output().ok()?;
    let listed = String::from_utf8(listed.stdout).ok()?;
    let own = format!("v{}", env!("CARGO_PKG_VERSION"));
    listed.lines().find(|tag| **tag != own).map(str::to_owned)
}

fn unpack(tag: &str, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("there is room");
    let mut git = Command::new("git");
    git.args(["-C", REPOSITORY, "archive", "--format=tar", tag]);
    let mut git = git.stdout(Stdio::piped()).spawn().expect("there is git");
    let packed = git.stdout.take().expect("it was asked for");
    let unpacked = Command::new("tar").args(["-x", "-C"]).arg(to).stdin(packed).status();
    assert!(unpacked.expect("there is tar").success(), "{tag} cannot be unpacked");
    assert!(git.wait().expect("it ends").success(), "{tag} cannot be read");
}

fn build(source: &Path, target: &Path, programs: &[Binary]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--locked", "--bins"])
        .current_dir(source);
    command.arg("--target-dir").arg(target).env_remove("CARGO_TARGET_DIR");
    command.args(programs.iter().flat_map(|program| ["-p", program.name()]));
    let status = command.status().expect("cargo is there: it runs the tests");
    assert!(status.success(), "the release cannot be built ({status})");
}
