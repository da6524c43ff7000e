//! The beginning of a connector of one's own: a program that collects, with all that is needed to try it.

use std::path::PathBuf;
use std::str::FromStr;

use muster_connector::ConnectorName;

/// What a skeleton can be written in. Any other language does, too: the protocol is JSON lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Python 3, with nothing but its standard library.
    Python,
    /// POSIX shell, with `jq`.
    Shell,
}

impl Language {
    /// All languages, by their names.
    pub const ALL: [Self; 2] = [Self::Python, Self::Shell];

    /// Its name: `python`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Shell => "shell",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Python => "py",
            Self::Shell => "sh",
        }
    }
}

/// No language of a skeleton.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no skeleton in `{given}`: choose `python` or `shell`, or write one by docs/exec.md")]
pub struct LanguageError {
    given: String,
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| LanguageError { given: text.to_owned() })
    }
}

/// A file of a skeleton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkeletonFile {
    /// Where it belongs, from the connector's folder.
    pub path: PathBuf,
    /// All that is in it.
    pub contents: String,
    /// Whether it is the program itself, and must be executable.
    pub is_executable: bool,
}

/// The files of a connector `name` that collects as it is, and passes `muster connector test`. The program comes first.
///
/// ```
/// use muster_connector::ConnectorName;
/// use muster_connectors::exec::{Language, skeleton};
///
/// let files = skeleton(&ConnectorName::new("crm")?, Language::Python);
/// let paths: Vec<_> = files.iter().map(|file| file.path.display().to_string()).collect();
/// assert_eq!(paths, ["crm.py", "config.json", "devices.jsonl", "README.md"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn skeleton(name: &ConnectorName, language: Language) -> Vec<SkeletonFile> {
    let program = format!("{name}.{}", language.suffix());
    let text = match language {
        Language::Python => include_str!("skeleton/connector.py"),
        Language::Shell => include_str!("skeleton/connector.sh"),
    };
    let filled_in = |text: &str| text.replace("NAME", name.as_str()).replace("FILE", &program);
    let file = |path: &str, contents: String| SkeletonFile {
        path: path.into(),
        contents,
        is_executable: false,
    };
    vec![
        SkeletonFile {
            path: program.clone().into(),
            contents: text.replace("NAME", name.as_str()),
            is_executable: true,
        },
        file("config.json", "{\"file\": \"devices.jsonl\"}\n".to_owned()),
        file("devices.jsonl", include_str!("skeleton/devices.jsonl").to_owned()),
        file("README.md", filled_in(include_str!("skeleton/README.md"))),
    ]
}
