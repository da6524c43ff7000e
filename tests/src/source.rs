//! Sources for the connector `host` that are not this machine.

use std::fmt::Write as _;
use std::path::Path;

/// Makes a file tree with so many accounts in `folder`: a source whose collection takes as long as that needs.
///
/// # Panics
/// When it cannot be written.
pub fn passwd_of(folder: &Path, accounts: u32) {
    let mut text = String::new();
    for number in 0..accounts {
        let uid = 1_000 + number;
        writeln!(text, "user{number}:x:{uid}:100::/home/user{number}:/bin/sh").expect("a text takes text");
    }
    let etc = folder.join("etc");
    std::fs::create_dir_all(&etc).expect("a folder can be made");
    std::fs::write(etc.join("passwd"), text).expect("a file can be written");
    std::fs::write(etc.join("group"), "users:x:100:\n").expect("a file can be written");
}
