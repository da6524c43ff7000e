//! Enrollment tokens: `mse_ID_SECRET_PIN_CHECKSUM`. The beginning makes them easy to find where they must not be; the checksum tells one that was cut or
//! mistyped before anybody is asked; the pin is the fingerprint of the authority by which the runner knows the coordinator.

use std::fmt;
use std::str::FromStr;

use muster_core::words::{EnrollmentTokenId, Fingerprint};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::digest::fingerprint;

/// What every token begins with.
pub const PREFIX: &str = "mse_";

/// What stands in the place of the pin when there is none.
const SYSTEM: &str = "system";

/// By what the runner knows the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// By the authority whose certificate has this fingerprint.
    Authority(Fingerprint),
    /// By an authority that its system, or its own setting, trusts.
    System,
}

/// A token, with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrollmentToken {
    /// Which it is.
    pub id: EnrollmentTokenId,
    /// By what the runner knows the coordinator.
    pub pin: Pin,
    secret: [u8; 16],
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It begins otherwise.
    #[error(
        "this is no enrollment token: one begins with `{PREFIX}`, and comes from `muster runner enroll-token create`"
    )]
    Prefix,
    /// It is cut, or mistyped.
    #[error("the enrollment token is cut or mistyped: copy all of it")]
    Damaged,
}

impl EnrollmentToken {
    /// A new token with a secret that nobody knows.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(id: EnrollmentTokenId, pin: Pin) -> Result<Self, crate::IdentityError> {
        let mut secret = [0; 16];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| rcgen::Error::RingUnspecified)?;
        Ok(Self { id, pin, secret })
    }

    /// What is kept of its secret. It has 128 bits of chance, so a plain digest gives nothing away.
    #[must_use]
    pub fn hash(&self) -> Fingerprint {
        let bytes = [&b"muster enrollment token"[..], &self.id.to_bytes(), &self.secret].concat();
        fingerprint(&bytes)
    }

    /// The whole text, secret included. [`fmt::Debug`] has no secret.
    #[must_use]
    pub fn reveal(&self) -> String {
        let pin = match self.pin {
            Pin::Authority(fingerprint) => fingerprint.to_string(),
            Pin::System => SYSTEM.to_owned(),
        };
        let id = self.id.0;
        let text = format!("{PREFIX}{:032x}_{:032x}_{pin}", id, u128::from_be_bytes(self.secret));
        let checksum = crc32c::crc32c(text.as_bytes());
        format!("{text}_{checksum:08x}")
    }
}

impl FromStr for EnrollmentToken {
    type Err = TokenFault;

    fn from_str(text: &str) -> Result<Self, TokenFault> {
        let rest = text.strip_prefix(PREFIX).ok_or(TokenFault::Prefix)?;
        let parts: Vec<&str> = rest.splitn(5, '_').collect();
        let [id, secret, pin, checksum] = parts.as_slice() else {
            return Err(TokenFault::Damaged);
        };
        let id = hex::<16>(id).ok_or(TokenFault::Damaged)?;
        let secret = hex::<16>(secret).ok_or(TokenFault::Damaged)?;
        let pin = if *pin == SYSTEM {
            Pin::System
        } else {
            Pin::Authority(Fingerprint(hex(pin).ok_or(TokenFault::Damaged)?))
        };
        let checksum = hex::<4>(checksum).ok_or(TokenFault::Damaged)?;
        let before = &text[..text.len() - "_00000000".len()];
        if crc32c::crc32c(before.as_bytes()) != u32::from_be_bytes(checksum) {
            return Err(TokenFault::Damaged);
        }
        Ok(Self {
            id: EnrollmentTokenId::from_bytes(id),
            pin,
            secret,
        })
    }
}

impl fmt::Debug for EnrollmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollmentToken")
            .field("id", &self.id)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

/// The bytes that exactly so many lower-case hexadecimal digits are.
pub(crate) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(pin: Pin) -> EnrollmentToken {
        EnrollmentToken::generate(EnrollmentTokenId(0x0193_6b1e_2f3a_7c4d_8e5f_0123_4567_89ab), pin).expect("chance")
    }

    #[test]
    fn a_token_survives_its_text_and_hides_its_secret() {
        for pin in [Pin::System, Pin::Authority(Fingerprint([0xa5; 32]))] {
            let token = token(pin);
            let text = token.reveal();
            assert!(text.starts_with("mse_01936b1e2f3a7c4d8e5f0123456789ab_"), "{text}");
            assert_eq!(text.parse(), Ok(token.clone()));
            let secret = text.split('_').nth(2).expect("the secret");
            assert!(!format!("{token:?}").contains(secret));
            assert!(!token.hash().to_string().contains(secret));
        }
        assert_ne!(token(Pin::System).hash(), token(Pin::System).hash());
    }

    #[test]
    fn what_is_cut_or_mistyped_is_told_and_what_is_no_token_too() {
        let text = token(Pin::Authority(Fingerprint([1; 32]))).reveal();
        for length in PREFIX.len()..text.len() {
            assert_eq!(
                text[..length].parse::<EnrollmentToken>(),
                Err(TokenFault::Damaged),
                "{length}"
            );
        }
        for place in PREFIX.len()..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'7' { b'8' } else { b'7' };
            let other = String::from_utf8(other).expect("text");
            assert_eq!(other.parse::<EnrollmentToken>(), Err(TokenFault::Damaged), "{other}");
        }
        for other in ["", "mst_1_2_3", "MSE_1"] {
            assert_eq!(other.parse::<EnrollmentToken>(), Err(TokenFault::Prefix), "{other}");
        }
    }

    proptest! {
        #[test]
        fn text_of_anybody_is_no_panic(text in "\\PC{0,200}", rest in "[0-9a-f_é]{0,200}") {
            prop_assert!(text.parse::<EnrollmentToken>().is_err());
            let text = format!("{PREFIX}{rest}");
            prop_assert!(text.parse::<EnrollmentToken>().is_err());
        }
    }
}
