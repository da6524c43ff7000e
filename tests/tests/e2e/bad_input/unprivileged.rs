//! Whom nobody has given any privilege: root may do also what a file's mode forbids.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// The same command, as somebody who is nobody; as it is, if the test is not root's.
pub(super) fn unprivileged(command: &Command) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut again = if is_root {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        nobody.arg(command.get_program());
        nobody
    } else {
        Command::new(command.get_program())
    };
    again.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => again.env(name, value),
            None => again.env_remove(name),
        };
    }
    again
}
