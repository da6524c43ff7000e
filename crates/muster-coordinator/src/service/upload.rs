//! `RunnerService.UploadRecords`: records go from the runner into the landing's invisible part. Bound to one attempt, and refused in mid-stream
//! once that attempt is fenced.

use std::time::Duration;

use bytes::Bytes;
use muster_core::decide::Work;
use muster_core::words::{Attempt, Claim, Counts, ExecutionId, Fingerprint, Quotas, RunnerId};
use muster_identity::RunnerCertificate;
use muster_proto::v1;
use muster_proto::v1::upload_records_request::Kind;
use tonic::{Status, Streaming};

use super::Services;
use crate::clock;
use crate::landing::{Destination, StageError};
use crate::status::{ServiceError, legible, refusal};

/// The most bytes of a message of an upload: a chunk of 1 MiB in its envelope.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1024 * 1024 + 64;

/// After how many bytes the attempt is looked at again: a fenced upload of any size ends soon.
const JUDGE_EVERY_BYTES: u64 = 8 * 1024 * 1024;

/// How long an upload may be silent: it holds one of the landing's places.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long whoever has said the end may take to close its half. It is closed to see that nothing follows; one that waits for the answer first gets it
/// all the same, since all that the end has counted is there.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// Whose records these are.
#[derive(Debug, Clone, Copy)]
struct Header {
    execution: ExecutionId,
    claim: Claim,
    /// The fingerprint of the key by which the runner is known; `None` where nobody is asked.
    key: Option<Fingerprint>,
}

impl Services {
    /// Stages an upload, and answers when it is durable.
    pub(super) async fn stage_upload(
        &self,
        mut chunks: Streaming<v1::UploadRecordsRequest>,
        certificate: Option<RunnerCertificate>,
    ) -> Result<v1::UploadRecordsResponse, Status> {
        let header = match next(&mut chunks).await? {
            Kind::Header(header) => parse(&header, certificate.as_ref())?,
            Kind::Chunk(_) | Kind::End(_) => {
                return Err(violation(
                    "the first message of an upload must be its header: send it before any records",
                ));
            }
        };
        let destination = self.destination(header).await?;
        let owner = self.shard.directory().organization(&destination.organization);
        let quotas = owner.map(|owner| owner.quotas).unwrap_or(Quotas::NONE);
        if let Some(per_second) = quotas.uploads_per_second {
            self.limits.uploads(&destination.organization, per_second)?;
        }
        if let Some(mib) = quotas.records_mib {
            self.kept
                .judge(&destination.organization, mib)
                .map_err(ServiceError::from)?;
        }
        let _uploading = self.metrics.begin_upload();
        let now = clock::now().stamp;
        let stage = self.landing.stage(destination, header.claim.attempt, now).await;
        let mut stage = stage.map_err(ServiceError::from)?;
        let mut judged = 0;
        let mut message = next(&mut chunks).await?;
        let said = loop {
            let lines = match message {
                Kind::Header(_) => {
                    return Err(violation(
                        "a second header in one upload: begin another upload for another attempt",
                    ));
                }
                Kind::Chunk(lines) => lines,
                Kind::End(end) => break end.counts.unwrap_or_default(),
            };
            // While one chunk is compressed, the next one is received: each takes a core for about as long.
            ((), message) = tokio::try_join!(self.write(&mut stage, lines), next(&mut chunks))?;
            if stage.counts().bytes >= judged + JUDGE_EVERY_BYTES {
                judged = stage.counts().bytes;
                self.destination(header).await?;
            }
        };
        let counts = stage.counts();
        if (Counts {
            records: said.records,
            bytes: said.bytes,
        }) != counts
        {
            return Err(mismatch(said, counts));
        }
        nothing_follows(&mut chunks).await?;
        // The last look: what is staged for a fenced attempt would only be swept.
        self.destination(header).await?;
        let staged = stage.finish().await.map_err(stage_failed)?;
        let counts = v1::Counts {
            records: staged.counts.records,
            bytes: staged.counts.bytes,
        };
        Ok(v1::UploadRecordsResponse { counts: Some(counts) })
    }

    async fn write(&self, stage: &mut crate::landing::Stage, lines: Bytes) -> Result<(), Status> {
        stage.write(lines).await.map_err(stage_failed)
    }

