//! One stream of the check-in, from the name look-up to its end: it only carries.

use muster_process::Tasks;
use muster_process::exit::chain;
use muster_proto::v1;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_session::MESSAGE_BYTES_MAX;
use muster_session::runner::StreamEnd;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::transport::Endpoint;

use crate::dial::{self, Dialer};
use crate::status::{reason_of, text_of};

/// The messages to the coordinator that wait for the connection. What has to wait longer is merged into fewer messages
/// before.
const SENDING_MAX: usize = 1;

/// The messages of the coordinator that wait for the runner: the rest waits in the connection's window.
const RECEIVED_MAX: usize = 8;

/// The largest message that is taken. The coordinator sends at most [`MESSAGE_BYTES_MAX`]; a newer one may be allowed
/// some more.
const RECEIVED_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;

/// What comes from a stream.
#[derive(Debug)]
pub(crate) enum Event {
    /// The connection is there: the hello may be sent.
    Connected,
    /// The coordinator says something.
    Message(v1::CoordinatorMessage),
    /// The stream has ended. Nothing follows.
    Ended(End),
}

/// How a stream has ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The coordinator cannot be reached.
    Unreachable(tonic::transport::Error),
    /// The coordinator, or the connection, has ended it with this status.
    Status(Box<Status>),
    /// The coordinator has ended it with OK.
    Closed,
}

impl End {
    /// What it means for the session.
    pub(crate) fn meaning(&self) -> StreamEnd {
        match self {
            Self::Unreachable(_) | Self::Closed => StreamEnd::Broken,
            Self::Status(status) => StreamEnd::of(reason_of(status)),
        }
    }

    /// What to tell a person.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unreachable(error) => advised(chain(error), error),
            Self::Status(status) => text_of(status),
            Self::Closed => "the coordinator has closed it".to_owned(),
        }
    }
}

fn advised(text: String, error: &(dyn std::error::Error + 'static)) -> String {
    match dial::advice(error) {
        Some(advice) => format!("{text}: {advice}"),
        None => text,
    }
}

/// A stream, or the way to one. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Stream {
    /// `None` once the runner's half is closed.
    sender: Option<mpsc::Sender<v1::RunnerMessage>>,
    events: mpsc::Receiver<Event>,
    _carrier: AbortOnDropHandle<Result<(), muster_process::TaskError>>,
}

impl Stream {
    /// Dials: a fresh connection with a name look-up of its own, so that a coordinator that has moved is found.
    pub(crate) fn dial(endpoint: Endpoint, dialer: Dialer, tasks: &Tasks) -> Self {
        let (sender, outgoing) = mpsc::channel(SENDING_MAX);
        let (event_sender, events) = mpsc::channel(RECEIVED_MAX);
        let carrier = async move {
            let end = match carry(&endpoint, dialer, outgoing, &event_sender).await {
                Ok(()) => End::Closed,
                Err(end) => end,
            };
            // Nobody listens when the stream was dropped.
            let _ = event_sender.send(Event::Ended(end)).await;
        };
        Self {
            sender: Some(sender),
            events,
            _carrier: AbortOnDropHandle::new(tasks.spawn("check-in", carrier)),
        }
    }

    /// What comes next. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Event {
        // The carrier always says how the stream has ended; that it is gone without a word means that it has panicked.
        self.events.recv().await.unwrap_or(Event::Ended(End::Closed))
    }

    /// Waits for room for one message, and for ever when the runner's half is closed. It does not borrow the stream,
    /// whose events may be awaited beside it. Safe to cancel.
    pub(crate) fn room(&self) -> impl Future<Output = OwnedPermit<v1::RunnerMessage>> + use<> {
        let sender = self.sender.clone();
        async move {
            if let Some(sender) = sender
                && let Ok(permit) = sender.reserve_owned().await
            {
                return permit;
            }
            // The stream's end comes as an event.
            std::future::pending().await
        }
    }

    /// Room for one message, if there is some now.
    pub(crate) fn room_now(&self) -> Option<OwnedPermit<v1::RunnerMessage>> {
        self.sender.clone()?.try_reserve_owned().ok()
    }

    /// Closes the runner's half.
    pub(crate) fn close(&mut self) {
        self.sender = None;
    }
}

async fn carry(
    endpoint: &Endpoint,
    dialer: Dialer,
    outgoing: mpsc::Receiver<v1::RunnerMessage>,
    events: &mpsc::Sender<Event>,
) -> Result<(), End> {
    let channel = endpoint
        .connect_with_connector(dialer.clone())
        .await
        .map_err(End::Unreachable)?;
    if events.send(Event::Connected).await.is_err() {
        return Ok(());
    }
    let mut client = RunnerServiceClient::new(channel).max_decoding_message_size(RECEIVED_BYTES_MAX);
    let status = |status| End::Status(Box::new(dialer.explain(status)));
    let mut incoming = client
        .check_in(ReceiverStream::new(outgoing))
        .await
        .map_err(status)?
        .into_inner();
    while let Some(message) = incoming.message().await.map_err(status)? {
        if events.send(Event::Message(message)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
