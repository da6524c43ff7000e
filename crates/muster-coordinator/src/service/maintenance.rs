//! `MaintenanceService`: a backup and a verification of what the coordinator keeps, while it serves.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use muster_core::words::ExecutionId;
use muster_proto::v1;
use muster_proto::v1::maintenance_service_server::MaintenanceService;
use muster_shard::{GivenOut, ShardError, ShardHandle};
use muster_store::backup::Copied;
use muster_store::verify::Told;

use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::disks::{Disks, Shortage};
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

    async fn back_up(&self, request: Request<v1::BackUpRequest>) -> Result<Response<Self::BackUpStream>, Status> {
        let call = Call::of(&request);
        // While it is made nothing is forgotten, so the journal grows.
        self.judge_room()?;
        let bytes = self.shard.back_up(env!("CARGO_PKG_VERSION"), clock::now().stamp).await;
        let bytes = bytes.map_err(ServiceError::from)?;
        call.note_on(&self.shard).await.map_err(ServiceError::from)?;
        tracing::info!("a backup is being made");
        let (stop, disks) = (self.tasks.token(), self.disks.clone());
        let interrupted = async move {
            tokio::select! {
                () = stop.cancelled_owned() => ShardError::Stopped.into(),
                shortage = begun(disks) => ServiceError::DiskLow(shortage),
            }
        };
        let chunks = received(bytes, interrupted.boxed()).flat_map(|next| stream::iter(chunks(next)));
        Ok(Response::new(chunks.boxed()))
    }

    async fn verify(&self, _request: Request<v1::VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        let only_one = Arc::clone(&self.verifying).try_lock_owned();
        let only_one = only_one.map_err(|_| ServiceError::from(ShardError::UnderWay))?;
        let of_store = self.shard.verify().await.map_err(ServiceError::from)?;
        let (telling, told) = mpsc::channel(TOLD_WAITING_MAX);
        let (end, ended) = oneshot::channel();
        let (shard, landing) = (self.shard.clone(), self.landing.clone());
        let verification = async move {
            let told = tell_all(of_store, shard, landing, telling).await;
            drop(only_one);
            // Whoever has asked may have gone.
            let _ = end.send(told);
        };
        drop(self.tasks.spawn("verification", verification));
        let stopped = self.tasks.token().cancelled_owned();
        let interrupted = stopped.map(|()| ShardError::Stopped.into());
        let told = received(GivenOut::new(told, ended), interrupted.boxed());
        Ok(Response::new(told.map(|told| told.map(wire::verify::told)).boxed()))
    }
}

/// The shortage of a disk, once there is one.
async fn begun(disks: Disks) -> Shortage {
    let mut found = disks.watch();
    match found.wait_for(Option::is_some).await.map(|found| found.clone()) {
        Ok(Some(shortage)) => shortage,
        // Nobody looks at the disks any more.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// What is given out, until it ends or is interrupted. It is whole when it ends without an error, after which nothing follows.
fn received<T: Send + 'static>(
    given: GivenOut<T>,
    interrupted: BoxFuture<'static, ServiceError>,
) -> BoxStream<'static, Result<T, Status>> {
    let next = async |going_on: Option<(GivenOut<T>, BoxFuture<'static, ServiceError>)>| {
        let (mut given, mut interrupted) = going_on?;
        let next = tokio::select! {
            biased;
            why = &mut interrupted => Err(why),
            next = given.next() => next.map_err(ServiceError::from),
        };
        match next {
            Ok(next) => next.map(|next| (Ok(next), Some((given, interrupted)))),
            // What is given out ends now, whoever holds the stream for how long.
            Err(error) => Some((Err(Status::from(error)), None)),
        }
    };
    stream::unfold(Some((given, interrupted)), next).boxed()
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
            left_out_count: copied.left_out,
        })
    });
    chunks.collect()
}

type Telling = Sender<Told>;

/// Tells what is found in the store, and then what is found in the landing. Ends at once when nobody listens any more.
async fn tell_all(
    of_store: GivenOut<Told>,
    shard: ShardHandle,
    landing: Landing,
    telling: Telling,
) -> Result<(), ShardError> {
    let all = async {
        tell_of_store(of_store, &telling).await?;
        let found = look_at_landing(&shard, &landing, &telling).await?;
        for told in found {
            let _ = telling.send(told).await;
        }
        Ok(())
    };
    tokio::select! {
        () = telling.closed() => Ok(()),
        told = all => told,
    }
}

async fn tell_of_store(mut of_store: GivenOut<Told>, telling: &Telling) -> Result<(), ShardError> {
    while let Some(told) = of_store.next().await? {
        let _ = telling.send(told).await;
    }
    Ok(())
}

/// Looks at the landing, tells how far it is, and returns what it has found: of each kind some, and how many more.
async fn look_at_landing(shard: &ShardHandle, landing: &Landing, telling: &Telling) -> Result<Vec<Told>, ShardError> {
    let mut found = Vec::new();
    let mut tell = |told| match landed::told(told) {
        // Whoever is too slow for it misses nothing but that.
        progress @ Told::Progress { .. } => drop(telling.try_send(progress)),
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
    let open = shard.turn(move |turn| turn.state().everywhere().execution(execution).map(landed::of_open));
    if let Ok(Some(open)) = open.await {
        return open;
    }
    match shard.find_finished(execution).await {
        Ok(Some(finished)) => landed::of_ended(&finished),
        Ok(None) | Err(_) => Known::Nothing,
    }
}
