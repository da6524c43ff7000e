//! The sealing keys of runners that a person has compared and trusts: kept beside the contexts, so that a coordinator that was taken over cannot
//! put a key of its own among those to which secrets are sealed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use muster_process::ConfigError;
use muster_process::exit::chain;
use serde::{Deserialize, Serialize};

use crate::contexts::{self, Contexts};
use crate::error::Error;

/// The file, beside that of the contexts.
const FILE: &str = "sealing-keys.toml";

/// What stands above all in the file.
const HEADER: &str = "# Kept by `muster seal`, which writes it anew: comments are lost. Remove a line to be asked about its key again.\n\n";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    /// Each trusted key, with the name of its runner.
    #[serde(default)]
    keys: BTreeMap<String, String>,
}

/// The keys, and the file that they are kept in.
#[derive(Debug)]
pub struct KnownKeys {
    path: PathBuf,
    contents: Contents,
}

impl KnownKeys {
    /// Reads the file; one that is not there holds none.
    ///
    /// # Errors
    /// [`Error::ContextsUnknown`] where there is no place for it, [`Error::Sealing`] for a fault in it.
    pub fn read() -> Result<Self, Error> {
        let contexts = Contexts::read()?;
        let path = contexts.path().ok_or(Error::ContextsUnknown)?;
        Self::read_from(path.with_file_name(FILE))
    }

    fn read_from(path: PathBuf) -> Result<Self, Error> {
        // What cannot be looked at is told when it is opened.
        let there = fs::exists(&path).unwrap_or(true);
        let contents = if there {
            muster_process::load(&path).map_err(|error| unusable(&path, "read", &told(&error)))?
        } else {
            Contents::default()
        };
        Ok(Self { path, contents })
    }

    /// Whether this key is trusted.
    pub fn has(&self, key: &str) -> bool {
        self.contents.keys.contains_key(key)
    }

    /// Whether a runner of this name has another trusted key.
    pub fn knows_otherwise(&self, runner: &str, key: &str) -> bool {
        self.contents
            .keys
            .iter()
            .any(|(known, of)| of == runner && known != key)
    }

    /// Trusts a key of the runner of this name.
    pub fn trust(&mut self, key: &str, runner: &str) {
        self.contents.keys.insert(key.to_owned(), runner.to_owned());
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Sealing`].
    pub fn write(&self) -> Result<(), Error> {
        contexts::replace(&self.path, HEADER, &self.contents)
            .map_err(|error| unusable(&self.path, "written", &error.to_string()))
    }
}

/// What is wrong with the file, each fault with its line.
fn told(error: &ConfigError) -> String {
    match error {
        ConfigError::Faults { faults } => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        _ => chain(error),
    }
}

fn unusable(path: &Path, what: &str, why: &str) -> Error {
    Error::Sealing {
        reason: format!("the trusted keys in {} cannot be {what}: {why}", path.display()),
        next: "mend the file, or move it away and compare the keys again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_the_file_is_told_as_one_of_that_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        fs::write(&path, "[keys]\nage1 = 7\n").expect("written");
        let error = KnownKeys::read_from(path).expect_err("a number is no name");
        let told = error.to_string();
        assert!(
            told.contains("the trusted keys in ") && told.contains("sealing-keys.toml:2"),
            "{told}"
        );
        assert!(!told.contains("contexts"), "{told}");
    }

    #[test]
    fn what_was_trusted_is_known_and_another_key_of_the_same_runner_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        let mut known = KnownKeys::read_from(path.clone()).expect("none so far");
        assert!(!known.has("age1a"));
        known.trust("age1a", "rack-7");
        known.write().expect("written");
        let again = KnownKeys::read_from(path).expect("good");
        assert!(again.has("age1a") && !again.has("age1b"));
        assert!(again.knows_otherwise("rack-7", "age1b"));
        assert!(!again.knows_otherwise("rack-7", "age1a") && !again.knows_otherwise("rack-8", "age1b"));
    }
}
