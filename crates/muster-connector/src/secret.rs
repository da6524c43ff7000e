//! Secrets of a configuration: whoever makes an integration gives references, and the runner puts in their place what they lead to.
//!
//! A property whose schema says `"writeOnly": true` is a secret. Its value is `env:NAME`, `file:PATH` or `exec:NAME`, or a value that was sealed to the
//! runner's key, never the secret itself: what stands between a person and the runner could read that. References lead only to [`Places`] that the
//! runner's own machine has set aside for this: a coordinator that was taken over must not be able to have any file or variable sent to a source of its
//! choice.

mod command;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::words::{Category, Failure, Recipients, Sealed};
use serde_json::Value;

use crate::Redactor;
use crate::fields::each_field;
use crate::validate::{FAULTS_MAX, Fault};

pub use self::command::SecretCommand;

/// What the names of variables begin with that references may lead to.
pub const VARIABLE_PREFIX: &str = "MUSTER_SECRET_";

/// The most bytes of a secret: keys and certificates have a few KiB.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Opens what was sealed to this machine's runner.
pub trait Opener: fmt::Debug + Send + Sync {
    /// The secret; or why it cannot be had, as the end of a sentence about the value, which tells nothing of it.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    fn open(&self, sealed: &Sealed<'_>) -> Result<String, String>;
}

/// Where references may lead.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The folders in which the files of `file:` lie. A relative path is looked for in each of them, in this order. None: no file is a secret.
    pub folders: Vec<PathBuf>,
    /// The commands of `exec:`, by their names. None: no command prints a secret.
    pub commands: BTreeMap<String, SecretCommand>,
    /// What opens sealed values; `None` where nothing does.
    pub opener: Option<Arc<dyn Opener>>,
}

/// A secret that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct SecretError {
    /// The place in the configuration, as a JSON pointer: `/bind/password`.
    pub path: String,
    /// What is wrong. Never the value.
    pub problem: String,
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Failure::new(Category::Configuration, error.to_string())
    }
}

/// A configuration for a connector, and what keeps its secrets out of all that is said about the source.
// Without `Debug`, which would show them.
pub struct Resolved {
    /// The configuration with its secrets.
    pub config: Value,
    /// Takes these secrets out of texts.
    pub redactor: Redactor,
}

/// The configuration with each reference to a secret replaced by what it leads to on this machine. `config` fits `schema`.
///
/// # Errors
/// [`SecretError`]: a secret that is no reference, or one that leads nowhere or elsewhere than it may.
pub async fn resolve(schema: &Value, config: &Value, places: &Places) -> Result<Resolved, SecretError> {
    let paths = places_of(schema, config);
    let mut resolved = config.clone();
    for path in &paths {
        let Some(place) = resolved.pointer_mut(path) else {
            continue;
        };
        let problem = match place.as_str() {
            None => Err("is a secret, and must be a text".to_owned()),
            Some(reference) => lead(reference, places).await,
        };
        let secret = problem.map_err(|problem| SecretError {
            path: path.clone(),
            problem,
        })?;
        *place = Value::String(secret);
    }
    let secrets = paths.iter().filter_map(|path| resolved.pointer(path)?.as_str());
    let redactor = Redactor::new(secrets);
    Ok(Resolved {
        config: resolved,
        redactor,
    })
}

/// The secrets in `config` that are no references: for whoever judges a configuration that a runner will resolve. What a reference leads to is the
/// runner's to know. `config` need not fit `schema`.
#[must_use]
pub fn faults(schema: &Value, config: &Value) -> Vec<Fault> {
    let faults = places_of(schema, config).into_iter().filter_map(|path| {
        let reference = config.pointer(&path)?.as_str();
        let message = match reference {
            None => "is a secret, and must be a text".to_owned(),
            Some(reference) => judge(reference).err()?,
        };
        Some(Fault { path, message })
    });
    faults.take(FAULTS_MAX).collect()
}

/// Who can open all the secrets of `config` that are sealed; `None` when none is.
///
/// # Errors
/// [`Fault`]: nobody can, since two of them were sealed to different runners.
pub fn recipients(schema: &Value, config: &Value) -> Result<Option<Recipients>, Fault> {
    let mut all: Option<Recipients> = None;
    for path in places_of(schema, config) {
        let value = config.pointer(&path).and_then(Value::as_str);
        let Some(sealed) = value.and_then(|text| Sealed::parse(text).ok()) else {
            continue;
        };
        let common = all.map_or(Some(sealed.recipients.clone()), |all| all.common(&sealed.recipients));
        all = Some(common.ok_or_else(|| Fault {
            path,
            message:
                "is sealed to other runners than the secrets before it: seal all of them to the same ones".to_owned(),
        })?);
    }
    Ok(all)
}

