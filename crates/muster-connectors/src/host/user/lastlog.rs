//! `/var/log/lastlog`: a sparse file with one entry of fixed size per user number.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::host::lines::time;

/// Bytes of an entry's time. glibc keeps 32 bits where 32-bit programs of the same machine share the file (bits/utmp.h,
/// `__WORDSIZE_TIME64_COMPAT32`).
const TIME_BYTES: usize = if cfg!(any(
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "loongarch64"
)) {
    8
} else {
    4
};

/// Bytes of an entry: the time, a terminal of 32 bytes and a host of 256.
const ENTRY_BYTES: u64 = TIME_BYTES as u64 + 32 + 256;

/// When users last logged in.
#[derive(Debug)]
pub(super) struct LastLog {
    file: File,
}

impl LastLog {
    pub(super) fn new(file: File) -> Self {
        Self { file }
    }

    /// When the user last logged in; `None` when never, as far as this file knows.
    pub(super) fn of_uid(&self, uid: u32) -> Option<String> {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes[..TIME_BYTES], u64::from(uid) * ENTRY_BYTES)
            .ok()?;
        // A 32-bit time is taken as unsigned, which holds until 2106.
        let seconds = if TIME_BYTES == 8 {
            i64::from_ne_bytes(bytes)
        } else {
            i64::from(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        if seconds == 0 { None } else { time(seconds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_its_user_number() {
        let file = tempfile::tempfile().expect("a file");
        let seconds = 1_700_000_000_u64.to_le_bytes();
        file.write_all_at(&seconds[..TIME_BYTES], 1000 * ENTRY_BYTES)
            .expect("written");
        let last_log = LastLog::new(file);
        assert_eq!(last_log.of_uid(1000).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(last_log.of_uid(999), None, "a hole");
        assert_eq!(last_log.of_uid(u32::MAX), None, "past the end");
    }
}
