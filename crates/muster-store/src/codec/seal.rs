//! To whom something is sealed, as a list of keys.

use muster_core::words::{Recipients, SealingKey};

use super::{CodecError, judged};

/// Those to whom something is sealed; none when nothing is.
pub(super) fn keys(recipients: Option<&Recipients>) -> Vec<String> {
    let keys = recipients.into_iter().flat_map(Recipients::iter);
    keys.map(ToString::to_string).collect()
}

/// The same back.
pub(super) fn recipients(keys: &[String]) -> Result<Option<Recipients>, CodecError> {
    if keys.is_empty() {
        return Ok(None);
    }
    let keys = keys.iter().map(|key| judged(key.parse(), "sealing key"));
    let keys: Vec<SealingKey> = keys.collect::<Result<_, CodecError>>()?;
    judged(Recipients::new(keys), "recipients").map(Some)
}
