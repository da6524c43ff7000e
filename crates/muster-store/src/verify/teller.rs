//! Who tells what is found, and how far it is.

use muster_core::few::Few;

use super::{Finding, Told};
use crate::StoreError;

/// Tells, and knows what is not worth telling again.
pub(super) struct Teller<'a> {
    /// Its errors end what is done: whoever listens may have gone.
    tell: &'a mut dyn FnMut(Told) -> Result<(), StoreError>,
    kinds: Few<&'static str>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(Told) -> Result<(), StoreError>) -> Self {
        let kinds = Few::default();
        Self { tell, kinds }
    }

    pub(super) fn progress(&mut self, part: &'static str, done: u64, of: Option<u64>) -> Result<(), StoreError> {
        (self.tell)(Told::Progress { part, done, of })
    }

    pub(super) fn found(&mut self, finding: Finding) -> Result<(), StoreError> {
        (self.tell)(Told::Found(finding))
    }

    /// One of what may be very many.
    pub(super) fn one_of(&mut self, kind: &'static str, finding: impl FnOnce() -> Finding) -> Result<(), StoreError> {
        if self.kinds.count(kind) {
            self.found(finding())?;
        }
        Ok(())
    }

    /// Tells damage of an execution's log lines.
    pub(super) fn lost_lines(&mut self, error: StoreError) -> Result<(), StoreError> {
        let mut finding = Finding::of(error)?;
        "it is safe to ignore: nothing but these lines is lost. They go with their execution's retention"
            .clone_into(&mut finding.remedy);
        self.one_of("log lines", || finding)
    }

    /// Tells how many were not told one by one.
    pub(super) fn end(&mut self) -> Result<(), StoreError> {
        for (kind, more) in std::mem::take(&mut self.kinds).untold() {
            self.found(Finding::fault(kind, format!("{more} more of the same kind")))?;
        }
        Ok(())
    }

    /// Tells damage, and lets any other error pass. `None` when it was damage.
    pub(super) fn judge<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.found(Finding::of(error)?)?;
                Ok(None)
            }
        }
    }
}
