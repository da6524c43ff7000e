//! The codec as a function of any bytes, for whoever looks for bytes that it cannot bear.

use muster_core::words::{ExecutionId, IntegrationId, Sequence};

use crate::codec::{audit, event, history, log_line, record};

/// Decodes bytes as one of the stored values, which the first byte chooses, and returns whether they are one. What can be decoded must be the same after it was written and read again.
///
/// # Panics
/// When it is not.
pub fn stored(bytes: &[u8]) -> bool {
    const SAME: &str = "it was written just now";
    let Some((which, bytes)) = bytes.split_first() else {
        return false;
    };
    let (execution, integration) = (ExecutionId(1), IntegrationId(2));
    match which {
        0 => {
            let Ok(events) = event::decode_batch(bytes).collect::<Result<Vec<_>, _>>() else {
                return false;
            };
            let again = event::encode_batch(&events);
            let again: Result<Vec<_>, _> = event::decode_batch(&again).collect();
            assert_eq!(again.expect(SAME), events);
        }
        1 => {
            let Ok(finished) = history::decode(execution, integration, bytes) else {
                return false;
            };
            let again = history::decode(execution, integration, &history::encode(&finished));
            assert_eq!(again.expect(SAME), finished);
        }
        2 => {
            let Ok(line) = log_line::decode(bytes) else {
                return false;
            };
            assert_eq!(log_line::decode(&log_line::encode(&line)).expect(SAME), line);
        }
        &u8::MAX => {
            let decode = |bytes| audit::decode(None, 1, Sequence(1), bytes);
            let Ok(entry) = decode(bytes) else { return false };
            assert_eq!(decode(&audit::encode(&entry)).expect(SAME), entry);
        }
        kind => {
            let kind = kind - 3;
            let Ok(entity) = record::decode(kind, bytes) else {
                return false;
            };
            assert_eq!(record::decode(kind, &record::encode(&entity)).expect(SAME), entity);
        }
    }
    true
}
