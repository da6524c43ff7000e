//! The judge of uploaded lines as a function of any bytes, for whoever looks for bytes that it cannot bear.

use crate::line::{Fields, judge};

/// Judges a chunk of an upload, and returns whether it is let through. What is let through is what a reader of JSON lines takes.
///
/// # Panics
/// When it is not.
pub fn lines(chunk: &[u8]) -> bool {
    let mut fields = Fields::default();
    let Ok(records) = judge(chunk, 0, &mut fields) else {
        return false;
    };
    let mut read = 0;
    for line in chunk.split_inclusive(|byte| *byte == b'\n') {
        assert_eq!(line.last(), Some(&b'\n'), "a line has its end");
        let record: Result<serde_json::Map<_, _>, _> =
            serde_json::from_slice::<serde_json::Value>(line).and_then(serde_json::from_value);
        assert!(record.is_ok(), "{record:?}");
        read += 1;
    }
    assert_eq!(read, records);
    true
}