    /// Where the records go, if the attempt holds the execution.
    async fn destination(&self, header: Header) -> Result<Destination, Status> {
        let Header { execution, claim, key } = header;
        let found = self
            .shard
            .turn(move |turn| {
                let ledger = turn.state().everywhere();
                let identity = ledger.runner_identity(claim.runner);
                // One that was revoked holds nothing any more, so this is for one that enrolled anew.
                let is_known = |key| identity.is_some_and(|one| one.key == key && one.barred.is_none());
                if key.is_some_and(|key| !is_known(key)) {
                    return None;
                }
                let found = ledger.execution(execution)?;
                (found.holder() == Some(claim)).then(|| Destination::of(found))
            })
            .await;
        let found = found.map_err(ServiceError::from)?;
        found.ok_or_else(|| fenced((execution, claim.attempt)))
    }
}

async fn next(chunks: &mut Streaming<v1::UploadRecordsRequest>) -> Result<Kind, Status> {
    let next = tokio::time::timeout(SILENCE_MAX, chunks.message()).await;
    let next = next.map_err(|_| violation("nothing came for a minute: the upload is given up, send it again"))?;
    let Some(message) = next.map_err(legible)? else {
        return Err(violation(
            "the upload has ended without its end message: nothing of it is kept, send it again",
        ));
    };
    message.kind.ok_or_else(|| {
        violation("a message that is no header, chunk or end: send one of these, or update the coordinator")
    })
}

/// Waits until the runner closes its half: a chunk that came after the end would be counted nowhere, and lost without a word.
async fn nothing_follows(chunks: &mut Streaming<v1::UploadRecordsRequest>) -> Result<(), Status> {
    match tokio::time::timeout(CLOSES_WITHIN, chunks.message()).await {
        Ok(Ok(Some(_))) => Err(violation(
            "a message after the end of the upload: nothing of it is kept, send it again, with the end as the last message",
        )),
        Ok(Err(status)) => Err(legible(status)),
        Ok(Ok(None)) | Err(_) => Ok(()),
    }
}

fn parse(header: &v1::UploadHeader, certificate: Option<&RunnerCertificate>) -> Result<Header, Status> {
    let execution = id("header.execution_id", &header.execution_id)?;
    let runner = id("header.runner_id", &header.runner_id)?;
    let claim = Claim {
        runner: RunnerId::from_bytes(runner),
        attempt: Attempt(header.attempt),
    };
    if certificate.is_some_and(|certificate| certificate.name.runner != claim.runner) {
        let message = "the upload is of another runner than the certificate: send it with the certificate of the runner that holds the execution";
        return Err(refusal(v1::ErrorReason::CertificateMismatch, message));
    }
    Ok(Header {
        execution: ExecutionId::from_bytes(execution),
        claim,
        key: certificate.map(|certificate| certificate.key),
    })
}

fn id(field: &'static str, bytes: &[u8]) -> Result<[u8; 16], Status> {
    bytes.try_into().map_err(|_| {
        let message = format!("{field}: has {} bytes, and an id has 16", bytes.len());
        refusal(v1::ErrorReason::InvalidField, message)
    })
}

fn fenced((execution, attempt): Work) -> Status {
    let message = format!("attempt {attempt} does not hold the execution {execution}: stop the work on it");
    refusal(v1::ErrorReason::AttemptFenced, message)
}

fn violation(message: &str) -> Status {
    refusal(v1::ErrorReason::ProtocolViolation, message.to_owned())
}

fn mismatch(said: v1::Counts, staged: Counts) -> Status {
    let message = format!(
        "the end of the upload says {} records ({} bytes), and {} records ({} bytes) have come: send it again",
        said.records, said.bytes, staged.records, staged.bytes
    );
    refusal(v1::ErrorReason::CountsMismatch, message)
}

fn stage_failed(error: StageError) -> Status {
    match error {
        StageError::Line { .. } => refusal(v1::ErrorReason::InvalidField, error.to_string()),
        StageError::Replaced => refusal(v1::ErrorReason::AttemptFenced, error.to_string()),
        StageError::Broken => refusal(v1::ErrorReason::LandingUnavailable, error.to_string()),
        StageError::Landing(error) => ServiceError::Landing(error).into(),
    }
}
