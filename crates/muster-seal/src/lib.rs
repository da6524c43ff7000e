//! Secrets that only runners can read: sealed by a person to the keys of a pool's runners, carried by the coordinator, opened where they are used.
//!
//! The format is that of age (<https://age-encryption.org/v1>) with X25519 recipients, in Base64, behind the list of its recipients: see
//! [`Sealed`]. So `age -r age1… | base64 -w0` makes one, too. Whoever holds this crate can open what it has the key of;
//! the coordinator does without.

use std::io::{Read, Write};
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_core::words::{Recipients, SealError, Sealed, SealingKey};

/// The most bytes of what is sealed: keys and certificates have a few KiB, and a configuration as a whole may have 64.
pub const SECRET_BYTES_MAX: usize = 32 * 1024;

/// A secret that cannot be sealed or opened. Never tells any of it.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// More than a configuration takes.
    #[error("the secret has {0} bytes: at most {SECRET_BYTES_MAX} can be sealed")]
    TooLong(usize),
    /// Nothing.
    #[error("the secret is empty: there is nothing to seal")]
    Empty,
    /// A key that looks like one, and is no point of the curve, or has a wrong checksum.
    #[error("`{key}` is no key ({why}): copy it anew from where the runner prints it")]
    Key {
        /// Which.
        key: SealingKey,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not sealed to this runner.
    #[error(
        "was sealed to other runners, and this one's key is `{0}`: seal it anew with `muster seal`, to this runner as well"
    )]
    NotForThisKey(SealingKey),
    /// What is behind the keys cannot be read.
    #[error("is damaged, or was not made by `muster seal`: seal it anew")]
    Damaged,
    /// No text is behind it.
    #[error("holds no UTF-8 text: a secret is text, so encode what is none")]
    NoText,
    /// The form around it.
    #[error(transparent)]
    Form(#[from] SealError),
}

/// The secret half of a runner's sealing key. It never leaves the runner.
// Without `Debug`, which would show it.
#[derive(Clone)]
pub struct SealingIdentity {
    identity: x25519::Identity,
    key: SealingKey,
}

impl SealingIdentity {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self::of(x25519::Identity::generate())
    }

    /// The identity of a text that [`Self::to_text`] has made, blanks around it aside; `None` when it is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        x25519::Identity::from_str(text.trim()).ok().map(Self::of)
    }

    fn of(identity: x25519::Identity) -> Self {
        let key = identity.to_public().to_string();
        // An X25519 recipient is written as `age1` and 58 characters of Bech32, which is all that is judged.
        let key = key.parse().expect("a recipient has the form of one");
        Self { identity, key }
    }

    /// The text of it, to be kept where nobody else can read it: an identity file of age.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.identity.to_string().expose_secret().to_owned()
    }

    /// The public half: to what secrets are sealed that this opens.
    #[must_use]
    pub fn key(&self) -> &SealingKey {
        &self.key
    }

    /// What was sealed.
    ///
    /// # Errors
    /// [`SealingError::NotForThisKey`], [`SealingError::Damaged`], [`SealingError::NoText`], [`SealingError::TooLong`].
    pub fn open(&self, sealed: &Sealed<'_>) -> Result<String, SealingError> {
        if !sealed.recipients.contains(&self.key) {
            return Err(SealingError::NotForThisKey(self.key.clone()));
        }
        let file = STANDARD.decode(sealed.body).map_err(|_| SealingError::Damaged)?;
        let decryptor = age::Decryptor::new_buffered(file.as_slice()).map_err(|_| SealingError::Damaged)?;
        let identities = std::iter::once(&self.identity as &dyn age::Identity);
        let reader = decryptor.decrypt(identities).map_err(|error| match error {
            // The list in front says otherwise, so somebody has put them together.
            age::DecryptError::NoMatchingKeys => SealingError::NotForThisKey(self.key.clone()),
            _ => SealingError::Damaged,
        })?;
        let mut secret = Vec::new();
        let most = SECRET_BYTES_MAX as u64 + 1;
        reader
            .take(most)
            .read_to_end(&mut secret)
            .map_err(|_| SealingError::Damaged)?;
        if secret.len() > SECRET_BYTES_MAX {
            return Err(SealingError::TooLong(secret.len()));
        }
        String::from_utf8(secret).map_err(|_| SealingError::NoText)
    }
}

