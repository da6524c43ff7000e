//! Reads configuration files. What stands in them is the binaries' own business.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The most bytes of a configuration file. A hand-written one has a few KiB; more is a wrong path, such as a device that never ends.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What is wrong with how the process was configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: check that it is there and that this user may read it", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is too big to be one.
    #[error("the configuration file {} has more than {FILE_BYTES_MAX} bytes: check that it is the right file", path.display())]
    TooBig {
        /// Which file.
        path: PathBuf,
    },
    /// The file is no TOML, or says something that the process does not understand.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character in that line, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The filter of the log lines cannot be understood.
    #[error("the log filter `{filter}` is not understood: write a level such as `info`, or `info,muster_runner=debug`")]
    LogFilter {
        /// What was given.
        filter: String,
        /// Where it goes wrong.
        source: tracing_subscriber::filter::ParseError,
    },
}

/// Reads a configuration from a TOML file. Its types should have `deny_unknown_fields`, so that a misspelt key is told and not ignored.
///
/// # Errors
/// [`ConfigError`]: the file cannot be read, is too big, is no TOML, or does not fit `T`; a fault in the file is told with its place.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read(path)?;
    toml::from_str(&text).map_err(|error| {
        let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
        ConfigError::Invalid {
            path: path.to_owned(),
            line,
            column,
            message: error.message().replace('\n', " "),
        }
    })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ConfigError::TooBig { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let (line, column) = place(&String::from_utf8_lossy(&error.as_bytes()[..good]), good);
        ConfigError::Invalid {
            path: path.to_owned(),
            line,
            column,
            message: "this is not UTF-8 text".to_owned(),
        }
    })
}

/// The line and the column of the byte `offset`, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Runner {
        pool: String,
        slots: u32,
    }

    fn load_bytes(bytes: &[u8]) -> Result<Runner, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runner.toml");
        std::fs::write(&path, bytes).expect("written");
        load(&path).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_good_file_is_read() {
        let runner = load_bytes(b"pool = \"hq\"\nslots = 8\n");
        assert_eq!(
            runner,
            Ok(Runner {
                pool: "hq".to_owned(),
                slots: 8
            })
        );
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (bytes, start) in [
            (
                &b"pool = \"hq\"\nslots = 8\nslts = 9\n"[..],
                "runner.toml:3:1: unknown field `slts`",
            ),
            (
                b"pool = \"hq\"\nslots = \"\xc3\xa4\"\n",
                "runner.toml:2:9: invalid type: string",
            ),
            (b"pool = \"hq\"\n  slots 8\n", "runner.toml:2:"),
            (b"slots = 8\n", "runner.toml:1:1: missing field `pool`"),
            (b"pool = \"hq\"\n# \xff\n", "runner.toml:2:3: this is not UTF-8 text"),
        ] {
            let error = load_bytes(bytes).expect_err("a fault");
            assert!(error.starts_with(start), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let error = load::<Runner>(Path::new("/dev/zero")).expect_err("no configuration");
        assert!(matches!(error, ConfigError::TooBig { .. }), "{error}");
    }

    #[test]
    fn a_missing_file_is_named_and_its_cause_is_the_source() {
        let error = load::<Runner>(Path::new("/nowhere/runner.toml")).expect_err("no file");
        assert!(error.to_string().contains("/nowhere/runner.toml"), "{error}");
        let cause = error.source().expect("a cause").to_string();
        assert!(!error.to_string().contains(&cause), "{error}");
    }
}
