//! The request ids of creations: the same request with the same id creates nothing, and gets the first one's integration.
//!
//! They are remembered by this process, and not over its restart. After one a repeated request meets its own display name, which is taken.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_core::time::Moment;
use muster_core::words::{IntegrationId, OrganizationId};

use crate::wire::FieldFault;

/// How long an id is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// How many ids are remembered at most; beyond it the oldest is forgotten. Whoever repeats a request does so within seconds.
const REMEMBERED_MAX: usize = 100_000;

/// Names a request for as long as it is remembered.
pub(super) type RequestKey = (OrganizationId, u128);

/// What is known of a request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is new.
    New,
    /// The same request has made this integration.
    Same(IntegrationId),
    /// It belongs to another request.
    Other,
}

/// The remembered requests. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    made: HashMap<RequestKey, Made>,
    order: VecDeque<(Moment, RequestKey)>,
}

#[derive(Debug, Clone, Copy)]
struct Made {
    digest: [u8; 32],
    integration: IntegrationId,
}

impl Requests {
    /// What is known of this id. To be asked in the turn of the writer that then creates, so that two of the same do not pass each other.
    pub(super) fn look_up(&self, key: &RequestKey, digest: [u8; 32], now: Moment) -> Known {
        let mut inner = self.lock();
        inner.forget_before(now);
        match inner.made.get(key) {
            None => Known::New,
            Some(made) if made.digest == digest => Known::Same(made.integration),
            Some(_) => Known::Other,
        }
    }

    /// Remembers what a new request has made.
    pub(super) fn remember(&self, key: RequestKey, digest: [u8; 32], integration: IntegrationId, now: Moment) {
        let mut inner = self.lock();
        inner.order.push_back((now, key.clone()));
        inner.made.insert(key, Made { digest, integration });
        while inner.order.len() > REMEMBERED_MAX {
            inner.forget_oldest();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget_before(&mut self, now: Moment) {
        while self
            .order
            .front()
            .is_some_and(|(since, _)| now.since(*since) > REMEMBERED)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.made.remove(&key);
        }
    }
}

/// The id of a request; `None` when the caller gave none.
///
/// # Errors
/// [`FieldFault`] when it is no UUID.
pub(super) fn request_id(text: &str) -> Result<Option<u128>, FieldFault> {
    if text.is_empty() {
        return Ok(None);
    }
    // All ids of the domain are UUIDs, so any of them can read one.
    let id: IntegrationId = text.parse().map_err(|error| FieldFault::new("request_id", error))?;
    Ok(Some(id.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: IntegrationId = IntegrationId(7);

    fn key(id: u128) -> RequestKey {
        (OrganizationId::new("default").expect("a name"), id)
    }

    #[test]
    fn an_id_belongs_to_one_request_for_a_day() {
        let requests = Requests::default();
        let now = Moment::default();
        assert_eq!(requests.look_up(&key(1), [1; 32], now), Known::New);
        requests.remember(key(1), [1; 32], MADE, now);
        assert_eq!(
            requests.look_up(&key(1), [1; 32], now.after(REMEMBERED)),
            Known::Same(MADE)
        );
        assert_eq!(requests.look_up(&key(1), [2; 32], now), Known::Other);
        assert_eq!(requests.look_up(&key(2), [1; 32], now), Known::New);
        let later = now.after(REMEMBERED + Duration::from_secs(1));
        assert_eq!(requests.look_up(&key(1), [2; 32], later), Known::New);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let requests = Requests::default();
        for id in 0..=REMEMBERED_MAX as u128 {
            requests.remember(key(id), [0; 32], MADE, Moment::default());
        }
        assert_eq!(requests.look_up(&key(0), [0; 32], Moment::default()), Known::New);
        assert_eq!(requests.look_up(&key(1), [0; 32], Moment::default()), Known::Same(MADE));
    }

    #[test]
    fn an_id_is_a_uuid() {
        assert_eq!(request_id(""), Ok(None));
        assert!(request_id("01936b1e-2f3a-7c4d-8e5f-0123456789ab").is_ok_and(|id| id.is_some()));
        assert_eq!(request_id("again").expect_err("no UUID").field, "request_id");
    }
}
