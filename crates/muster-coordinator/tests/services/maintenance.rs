//! Backups over a real connection, and how they end.

use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, LogLevel, LogLine, LogSource};
use muster_proto::v1;
use muster_proto::v1::maintenance_service_client::MaintenanceServiceClient;
use tonic::{Code, Status, Streaming};

use crate::rig::{PATIENCE, Rig, TAKEN_WITHIN, assert_refused};

/// Some MiB that cannot be packed, so that a backup does not fit into what a connection takes in by itself.
async fn fill(rig: &Rig) {
    let mut chance = fastrand::Rng::with_seed(5);
    for number in 0..4 {
        let line = |_| LogLine {
            at: Stamp::from_millis(1),
            source: LogSource::Connector,
            level: LogLevel::Info,
            message: (0..4_000).map(|_| chance.alphanumeric()).collect(),
            attempt: None,
        };
        let lines = (0..900).map(line).collect();
        let appended = rig.shard.append_log_lines(ExecutionId(number), lines).await;
        appended.expect("it runs");
    }
}

/// Takes a backup to its end.
async fn take(chunks: &mut Streaming<v1::BackUpResponse>) -> Result<usize, Status> {
    let all = async {
        let mut bytes = 0;
        while let Some(next) = chunks.message().await? {
            bytes += next.chunk.len();
        }
        Ok(bytes)
    };
    tokio::time::timeout(PATIENCE, all).await.expect("it ends in time")
}

/// Hears a verification to its end.
async fn end(told: &mut Streaming<v1::VerifyResponse>) -> Result<(), Status> {
    let all = async {
        while told.message().await?.is_some() {}
        Ok(())
    };
    tokio::time::timeout(PATIENCE, all).await.expect("it ends in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_not_taken_in_time_does_not_end_as_a_whole_one_does() {
    let rig = Rig::empty().await;
    fill(&rig).await;
    let mut client = MaintenanceServiceClient::new(rig.narrow_channel().await);
    let mut whole = client
        .back_up(v1::BackUpRequest {})
        .await
        .expect("it begins")
        .into_inner();
    let bytes = take(&mut whole).await.expect("it is taken");
    assert!(bytes > 5 << 20, "{bytes} bytes may wait in buffers");

    let mut paused = client
        .back_up(v1::BackUpRequest {})
        .await
        .expect("it begins")
        .into_inner();
    tokio::time::sleep(TAKEN_WITHIN * 2).await;
    assert_refused(take(&mut paused).await, Code::ResourceExhausted, "LIMIT_REACHED", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_backup_begins_or_goes_on_on_a_disk_with_too_little_room() {
    let rig = Rig::empty().await;
    fill(&rig).await;
    let mut client = MaintenanceServiceClient::new(rig.narrow_channel().await);
    let mut begun = client
        .back_up(v1::BackUpRequest {})
        .await
        .expect("it begins")
        .into_inner();
    begun.message().await.expect("it goes on");
    rig.shard.hold(rig.disks.look());
    assert_refused(take(&mut begun).await, Code::Unavailable, "NOT_READY", None);
    let refused = client.back_up(v1::BackUpRequest {}).await;
    assert_refused(refused, Code::Unavailable, "NOT_READY", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_read_for_one_call_at_a_time() {
    let rig = Rig::empty().await;
    fill(&rig).await;
    let mut client = MaintenanceServiceClient::new(rig.narrow_channel().await);
    let mut begun = client
        .back_up(v1::BackUpRequest {})
        .await
        .expect("it begins")
        .into_inner();
    begun.message().await.expect("it goes on").expect("there is more");
    let mut others = client.clone();
    let second = others.back_up(v1::BackUpRequest {}).await.expect("it begins");
    let refused = take(&mut second.into_inner()).await;
    assert_refused(refused, Code::ResourceExhausted, "LIMIT_REACHED", None);
    let verification = others.verify(v1::VerifyRequest {}).await.expect("it begins");
    let refused = end(&mut verification.into_inner()).await;
    assert_refused(refused, Code::ResourceExhausted, "LIMIT_REACHED", None);
    take(&mut begun).await.expect("nobody has cut it off");
    let verification = client.verify(v1::VerifyRequest {}).await.expect("it begins");
    end(&mut verification.into_inner())
        .await
        .expect("nothing else reads the store");
}
