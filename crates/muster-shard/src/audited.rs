//! Reading the audit logs. They are written behind the journal, so whoever reads waits until they have all that was told before.

use muster_core::audit::Entry;
use muster_core::words::OrganizationId;
use muster_store::audit::Chain;

use crate::error::ShardError;
use crate::handle::ShardHandle;

/// Whose log it is; `None` for the service's own.
type Log = Option<OrganizationId>;

impl ShardHandle {
    /// Entries of an audit log before number `before` (`None`: the newest of all), newest first, at most `limit`.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn audit_entries_before(
        &self,
        log: Log,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Entry>, ShardError> {
        self.audit_is_carried().await?;
        self.blocking(move |store| store.audit().read_before(&log, before, limit))
            .await
    }

    /// Entries of an audit log from number `from` on, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn audit_entries_from(&self, log: Log, from: u64, limit: usize) -> Result<Vec<Entry>, ShardError> {
        self.audit_is_carried().await?;
        self.blocking(move |store| store.audit().read(&log, from, limit)).await
    }

    /// The ends of an audit log; `None` when it never had an entry.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn audit_chain(&self, log: Log) -> Result<Option<Chain>, ShardError> {
        self.audit_is_carried().await?;
        self.blocking(move |store| Ok(store.audit().chain(&log))).await
    }

    /// Walks through an audit log, and judges that it is one unbroken chain; returns its ends.
    ///
    /// # Errors
    /// [`ShardError::Damaged`] names the first entry that is not what was written.
    pub async fn verify_audit(&self, log: Log) -> Result<Option<Chain>, ShardError> {
        self.audit_is_carried().await?;
        let walked = self.blocking(move |store| {
            if store.audit().chain(&log).is_none() {
                return Ok(Ok(None));
            }
            match store.audit().verify(&log, &mut |_| Ok(())) {
                Err(error @ muster_store::StoreError::Damaged { .. }) => Ok(Err(error.to_string())),
                verified => verified.map(|chain| Ok(Some(chain))),
            }
        });
        walked.await?.map_err(ShardError::Damaged)
    }

    /// Waits until the audit logs have all that was told to anybody so far.
    async fn audit_is_carried(&self) -> Result<(), ShardError> {
        let newest = self.turn(|turn| turn.sequence()).await?;
        let mut carried = self.audit_carried.clone();
        let waited = carried.wait_for(|carried| *carried >= newest).await;
        waited.map(drop).map_err(|_| ShardError::Stopped)
    }
}
