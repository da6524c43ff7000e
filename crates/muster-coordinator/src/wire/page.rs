//! Pages: their sizes, and the tokens that go on where the page before has ended.
//!
//! A token is opaque to callers: a version, a digest of the query that it belongs to, the position, and a checksum over these, as base64. It is no
//! secret, and it proves nothing: whoever makes one up that fits gets a page that could be asked for anyway.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_core::words::{ExecutionId, IntegrationId, RunnerId, Sequence};

use super::FieldFault;

/// How much a page has when the caller does not say.
pub(crate) const PAGE_SIZE_DEFAULT: usize = 100;

/// The most of a page: what one turn of the shard's writer may touch.
pub(crate) const PAGE_SIZE_MAX: usize = 1_000;

/// The form of tokens. Others are refused, so a new form needs a new number.
const VERSION: u8 = 1;

/// The version and the digest before a position, and the checksum behind it.
const HEAD_BYTES: usize = 5;
const CHECKSUM_BYTES: usize = 4;

/// No token of ours is longer: the longest position is a connector's name.
const TOKEN_CHARS_MAX: usize = 128;

/// The size of a page that is asked for.
///
/// # Errors
/// [`FieldFault`] when it is negative or greater than `max`.
pub(crate) fn page_size(asked: i32, max: usize) -> Result<usize, FieldFault> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT.min(max)),
        Ok(size) if size <= max => Ok(size),
        Ok(_) | Err(_) => {
            let problem = format_args!(
                "is {asked}: must be 1 to {max}, or 0 for {}",
                PAGE_SIZE_DEFAULT.min(max)
            );
            Err(FieldFault::new("page_size", problem))
        }
    }
}

/// A token that this query did not give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForeignToken;

/// A query, as far as its tokens are bound to it: what is listed, of which parent, by which filter. The page's size may change on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Query {
    digest: u32,
}

impl Query {
    pub(crate) fn new(list: &str, parent: &str, filter: &str) -> Self {
        let mut digest = 0;
        for part in [list, parent, filter] {
            // The length first, so that no two queries run together.
            digest = crc32c::crc32c_append(digest, &(part.len() as u64).to_be_bytes());
            digest = crc32c::crc32c_append(digest, part.as_bytes());
        }
        Self { digest }
    }

    pub(crate) fn token(self, position: &impl Position) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.digest.to_be_bytes());
        position.write(&mut bytes);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a token; `None` for an empty one, which is the beginning.
    ///
    /// # Errors
    /// [`ForeignToken`] when another query gave it out, or nobody did.
    pub(crate) fn position<P: Position>(self, token: &str) -> Result<Option<P>, ForeignToken> {
        if token.is_empty() {
            return Ok(None);
        }
        self.read(token).map(Some).ok_or(ForeignToken)
    }

    fn read<P: Position>(self, token: &str) -> Option<P> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (told, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        let (head, position) = told.split_first_chunk::<HEAD_BYTES>()?;
        let [version, digest @ ..] = *head;
        let is_ours = version == VERSION
            && u32::from_be_bytes(digest) == self.digest
            && u32::from_be_bytes(*checksum) == crc32c::crc32c(told);
        is_ours.then(|| P::read(position)).flatten()
    }
}

/// Where a page ends.
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

id_position!(IntegrationId, ExecutionId, RunnerId);

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
        let query = Query::new("executions", "organizations/default/integrations/-", "status = ERROR");
        let token = query.token(&ExecutionId(7));
        assert_eq!(query.position(&token), Ok(Some(ExecutionId(7))));
        assert_eq!(query.position::<ExecutionId>(""), Ok(None));
    }

    #[test]
    fn a_token_of_another_query_is_refused() {
        let token = Query::new("executions", "a", "b").token(&ExecutionId(7));
        for other in [
            Query::new("integrations", "a", "b"),
            Query::new("executions", "ab", ""),
            Query::new("executions", "", "ab"),
            Query::new("executions", "a", "c"),
        ] {
            assert_eq!(other.position::<ExecutionId>(&token), Err(ForeignToken));
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let query = Query::new("executions", "a", "b");
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
    fn a_page_has_a_size_within_its_bounds() {
        assert_eq!(page_size(0, PAGE_SIZE_MAX), Ok(PAGE_SIZE_DEFAULT));
        assert_eq!(page_size(1_000, PAGE_SIZE_MAX), Ok(1_000));
        for asked in [-1, 1_001, i32::MIN, i32::MAX] {
            assert_eq!(
                page_size(asked, PAGE_SIZE_MAX).expect_err("out of bounds").field,
                "page_size"
            );
        }
    }
}
