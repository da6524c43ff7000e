//! What the coordinator says of a check-in, and whether a stream that rests stays open. It is the same kind of stream as that of a check-in, and none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_core::words::RunnerId;
use muster_process::exit::chain;
use muster_proto::v1;
use muster_proto::v1::ErrorReason;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::{STEP_WITHIN, Trouble};
use crate::config::Config;
use crate::dial::{self, Dialer};
use crate::identity::known_runner;
use crate::status::{reason_of, text_of};

/// How far the clocks may be apart.
const SKEW_MAX: Duration = Duration::from_secs(5);

/// A stream on which the coordinator has answered.
pub(super) struct Rehearsal {
    request: v1::RehearseCheckInRequest,
    sender: mpsc::Sender<v1::RehearseCheckInRequest>,
    inbound: Streaming<v1::RehearseCheckInResponse>,
    answer: v1::RehearseCheckInResponse,
    /// This machine's clock less the coordinator's, in milliseconds.
    skew_ms: i128,
}

/// Why there is none.
pub(super) enum Refusal {
    /// The coordinator does not know the call.
    Unknown,
    /// It does not take the check-in, or is not reached.
    Trouble(Trouble),
}

/// Asks the coordinator.
pub(super) async fn begin(config: &Config, dialer: Dialer, runner: Option<RunnerId>) -> Result<Rehearsal, Refusal> {
    // Without HTTP/2's own keeping alive: the stream is to rest.
    let endpoint = Endpoint::from(config.coordinator.clone()).tcp_nodelay(true);
    let connected = endpoint.connect_with_connector(dialer.clone()).await;
    let channel = connected.map_err(|error| {
        let remedy = dial::advice(&error).unwrap_or("run this again: a step before it has found the way open".into());
        Refusal::Trouble(Trouble::new(chain(&error), remedy))
    })?;
    let runner = runner
        .or_else(|| known_runner(&config.data_folder))
        .unwrap_or(RunnerId(1));
    let organization = config.organization.as_ref();
    let request = v1::RehearseCheckInRequest {
        runner_id: runner.to_bytes().to_vec().into(),
        organization: organization.map_or_else(String::new, |organization| format!("organizations/{organization}")),
        pool: config.pool.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let (sender, receiver) = mpsc::channel(1);
    let asked = (SystemTime::now(), Instant::now());
    let sent = sender.try_send(request.clone());
    sent.expect("a channel that is new and has room takes a message");
    let mut client = RunnerServiceClient::new(channel);
    // In TLS 1.3 a certificate is refused after the handshake.
    let refused = |status| refused(dialer.explain(status));
    let begun = client.rehearse_check_in(ReceiverStream::new(receiver)).await;
    let mut inbound = begun.map_err(refused)?.into_inner();
    let answer = inbound.message().await.map_err(refused)?;
    let answer = answer.ok_or_else(|| refused(Status::unavailable("the stream has ended without an answer")))?;
    // The coordinator has looked at its clock about in the middle.
    let here = asked.0 + asked.1.elapsed() / 2;
    let there = answer.server_time.unwrap_or_default();
    let there = i128::from(there.seconds) * 1_000 + i128::from(there.nanos) / 1_000_000;
    let here = here.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Ok(Rehearsal {
        request,
        sender,
        inbound,
        skew_ms: i128::try_from(here).unwrap_or(i128::MAX) - there,
        answer,
    })
}

fn refused(status: Status) -> Refusal {
    if status.code() == Code::Unimplemented && reason_of(&status).is_none() {
        return Refusal::Unknown;
    }
    let remedy = match reason_of(&status) {
        Some(ErrorReason::CertificateRequired) => {
            "start the runner, which renews a certificate that has expired, or enroll it anew by `muster-runner enroll --again`, with a new token"
        }
        Some(ErrorReason::CertificateMismatch | ErrorReason::RunnerBarred) => {
            "enroll the runner anew by `muster-runner enroll --again`, with a new token; who has barred it, and why, `muster runner show` and the coordinator's \
             log tell"
        }
        Some(ErrorReason::OrganizationNotFound) => "correct `organization` in the runner's configuration",
        Some(ErrorReason::NotReady | ErrorReason::ShuttingDown | ErrorReason::RateLimited) => "try again in a minute",
        Some(_) => "the message says it; docs/errors.md tells more of each",
        None => {
            let advice = dial::advice(&status);
            let remedy = advice.unwrap_or(
                "check that the address is that of the coordinator's gRPC listener, and that what is between carries HTTP/2".into(),
            );
            let message = format!("{} ({:?})", status.message(), status.code());
            return Refusal::Trouble(Trouble::new(message, remedy));
        }
    };
    Refusal::Trouble(Trouble::new(text_of(&status), remedy))
}

impl Rehearsal {
    pub(super) fn permission(&self) -> Result<String, Trouble> {
        let v1::RehearseCheckInResponse {
            server_version: version,
            version_required: required,
            ..
        } = &self.answer;
        let taken = format!("the coordinator ({version}) would take a check-in of this runner");
        if required.is_empty() {
            return Ok(taken);
        }
        let own = env!("CARGO_PKG_VERSION");
        Err(Trouble::new(
            format!("{taken} and give it no work: it is of version {own}, and {required} is the least"),
            format!("update this runner to {required} or later: docs/runner.md tells how"),
        ))
    }

    pub(super) fn clock(&self) -> Result<String, Trouble> {
        let apart = self.skew_ms.unsigned_abs();
        let seconds = format!("{}.{} s", apart / 1_000, apart % 1_000 / 100);
        let way = if self.skew_ms < 0 { "behind" } else { "ahead of" };
        let detail = format!("this machine's clock is {seconds} {way} the coordinator's");
        if apart <= SKEW_MAX.as_millis() {
            return Ok(detail);
        }
        Err(Trouble::new(
            detail,
            "set the clocks of both machines by NTP: by a clock that is wrong, good certificates are refused, and the times in the runner's log mislead",
        ))
    }

    /// Lets the stream rest, and asks again.
    pub(super) async fn rest(mut self, idle: Duration) -> Result<String, Trouble> {
        const REMEDY: &str = "something between cuts connections that rest: have it leave them for at least 60 s. A check-in says something every 20 s at the latest";
        let begun = Instant::now();
        let rested = format!("a stream that rested for {} s", idle.as_secs());
        tokio::select! {
            () = sleep(idle) => {}
            ended = self.inbound.message() => {
                let after = begun.elapsed().as_secs();
                let why = match ended {
                    Err(status) if !status.message().is_empty() => format!(": {}", status.message()),
                    Err(_) | Ok(_) => String::new(),
                };
                return Err(Trouble::new(format!("the stream was cut after {after} s of rest{why}"), REMEDY));
            }
        }
        let asked = async {
            // A stream that is cut takes no message, and says so itself.
            let _ = self.sender.send(self.request).await;
            self.inbound.message().await
        };
        match timeout(STEP_WITHIN, asked).await {
            Ok(Ok(Some(_))) => Ok(format!("{rested} is still there")),
            Ok(Ok(None) | Err(_)) => Err(Trouble::new(format!("{rested} was cut"), REMEDY)),
            Err(_) => Err(Trouble::new(format!("{rested} carries nothing any more"), REMEDY)),
        }
    }
}
