//! `/etc/group`.

use std::collections::HashMap;

use crate::host::lines::{number, text};

/// The groups and their members.
#[derive(Debug, Default)]
pub(super) struct Groups {
    names: HashMap<u32, String>,
    by_member: HashMap<Vec<u8>, Vec<String>>,
}

impl Groups {
    /// Reads the file; malformed lines are passed over.
    pub(super) fn parse(file: &[u8]) -> Self {
        let mut groups = Self::default();
        for line in file.split(|byte| *byte == b'\n') {
            let fields: Vec<_> = line.split(|byte| *byte == b':').collect();
            let [name, _, gid, members] = fields[..] else { continue };
            let (Some(name), Some(gid)) = (text(name), number(gid)) else {
                continue;
            };
            for member in members.split(|byte| *byte == b',').filter(|member| !member.is_empty()) {
                let of_member = groups.by_member.entry(member.to_vec()).or_default();
                if !of_member.contains(&name) {
                    of_member.push(name.clone());
                }
            }
            // The first entry of a number is the one that the system uses.
            groups.names.entry(gid).or_insert(name);
        }
        groups
    }

    /// The group's name; `None` when no group has this number.
    pub(super) fn name(&self, gid: u32) -> Option<String> {
        self.names.get(&gid).cloned()
    }

    /// The supplementary groups of an account, sorted.
    pub(super) fn of_member(&self, name: &[u8]) -> Vec<String> {
        let mut groups = self.by_member.get(name).cloned().unwrap_or_default();
        groups.sort();
        groups
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_have_their_groups() {
        let groups = Groups::parse(b"wheel:x:10:ana,bo\nadm:x:4:ana,\nother:x:10:\nbad:x:no:ana\nshort:x\n");
        assert_eq!(groups.name(10).as_deref(), Some("wheel"));
        assert_eq!(groups.name(5), None);
        assert_eq!(groups.of_member(b"ana"), ["adm", "wheel"]);
        assert_eq!(groups.of_member(b"cy"), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = Groups::parse(&file);
        }
    }
}
