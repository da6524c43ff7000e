//! The real coordinator over many integrations: how long until it serves, what it needs of memory, how fast it answers who looks at all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::{ListIntegrationsRequest, SummarizeIntegrationsRequest};
use tonic::transport::Channel;

use crate::harness::Outcome;
use crate::harness::coordinator::Coordinator;

const CALLS: usize = 2_000;
const PAGE: i32 = 100;

/// How long it gets to come to rest before its memory is read.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    /// From the start of the process until it serves.
    pub(crate) start_s: f64,
    /// Its memory in RAM less that of one without integrations, for each of them.
    pub(crate) bytes_per_integration: f64,
    /// A page of those in Error.
    pub(crate) list_error_p99_ms: f64,
    /// The summary of all.
    pub(crate) summary_p99_ms: f64,
}

pub(crate) fn measure(binary: &Path, many: &Path, empty: &Path, integrations: usize) -> Outcome<Served> {
    let resident = |data: &Path| -> Outcome<(Coordinator, u64)> {
        let coordinator = Coordinator::start(binary, data)?;
        std::thread::sleep(SETTLE);
        let bytes = coordinator.resident_bytes()?;
        Ok((coordinator, bytes))
    };
    let (without, bytes_without) = resident(empty)?;
    without.stop()?;
    let (coordinator, bytes) = resident(many)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (list_error_p99_ms, summary_p99_ms) = runtime.block_on(async {
        let client = IntegrationServiceClient::new(coordinator.way().connect().await?);
        let list = list_in_error(client.clone()).await?;
        let summary = summarize(client, integrations).await?;
        Outcome::Ok((list, summary))
    })?;
    let start_s = coordinator.started_in.as_secs_f64();
    coordinator.stop()?;
    Ok(Served {
        start_s,
        bytes_per_integration: bytes.saturating_sub(bytes_without) as f64 / integrations as f64,
        list_error_p99_ms,
        summary_p99_ms,
    })
}

/// Pages of those in Error, one after the other, from the beginning again after the last.
async fn list_in_error(mut client: IntegrationServiceClient<Channel>) -> Outcome<f64> {
    let mut took = Histogram::<u64>::new(3)?;
    let mut page_token = String::new();
    for _ in 0..CALLS {
        let request = ListIntegrationsRequest {
            parent: "organizations/default".to_owned(),
            page_size: PAGE,
            filter: "status = ERROR".to_owned(),
            page_token: std::mem::take(&mut page_token),
            ..ListIntegrationsRequest::default()
        };
        let start = Instant::now();
        let page = client.list_integrations(request).await?.into_inner();
        took.record(u64::try_from(start.elapsed().as_micros())?)?;
        let full = usize::try_from(PAGE)?;
        if page.integrations.len() != full && !page.next_page_token.is_empty() {
            return Err(format!("a page has {} integrations", page.integrations.len()).into());
        }
        page_token = page.next_page_token;
    }
    Ok(took.value_at_quantile(0.99) as f64 / 1e3)
}

async fn summarize(mut client: IntegrationServiceClient<Channel>, integrations: usize) -> Outcome<f64> {
    let mut took = Histogram::<u64>::new(3)?;
    for _ in 0..CALLS {
        let request = SummarizeIntegrationsRequest {
            parent: "organizations/default".to_owned(),
        };
        let start = Instant::now();
        let summary = client.summarize_integrations(request).await?.into_inner();
        took.record(u64::try_from(start.elapsed().as_micros())?)?;
        let counted = summary.active_count + summary.error_count + summary.disabled_count;
        if counted != integrations as u64 {
            return Err(format!("the summary counts {counted} integrations").into());
        }
    }
    Ok(took.value_at_quantile(0.99) as f64 / 1e3)
}
