//! What the coordinator tells Prometheus of itself. Counted where it happens, without waiting; what only the ledger knows is read when somebody asks.
//!
//! `page.rs` has all metrics with their names; `docs/metrics.md` is held to what it prints. No label has more than a bounded number of values, and none
//! names an integration or an organization.

mod calls;
mod ledger;
mod page;
mod process;

use std::sync::Arc;
use std::time::Duration;

use muster_core::entity::DeliveryState;
use muster_shard::{ShardError, ShardHandle};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::access::Stranger;
use crate::service::Services;
use crate::tls::Shaken;
use calls::Calls;
pub(crate) use calls::CountCalls;
use ledger::Sample;
use process::Started;

/// The type of what [`Metrics::page`] returns.
pub(crate) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// How long a sample of the ledger is told again: whoever asks more often makes no more work for the writer.
const SAMPLE_AGE_MAX: Duration = Duration::from_secs(1);

/// What is counted in this process. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    calls: Calls,
    uploads: Gauge,
    stuck: Counter,
    strangers: Family<[(&'static str, &'static str); 1], Counter>,
    handshakes: Family<[(&'static str, &'static str); 1], Counter>,
    deliveries: Deliveries,
    started: Started,
    sampled: Arc<Mutex<Option<Sampled>>>,
}

/// A sample, and when it was taken.
type Sampled = (Instant, Arc<Sample>);

/// The tries to deliver a notice, by what became of them.
#[derive(Debug, Clone, Default)]
struct Deliveries {
    sent: Counter,
    deferred: Counter,
    dead: Counter,
}

/// An upload that is under way, until it is dropped.
pub(crate) struct Uploading(Gauge);

impl Drop for Uploading {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counts calls of gRPC by their ends.
    pub(crate) fn count_calls(&self) -> CountCalls {
        CountCalls::from(self.calls.clone())
    }

    pub(crate) fn begin_upload(&self) -> Uploading {
        self.uploads.inc();
        Uploading(self.uploads.clone())
    }

    pub(crate) fn count_stuck(&self, more: usize) {
        self.stuck.inc_by(more as u64);
    }

    /// Counts a call whose caller was not known.
    pub(crate) fn count_stranger(&self, stranger: Stranger) {
        self.strangers.get_or_create(&[("reason", stranger.name())]).inc();
    }

    /// Counts a handshake by what has become of it.
    pub(crate) fn count_handshake(&self, shaken: Shaken) {
        self.handshakes.get_or_create(&[("outcome", shaken.name())]).inc();
    }

    /// Counts a try to deliver a notice, by what is with it then.
    pub(crate) fn count_delivery(&self, state: &DeliveryState) {
        let Deliveries { sent, deferred, dead } = &self.deliveries;
        let counter = match state {
            DeliveryState::Sent { .. } => sent,
            DeliveryState::Waiting { .. } => deferred,
            DeliveryState::Dead { .. } => dead,
        };
        counter.inc();
    }

    /// All metrics, as Prometheus reads them.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub(crate) async fn page(&self, services: &Services) -> Result<String, ShardError> {
        let sample = self.sample(&services.shard).await?;
        Ok(page::of(self, &sample, services))
    }

    async fn sample(&self, shard: &ShardHandle) -> Result<Arc<Sample>, ShardError> {
        let mut sampled = self.sampled.lock().await;
        if let Some((at, sample)) = &*sampled
            && at.elapsed() < SAMPLE_AGE_MAX
        {
            return Ok(Arc::clone(sample));
        }
        let sample = Arc::new(Sample::of(shard).await?);
        *sampled = Some((Instant::now(), Arc::clone(&sample)));
        Ok(sample)
    }
}
