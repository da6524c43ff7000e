//! What earlier lives of a coordinator have left staged is swept beside the work: nobody waits for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use muster_coordinator::limits::Rates;
use muster_core::words::ExecutionId;
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::report;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_proto::v1::upload_records_request::Kind as Upload;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use super::rig::{ORGANIZATION, PATIENCE, integration};
use super::served::{ADDRESSES, Served, Stream, runner_id};

/// Enough for a sweep to last longer than a runner needs to collect something.
const LEFTOVERS: u128 = 20_000;

const RECORDS: &str = "{\"sid\":1}\n";

/// A landing with what nobody wants any more: all on the first shelf (the last byte of the execution's id), which a sweep looks at first.
fn leave(data: &Path) {
    let shelf = data.join("landing/.staging/00");
    fs::create_dir_all(&shelf).expect("a folder");
    for number in 1..=LEFTOVERS {
        let nobody = ExecutionId(number << 8);
        fs::write(shelf.join(format!("{nobody}.1.{number}.part")), "").expect("written");
    }
}

fn left(data: &Path) -> usize {
    let shelf = fs::read_dir(data.join("landing/.staging/00")).expect("a folder");
    shelf.count()
}

/// A runner's work, from its assignment to its end.
async fn collect(stream: &mut Stream, channel: &Channel) {
    let assignment = loop {
        if let Kind::Assignments(mut some) = stream.hear().await.expect("the stream goes on") {
            break some.assignments.remove(0);
        }
    };
    let report = |kind| v1::Report {
        execution_id: assignment.execution_id.clone(),
        attempt: assignment.attempt,
        kind: Some(kind),
    };
    let began = [
        report(report::Kind::Accepted(v1::Accepted {})),
        report(report::Kind::Started(v1::Started {})),
    ];
    stream.report(began.to_vec()).await;
    let header = v1::UploadHeader {
        execution_id: assignment.execution_id.clone(),
        attempt: assignment.attempt,
        runner_id: runner_id(1),
    };
    let counts = v1::Counts {
        records: 1,
        bytes: RECORDS.len() as u64,
    };
    let end = v1::UploadEnd { counts: Some(counts) };
    let upload = [Upload::Header(header), Upload::Chunk(RECORDS.into()), Upload::End(end)];
    let upload = upload.map(|kind| v1::UploadRecordsRequest { kind: Some(kind) });
    let mut uploads = RunnerServiceClient::new(channel.clone());
    uploads
        .upload_records(tokio_stream::iter(upload))
        .await
        .expect("it holds the execution");
    let completed = v1::Completed {
        counts: Some(counts),
        staged: true,
        ..Default::default()
    };
    stream.report(vec![report(report::Kind::Completed(completed))]).await;
}

async fn until_completed(channel: &Channel, integration: &str) {
    let mut executions = ExecutionServiceClient::new(channel.clone());
    let until = Instant::now() + PATIENCE;
    loop {
        let request = v1::ListExecutionsRequest {
            parent: integration.to_owned(),
            ..Default::default()
        };
        let listed = executions.list_executions(request).await.expect("it is known");
        let executions = listed.into_inner().executions;
        if executions
            .iter()
            .any(|one| one.status() == v1::ExecutionStatus::Completed)
        {
            return;
        }
        assert!(Instant::now() < until, "it does not complete: {executions:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_publication_nor_a_stop_waits_for_the_sweep() {
    let folder = tempfile::tempdir().expect("a folder");
    leave(folder.path());
    let served = Served::start(folder.path(), Rates::default()).await;
    let channel = served.connect(ADDRESSES[0]).await;
    let mut stream = Stream::check_in(channel.clone(), 1).await.expect("it is welcome");
    let request = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration("source")),
        ..Default::default()
    };
    let created = IntegrationServiceClient::new(channel.clone())
        .create_integration(request)
        .await
        .expect("it is in order")
        .into_inner();
    collect(&mut stream, &channel).await;
    until_completed(&channel, &created.name).await;
    let during = left(folder.path());
    assert!(
        during > 1_000,
        "{during} are left: there must be more for this test to tell"
    );
    drop((stream, channel));
    served.stop(PATIENCE).await;
    let after = left(folder.path());
    assert!(after > 0, "the stop has waited for the sweep");
}