/// Seals a secret to these runners: the text that takes its place in a configuration.
///
/// # Errors
/// [`SealingError::TooLong`], [`SealingError::Empty`], [`SealingError::Key`].
pub fn seal(secret: &str, recipients: &Recipients) -> Result<String, SealingError> {
    if secret.is_empty() {
        return Err(SealingError::Empty);
    }
    if secret.len() > SECRET_BYTES_MAX {
        return Err(SealingError::TooLong(secret.len()));
    }
    let keys = recipients.iter().map(|key| {
        let judged = x25519::Recipient::from_str(key.as_str());
        judged.map_err(|why| SealingError::Key { key: key.clone(), why })
    });
    let keys: Vec<x25519::Recipient> = keys.collect::<Result<_, _>>()?;
    let keys = keys.iter().map(|key| key as &dyn age::Recipient);
    // There is at least one, and all are of one kind: nothing else makes these fail, writing into memory neither.
    let encryptor = age::Encryptor::with_recipients(keys).expect("one or more keys of one kind");
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).expect("memory takes what is written");
    writer
        .write_all(secret.as_bytes())
        .expect("memory takes what is written");
    writer.finish().expect("memory takes what is written");
    let sealed = Sealed {
        recipients: recipients.clone(),
        body: &STANDARD.encode(file),
    };
    Ok(sealed.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recipients(identities: &[&SealingIdentity]) -> Recipients {
        Recipients::new(identities.iter().map(|identity| identity.key().clone())).expect("some")
    }

    fn opened(identity: &SealingIdentity, text: &str) -> Result<String, SealingError> {
        identity.open(&Sealed::parse(text)?)
    }

    #[test]
    fn each_recipient_opens_it_and_nobody_else() {
        let [one, two, other] = std::array::from_fn(|_| SealingIdentity::generate());
        let text = seal("hunter2", &recipients(&[&one, &two])).expect("sealed");
        assert!(!text.contains("hunter2"));
        assert_eq!(opened(&one, &text).expect("for this one"), "hunter2");
        assert_eq!(opened(&two, &text).expect("for this one"), "hunter2");
        assert!(matches!(opened(&other, &text), Err(SealingError::NotForThisKey(_))));

        let claims = text.replace(one.key().as_str(), other.key().as_str());
        assert!(matches!(opened(&other, &claims), Err(SealingError::NotForThisKey(_))));
    }

    #[test]
    fn an_identity_survives_its_text() {
        let identity = SealingIdentity::generate();
        let text = seal("hunter2", &recipients(&[&identity])).expect("sealed");
        let again = SealingIdentity::from_text(&format!("{}\n", identity.to_text())).expect("one");
        assert_eq!(opened(&again, &text).expect("the same key"), "hunter2");
        assert!(SealingIdentity::from_text(identity.key().as_str()).is_none());
        assert!(SealingIdentity::from_text("").is_none());
    }

    #[test]
    fn what_cannot_be_sealed_is_told_without_it() {
        let identity = SealingIdentity::generate();
        let own = recipients(&[&identity]);
        assert!(matches!(seal("", &own), Err(SealingError::Empty)));
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        assert!(matches!(seal(&long, &own), Err(SealingError::TooLong(_))));
        let most = "x".repeat(SECRET_BYTES_MAX);
        let text = seal(&most, &own).expect("it just fits");
        assert_eq!(opened(&identity, &text).expect("it is for it"), most);

        let mistyped: SealingKey = format!("age1{}", "q".repeat(58)).parse().expect("it has the form");
        let error = seal("hunter2", &Recipients::new([mistyped]).expect("one")).expect_err("no key");
        assert!(error.to_string().contains("copy it anew"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_changed_or_cut_is_found_out(secret in "\\PC{1,80}", place in any::<prop::sample::Index>(), cut in any::<bool>()) {
            let identity = SealingIdentity::generate();
            let text = seal(&secret, &recipients(&[&identity])).expect("sealed");
            let sealed = Sealed::parse(&text).expect("its form");
            let mut file = STANDARD.decode(sealed.body).expect("Base64");
            let place = place.index(file.len());
            if cut {
                file.truncate(place);
            } else {
                file[place] ^= 1;
            }
            let body = STANDARD.encode(file);
            let changed = Sealed { recipients: sealed.recipients.clone(), body: &body };
            prop_assert!(identity.open(&changed).is_err());
            prop_assert_eq!(identity.open(&sealed).expect("it is whole"), secret);
        }

        #[test]
        fn any_text_behind_the_keys_is_answered(body in "\\PC{0,200}") {
            let identity = SealingIdentity::generate();
            let sealed = Sealed { recipients: recipients(&[&identity]), body: &body };
            prop_assert!(identity.open(&sealed).is_err());
        }
    }
}