/// Whether a text has the form of what leads to a secret, whatever that is.
fn judge(text: &str) -> Result<(), String> {
    if Sealed::is_meant(text) {
        return Sealed::parse(text)
            .map(drop)
            .map_err(|error| format!("is no sealed value: {error}"));
    }
    let name = text.strip_prefix("env:").map(|name| name.starts_with(VARIABLE_PREFIX));
    let path = text.strip_prefix("file:").map(|path| !path.is_empty());
    let command = text.strip_prefix("exec:").map(|name| !name.is_empty());
    if name.or(path).or(command).unwrap_or(false) {
        Ok(())
    } else {
        Err(no_reference())
    }
}

/// Not what it is: it may be the secret.
fn no_reference() -> String {
    format!(
        "is a secret: give a reference that the runner resolves, `env:{VARIABLE_PREFIX}…`, `file:…` or `exec:…`, or what `muster seal` has made of it, and never the secret itself"
    )
}

/// The places of all secrets in `config`, each once.
fn places_of(schema: &Value, config: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    each_field(schema, config, |schema, value, place| {
        let is_secret = schema.get("writeOnly") == Some(&Value::Bool(true));
        if is_secret && !value.is_null() && !found.iter().any(|known| known == place) {
            found.push(place.to_owned());
        }
        is_secret
    });
    found
}

/// What a reference leads to.
async fn lead(reference: &str, places: &Places) -> Result<String, String> {
    if let Some(name) = reference.strip_prefix("env:") {
        return variable(name);
    }
    if let Some(path) = reference.strip_prefix("file:") {
        return file(Path::new(path), places);
    }
    if let Some(name) = reference.strip_prefix("exec:") {
        return printed(name, places).await;
    }
    if Sealed::is_meant(reference) {
        let sealed = Sealed::parse(reference).map_err(|error| format!("is no sealed value: {error}"))?;
        let opener = places.opener.as_ref();
        return opener.map_or_else(|| Err(cannot_open()), |opener| opener.open(&sealed));
    }
    Err(no_reference())
}

fn cannot_open() -> String {
    "is sealed, and there is no key here to open it: runners have one".to_owned()
}

async fn printed(name: &str, places: &Places) -> Result<String, String> {
    let shown = name.escape_debug();
    let command = places.commands.get(name).ok_or_else(|| {
        format!("refers to the command `{shown}`, which the runner does not have: `[secret_command.{shown}]` of its own configuration names one")
    })?;
    let bytes = command
        .output()
        .await
        .map_err(|problem| format!("refers to the command `{shown}`, which {problem}"))?;
    text_of(bytes).ok_or_else(|| format!("refers to the command `{shown}`, which prints no UTF-8 text"))
}

fn variable(name: &str) -> Result<String, String> {
    if !name.starts_with(VARIABLE_PREFIX) {
        return Err(format!(
            "refers to the variable `{name}`: only those of the runner whose names begin with `{VARIABLE_PREFIX}` are for secrets"
        ));
    }
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => {
            format!("refers to the variable `{name}`, which the runner does not have: set it for its service, then restart it")
        }
        std::env::VarError::NotUnicode(_) => format!("refers to the variable `{name}`, which is no UTF-8 text"),
    })
}

fn file(path: &Path, places: &Places) -> Result<String, String> {
    let shown = path.display();
    let unreadable =
        |error: std::io::Error| format!("refers to the file `{shown}`, which the runner cannot read: {error}");
    let mut candidates = places.folders.iter().filter_map(|folder| {
        let folder = folder.canonicalize().ok()?;
        // Through links and `..`, to where it really lies.
        let file = folder.join(path).canonicalize().ok()?;
        file.starts_with(&folder).then_some(file)
    });
    let Some(file) = candidates.next() else {
        let folders: Vec<String> = places
            .folders
            .iter()
            .map(|folder| format!("`{}`", folder.display()))
            .collect();
        return Err(format!(
            "refers to the file `{shown}`, which is not there: the runner's files for secrets lie in {}",
            if folders.is_empty() {
                "no folder".to_owned()
            } else {
                folders.join(", ")
            }
        ));
    };
    let mut bytes = Vec::new();
    let file = File::open(file).map_err(unreadable)?;
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(format!(
            "refers to the file `{shown}`, which has more than {SECRET_BYTES_MAX} bytes"
        ));
    }
    text_of(bytes).ok_or_else(|| format!("refers to the file `{shown}`, which is no UTF-8 text"))
}

