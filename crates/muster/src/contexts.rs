//! The file of contexts: coordinators by the names that a person gives them, and which of them is in use.
//!
//! ```toml
//! context = "hq"
//!
//! [contexts.hq]
//! server = "https://coordinator.internal:7443"
//! ca_file = "/etc/muster/ca.pem"
//! organization = "default"
//! output = "table"
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::client::Server;
use crate::error::{Error, Kind};
use crate::output::Format;
use muster_process::nearest;

/// The variable that names another file.
pub const FILE_VARIABLE: &str = "MUSTER_CONTEXTS";

/// The most bytes of a context's name: what fits into a table.
const NAME_BYTES_MAX: usize = 64;

/// What stands above all in a file that was written here.
const HEADER: &str = "# Kept by `muster context`, which writes it anew: comments are lost.\n\n";

/// What a context is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContextName(String);

impl ContextName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ContextName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(fits) || text.starts_with('-') {
            return Err(format!(
                "a context's name has 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`, such as `hq`"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ContextName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ContextName> for String {
    fn from(name: ContextName) -> Self {
        name.0
    }
}

/// The id of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Organization(String);

impl Organization {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Organization {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('/') || text.chars().any(char::is_control) {
            return Err("it must be an organization's id, without `/`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Organization {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Organization> for String {
    fn from(organization: Organization) -> Self {
        organization.0
    }
}

/// A token's text. It prints itself nowhere but into the file of contexts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// The text itself, for the coordinator that it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl FromStr for Token {
    type Err = String;

    /// What is wrong with it is for the coordinator to say; here only what cannot be sent is refused, and never told again.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.starts_with("mst_") || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("this is no token: one begins with `mst_` and has no blanks".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Token {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}

/// What a context says; what it does not say is as without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Where the coordinator is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// Which organization is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// How results are printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Format>,
    /// The file with the certificates of authorities by which that coordinator is known, besides those that the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// What is shown to the coordinator: see `muster login`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// What stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    /// Which is in use; `None`: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<ContextName>,
    #[serde(default)]
    contexts: BTreeMap<ContextName, Context>,
}

/// All contexts, and the file that they are kept in.
#[derive(Debug, Clone)]
pub struct Contexts {
    /// `None` where nothing says which file it is, as for a service without a home folder.
    path: Option<PathBuf>,
    contents: Contents,
}

impl Contexts {
    /// Reads the file; one that is not there holds none.
    ///
    /// # Errors
    /// [`Error::ContextsUnusable`] for a fault in it, with its line.
    pub fn read() -> Result<Self, Error> {
        match path(|name| std::env::var_os(name).map(PathBuf::from)) {
            Some(path) => Self::read_from(path),
            None => Ok(Self::none()),
        }
    }

    /// None at all, and no file.
    pub fn none() -> Self {
        Self {
            path: None,
            contents: Contents::default(),
        }
    }

    fn read_from(path: PathBuf) -> Result<Self, Error> {
        // What cannot be looked at is told when it is opened.
        let there = fs::exists(&path).unwrap_or(true);
        let contents = if there {
            muster_process::load(&path).map_err(Error::ContextsUnusable)?
        } else {
            Contents::default()
        };
        Ok(Self {
            path: Some(path),
            contents,
        })
    }

    /// The file; `None` where nothing says which it is.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The one in use; `None`: none.
    pub fn in_use(&self) -> Option<&ContextName> {
        self.contents.context.as_ref()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ContextName, &Context)> {
        self.contents.contexts.iter()
    }

    /// The one of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name.
    pub fn get(&self, name: &ContextName) -> Result<&Context, Error> {
        self.contents.contexts.get(name).ok_or_else(|| Error::Unknown {
            kind: Kind::Context,
            given: name.to_string(),
            place: match &self.path {
                Some(path) => format!("in {}", path.display()),
                None => "here, where there is no home folder to keep any in".to_owned(),
            },
            nearest: nearest(name.as_str(), self.contents.contexts.keys().map(ContextName::as_str)).map(str::to_owned),
            next: "muster context list".to_owned(),
        })
    }

    /// Makes it the one in use, or none.
    ///
    /// # Errors
    /// As [`Contexts::get`].
    pub fn use_one(&mut self, name: Option<ContextName>) -> Result<(), Error> {
        if let Some(name) = &name {
            self.get(name)?;
        }
        self.contents.context = name;
        Ok(())
    }

    /// Changes the context of this name as `change` does, and makes it where there is none. Whether it is new.
    pub fn set(&mut self, name: ContextName, change: impl FnOnce(&mut Context)) -> bool {
        let is_new = !self.contents.contexts.contains_key(&name);
        change(self.contents.contexts.entry(name).or_default());
        is_new
    }

    /// Takes it away; if it was in use, none is. Whether it was.
    ///
    /// # Errors
    /// As [`Contexts::get`].
    pub fn remove(&mut self, name: &ContextName) -> Result<bool, Error> {
        self.get(name)?;
        self.contents.contexts.remove(name);
        let was_in_use = self.contents.context.take_if(|used| used == name).is_some();
        Ok(was_in_use)
    }

    /// Writes the file, whole or not at all. Only its owner may read it: it says where things are.
    ///
    /// # Errors
    /// [`Error::ContextsUnwritable`]; [`Error::ContextsUnknown`] where nothing says which file it is.
    pub fn write(&self) -> Result<(), Error> {
        let path = self.path.as_deref().ok_or(Error::ContextsUnknown)?;
        replace(path, HEADER, &self.contents).map_err(|source| Error::ContextsUnwritable {
            path: path.to_owned(),
            source,
        })
    }
}

/// Writes a file of TOML in place of what was there, whole or not at all. Only its owner may read it.
pub fn replace(path: &Path, header: &str, contents: &impl Serialize) -> io::Result<()> {
    let text = toml::to_string_pretty(contents).map_err(io::Error::other)?;
    // A link is kept, and what it leads to is written.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(header.as_bytes())?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Which file it is: what the variable names, or where the XDG rules put it. `None` where there is no home folder either.
fn path(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.as_os_str().is_empty());
    if let Some(file) = set(FILE_VARIABLE) {
        return Some(file);
    }
    // By those rules a relative path is to be ignored.
    let configuration = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let configuration = configuration.or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(configuration.join("muster").join("contexts.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ContextName {
        text.parse().expect("a name")
    }

    #[test]
    fn the_file_is_where_others_look_for_it() {
        let with = |set: &[(&str, &str)]| {
            path(|name| {
                let value = set.iter().find(|(one, _)| *one == name);
                value.map(|(_, value)| PathBuf::from(value))
            })
        };
        let file = |text: &str| Some(PathBuf::from(text));
        let home = ("HOME", "/home/ann");
        assert_eq!(with(&[home]), file("/home/ann/.config/muster/contexts.toml"));
        let xdg = ("XDG_CONFIG_HOME", "/etc/ann");
        assert_eq!(with(&[home, xdg]), file("/etc/ann/muster/contexts.toml"));
        let relative = ("XDG_CONFIG_HOME", "ann");
        assert_eq!(with(&[home, relative]), file("/home/ann/.config/muster/contexts.toml"));
        assert_eq!(with(&[home, xdg, (FILE_VARIABLE, "x.toml")]), file("x.toml"));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/contexts.toml");
        let mut contexts = Contexts::read_from(path.clone()).expect("none so far");
        assert_eq!(contexts.iter().count(), 0);
        assert!(contexts.set(name("hq"), |hq| hq.server =
            Some("hq:7443".parse().expect("an address"))));
        assert!(!contexts.set(name("hq"), |hq| hq.output = Some(Format::Jsonl)));
        contexts.use_one(Some(name("hq"))).expect("it is there");
        contexts.write().expect("written");
        let again = Contexts::read_from(path).expect("good");
        assert_eq!(again.contents, contexts.contents);
        assert_eq!(again.in_use(), Some(&name("hq")));
        let server = again.get(&name("hq")).expect("it is there").server.as_ref();
        assert_eq!(server.map(Server::url), Some("http://hq:7443"));
        assert!(contexts.remove(&name("hq")).expect("it is there"));
        assert_eq!(contexts.in_use(), None);
    }

    #[test]
    fn a_name_is_a_word() {
        for wrong in ["", "a b", "-a", "a/b", "ä", &"a".repeat(65)] {
            assert!(wrong.parse::<ContextName>().is_err(), "{wrong}");
        }
    }
}
