//! Requests that may come again, because their answer was lost.

use std::fmt;

use super::RequestId;

/// A request as what it has made remembers it: who repeats it gets the first answer, and who uses its id for something else is told so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What its caller knows it by.
    pub id: RequestId,
    /// SHA-256 of all that was asked for.
    pub digest: [u8; 32],
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}, {:02x?}…)", self.id, &self.digest[..4])
    }
}
