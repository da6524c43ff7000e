//! Section 10 of the design: each nominal time has exactly one execution, or lies in one recorded range of skips.

use std::collections::BTreeMap;

use muster_core::entity::PerDataType;
use muster_core::schedule::{Skip, SkipReason};
use muster_core::time::{Interval, Stamp};
use muster_core::words::{DataType, Enablement, IntegrationId, Revision};

use super::{Broken, Collection, Integration, Spec, is_range, must};

impl Integration {
    pub(super) fn set_intervals(&mut self, intervals: &PerDataType<Interval>) {
        self.collections
            .retain(|data_type, _| intervals.contains_key(data_type));
        for (data_type, interval) in intervals {
            match self.collections.get_mut(data_type) {
                Some(collection) if collection.interval != *interval => {
                    collection.interval = *interval;
                    collection.revision = collection.revision.next();
                    collection.next = None;
                }
                Some(_) => {}
                None => {
                    let collection = Collection {
                        interval: *interval,
                        revision: Revision(1),
                        next: None,
                        cursor: None,
                        completed: None,
                        trouble: None,
                    };
                    self.collections.insert(data_type.clone(), collection);
                }
            }
        }
    }

    /// What is collected, and how often.
    pub fn intervals(&self) -> PerDataType<Interval> {
        let collections = self.collections.iter();
        collections
            .map(|(data_type, collection)| (data_type.clone(), collection.interval))
            .collect()
    }

    /// Takes in the upcoming collections. Those of unchanged intervals stay if `keeps`; a new one is the first on the grid after `after`.
    pub(super) fn set_next(
        &mut self,
        id: IntegrationId,
        next: &BTreeMap<DataType, Stamp>,
        after: Stamp,
        keeps: bool,
    ) -> Result<(), Broken> {
        if self.enablement != Enablement::Enabled {
            return must(next.is_empty(), || "what is not enabled collects nothing".to_owned());
        }
        for (data_type, collection) in &mut self.collections {
            let kept = collection.next.filter(|_| keeps);
            let wanted = kept.unwrap_or_else(|| first_after(id, collection.interval, after));
            let given = next.get(data_type).copied();
            must(given == Some(wanted), || {
                format!("the upcoming collection of {data_type} was to be {wanted:?}, not {given:?}")
            })?;
            collection.next = given;
        }
        Ok(())
    }
}

/// The last moment before a time.
pub(super) fn before(time: Stamp) -> Stamp {
    Stamp::from_millis(time.millis().saturating_sub(1))
}

/// The first time on the integration's grid after `at`.
fn first_after(id: IntegrationId, interval: Interval, at: Stamp) -> Stamp {
    let interval = interval.millis();
    let phase = id.spread() % interval;
    // The grid has at most one time more than there are intervals since the epoch.
    let near = (at.millis() / interval).saturating_sub(1) * interval + phase;
    let after = (0..4)
        .map(|steps| near + steps * interval)
        .find(|time| *time > at.millis());
    Stamp::from_millis(after.unwrap_or(u64::MAX))
}

impl Spec {
    pub(super) fn advance(
        &mut self,
        id: IntegrationId,
        data_type: &DataType,
        skip: Option<&Skip>,
        next: Stamp,
        at: Stamp,
    ) -> Result<&'static str, Broken> {
        let is_open = self.open.contains_key(&(id, data_type.clone()));
        let owner = self.existing(id)?.organization.clone();
        self.must_go_on(&owner)?;
        let open = self.open_of_organization(&owner);
        let is_full = self.must_fit(&owner, |quotas| quotas.open_executions, open).is_err();
        let integration = self.integrations.get_mut(&id).ok_or("it is there")?;
        must(integration.enablement == Enablement::Enabled, || {
            "it is not enabled".to_owned()
        })?;
        let collection = integration
            .collections
            .get_mut(data_type)
            .ok_or("it does not collect this")?;
        let due = collection.next.ok_or("nothing was planned")?;
        must(due <= at, || format!("its time is {due:?}, and has not come"))?;
        let interval = collection.interval.millis();
        let steps = (at.millis() - due.millis()) / interval;
        let nth = |n: u64| Stamp::from_millis(due.millis() + n * interval);
        must(next == nth(steps + 1), || {
            format!("the upcoming time was to be {:?}", nth(steps + 1))
        })?;
        if let Some(skip) = skip {
            let reason = if is_open {
                SkipReason::StillOpen
            } else if is_full {
                SkipReason::QuotaReached
            } else {
                SkipReason::Missed
            };
            must(skip.revision == collection.revision && skip.reason == reason, || {
                format!("the skip was to be of schedule {}, {reason:?}", collection.revision)
            })?;
        }
        collection.next = Some(next);
        let wanted = if is_open || is_full {
            Some((due, nth(steps), steps + 1))
        } else if steps > 0 {
            Some((due, nth(steps - 1), steps))
        } else {
            None
        };
        must(is_range(skip, wanted), || {
            format!("the skipped range was to be {wanted:?}")
        })?;
        if is_open {
            return Ok("skip: still open");
        }
        if is_full {
            return Ok("skip: quota reached");
        }
        self.owed = Some((id, data_type.clone(), nth(steps), collection.revision));
        Ok(if steps > 0 { "skip: missed" } else { "fell due" })
    }
}
