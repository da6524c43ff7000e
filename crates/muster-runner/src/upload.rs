//! Uploads of records, on a connection of their own: on the check-in's, an upload that is read slowly would starve the
//! heartbeats.

use bytes::Bytes;
use muster_core::decide::Work;
use muster_core::words::{Category, Counts, Failure, RunnerId};
use muster_failpoint::failpoint;
use muster_process::{TaskError, Tasks};
use muster_proto::v1;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use v1::upload_records_request::Kind;

use crate::dial::Dialer;
use crate::status::reason_of;

/// The messages of one upload that wait for its connection. Each is a chunk of up to 1 MiB, and the sink holds some
/// more; the rest of the back-pressure is HTTP/2's.
const MESSAGES_WAITING_MAX: usize = 1;

/// What a person does about an upload that failed on the way.
const REMEDY_BROKEN: &str = "check the connection from the runner to the coordinator, and the coordinator's landing";

/// Opens uploads. All share one connection, which is made when the first one needs it, and anew when it was lost.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    client: RunnerServiceClient<Channel>,
    runner: RunnerId,
    checked_in: watch::Receiver<bool>,
    tasks: Tasks,
}

/// Why an upload has not ended well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The attempt does not hold the execution.
    #[error("the coordinator has given the execution to another attempt, or ended it")]
    Fenced,
    /// The coordinator, or the way to it, has failed.
    #[error("the records could not be handed to the coordinator: {message}")]
    Broken {
        /// What the coordinator, or the connection, said.
        message: String,
    },
    /// The coordinator has something else than was sent.
    #[error(
        "the coordinator has staged {} records of {} bytes, but {} of {} were sent",
        .staged.records, .staged.bytes, .sent.records, .sent.bytes
    )]
    Counts {
        /// What was sent.
        sent: Counts,
        /// What the coordinator says.
        staged: Counts,
    },
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        // A fenced attempt is reported like any other: the coordinator answers with a fence, which takes it out of the
        // runner's hand.
        Failure::new(Category::Landing, error.to_string()).with_remedy(REMEDY_BROKEN)
    }
}

impl From<Status> for UploadError {
    fn from(status: Status) -> Self {
        match reason_of(&status) {
            Some(v1::ErrorReason::AttemptFenced) => Self::Fenced,
            // Whatever else it is, the records are not staged, and another attempt may fare better.
            Some(_) | None => Self::Broken {
                message: format!("{} ({:?})", status.message(), status.code()),
            },
        }
    }
}

impl Uploads {
    /// Uploads of this runner to the coordinator at `endpoint`. Those that begin while it is not checked in wait until it
    /// is; those that have begun go on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn new(
        endpoint: &Endpoint,
        dialer: Dialer,
        runner: RunnerId,
        checked_in: watch::Receiver<bool>,
        tasks: Tasks,
    ) -> Self {
        Self {
            client: RunnerServiceClient::new(endpoint.connect_with_connector_lazy(dialer)),
            runner,
            checked_in,
            tasks,
        }
    }

    /// Begins to upload the records of one attempt.
    pub(crate) fn open(&self, (execution, attempt): Work) -> Upload {
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING_MAX);
        let runner = self.runner;
        let mut client = self.client.clone();
        let mut checked_in = self.checked_in.clone();
        let call = async move {
            // Without a session the coordinator is most likely away, and an upload would fail at once. The work's own
            // limits end this wait.
            let waited = checked_in.wait_for(|checked_in| *checked_in).await.map(drop);
            waited.map_err(|_| Status::cancelled("the runner stops"))?;
            let header = v1::UploadRecordsRequest {
                kind: Some(Kind::Header(v1::UploadHeader {
                    execution_id: execution.to_bytes().to_vec().into(),
                    attempt: attempt.0,
                    runner_id: runner.to_bytes().to_vec().into(),
                })),
            };
            let messages = tokio_stream::once(header).chain(ReceiverStream::new(receiver));
            client.upload_records(messages).await.map(tonic::Response::into_inner)
        };
        Upload {
            sender,
            answer: AbortOnDropHandle::new(self.tasks.spawn(format!("upload {execution}.{attempt}"), call)),
            sent: Counts::default(),
        }
    }
}

