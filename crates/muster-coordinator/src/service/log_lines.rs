//! `LogLineService`: what was said while an execution was carried out.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::words::{ExecutionId, LogLine};
use muster_proto::v1;
use muster_proto::v1::log_line_service_server::LogLineService;
use muster_shard::{Change, ExecutionState, LineWatch, ShardHandle};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::Services;
use super::executions::Found;
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::log_line::log_lines;
use crate::wire::name;
use crate::wire::page::{PAGE_SIZE_MAX, page_size};

/// The most bytes of lines in a message: clients take 4 MiB by default.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// How long after an execution's end its last lines may still come: they are written beside its report, not before it.
const LAST_LINES_WITHIN: Duration = Duration::from_millis(500);

#[tonic::async_trait]
impl LogLineService for Services {
    type TailLogLinesStream = BoxStream<'static, Result<v1::TailLogLinesResponse, Status>>;

    async fn list_log_lines(
        &self,
        request: Request<v1::ListLogLinesRequest>,
    ) -> Result<Response<v1::ListLogLinesResponse>, Status> {
        Ok(Response::new(
            self.list_log_lines_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn tail_log_lines(
        &self,
        request: Request<v1::TailLogLinesRequest>,
    ) -> Result<Response<Self::TailLogLinesStream>, Status> {
        Ok(Response::new(
            self.tail_log_lines_of(Call::of(&request), request.into_inner()).await?,
        ))
    }
}

impl Services {
    async fn list_log_lines_of(
        &self,
        call: Call,
        request: v1::ListLogLinesRequest,
    ) -> Result<v1::ListLogLinesResponse, ServiceError> {
        let name = name::execution("parent", &request.parent)?;
        self.judge_organization(&call, &name.organization)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let query = self.tokens.query("log_lines", &[&request.parent]);
        let from: Option<u32> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let from = from.unwrap_or(0);
        let execution = name.execution;
        self.find_execution(name).await?;
        let counts = self.shard.log_line_counts(execution).await?;
        let lines = bounded(self.shard.log_lines(execution, from, size).await?);
        let next = after(from, &lines);
        let more = next < counts.kept && !lines.is_empty();
        Ok(v1::ListLogLinesResponse {
            log_lines: log_lines(from, lines),
            next_page_token: if more { query.token(&next) } else { String::new() },
            dropped_count: counts.dropped,
        })
    }

    async fn tail_log_lines_of(
        &self,
        call: Call,
        request: v1::TailLogLinesRequest,
    ) -> Result<BoxStream<'static, Result<v1::TailLogLinesResponse, Status>>, ServiceError> {
        let name = name::execution("parent", &request.parent)?;
        self.judge_organization(&call, &name.organization)?;
        let execution = name.execution;
        // Watched before it is looked at, so that its end is not missed.
        let changes = self.shard.watch_executions();
        let appended = self.shard.watch_log_lines(execution);
        let end = match self.find_execution(name).await? {
            Found::Open(_) => End::Open(Changes {
                receiver: changes,
                missed: false,
            }),
            Found::Finished(_) => End::Ended,
        };
        let tail = Tail {
            shard: self.shard.clone(),
            stop: self.tasks.token(),
            execution,
            from: request.from_number.saturating_sub(1),
            appended,
            end,
        };
        Ok(stream::unfold(tail, Tail::next).boxed())
    }
}

/// A stream of lines.
struct Tail {
    shard: ShardHandle,
    stop: CancellationToken,
    execution: ExecutionId,
    /// The next line, counted from 0.
    from: u32,
    appended: LineWatch,
    end: End,
}

/// How near the stream is to its end.
enum End {
    /// The execution is open; its end is among these changes.
    Open(Changes),
    /// The execution has ended, and its last lines may still come.
    Ended,
    /// No more lines come.
    Last,
    /// The stream is over.
    Over,
}

type Item = Result<v1::TailLogLinesResponse, Status>;

impl Tail {
    async fn next(mut self) -> Option<(Item, Self)> {
        let next = self.lines().await.transpose()?;
        if next.is_err() {
            self.end = End::Over;
        }
        Some((next.map_err(Status::from), self))
    }

    /// The next lines, as soon as there are some; `None` once there are none any more.
    async fn lines(&mut self) -> Result<Option<v1::TailLogLinesResponse>, ServiceError> {
        loop {
            if matches!(self.end, End::Over) {
                return Ok(None);
            }
            let lines = bounded(self.shard.log_lines(self.execution, self.from, PAGE_SIZE_MAX).await?);
            if !lines.is_empty() {
                let from = self.from;
                self.from = after(from, &lines);
                let counts = self.shard.log_line_counts(self.execution).await?;
                let log_lines = log_lines(from, lines);
                return Ok(Some(v1::TailLogLinesResponse {
                    log_lines,
                    dropped_count: counts.dropped,
                }));
            }
            self.wait().await?;
        }
    }

    /// Waits until there may be more lines, or the end is nearer.
    async fn wait(&mut self) -> Result<(), ServiceError> {
        match &mut self.end {
            End::Open(changes) => {
                let ended = tokio::select! {
                    () = self.appended.appended() => false,
                    () = self.stop.cancelled() => return Err(ServiceError::ShuttingDown),
                    ended = changes.end_of(self.execution, &self.shard) => {
                        ended?;
                        true
                    }
                };
                if ended {
                    self.end = End::Ended;
                }
            }
            End::Ended => {
                tokio::select! {
                    () = self.appended.appended() => {}
                    () = self.stop.cancelled() => return Err(ServiceError::ShuttingDown),
                    () = tokio::time::sleep(LAST_LINES_WITHIN) => self.end = End::Last,
                }
            }
            End::Last | End::Over => self.end = End::Over,
        }
        Ok(())
    }
}

/// The changes of executions, of which some may have been missed.
struct Changes {
    receiver: broadcast::Receiver<Change<ExecutionState>>,
    missed: bool,
}

impl Changes {
    /// Waits for the end of an execution. To drop this future loses nothing.
    async fn end_of(&mut self, execution: ExecutionId, shard: &ShardHandle) -> Result<(), ServiceError> {
        loop {
            if self.missed {
                let is_open = shard
                    .turn(move |turn| turn.state().everywhere().execution(execution).is_some())
                    .await?;
                if !is_open {
                    return Ok(());
                }
                self.missed = false;
            }
            match self.receiver.recv().await {
                Ok(Change {
                    what: ExecutionState::Finished(finished),
                    ..
                }) if finished.id == execution => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.missed = true,
                Err(RecvError::Closed) => return Err(ServiceError::ShuttingDown),
            }
        }
    }
}

/// As many lines as fit into a message, at least one if there is one.
fn bounded(mut lines: Vec<LogLine>) -> Vec<LogLine> {
    let mut bytes = 0;
    let fits = lines.iter().take_while(|line| {
        bytes += line.message.len();
        bytes <= MESSAGE_BYTES_MAX
    });
    let fits = fits.count().max(1);
    lines.truncate(fits);
    lines
}

/// The number of the line after these, counted from 0.
fn after(from: u32, lines: &[LogLine]) -> u32 {
    from.saturating_add(u32::try_from(lines.len()).unwrap_or(u32::MAX))
}
