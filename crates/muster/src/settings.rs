//! Where a command goes and how it prints: by its flags, else by variables, else by the context in use, else by default. A context that a
//! flag names says what a flag says.

use std::fmt;
use std::path::PathBuf;

use crate::client::Server;
use crate::contexts::{Context, ContextName, Contexts, Organization, Token};
use crate::error::Error;
use crate::output::Format;

/// Where `muster dev` listens, when nobody says anything else.
const SERVER_DEFAULT: &str = "http://127.0.0.1:7443";

/// The organization of whoever has set up none.
const ORGANIZATION_DEFAULT: &str = "default";

/// Who has said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// The context.
    Context(ContextName),
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
            Self::Context(name) => write!(f, "context `{name}`"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What somebody has said, and who.
#[derive(Debug, Clone)]
pub struct Said<T> {
    /// What.
    pub value: T,
    /// Who.
    pub origin: Origin,
}

/// What was given with the command, by a flag or a variable; `None`: neither.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub context: Option<Said<ContextName>>,
    pub server: Option<Said<Server>>,
    pub organization: Option<Said<Organization>>,
    pub output: Option<Said<Format>>,
    pub ca_file: Option<Said<PathBuf>>,
    pub token: Option<Said<Token>>,
}

/// What a command works by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the coordinator is.
    pub server: Said<Server>,
    /// Which organization is asked about.
    pub organization: Said<Organization>,
    /// How results are printed; `None`: as the command does it when nobody says.
    pub output: Option<Said<Format>>,
    /// The certificates of authorities by which the coordinator is known, besides those that this system trusts; `None`: no others.
    pub ca_file: Option<Said<PathBuf>>,
    /// What is shown to the coordinator; `None`: nothing.
    pub token: Option<Said<Token>>,
}

impl Settings {
    /// What was given, completed by the context that was named, or is in use, and by the defaults.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a context that is not there.
    pub fn resolve(given: Given, contexts: &Contexts) -> Result<Self, Error> {
        let name = given.context.as_ref().map(|said| &said.value).or(contexts.in_use());
        let context = match name {
            Some(name) => contexts.get(name)?.clone(),
            None => Context::default(),
        };
        let chosen = Chosen {
            name: name.cloned(),
            by_flag: matches!(
                given.context,
                Some(Said {
                    origin: Origin::Flag(_),
                    ..
                })
            ),
        };
        // A token is for the coordinator that it was given for, and no other is shown it. Nor is another known by this one's authority.
        let kept_for = context.server.clone();
        let server = chosen.first(given.server, context.server);
        let is_that_one = server.as_ref().map(|said| &said.value) == kept_for.as_ref();
        let token = chosen.first(given.token, context.token.filter(|_| is_that_one));
        let ca_file = chosen.first(given.ca_file, context.ca_file.filter(|_| is_that_one));
        let organization = chosen.first(given.organization, context.organization);
        Ok(Self {
            server: server.unwrap_or_else(|| {
                default(
                    SERVER_DEFAULT
                        .parse()
                        .expect("the default is an address, as a test sees to"),
                )
            }),
            organization: organization.unwrap_or_else(|| {
                default(
                    ORGANIZATION_DEFAULT
                        .parse()
                        .expect("the default is an id, as a test sees to"),
                )
            }),
            output: chosen.first(given.output, context.output),
            ca_file,
            token,
        })
    }
}

/// The context that counts, and whether a flag has named it.
struct Chosen {
    name: Option<ContextName>,
    by_flag: bool,
}

impl Chosen {
    /// Who comes first of those that have said something.
    fn first<T>(&self, given: Option<Said<T>>, context: Option<T>) -> Option<Said<T>> {
        let of_context = context.zip(self.name.clone()).map(|(value, name)| Said {
            value,
            origin: Origin::Context(name),
        });
        match (given, of_context) {
            (
                Some(Said {
                    origin: Origin::Variable(_),
                    ..
                }),
                Some(said),
            ) if self.by_flag => Some(said),
            (Some(said), _) | (None, Some(said)) => Some(said),
            (None, None) => None,
        }
    }
}

fn default<T>(value: T) -> Said<T> {
    Said {
        value,
        origin: Origin::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_good() {
        SERVER_DEFAULT.parse::<Server>().expect("an address");
        ORGANIZATION_DEFAULT.parse::<Organization>().expect("an id");
    }

    #[test]
    fn flags_come_before_variables_and_these_before_the_context_in_use() {
        let said = |origin| Some(Said { value: "given", origin });
        let chosen = |by_flag| Chosen {
            name: Some("hq".parse().expect("a name")),
            by_flag,
        };
        let first = |by_flag, given, context| chosen(by_flag).first(given, context).map(|said| said.value);
        let variable = || said(Origin::Variable("MUSTER_SERVER"));
        let flag = || said(Origin::Flag("--server"));
        assert_eq!(first(false, flag(), Some("context")), Some("given"));
        assert_eq!(first(true, flag(), Some("context")), Some("given"));
        assert_eq!(first(false, variable(), Some("context")), Some("given"));
        assert_eq!(first(true, variable(), Some("context")), Some("context"));
        assert_eq!(first(true, variable(), None), Some("given"));
        assert_eq!(first(false, None, Some("context")), Some("context"));
        assert_eq!(first(false, None, None), None);
    }
}