/// The text of a secret; `None` when it is none.
fn text_of(bytes: Vec<u8>) -> Option<String> {
    let mut text = String::from_utf8(bytes).ok()?;
    // Editors end a file so, and programs what they print; no password does.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn schema() -> Value {
        json!({
            "$defs": {"secret": {"type": "string", "writeOnly": true}},
            "properties": {
                "url": {"type": "string"},
                "token": {"$ref": "#/$defs/secret"},
                "bind": {"properties": {"a/b": {"type": "string", "writeOnly": true}}},
                "keys": {"items": {"anyOf": [{"$ref": "#/$defs/secret"}, {"type": "null"}]}},
                "loop": {"$ref": "#"},
            },
        })
    }

    /// Opens what is written backwards.
    #[derive(Debug)]
    struct Rot;

    impl Opener for Rot {
        fn open(&self, sealed: &Sealed<'_>) -> Result<String, String> {
            Ok(sealed.body.chars().rev().collect())
        }
    }

    fn sealed(to: &[char], body: &str) -> String {
        let keys = to.iter().map(|letter| format!("age1{}{letter}", "q".repeat(57)));
        format!("sealed:{}:{body}", keys.collect::<Vec<_>>().join(","))
    }

    #[tokio::test]
    async fn what_is_sealed_is_opened_and_kept_out_of_texts() {
        let (_folder, places) = folder();
        let config = json!({"token": sealed(&['a'], "2retnuh"), "url": sealed(&['a'], "x")});
        let resolved = resolve(&schema(), &config, &places).await.expect("it opens");
        assert_eq!(resolved.config["token"], "hunter2");
        assert_eq!(resolved.config["url"], config["url"], "this is no secret");
        assert_eq!(resolved.redactor.redact("with hunter2"), "with [redacted]");
        let closed = Places { opener: None, ..places };
        let error = resolve(&schema(), &config, &closed).await.err().expect("no key");
        assert!(
            error
                .to_string()
                .starts_with("/token: is sealed, and there is no key here"),
            "{error}"
        );
    }

    #[test]
    fn those_who_can_open_all_secrets_are_told() {
        let of = |token: &str, key: &str| {
            let config = json!({"token": token, "keys": [key, null], "url": sealed(&['d'], "x")});
            let found = recipients(&schema(), &config).map_err(|fault| fault.path)?;
            let last = |key: &muster_core::words::SealingKey| key.as_str().chars().last();
            Ok(found.map(|found| found.iter().filter_map(last).collect::<String>()))
        };
        assert_eq!(of("env:MUSTER_SECRET_A", "file:key"), Ok(None));
        assert_eq!(of(&sealed(&['a', 'c'], "x"), "file:key"), Ok(Some("ac".to_owned())));
        assert_eq!(
            of(&sealed(&['a', 'c'], "x"), &sealed(&['c', 'd'], "y")),
            Ok(Some("c".to_owned()))
        );
        assert_eq!(of(&sealed(&['a'], "x"), &sealed(&['c'], "y")), Err("/token".to_owned()));
    }

    fn folder() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("secrets")).expect("made");
        std::fs::write(folder.path().join("secrets/token"), "hunter2\n").expect("written");
        std::fs::write(folder.path().join("other"), "not for sources").expect("written");
        let places = Places {
            folders: vec!["/nowhere".into(), folder.path().join("secrets")],
            opener: Some(Arc::new(Rot)),
            ..Places::default()
        };
        (folder, places)
    }

    #[tokio::test]
    async fn references_are_replaced_wherever_the_schema_has_a_secret_and_nowhere_else() {
        let (folder, places) = folder();
        let absolute = format!("file:{}", folder.path().join("secrets/token").display());
        let config = json!({
            "url": "file:token", "token": "file:token", "bind": {"a/b": absolute}, "keys": [null, "file:token"],
            "loop": {"loop": {"token": "file:token"}}, "unknown": "file:token",
        });
        let resolved = resolve(&schema(), &config, &places).await.expect("all are there");
        let expected = json!({
            "url": "file:token", "token": "hunter2", "bind": {"a/b": "hunter2"}, "keys": [null, "hunter2"],
            "loop": {"loop": {"token": "hunter2"}}, "unknown": "file:token",
        });
        assert_eq!(resolved.config, expected);
        assert_eq!(resolved.redactor.redact("with hunter2"), "with [redacted]");
    }

    #[test]
    fn a_secret_in_plain_text_is_a_fault_before_any_runner_sees_it() {
        let config = json!({
            "url": "hunter2", "token": "hunter2", "bind": {"a/b": "env:MUSTER_SECRET_BIND"},
            "keys": ["file:key", {"key": 1}, "env:PATH", "file:", sealed(&['a'], "hunter2"), "sealed:hunter2"],
        });
        let faults = faults(&schema(), &config);
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["/keys/1", "/keys/2", "/keys/3", "/keys/5", "/token"]);
        assert!(
            faults.iter().all(|fault| !fault.message.contains("hunter2")),
            "{faults:?}"
        );
    }

    #[tokio::test]
    async fn nothing_but_what_was_set_aside_can_be_had() {
        let (folder, places) = folder();
        std::os::unix::fs::symlink("../other", folder.path().join("secrets/link")).expect("linked");
        let elsewhere = format!("file:{}", folder.path().join("other").display());
        for (reference, told) in [
            ("hunter2", "/token: is a secret: give a reference"),
            ("env:PATH", "/token: refers to the variable `PATH`: only those"),
            ("env:MUSTER_SECRET_NOBODY_SETS_THIS", "which the runner does not have"),
            (
                "file:nothing",
                "which is not there: the runner's files for secrets lie in `/nowhere`, `/",
            ),
            ("file:../other", "which is not there"),
            ("file:link", "which is not there"),
            ("file:/etc/passwd", "which is not there"),
            ("file:", "cannot read: Is a directory"),
            (
                "exec:vault",
                "refers to the command `vault`, which the runner does not have",
            ),
            ("exec:/bin/cat", "which the runner does not have"),
            (elsewhere.as_str(), "which is not there"),
        ] {
            let error = resolve(&schema(), &json!({"token": reference}), &places)
                .await
                .err()
                .expect(reference);
            let failure = Failure::from(error);
            assert_eq!(failure.category, Category::Configuration);
            assert!(failure.message.contains(told), "{}", failure.message);
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
        let error = resolve(&schema(), &json!({"token": {"env": "X"}}), &places).await;
        let error = error.err().expect("no text");
        assert_eq!(error.to_string(), "/token: is a secret, and must be a text");
    }

    fn shell(script: &str, within: Duration) -> SecretCommand {
        SecretCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: BTreeMap::from([("VAULT".into(), "hq".into())]),
            within,
        }
    }

    #[tokio::test]
    async fn a_command_of_the_runners_own_prints_a_secret() {
        let places = Places {
            commands: BTreeMap::from([(
                "vault".to_owned(),
                shell("printenv VAULT; test -z \"$CARGO_PKG_NAME\"", LIMIT),
            )]),
            ..Places::default()
        };
        let resolved = resolve(&schema(), &json!({"token": "exec:vault"}), &places)
            .await
            .expect("it prints one");
        assert_eq!(resolved.config, json!({"token": "hq"}));
        assert_eq!(
            resolved.redactor.redact("with hq"),
            Redactor::new(["hq"]).redact("with hq")
        );
    }

    #[tokio::test]
    async fn a_command_that_fails_hangs_or_floods_is_ended_and_what_it_has_printed_is_not_told() {
        let short = Duration::from_millis(300);
        for (script, within, told) in [
            ("echo hunter2; exit 3", LIMIT, "which has failed (exit status: 3)"),
            ("echo hunter2; sleep 600", short, "which did not end within 300ms"),
            // A fork that keeps its output open.
            (
                "(trap '' TERM HUP; sleep 600) & echo hunter2",
                short,
                "which did not end within 300ms",
            ),
            ("yes hunter2", LIMIT, "which prints more than 65536 bytes"),
            ("printf 'hunter2\\377'", LIMIT, "which prints no UTF-8 text"),
        ] {
            let places = Places {
                commands: BTreeMap::from([("vault".to_owned(), shell(script, within))]),
                ..Places::default()
            };
            let resolved = resolve(&schema(), &json!({"token": "exec:vault"}), &places).await;
            let problem = resolved.err().expect(script).problem;
            assert!(
                problem.starts_with(&format!("refers to the command `vault`, {told}")),
                "{script}: {problem}"
            );
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
