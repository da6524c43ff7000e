//! Sessions: what a browser shows instead of the token that its person has signed in with.
//!
//! A session is that token and when it ends, sealed by a key that only the coordinator has, in a cookie. So the coordinator keeps no sessions, and they
//! outlive its restart; what lies in the browser's files opens nothing at the API; and a token that is revoked ends its sessions with the next call, since
//! each call shows the token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

/// The cookie. Its prefix makes browsers take it only by a protected connection (or from this machine), for this host alone and all of its paths.
const COOKIE_NAME: &str = "__Host-muster";

/// How long a session lasts that nobody uses.
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// What is sealed beside: another use of the same key would have another text.
const PURPOSE: &[u8] = b"muster session 1";

/// The key that seals sessions.
pub struct SessionKey(LessSafeKey);

/// Somebody's session.
pub(crate) struct Session {
    /// What they have signed in with.
    pub(crate) token: String,
    ends: u64,
}

impl SessionKey {
    /// The length of a key.
    pub const BYTES: usize = 32;

    /// The key of these bytes, which nobody else has.
    #[must_use]
    pub fn new(bytes: &[u8; Self::BYTES]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).expect("a key of this cipher has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// The cookie of a new session.
    pub(crate) fn cookie(&self, token: &str) -> HeaderValue {
        let ends = seconds(SystemTime::now() + LIFE);
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .expect("the system gives random bytes");
        let mut sealed = ends.to_be_bytes().to_vec();
        sealed.extend_from_slice(token.as_bytes());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(PURPOSE), &mut sealed)
            .expect("a token is far shorter than what the cipher takes");
        let mut text = nonce.to_vec();
        text.append(&mut sealed);
        cookie(&URL_SAFE_NO_PAD.encode(text), LIFE)
    }

    /// The session that a request shows; `None` when it shows none that goes on.
    pub(crate) fn shown(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';')).map(str::trim);
        let text = pairs.find_map(|pair| pair.strip_prefix(COOKIE_NAME)?.strip_prefix('='))?;
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(sealed.get(..NONCE_LEN)?).ok()?;
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(PURPOSE), sealed.get_mut(NONCE_LEN..)?)
            .ok()?;
        let (ends, token) = opened.split_first_chunk()?;
        let session = Session {
            token: String::from_utf8(token.to_vec()).ok()?,
            ends: u64::from_be_bytes(*ends),
        };
        (seconds(SystemTime::now()) < session.ends).then_some(session)
    }
}

impl Session {
    /// Whether more than half of its time is over: then whoever uses it gets a new one.
    pub(crate) fn is_old(&self) -> bool {
        self.ends < seconds(SystemTime::now() + LIFE / 2)
    }
}

/// The cookie that ends a session.
pub(crate) fn no_cookie() -> HeaderValue {
    cookie("", Duration::ZERO)
}

/// `Lax`: whoever follows a link from a mail is still signed in. What changes something is a form, whose origin is judged by itself.
fn cookie(value: &str, life: Duration) -> HeaderValue {
    let life = life.as_secs();
    let text = format!("{COOKIE_NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life}");
    HeaderValue::from_str(&text).expect("base64 and digits are fit for a header")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(key: &SessionKey, cookies: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookies).expect("a value"));
        key.shown(&headers).map(|session| session.token)
    }

    fn value(cookie: &HeaderValue) -> String {
        let text = cookie.to_str().expect("text");
        text.split(';').next().expect("a pair").to_owned()
    }

    #[test]
    fn a_session_gives_back_its_token_and_to_nobody_else() {
        let (key, other) = (SessionKey::new(&[7; 32]), SessionKey::new(&[8; 32]));
        let cookie = key.cookie("mst_token");
        let pair = value(&cookie);
        assert!(!pair.contains("mst_token"), "{pair}");
        assert_eq!(shown(&key, &format!("a=b; {pair}; c=d")), Some("mst_token".to_owned()));
        assert_eq!(shown(&other, &pair), None);
        assert_eq!(shown(&key, ""), None);
    }

    #[test]
    fn one_that_is_changed_or_over_is_none() {
        let key = SessionKey::new(&[7; 32]);
        let pair = value(&key.cookie("mst_token"));
        for at in COOKIE_NAME.len() + 1..pair.len() {
            let mut changed = pair.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            assert_eq!(shown(&key, &changed), None, "{changed}");
        }
        assert_eq!(shown(&key, &pair[..pair.len() - 9]), None);
        assert_eq!(shown(&key, &value(&no_cookie())), None);
    }
}
