//! When integrations fall due: each by the first of its upcoming collections, in a line of its organization. So one that rests costs nothing while it does,
//! however many integrations it has.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Stamp;
use crate::words::{IntegrationId, OrganizationId};

/// When integrations fall due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Due {
    lines: BTreeMap<OrganizationId, BTreeSet<(Stamp, IntegrationId)>>,
    /// The first of each line, but for those of organizations that rest.
    heads: BTreeSet<(Stamp, IntegrationId)>,
}

impl Due {
    /// What is due first.
    pub(super) fn first(&self) -> Option<(Stamp, IntegrationId)> {
        self.heads.first().copied()
    }

    /// The first of an integration's upcoming collections has changed. `rests`: nothing of its organization falls due now.
    pub(super) fn reschedule(
        &mut self,
        organization: &OrganizationId,
        id: IntegrationId,
        (before, after): (Option<Stamp>, Option<Stamp>),
        rests: bool,
    ) {
        if before == after {
            return;
        }
        let line = match self.lines.get_mut(organization) {
            Some(line) => line,
            None => self.lines.entry(organization.clone()).or_default(),
        };
        let head = line.first().copied();
        if let Some(before) = before {
            line.remove(&(before, id));
        }
        if let Some(after) = after {
            line.insert((after, id));
        }
        let new_head = line.first().copied();
        if line.is_empty() {
            self.lines.remove(organization);
        }
        if head != new_head && !rests {
            if let Some(head) = head {
                self.heads.remove(&head);
            }
            self.heads.extend(new_head);
        }
    }

    /// An organization rests from now on, or goes on.
    pub(super) fn rest(&mut self, organization: &OrganizationId, rests: bool) {
        let Some(head) = self.lines.get(organization).and_then(BTreeSet::first) else {
            return;
        };
        if rests {
            self.heads.remove(head);
        } else {
            self.heads.insert(*head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_not_due_and_comes_back_in_its_order() {
        let [acme, globex] = ["acme", "globex"].map(|name| OrganizationId::new(name).expect("a name"));
        let at = Stamp::from_millis;
        let mut due = Due::default();
        due.reschedule(&acme, IntegrationId(1), (None, Some(at(10))), false);
        due.reschedule(&acme, IntegrationId(2), (None, Some(at(5))), false);
        due.reschedule(&globex, IntegrationId(3), (None, Some(at(7))), false);
        assert_eq!(due.first(), Some((at(5), IntegrationId(2))));
        due.rest(&acme, true);
        assert_eq!(due.first(), Some((at(7), IntegrationId(3))));
        due.reschedule(&acme, IntegrationId(2), (Some(at(5)), Some(at(20))), true);
        assert_eq!(due.first(), Some((at(7), IntegrationId(3))));
        due.rest(&acme, false);
        due.reschedule(&globex, IntegrationId(3), (Some(at(7)), None), false);
        assert_eq!(due.first(), Some((at(10), IntegrationId(1))));
        due.reschedule(&acme, IntegrationId(1), (Some(at(10)), None), false);
        due.reschedule(&acme, IntegrationId(2), (Some(at(20)), None), false);
        assert_eq!(due, Due::default(), "it leaves nothing behind");
    }
}
