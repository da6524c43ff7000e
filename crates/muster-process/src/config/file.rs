//! The configuration file, as text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::fault::{ConfigError, Fault, Place};

/// The most bytes of a configuration file. A hand-written one has a few KiB; more is a wrong path, such as a device that never ends.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file of another kind than a binary's configuration, such as the command line's contexts. Its types should have
/// `deny_unknown_fields`, so that a misspelt key is told and not ignored.
///
/// # Errors
/// [`ConfigError::Faults`]: the file cannot be read, is too big, is no TOML, or does not fit `T`; a fault in the file is told with its place.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let start = || Place::in_file(path, "", 0);
    let text = read(path, start()).map_err(|fault| ConfigError::faults(vec![fault]))?;
    toml::from_str(&text).map_err(|error| {
        let place = Place::in_file(path, &text, error.span().map_or(0, |span| span.start));
        ConfigError::faults(vec![Fault::new(place, None, error.message())])
    })
}

/// The text of the file; `named_by` is who has named it.
pub(super) fn read(path: &Path, named_by: Place) -> Result<String, Fault> {
    let fault = |problem: String| Fault::new(named_by.clone(), None, problem);
    let shown = path.display();
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => fault(format!("there is no file `{shown}`: check the path")),
        io::ErrorKind::IsADirectory => fault(format!("`{shown}` is a folder: name the file in it")),
        io::ErrorKind::PermissionDenied => fault(format!(
            "the file `{shown}` must not be read by this user: change its owner or its mode"
        )),
        _ => fault(format!("the file `{shown}` cannot be read ({error})")),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fault(format!(
            "`{shown}` has more than {FILE_BYTES_MAX} bytes, so it is no configuration file: check the path"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let place = Place::in_file(path, &String::from_utf8_lossy(&error.as_bytes()[..good]), good);
        Fault::new(place, None, "this is not UTF-8 text: save the file as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Context {
        server: String,
        retries: u32,
    }

    fn load_bytes(bytes: &[u8]) -> Result<Context, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cli.toml");
        std::fs::write(&path, bytes).expect("written");
        load(&path).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_good_file_is_read() {
        let context = load_bytes(b"server = \"hq\"\nretries = 8\n").expect("good");
        assert_eq!((context.server.as_str(), context.retries), ("hq", 8));
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (bytes, part) in [
            (
                &b"server = \"hq\"\nretries = 8\nretrys = 9\n"[..],
                "cli.toml:3:1: unknown field `retrys`",
            ),
            (
                b"server = \"hq\"\nretries = \"\xc3\xa4\"\n",
                "cli.toml:2:11: invalid type: string",
            ),
            (b"server = \"hq\"\n  retries 8\n", "cli.toml:2:"),
            (b"retries = 8\n", "cli.toml:1:1: missing field `server`"),
            (b"server = \"hq\"\n# \xff\n", "cli.toml:2:3: this is not UTF-8 text"),
        ] {
            let error = load_bytes(bytes).expect_err("a fault");
            assert!(error.contains(part), "{error}");
            assert_eq!(error.lines().count(), 2, "{error}");
        }
    }

    #[test]
    fn what_is_no_file_is_told_from_what_is_not_there() {
        for (path, part) in [
            ("/dev/zero", "has more than 1048576 bytes"),
            ("/nowhere/runner.toml", "there is no file `/nowhere/runner.toml`"),
            ("/", "`/` is a folder"),
        ] {
            let error = load::<Context>(Path::new(path)).expect_err(path).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