type Answered = Result<Result<Result<v1::UploadRecordsResponse, Status>, TaskError>, JoinError>;

/// One upload. Dropping it breaks it off: what was staged counts for nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    sender: mpsc::Sender<v1::UploadRecordsRequest>,
    answer: AbortOnDropHandle<Result<Result<v1::UploadRecordsResponse, Status>, TaskError>>,
    sent: Counts,
}

impl Upload {
    /// Sends whole lines. Waits while the coordinator is behind.
    ///
    /// # Errors
    /// [`UploadError`] when the upload has ended.
    pub(crate) async fn send(&mut self, lines: Bytes, records: u64) -> Result<(), UploadError> {
        let bytes = lines.len() as u64;
        self.message(Kind::Chunk(lines)).await?;
        self.sent.records += records;
        self.sent.bytes += bytes;
        Ok(())
    }

    /// Why the upload has ended although it was not finished. Waits until it has. Safe to cancel.
    pub(crate) async fn ended(&mut self) -> UploadError {
        match answer((&mut self.answer).await) {
            Ok(_) => UploadError::Broken {
                message: "the coordinator has answered before all was sent".to_owned(),
            },
            Err(error) => error,
        }
    }

    /// Says that all was sent, and waits until it is staged.
    ///
    /// # Errors
    /// [`UploadError`] when it is not.
    pub(crate) async fn finish(mut self) -> Result<Counts, UploadError> {
        let sent = self.sent;
        let counts = Some(v1::Counts {
            records: sent.records,
            bytes: sent.bytes,
        });
        self.message(Kind::End(v1::UploadEnd { counts })).await?;
        // Nothing follows: without this the coordinator waits for more.
        drop(self.sender);
        failpoint!("runner-uploaded");
        let counts = answer(self.answer.await)?.counts.unwrap_or_default();
        let staged = Counts {
            records: counts.records,
            bytes: counts.bytes,
        };
        if staged == sent {
            Ok(sent)
        } else {
            Err(UploadError::Counts { sent, staged })
        }
    }

    async fn message(&mut self, kind: Kind) -> Result<(), UploadError> {
        let message = v1::UploadRecordsRequest { kind: Some(kind) };
        if self.sender.send(message).await.is_err() {
            return Err(self.ended().await);
        }
        Ok(())
    }
}

fn answer(answered: Answered) -> Result<v1::UploadRecordsResponse, UploadError> {
    match answered {
        Ok(Ok(answer)) => answer.map_err(UploadError::from),
        Ok(Err(error)) => Err(UploadError::Broken {
            message: error.to_string(),
        }),
        Err(error) => Err(UploadError::Broken {
            message: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use muster_core::words::{Attempt, ExecutionId};
    use tokio::net::TcpListener;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    /// Far more turns of the runtime than a connection within this machine takes.
    const TURNS: u32 = 1_000;

    #[tokio::test]
    async fn nothing_of_an_upload_goes_out_before_the_runner_is_checked_in() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it has one");
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let (checked_in, is_checked_in) = watch::channel(false);
        let uploads = Uploads::new(&endpoint, Dialer::default(), RunnerId(1), is_checked_in, Tasks::new());
        let _upload = uploads.open((ExecutionId(1), Attempt(1)));
        let turns = async {
            for _ in 0..TURNS {
                yield_now().await;
            }
        };
        tokio::select! {
            connected = listener.accept() => panic!("it connects: {connected:?}"),
            () = turns => {}
        }
        checked_in.send_replace(true);
        let connected = timeout(Duration::from_secs(10), listener.accept()).await;
        connected.expect("it connects in time").expect("it connects");
    }
}
