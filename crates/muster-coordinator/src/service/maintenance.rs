//! `MaintenanceService`: a backup and a verification of what the coordinator keeps, while it serves.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::words::ExecutionId;
use muster_proto::v1;
use muster_proto::v1::maintenance_service_server::MaintenanceService;
use muster_shard::{ShardError, ShardHandle};
use muster_store::backup::Copied;
use muster_store::verify::Told;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::Services;
use crate::landing::verify::Known;
use crate::landing::{Landing, LandingError};
use crate::status::ServiceError;
use crate::{clock, landed, wire};

/// The most bytes of a backup in a message: clients take 4 MiB by default.
const CHUNK_BYTES: usize = 1024 * 1024;

/// How many findings, or words on how far it is, may wait for the caller.
const TOLD_WAITING_MAX: usize = 16;

/// How many finished executions are looked up at a time.
const PAGE: usize = 500;

#[tonic::async_trait]
impl MaintenanceService for Services {
    type BackUpStream = BoxStream<'static, Result<v1::BackUpResponse, Status>>;
    type VerifyStream = BoxStream<'static, Result<v1::VerifyResponse, Status>>;

    async fn back_up(&self, _request: Request<v1::BackUpRequest>) -> Result<Response<Self::BackUpStream>, Status> {
        let bytes = self.shard.back_up(env!("CARGO_PKG_VERSION"), clock::now().stamp).await;
        let bytes = bytes.map_err(ServiceError::from)?;
        tracing::info!("a backup is being made");
        let chunks = received(bytes, self.tasks.token()).flat_map(|next| stream::iter(chunks(next)));
        Ok(Response::new(chunks.boxed()))
    }

    async fn verify(&self, _request: Request<v1::VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        let of_store = self.shard.verify().await.map_err(ServiceError::from)?;
        let (telling, told) = mpsc::channel(TOLD_WAITING_MAX);
        let (shard, landing) = (self.shard.clone(), self.landing.clone());
        drop(
            self.tasks
                .spawn("verification", tell_all(of_store, shard, landing, telling)),
        );
        let told = received(told, self.tasks.token());
        Ok(Response::new(told.map(|told| told.map(wire::verify::told)).boxed()))
    }
}

/// What is received, until the coordinator stops.
fn received<T: Send + 'static>(
    receiver: Receiver<Result<T, ShardError>>,
    stop: CancellationToken,
) -> BoxStream<'static, Result<T, Status>> {
    let next = async |(mut receiver, stop): (Receiver<Result<T, ShardError>>, CancellationToken)| {
        let next = tokio::select! {
            () = stop.cancelled() => Some(Err(ShardError::Stopped)),
            next = receiver.recv() => next,
        };
        next.map(|next| {
            (
                next.map_err(|error| Status::from(ServiceError::from(error))),
                (receiver, stop),
            )
        })
    };
    // After an error nothing follows.
    let mut is_over = false;
    let all = stream::unfold((receiver, stop), next);
    all.take_while(move |next| {
        let goes_on = !is_over;
        is_over = next.is_err();
        std::future::ready(goes_on)
    })
    .boxed()
}

/// The bytes in messages that clients take.
fn chunks(next: Result<(Vec<u8>, Copied), Status>) -> Vec<Result<v1::BackUpResponse, Status>> {
    let (bytes, copied) = match next {
        Ok(next) => next,
        Err(status) => return vec![Err(status)],
    };
    let bytes = Bytes::from(bytes);
    let starts = (0..bytes.len()).step_by(CHUNK_BYTES);
    let chunks = starts.map(|start| {
        Ok(v1::BackUpResponse {
            chunk: bytes.slice(start..bytes.len().min(start + CHUNK_BYTES)),
            copied_count: copied.records + copied.finished,
            total_count: copied.of,
        })
    });
    chunks.collect()
}

type Telling = Sender<Result<Told, ShardError>>;

/// Tells what is found in the store, and then what is found in the landing. Ends when nobody listens any more.
async fn tell_all(
    mut of_store: Receiver<Result<Told, ShardError>>,
    shard: ShardHandle,
    landing: Landing,
    telling: Telling,
) {
    while let Some(told) = of_store.recv().await {
        let is_last = told.is_err();
        if telling.send(told).await.is_err() || is_last {
            return;
        }
    }
    let looked = tokio::select! {
        () = telling.closed() => return,
        looked = look_at_landing(&shard, &landing, &telling) => looked,
    };
    match looked {
        Ok(findings) => {
            for told in findings {
                let _ = telling.send(Ok(told)).await;
            }
        }
        Err(error) => {
            let _ = telling.send(Err(error)).await;
        }
    }
}

/// Looks at the landing, tells how far it is, and returns what it has found: of each kind some, and how many more.
async fn look_at_landing(shard: &ShardHandle, landing: &Landing, telling: &Telling) -> Result<Vec<Told>, ShardError> {
    let mut found = Vec::new();
    let mut tell = |told| match landed::told(told) {
        // Whoever is too slow for it misses nothing but that.
        progress @ Told::Progress { .. } => drop(telling.try_send(Ok(progress))),
        finding @ Told::Found(_) => found.push(finding),
    };
    let mut pass = landing.verify(&mut tell);
    let unreadable = |error: LandingError| ShardError::Store(muster_process::exit::chain(&error));
    let visible = pass.visible(|execution| known(shard.clone(), execution)).await;
    visible.map_err(unreadable)?;
    let mut before = None;
    loop {
        let page = shard.finished_page_of_all(before, PAGE).await?;
        let Some(last) = page.finished.last() else { break };
        before = Some(last.id);
        for place in page.finished.iter().filter_map(|one| landed::place_of(one)) {
            pass.published(&place).await.map_err(unreadable)?;
        }
    }
    pass.end();
    Ok(found)
}

/// What is known of an execution now. A damaged entry of history is told by the store's verification.
async fn known(shard: ShardHandle, execution: ExecutionId) -> Known {
    let open = shard.turn(move |turn| turn.state().ledger().execution(execution).map(landed::of_open));
    if let Ok(Some(open)) = open.await {
        return open;
    }
    match shard.find_finished(execution).await {
        Ok(Some(finished)) => landed::of_ended(&finished),
        Ok(None) | Err(_) => Known::Nothing,
    }
}
