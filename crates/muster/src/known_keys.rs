//! The sealing keys of runners that a person has compared and trusts: kept beside the contexts, so that a coordinator that was taken over cannot
//! put a key of its own among those to which secrets are sealed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

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
    /// [`Error::ContextsUnknown`] where there is no place for it, [`Error::ContextsUnusable`] for a fault in it.
    pub fn read() -> Result<Self, Error> {
        let contexts = Contexts::read()?;
        let path = contexts.path().ok_or(Error::ContextsUnknown)?.with_file_name(FILE);
        // What cannot be looked at is told when it is opened.
        let there = fs::exists(&path).unwrap_or(true);
        let contents = if there {
            muster_process::load(&path).map_err(Error::ContextsUnusable)?
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
    /// [`Error::ContextsUnwritable`].
    pub fn write(&self) -> Result<(), Error> {
        contexts::replace(&self.path, HEADER, &self.contents)
    }
}
