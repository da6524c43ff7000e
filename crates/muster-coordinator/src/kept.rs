//! How much of the landing's disk each organization's records take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_core::decide::Rejection;
use muster_core::words::{OrganizationId, Quota};
use tokio_util::sync::CancellationToken;

use crate::landing::{Destination, Landing};

/// How often all files are looked at. What is published in between is added; what somebody has taken away is noticed then.
const LOOK_EVERY: Duration = Duration::from_secs(600);

const MIB: u64 = 1024 * 1024;

/// The bytes of each organization, as far as they are known: until the first look at all files is done, only what was published since the start.
/// Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<OrganizationId, u64>>>);

impl Kept {
    /// How many bytes its records take.
    pub(crate) fn of(&self, organization: &OrganizationId) -> u64 {
        self.lock().get(organization).copied().unwrap_or_default()
    }

    /// Whether it may have more of them.
    ///
    /// # Errors
    /// [`Rejection::QuotaReached`].
    pub(crate) fn judge(&self, organization: &OrganizationId, mib: u32) -> Result<(), Rejection> {
        let kept = self.of(organization);
        if kept < u64::from(mib) * MIB {
            return Ok(());
        }
        Err(Rejection::QuotaReached {
            organization: organization.clone(),
            quota: Quota::RecordsMib,
            limit: mib,
            count: usize::try_from(kept.div_ceil(MIB)).unwrap_or(usize::MAX),
        })
    }

    /// Adds what was published just now, where so many bytes were visible before: a publication that is repeated after a restart makes nothing visible, and the
    /// first look has counted it.
    pub(crate) async fn add(&self, landing: &Landing, destination: &Destination, before: u64) {
        // What cannot be measured now is found by the next look at everything.
        let now = landing.kept_of(destination).await.unwrap_or_default();
        *self.lock().entry(destination.organization.clone()).or_default() += now.saturating_sub(before);
    }

    /// Looks at everything, again and again, until it is told to stop.
    pub(crate) async fn keep_counting(self, landing: Landing, stop: CancellationToken) {
        loop {
            match landing.kept().await {
                Ok(kept) => *self.lock() = kept.into_iter().collect(),
                Err(error) => {
                    tracing::warn!(%error, "how much the landing holds could not be counted: tried again later")
                }
            }
            let wait = stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY));
            if wait.await.is_none() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrganizationId, u64>> {
        // A panic under the lock leaves numbers that were true once.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use muster_core::time::Stamp;
    use muster_core::words::{Attempt, ExecutionId, IntegrationId};

    use super::*;

    #[tokio::test]
    async fn a_publication_that_is_repeated_is_counted_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let landing = Landing::open(folder.path()).expect("a landing");
        let destination = Destination {
            organization: OrganizationId::new("acme").expect("a name"),
            integration: IntegrationId(1),
            data_type: "user".parse().expect("a name"),
            execution: ExecutionId(2),
        };
        let stage = landing
            .stage(destination.clone(), Attempt(1), Stamp::from_millis(1))
            .await;
        let mut stage = stage.expect("there is room");
        stage.write("{\"id\": 1}\n".into()).await.expect("it is a record");
        let staged = stage.finish().await.expect("it is whole");
        let kept = Kept::default();
        let publish = async || {
            let before = landing.kept_of(&destination).await.unwrap_or_default();
            landing.publish(&destination, &staged).await.expect("it is staged");
            kept.add(&landing, &destination, before).await;
        };
        publish().await;
        let once = kept.of(&destination.organization);
        assert!(once > 0);
        publish().await;
        assert_eq!(kept.of(&destination.organization), once);
    }
}
