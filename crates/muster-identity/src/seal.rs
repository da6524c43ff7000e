//! Keys at rest: the authorities' keys lie in the ledger encrypted, and what opens them lies elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::IdentityError;
use crate::key_file::{self, KeyFileError};
use crate::token::hex;

/// Where the key comes from that the authorities' keys are encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file with 64 hexadecimal digits, readable by its owner alone. It is made when it is not there.
    File(PathBuf),
    /// A variable with such digits.
    Environment(String),
    /// A program that prints such digits: the way to a key management service.
    Program(PathBuf),
}

/// Why the key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Its variable.
    #[error("the variable `{0}` of `ca_key_encryption` is not set")]
    NoVariable(String),
    /// Its program.
    #[error("the program `{program}` of `ca_key_encryption` {what}")]
    Program {
        /// Which.
        program: PathBuf,
        /// What is wrong, as the end of a sentence.
        what: String,
    },
    /// It is none.
    #[error(
        "what `ca_key_encryption` leads to is no key: it must be 64 hexadecimal digits (`openssl rand -hex 32` makes one)"
    )]
    NoKey,
    /// There is no chance.
    #[error("the system has no randomness")]
    NoChance,
}

impl FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((_, "")) | None => {}
            Some(("file", path)) => return Ok(Self::File(path.into())),
            Some(("env", name)) => return Ok(Self::Environment(name.to_owned())),
            Some(("exec", program)) if Path::new(program).is_absolute() => return Ok(Self::Program(program.into())),
            Some(_) => {}
        }
        Err(format!(
            "`{text}` is no place of a key: write `file:PATH`, `env:NAME` or `exec:/absolute/path/of/a/program`"
        ))
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Program(program) => write!(f, "exec:{}", program.display()),
        }
    }
}

impl KeySource {
    /// The key. A file that is not there is made, with a new one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn key(&self) -> Result<SealingKey, KeyError> {
        let text = match self {
            Self::File(path) => match key_file::read(path)? {
                Some(bytes) => String::from_utf8(bytes).map_err(|_| KeyError::NoKey)?,
                None => {
                    let mut bytes = [0; 32];
                    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::NoChance)?;
                    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    key_file::write(path, format!("{text}\n").as_bytes())?;
                    text
                }
            },
            Self::Environment(name) => std::env::var(name).map_err(|_| KeyError::NoVariable(name.clone()))?,
            Self::Program(program) => printed(program)?,
        };
        let bytes = hex::<32>(&text.trim().to_ascii_lowercase()).ok_or(KeyError::NoKey)?;
        SealingKey::new(&bytes).map_err(|_| KeyError::NoKey)
    }
}

fn printed(program: &Path) -> Result<String, KeyError> {
    let fault = |what| KeyError::Program {
        program: program.to_owned(),
        what,
    };
    let ran = Command::new(program)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let ran = ran.map_err(|error| fault(format!("cannot be run: {error}")))?;
    if !ran.status.success() {
        return Err(fault(format!("has failed ({})", ran.status)));
    }
    String::from_utf8(ran.stdout).map_err(|_| KeyError::NoKey)
}

/// What encrypts keys.
pub struct SealingKey(LessSafeKey);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    fn new(bytes: &[u8; 32]) -> Result<Self, ring::error::Unspecified> {
        Ok(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes)?)))
    }

    /// Encrypts a key that belongs to `of`, and opens only beside it.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal(&self, key: &[u8], of: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| KeyError::NoChance)?;
        let mut sealed = key.to_vec();
        // A random nonce of 96 bits is good for billions of keys, and there are as many as organizations.
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(of), &mut sealed)
            .map_err(|_| KeyError::NoChance)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// The key that was encrypted beside `of`.
    ///
    /// # Errors
    /// [`IdentityError::Sealed`] when it was encrypted by another key, beside something else, or was changed.
    pub fn open(&self, sealed: &[u8], of: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(IdentityError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| IdentityError::Sealed)?;
        let mut key = sealed.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(of), &mut key);
        Ok(opened.map_err(|_| IdentityError::Sealed)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_opens_with_its_own_key_beside_its_own_certificate_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = |name: &str| KeySource::File(folder.path().join(name));
        let (key, other) = (source("one").key().expect("made"), source("two").key().expect("made"));
        let sealed = key.seal(b"the key", b"the certificate").expect("sealed");
        assert!(!sealed.windows(7).any(|window| window == b"the key"));
        let again = source("one").key().expect("read");
        assert_eq!(again.open(&sealed, b"the certificate").expect("opened"), b"the key");
        assert!(other.open(&sealed, b"the certificate").is_err());
        assert!(key.open(&sealed, b"another certificate").is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(&changed, b"the certificate").is_err(), "{place}");
            assert!(key.open(&sealed[..place], b"the certificate").is_err(), "{place}");
        }
    }

    #[test]
    fn a_key_comes_from_a_program_too_and_what_is_none_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
            format!("exec:{}", path.display())
                .parse::<KeySource>()
                .expect("a source")
        };
        assert!(program("good", &format!("echo {}", "AB".repeat(32))).key().is_ok());
        for (name, text, part) in [
            ("fails", "exit 3", "has failed"),
            ("babbles", "echo hello", "64 hexadecimal digits"),
        ] {
            let error = program(name, text).key().expect_err("no key");
            assert!(error.to_string().contains(part), "{error}");
        }
        let none: KeySource = "env:MUSTER_NO_SUCH_VARIABLE".parse().expect("a source");
        assert!(none.key().is_err_and(|error| error.to_string().contains("is not set")));
        for bad in ["", "file:", "key", "exec:relative", "kms:x"] {
            assert!(bad.parse::<KeySource>().is_err(), "{bad}");
        }
        for good in ["file:/a/b", "env:A", "exec:/bin/true"] {
            assert_eq!(good.parse::<KeySource>().expect("a source").to_string(), good);
        }
    }
}
