//! Whoever was let in stays for as long as what they were let in by opens, and no longer.

use std::time::{Duration, Instant};

use muster_core::decide::access::person::Delete;
use muster_core::decide::access::{Access, token};
use muster_core::words::{Grant, Role};
use muster_proto::v1;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use super::{Bearer, own, person, reason, soon, switch};
use crate::rig::{ORGANIZATION, PATIENCE, Rig};

/// By when a stream has ended.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

async fn watch(channel: Channel, token: &str) -> Streaming<v1::WatchIntegrationsResponse> {
    let mut client = IntegrationServiceClient::with_interceptor(channel, Bearer::new(token));
    let request = v1::WatchIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    let mut stream = client
        .watch_integrations(request)
        .await
        .expect("it begins")
        .into_inner();
    timeout(PATIENCE, stream.message())
        .await
        .expect("in time")
        .expect("it goes on")
        .expect("it tells something");
    stream
}

/// What a stream ends with.
async fn end(mut stream: Streaming<v1::WatchIntegrationsResponse>) -> Status {
    timeout(PATIENCE, async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ends as if all were well"),
                Err(status) => return status,
            }
        }
    })
    .await
    .expect("it ends")
}

#[tokio::test]
async fn a_stream_ends_when_its_token_opens_no_more() {
    let rig = Rig::guarded().await;
    let ada = person(&rig, &own(), "ada", Role::Operator).await;
    let eve = person(&rig, &own(), "eve", Role::Operator).await;
    let bob = person(&rig, &own(), "bob", Role::Operator).await;
    let (revoked, by_revoked) = rig.token(&own(), Role::Viewer, None, None).await;
    let (_, by_ada) = rig.token(&own(), Role::Viewer, Some(ada), None).await;
    let (_, by_eve) = rig.token(&own(), Role::Viewer, Some(eve), None).await;
    let (_, by_bob) = rig.token(&own(), Role::Viewer, Some(bob), None).await;
    let (_, expiring) = rig
        .token(&own(), Role::Viewer, None, soon(Duration::from_millis(1_500)))
        .await;
    let channel = || rig.channel();
    let (revoked_watch, ada_watch) = (watch(channel(), &by_revoked).await, watch(channel(), &by_ada).await);
    let (eve_watch, expiring_watch) = (watch(channel(), &by_eve).await, watch(channel(), &expiring).await);
    let mut bob_watch = watch(channel(), &by_bob).await;
    let began = Instant::now();
    let revoke = token::Revoke {
        granter: Grant::MOST,
        scope: own(),
        token: revoked,
    };
    rig.access(Access::RevokeToken(revoke)).await;
    switch(&rig, &own(), ada, false).await;
    let delete = Delete {
        granter: Grant::MOST,
        scope: own(),
        person: eve,
    };
    rig.access(Access::DeletePerson(delete)).await;
    for (stream, expected) in [
        (revoked_watch, "UNAUTHENTICATED"),
        (ada_watch, "UNAUTHENTICATED"),
        (eve_watch, "UNAUTHENTICATED"),
        (expiring_watch, "TOKEN_EXPIRED"),
    ] {
        let status = end(stream).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unauthenticated, expected)
        );
    }
    assert!(began.elapsed() < ENDS_WITHIN, "{:?}", began.elapsed());
    // Nobody else's has ended: it tells what comes next.
    switch(&rig, &own(), bob, true).await;
    let silent = timeout(Duration::from_millis(100), bob_watch.message()).await;
    assert!(silent.is_err(), "it goes on: {silent:?}");
}
