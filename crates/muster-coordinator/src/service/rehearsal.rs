//! Rehearsals of check-ins: what a runner would be told, while nothing changes.

use std::time::Duration;

use futures_util::stream::{self, Stream};
use muster_core::decide::Answer;
use muster_core::decide::session::check_in::CheckIn;
use muster_core::words::{SessionId, Version};
use muster_identity::RunnerCertificate;
use muster_proto::v1;
use muster_session::wire::rehearsal_from_wire;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Status, Streaming};

use super::Services;
use super::check_in::{judge_hello, violation};
use crate::clock;
use crate::status::{ServiceError, legible};
use crate::wire::time::timestamp;

/// How long one stream may go on.
const STREAM_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The least time between two answers: each costs a turn of the shard.
const ANSWER_EVERY: Duration = Duration::from_secs(1);

struct Rehearsal {
    services: Services,
    inbound: Streaming<v1::RehearseCheckInRequest>,
    certificate: Option<RunnerCertificate>,
    until: Instant,
    /// Not answered before.
    next: Instant,
}

/// An answer to each message, for as long as a check-in would be taken.
pub(super) fn answers(
    services: Services,
    inbound: Streaming<v1::RehearseCheckInRequest>,
    certificate: Option<RunnerCertificate>,
) -> impl Stream<Item = Result<v1::RehearseCheckInResponse, Status>> {
    let now = Instant::now();
    let rehearsal = Rehearsal {
        services,
        inbound,
        certificate,
        until: now + STREAM_WITHIN,
        next: now,
    };
    stream::unfold(Some(rehearsal), |rehearsal| async {
        let mut rehearsal = rehearsal?;
        match rehearsal.answer().await {
            Ok(answer) => Some((Ok(answer?), Some(rehearsal))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

impl Rehearsal {
    /// `None` when the runner has no more to ask, or has asked for long enough.
    async fn answer(&mut self) -> Result<Option<v1::RehearseCheckInResponse>, Status> {
        let stopping = self.services.tasks.token();
        let message = tokio::select! {
            message = timeout_at(self.until, self.inbound.message()) => message,
            () = stopping.cancelled() => return Err(ServiceError::ShuttingDown.into()),
        };
        let Some(message) = message.unwrap_or(Ok(None)).map_err(legible)? else {
            return Ok(None);
        };
        sleep_until(self.next).await;
        self.next = Instant::now() + ANSWER_EVERY;
        let now = clock::now();
        let session = SessionId::generate(now.stamp, &mut fastrand::Rng::new());
        let mut check_in = rehearsal_from_wire(message, session).map_err(|error| violation(&error))?;
        if let Some(certificate) = &self.certificate {
            judge_hello(&check_in, certificate)?;
            check_in.key = Some(certificate.key);
        }
        self.services.judge_owner(&check_in)?;
        let required = self.services.rehearse(check_in).await?;
        Ok(Some(v1::RehearseCheckInResponse {
            server_time: Some(timestamp(clock::now().stamp)),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            version_required: required.map(|required| required.to_string()).unwrap_or_default(),
        }))
    }
}

impl Services {
    /// Decides a check-in, and lets nothing come of it. Returns the version that the runner would have to be of to get work, if it would get none.
    async fn rehearse(&self, check_in: CheckIn) -> Result<Option<Version>, ServiceError> {
        let decided = self.shard.turn(move |turn| {
            let decided = check_in.decide(turn.state(), clock::now(), &mut fastrand::Rng::new());
            decided.map(|decision| match decision.answer {
                Answer::Welcome(welcome) => welcome.required,
                _ => None,
            })
        });
        Ok(decided.await??)
    }
}
