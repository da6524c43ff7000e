//! The text of a token: `mst_<id>_<secret>_<checksum>`.
//!
//! Whoever scans for secrets knows it by its beginning, and a typing error is told without a look at any token. The id is the token's own, the secret
//! 256 bits of the system's randomness, both in letters and digits, of which the hash alone is kept.

use std::borrow::Cow;
use std::fmt;

use muster_core::words::{TokenHash, TokenId};
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};

/// How every token begins.
const PREFIX: &str = "mst_";

/// 62 characters that no shell and no double click breaks.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^22 > 2^128, 62^43 > 2^256, 62^6 > 2^32.
const ID_CHARS: usize = 22;
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;

/// A token's text. It is shown to whoever asked for the token, once, and to nobody else: so it prints itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

/// What there is in a token's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) id: TokenId,
    pub(crate) hash: TokenHash,
}

impl TokenText {
    /// A text for this token with a secret that nobody has had before.
    #[must_use]
    pub fn new(id: TokenId) -> Self {
        let mut secret = String::with_capacity(SECRET_CHARS);
        while secret.len() < SECRET_CHARS {
            let mut bytes = [0; 64];
            // Up to 256 bytes the system gives all that is asked for, and it fails only before it has gathered any randomness, for which this call waits.
            let filled = getrandom(&mut bytes, GetRandomFlags::empty());
            assert_eq!(filled, Ok(bytes.len()), "the system gives random bytes");
            // Bytes beyond the last whole multiple of 62 would make some characters likelier than others.
            let even = bytes.into_iter().filter(|byte| *byte < 248);
            let chars = even.map(|byte| char::from(DIGITS[usize::from(byte % 62)]));
            secret.extend(chars.take(SECRET_CHARS - secret.len()));
        }
        let body = format!("{PREFIX}{}_{secret}", digits(id.0, ID_CHARS));
        let checksum = checksum(&body);
        Self(format!("{body}_{checksum}"))
    }

    /// The text itself, for whoever may see it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// By what it is known again.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        hash(&self.0[PREFIX.len() + ID_CHARS + 1..][..SECRET_CHARS])
    }

    /// What there is in this text; `None` when it is no token's, or has a character wrong.
    pub(crate) fn parts(text: &str) -> Option<Parts> {
        let (body, told) = text.rsplit_once('_')?;
        let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let is_whole = id.len() == ID_CHARS && secret.len() == SECRET_CHARS && told.len() == CHECKSUM_CHARS;
        if !is_whole || checksum(body) != told {
            return None;
        }
        let id = TokenId(number(id)?);
        Some(Parts { id, hash: hash(secret) })
    }
}

/// Takes the secrets of tokens out of a text that others may read, such as the log; their ids stay.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    const KEPT: usize = PREFIX.len() + ID_CHARS + 1;
    let mut redacted = Cow::Borrowed(text);
    let mut from = 0;
    while let Some(found) = redacted[from..].find(PREFIX) {
        let secret = from + found + KEPT;
        let is_of_one = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let rest = redacted.as_bytes().get(secret..).unwrap_or_default();
        let chars = rest.iter().take_while(|byte| is_of_one(byte)).count();
        from = from + found + PREFIX.len();
        // Also of one that was cut: half a secret is a secret.
        if chars > 0 && redacted.is_char_boundary(secret) {
            redacted.to_mut().replace_range(secret..secret + chars, "…");
        }
    }
    redacted
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(…)")
    }
}

fn hash(secret: &str) -> TokenHash {
    TokenHash(Sha256::digest(secret).into())
}

fn checksum(body: &str) -> String {
    digits(crc32c::crc32c(body.as_bytes()).into(), CHECKSUM_CHARS)
}

fn digits(mut number: u128, chars: usize) -> String {
    let mut text = vec![b'0'; chars];
    for place in text.iter_mut().rev() {
        // The remainder is below 62.
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text.into_iter().map(char::from).collect()
}

fn number(digits: &str) -> Option<u128> {
    digits.bytes().try_fold(0_u128, |number, digit| {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        number.checked_mul(62)?.checked_add(value as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_again() {
        for id in [TokenId(0), TokenId(7), TokenId(u128::MAX)] {
            let text = TokenText::new(id);
            let hash = text.hash();
            assert_eq!(TokenText::parts(text.reveal()), Some(Parts { id, hash }));
            assert_eq!(text.reveal().len(), 77);
            assert_ne!(TokenText::new(id).hash(), hash, "each has a secret of its own");
            assert_eq!(format!("{text:?}"), "TokenText(…)");
        }
    }

    #[test]
    fn every_typing_error_is_told() {
        let text = TokenText::new(TokenId(0x0193_6b1e));
        let text = text.reveal();
        for place in 0..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[place] = if wrong[place] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).expect("ASCII");
            assert_eq!(TokenText::parts(&wrong), None, "at {place}");
            assert_eq!(TokenText::parts(&text[..place]), None, "cut at {place}");
        }
        let swapped: String = [&text[..30], &text[31..32], &text[30..31], &text[32..]].concat();
        assert!(swapped == text || TokenText::parts(&swapped).is_none());
        for none in [
            "",
            "mst_",
            "mst___",
            "ä",
            "Bearer",
            &format!("{text} "),
            &format!("{text}_"),
        ] {
            assert_eq!(TokenText::parts(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_text_is_printed_without_its_secrets() {
        let (one, other) = (TokenText::new(TokenId(1)), TokenText::new(TokenId(2)));
        let (one, other) = (one.reveal(), other.reveal());
        let text = format!("authorization: Bearer {one}; \"{other}\" mst_ mst_short {}", &one[..40]);
        let printed = redact(&text);
        for secret in [&one[27..70], &other[27..70], &one[27..40]] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(
            printed.contains(&one[..26]) && printed.contains(&other[..26]),
            "{printed}"
        );
        assert!(printed.contains("mst_ mst_short"), "{printed}");
        assert!(matches!(redact("nothing of this kind"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_id_beyond_all_ids_is_none() {
        let secret = "0".repeat(SECRET_CHARS);
        let body = format!("{PREFIX}{}_{secret}", "z".repeat(ID_CHARS));
        assert_eq!(TokenText::parts(&format!("{body}_{}", checksum(&body))), None);
    }

    #[test]
    fn a_secret_uses_all_characters_alike() {
        let mut seen = [0_u32; 256];
        for _ in 0..2_000 {
            for byte in TokenText::new(TokenId(1)).reveal()[27..][..SECRET_CHARS].bytes() {
                seen[usize::from(byte)] += 1;
            }
        }
        let expected = 2_000 * 43 / 62;
        for digit in DIGITS {
            let found = seen[usize::from(*digit)];
            assert!(
                found.abs_diff(expected) < expected / 4,
                "{}: {found}",
                char::from(*digit)
            );
        }
    }
}
