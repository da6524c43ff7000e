//! What `grpc.health.v1` tells of a whole coordinator.

use muster_coordinator::limits::Rates;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::served::{ADDRESSES, Served};

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_and_its_history_are_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::start(folder.path(), Rates::default()).await;
    let mut health = HealthClient::new(served.connect(ADDRESSES[0]).await);
    for service in ["", "muster.v1.RunnerService", "muster.history", "muster.audit"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.expect("it is known").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "`{service}`");
    }
}
