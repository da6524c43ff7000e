//! Tokens that go on where something has ended: a page, or a watch.
//!
//! A token is opaque to callers: a version, the position, and a keyed checksum over these and the query that it belongs to, as base64. So one that
//! nobody here gave out is refused, and one of another query too. The key is kept beside the store: a token outlives the coordinator's restart.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use muster_core::words::{
    EnrollmentTokenId, ExecutionId, IncidentId, IntegrationId, PersonId, RunnerId, Sequence, TokenId,
};
use sha2::Sha256;

use crate::kept_key::{KEY_BYTES, kept_key, random_key};

/// The form of tokens. Others are refused, so a new form needs a new number.
const VERSION: u8 = 2;

/// How much of the checksum a token carries: nobody guesses half of a SHA-256.
const MAC_BYTES: usize = 16;

/// No token of ours is longer: the longest position is a display name in lower case, of 100 characters of up to 4 bytes, some of which become two.
const TOKEN_CHARS_MAX: usize = 2_048;

/// The position of a watch's message after which nothing can go on but with a snapshot. No batch has this number.
pub(crate) const NOWHERE: Sequence = Sequence(u64::MAX);

/// What tokens are sealed with. Cheap to clone.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// A key that nobody has had before; what it seals is worth nothing in another process.
    #[must_use]
    pub fn random() -> Self {
        Self::of(&random_key())
    }

    /// The key in this file, which is made if it is not there.
    ///
    /// A file that cannot be read or made is no reason not to serve: then tokens end with this process, and the log says so.
    #[must_use]
    pub fn kept_in(file: &Path) -> Self {
        Self::of(&kept_key(file, "page tokens"))
    }

    fn of(key: &[u8; KEY_BYTES]) -> Self {
        Self(Hmac::new_from_slice(key).expect("a key of any length will do"))
    }

    /// A query, as far as its tokens are bound to it: what is listed, and all by which that is chosen and ordered. A page's size may change on the way.
    pub(crate) fn query(&self, what: &str, chosen_by: &[&str]) -> Query {
        let mut mac = self.0.clone();
        mac.update(&[VERSION]);
        for part in [what].iter().chain(chosen_by) {
            // The length first, so that no two queries run together.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Query { mac }
    }
}

/// A token that this query did not give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForeignToken;

/// A query that gives out tokens and takes its own ones back.
#[derive(Clone)]
pub(crate) struct Query {
    mac: Hmac<Sha256>,
}

impl Query {
    pub(crate) fn token(&self, position: &impl Position) -> String {
        let mut bytes = vec![VERSION];
        position.write(&mut bytes);
        let mac = self.mac.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a token; `None` for an empty one, which is the beginning.
    ///
    /// # Errors
    /// [`ForeignToken`] when another query gave it out, or nobody did.
    pub(crate) fn position<P: Position>(&self, token: &str) -> Result<Option<P>, ForeignToken> {
        if token.is_empty() {
            return Ok(None);
        }
        self.read(token).map(Some).ok_or(ForeignToken)
    }

    fn read<P: Position>(&self, token: &str) -> Option<P> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (told, mac) = bytes.split_last_chunk::<MAC_BYTES>()?;
        self.mac.clone().chain_update(told).verify_truncated_left(mac).ok()?;
        let (version, position) = told.split_first()?;
        (*version == VERSION).then(|| P::read(position)).flatten()
    }
}

/// Where something has ended.
pub(crate) trait Position: Sized {
    fn write(&self, bytes: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! id_position {
    ($($id:ident),*) => {$(
        impl Position for $id {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_bytes());
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_bytes)
            }
        }
    )*};
}

id_position!(
    EnrollmentTokenId,
    IntegrationId,
    ExecutionId,
    RunnerId,
    IncidentId,
    PersonId,
    TokenId
);

impl Position for Sequence {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.0.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

/// The number of a log line.
impl Position for u32 {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// The number of an entry of the audit log.
impl Position for u64 {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// A name.
impl Position for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_where_its_own_query_ended() {
        let key = TokenKey::random();
        let query = key.query(
            "executions",
            &["organizations/default/integrations/-", "status = ERROR"],
        );
        let token = query.token(&ExecutionId(7));
        assert_eq!(query.position(&token), Ok(Some(ExecutionId(7))));
        assert_eq!(query.position::<ExecutionId>(""), Ok(None));
        let name = "ẞ".repeat(100);
        assert_eq!(query.position(&query.token(&name)), Ok(Some(name)));
    }

    #[test]
    fn a_token_of_another_query_or_key_is_refused() {
        let key = TokenKey::random();
        let token = key.query("executions", &["a", "b"]).token(&ExecutionId(7));
        for other in [
            key.query("integrations", &["a", "b"]),
            key.query("executions", &["ab", ""]),
            key.query("executions", &["", "ab"]),
            key.query("executions", &["a", "c"]),
            key.query("executions", &["a", "b", ""]),
            TokenKey::random().query("executions", &["a", "b"]),
        ] {
            assert_eq!(other.position::<ExecutionId>(&token), Err(ForeignToken));
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let query = TokenKey::random().query("executions", &["a", "b"]);
        let token = query.token(&ExecutionId(7));
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("it is ASCII");
            assert_eq!(query.position::<ExecutionId>(&forged), Err(ForeignToken), "{forged}");
        }
        for forged in ["x", "====", "AQ", "ä", &"A".repeat(100_000)] {
            assert_eq!(query.position::<ExecutionId>(forged), Err(ForeignToken), "{forged}");
        }
        // The right query, and a position of another kind.
        assert_eq!(
            query.position::<ExecutionId>(&query.token(&Sequence(7))),
            Err(ForeignToken)
        );
    }

    #[test]
    fn a_token_outlives_the_process_by_its_keys_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let token = TokenKey::kept_in(&file).query("runners", &["a"]).token(&RunnerId(7));
        let later = TokenKey::kept_in(&file).query("runners", &["a"]);
        assert_eq!(later.position(&token), Ok(Some(RunnerId(7))));
        std::fs::write(&file, "short").expect("it is written");
        let odd = TokenKey::kept_in(&file).query("runners", &["a"]);
        assert_eq!(odd.position::<RunnerId>(&token), Err(ForeignToken));
    }
}
