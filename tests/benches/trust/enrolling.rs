//! Runners become known to a coordinator as real ones do: by a token, with a key of their own.

use std::fs;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use muster_identity::{SigningRequest, authority, pem};
use muster_proto::v1;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use tonic::transport::Channel;

use crate::harness::Outcome;
use crate::harness::runner::{ORGANIZATION, POOL};
use crate::harness::way::{Shows, Way};

/// How many runners enroll by a token: as many as one may serve.
const USES: u32 = 1_000;

/// How long a token is good.
const LIFE: Duration = Duration::from_secs(3_600);

/// How many enroll at a time: as many calls as a connection takes.
const AT_A_TIME: usize = 16;

/// Enrolls so many runners, and keeps their identities where the way says.
pub(crate) fn enroll(way: &Way, count: u64) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let identities = runtime.block_on(async {
        let operator = Shows::of(way.clone())?.operator().await?;
        let stranger = way.connect().await?;
        let mut identities = Vec::new();
        while (identities.len() as u64) < count {
            let token = token(EnrollmentServiceClient::new(operator.clone())).await?;
            let left = usize::try_from(count)? - identities.len();
            let enrolling = (0..left.min(USES as usize)).map(|_| one(stranger.clone(), token.clone()));
            let enrolling = stream::iter(enrolling).buffer_unordered(AT_A_TIME);
            identities.extend(enrolling.try_collect::<Vec<_>>().await?);
        }
        Outcome::Ok(identities)
    })?;
    let file = way.identities().ok_or("nobody is asked there")?;
    Ok(fs::write(file, serde_json::to_vec(&identities)?)?)
}

async fn token(mut client: EnrollmentServiceClient<crate::harness::way::Operator>) -> Outcome<String> {
    let create = v1::CreateEnrollmentTokenRequest {
        parent: ORGANIZATION.to_owned(),
        pool: POOL.to_owned(),
        life: LIFE.try_into().ok(),
        uses_max: USES,
    };
    Ok(client.create_enrollment_token(create).await?.into_inner().token)
}

/// What a runner keeps of its enrollment: its key and its certificate.
async fn one(channel: Channel, token: String) -> Outcome<String> {
    let key = authority::new_key()?;
    let request = v1::EnrollRequest {
        token,
        signing_request: SigningRequest::make(&key)?.into(),
    };
    let issued = IdentityServiceClient::new(channel).enroll(request).await?.into_inner();
    Ok(pem::key(&key.serialize_der()) + &pem::certificate(&issued.certificate))
}
