//! How a connection stands, beyond its bytes: whether somebody is known on it, and whether its client takes what it has asked for.
//!
//! By the windows of HTTP/2 a client says how much it will take. One that says no more has its answers kept: in as many calls as a connection may have, on as
//! many connections as there may be. And one that only answers pings keeps a connection for as long as there is one. Nothing of either shows in the bytes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::tls::Place;

/// How long a connection may be there on which nobody is known and nobody calls. Whoever looks whether the coordinator is well does so more often.
pub(super) const STRANGE_FOR: Duration = Duration::from_secs(60);

/// The most that is given of an answer at a time: a client that takes a large one slowly, but steadily, is seen to do so.
const PIECE_BYTES_MAX: usize = 4 * 1024;

/// How soon it is looked again at a stranger's connection that may not end yet.
const LOOK_AFTER: Duration = Duration::from_secs(10);

/// How one connection stands. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// `None` once somebody is known, or where nobody is asked.
    stranger: Option<Stranger>,
    /// How many answers are not over.
    answers: usize,
    /// The number of the next piece of an answer.
    next: u64,
    /// The pieces that were given and not taken, and since when: the oldest first.
    untaken: BTreeMap<u64, Instant>,
}

#[derive(Debug)]
struct Stranger {
    /// When somebody called last, or the connection was made.
    called: Instant,
    /// The place that it had for its handshake. It keeps that, so that strangers never have all connections.
    _place: Place,
}

impl Inner {
    fn untaken_until(&self, takes_within: Duration) -> Option<Instant> {
        let oldest = self.untaken.first_key_value();
        oldest.map(|(_, since)| *since + takes_within)
    }

    fn strange_until(&self) -> Option<Instant> {
        self.stranger.as_ref().map(|stranger| stranger.called + STRANGE_FOR)
    }
}

impl Standing {
    /// Of a connection on which no certificate was shown, with the place of its handshake.
    pub(super) fn strange(place: Place) -> Self {
        let standing = Self::default();
        standing.lock().stranger = Some(Stranger {
            called: Instant::now(),
            _place: place,
        });
        standing
    }

    /// As if nobody had called for so long.
    #[cfg(test)]
    pub(super) fn called_before(&self, time: Duration) {
        if let Some(stranger) = &mut self.lock().stranger {
            stranger.called -= time;
        }
    }

    /// Whether nobody is known on it so far.
    pub(super) fn is_strange(&self) -> bool {
        self.lock().stranger.is_some()
    }

    /// A call was let in that everybody may make.
    pub(crate) fn note_call(&self) {
        if let Some(stranger) = &mut self.lock().stranger {
            stranger.called = Instant::now();
        }
    }

    /// Somebody is known on it from now on.
    pub(crate) fn note_known(&self) {
        self.lock().stranger = None;
    }

    /// An answer begins.
    pub(crate) fn answer<B>(&self, body: B) -> Answer<B> {
        self.lock().answers += 1;
        Answer {
            body,
            rest: Bytes::new(),
            answering: Some(Answering(self.clone())),
        }
    }

    /// A piece of an answer was given, which is not taken until this is dropped.
    fn give(&self) -> Untaken {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        inner.untaken.insert(number, Instant::now());
        drop(inner);
        let standing = self.clone();
        Untaken { standing, number }
    }

    /// Why the connection is to end, where an answer may wait so long to be taken; `None` when it is not to.
    pub(super) fn fault(&self, takes_within: Duration) -> Option<&'static str> {
        let (inner, now) = (self.lock(), Instant::now());
        if inner.untaken_until(takes_within).is_some_and(|until| until <= now) {
            return Some("the client does not take what it has asked for");
        }
        let is_stranger = inner.strange_until().is_some_and(|until| until <= now);
        (is_stranger && inner.answers == 0).then_some("nobody is known on it, and nobody calls")
    }

    /// When there may be such a reason next, if nothing happens until then; `None` when there will not be one.
    pub(super) fn fault_at(&self, takes_within: Duration) -> Option<Instant> {
        let inner = self.lock();
        let untaken = inner.untaken_until(takes_within);
        // Nothing wakes the connection when an answer waits: while there is one, no look is so late that what is not taken from now on is found too late.
        // A stranger that has an answer coming is looked at again a while later.
        let now = Instant::now();
        let strange = inner.strange_until();
        let strange = strange.map(|until| until.max(now + LOOK_AFTER).min(now + takes_within));
        let answering = (inner.answers > 0).then(|| now + takes_within);
        untaken.into_iter().chain(strange).chain(answering).min()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic halfway through a change runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer of which it is known whether it is taken: HTTP/2 lets go of a piece when it has gone out, or at least into what the system takes next.
#[derive(Debug, Default)]
pub struct Answer<B> {
    body: B,
    /// What the body has given and this has not.
    rest: Bytes,
    /// `None` of an answer that has no connection.
    answering: Option<Answering>,
}

/// An answer that is not over.
#[derive(Debug)]
struct Answering(Standing);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.lock().answers -= 1;
    }
}

/// A piece of an answer, until it is taken.
struct Piece {
    bytes: Bytes,
    _untaken: Untaken,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

struct Untaken {
    standing: Standing,
    number: u64,
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.standing.lock().untaken.remove(&self.number);
    }
}

impl<B> Answer<B> {
    fn piece(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PIECE_BYTES_MAX);
        let bytes = self.rest.split_to(length);
        Frame::data(match &self.answering {
            Some(Answering(standing)) if !bytes.is_empty() => Bytes::from_owner(Piece {
                bytes,
                _untaken: standing.give(),
            }),
            Some(_) | None => bytes,
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
                return Poll::Ready(None);
            };
            match frame?.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        Poll::Ready(Some(Ok(self.piece())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            self.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, poll, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;
    const LATER: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn an_answer_is_waited_for_until_all_that_it_has_given_is_taken() {
        let standing = Standing::default();
        let text = Bytes::from(vec![7; PIECE_BYTES_MAX + 1]);
        let first = stream::iter([Ok::<_, Infallible>(Frame::data(text))]);
        let mut answer = standing.answer(StreamBody::new(first.chain(stream::pending())));
        assert_eq!(standing.fault(AT_ONCE), None, "it has given nothing");
        let mut given = Vec::new();
        for bytes in [PIECE_BYTES_MAX, 1] {
            let frame = answer.frame().await.expect("there is one").expect("it is good");
            let piece = frame.into_data().expect("it is data");
            assert_eq!((piece.len(), piece[0]), (bytes, 7));
            given.push(piece);
        }
        assert!(poll!(answer.frame()).is_pending());
        assert!(
            standing.fault(AT_ONCE).is_some(),
            "nothing is taken, though there is no more now"
        );
        assert_eq!(standing.fault(LATER), None);
        // HTTP/2 takes it apart, and lets go of it when all of it has gone out.
        let rest = given[0].split_off(1);
        given[0] = rest;
        drop(given.pop());
        assert!(standing.fault(AT_ONCE).is_some(), "some of it is not taken");
        // It ends, and what it has given waits all the same.
        drop(answer);
        assert!(standing.fault(AT_ONCE).is_some(), "some of it is not taken");
        assert!(standing.fault_at(LATER).is_some());
        drop(given);
        assert_eq!(standing.fault(AT_ONCE), None, "all is taken");
        assert_eq!(standing.fault_at(LATER), None, "and nothing will come");
    }
}
