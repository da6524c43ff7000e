//! Requests that may come again, because their answer was lost.

use muster_core::words::Request;
use muster_proto::Named;
use prost::Message;
use sha2::{Digest as _, Sha256};

use super::FieldFault;

/// The request as what it makes remembers it; `None` when the caller gave no id. The digest is that of the whole request.
///
/// # Errors
/// [`FieldFault`] when the id is no UUID.
pub(crate) fn repeatable(request: &(impl Named + Message)) -> Result<Option<Request>, FieldFault> {
    if request.request_id().is_empty() {
        return Ok(None);
    }
    let id = request.request_id().parse();
    let id = id.map_err(|error| FieldFault::new("request_id", error))?;
    let digest = Sha256::digest(request.encode_to_vec()).into();
    Ok(Some(Request { id, digest }))
}
