//! Finished executions: history in the domain's types.

use muster_core::entity::Finished;
use muster_core::words::{ExecutionId, IntegrationId, Sequence};

use crate::codec::history as codec;
use crate::history::{HistoryEntry, HistoryView, PAGE_ENTRIES_MAX};
use crate::{Store, StoreError};

impl Store {
    /// Puts the executions that ended in the batches after [`absorbed`](crate::history::History::absorbed) up to and
    /// including `through` into history, each with its batch, in the order of their batches; see
    /// [`put`](crate::history::History::put).
    ///
    /// # Errors
    /// As there.
    pub fn put_finished<'a>(
        &self,
        through: Sequence,
        finished: impl IntoIterator<Item = (Sequence, &'a Finished)>,
    ) -> Result<(), StoreError> {
        let entries: Vec<_> = finished
            .into_iter()
            .map(|(sequence, finished)| HistoryEntry {
                integration: finished.integration,
                execution: finished.id,
                sequence,
                bytes: codec::encode(finished),
            })
            .collect();
        self.inner.history.put(self.inner.journal.flushed(), through, &entries)
    }

    /// A finished execution; `None` when history has no such one.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn finished(&self, integration: IntegrationId, execution: ExecutionId) -> Result<Option<Finished>, StoreError> {
        self.inner.history.get(integration, execution, decode)
    }

    /// The newest finished executions of an integration that are older than `before` (`None`: the newest of all),
    /// newest first; at most `limit` of them, and never more than [`PAGE_ENTRIES_MAX`].
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`] when the integration's history is not what was put.
    pub fn finished_before(
        &self,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Vec<Finished>, StoreError> {
        let limit = limit.min(PAGE_ENTRIES_MAX);
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.inner
            .history
            .newest_first(integration, before, limit, &mut |entry| {
                found.push(decode(entry)?);
                Ok(())
            })?;
        Ok(found)
    }

    /// A finished execution, for a caller who does not know its integration; `None` when history has no such one.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn find_finished(&self, execution: ExecutionId) -> Result<Option<Finished>, StoreError> {
        self.inner.history.find(execution, decode)
    }

    /// The newest finished executions of all integrations that are older than `before` (`None`: the newest of all),
    /// newest first; at most `limit` of them, and never more than [`PAGE_ENTRIES_MAX`].
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn finished_of_all_before(
        &self,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Vec<Finished>, StoreError> {
        let mut found = Vec::new();
        self.inner
            .history
            .newest_of_all(before, limit.min(PAGE_ENTRIES_MAX), &mut |entry| {
                found.push(decode(entry)?);
                Ok(())
            })?;
        Ok(found)
    }

    /// Hands all finished executions to `visit`, oldest first, each with the batch that it ended in.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, [`StoreError::Damaged`], or what `visit` returns.
    pub fn each_finished(
        &self,
        visit: &mut dyn FnMut(Sequence, Finished) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner
            .history
            .each(&mut |entry| visit(entry.sequence, decode(entry)?))
    }
}

pub(crate) fn decode(entry: HistoryView<'_>) -> Result<Finished, StoreError> {
    let decoded = codec::decode(entry.execution, entry.integration, entry.bytes);
    decoded.map_err(|error| error.into_error(format!("history, execution {}", entry.execution)))
}
