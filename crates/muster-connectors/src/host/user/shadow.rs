//! `/etc/shadow`, of which only one bit per account is kept.

use std::collections::HashMap;

use super::passwd::is_locked;

/// Which accounts are locked. Holds no hash.
#[derive(Debug)]
pub(super) struct Shadow {
    locked: HashMap<Vec<u8>, bool>,
}

impl Shadow {
    /// Reads the file; malformed lines are passed over.
    pub(super) fn parse(file: &[u8]) -> Self {
        let locked = file
            .split(|byte| *byte == b'\n')
            .filter_map(|line| {
                let mut fields = line.split(|byte| *byte == b':');
                let name = fields.next().filter(|name| !name.is_empty())?;
                Some((name.to_vec(), is_locked(fields.next()?)))
            })
            .collect();
        Self { locked }
    }

    /// Whether the account's password is locked; `None` when it has no line.
    pub(super) fn is_locked(&self, name: &[u8]) -> Option<bool> {
        self.locked.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn locked_passwords_begin_with_a_mark() {
        let shadow =
            Shadow::parse(b"root:*:1::::::\nana:!$6$s$h:1::\nbo:$6$s$h:1\nempty::\ngarbage\n:::\n\xff\xfe:!!:\n");
        for (name, locked) in [
            (&b"root"[..], Some(true)),
            (b"ana", Some(true)),
            (b"bo", Some(false)),
            (b"empty", Some(false)),
            (b"garbage", None),
            (b"\xff\xfe", Some(true)),
        ] {
            assert_eq!(shadow.is_locked(name), locked, "{name:?}");
        }
        assert!(!format!("{shadow:?}").contains("$6$"));
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = Shadow::parse(&file);
        }
    }
}
