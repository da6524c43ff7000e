//! Uploads, and the check-ins of the runner that they come from.

use std::time::Duration;

use muster_coordinator::limits::Rates;
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::report;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_proto::v1::upload_records_request::Kind as Part;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::rig::{ORGANIZATION, PATIENCE, assert_refused, integration};
use super::served::{ADDRESSES, Served, Stream, hello, runner_id};

const RECORDS: &str = "{\"sid\":1}\n";

/// Has an integration made, and the first work on it begun.
async fn begin(channel: &Channel) -> (Stream, v1::Assignment) {
    let mut stream = Stream::check_in(channel.clone(), 1).await.expect("it is welcome");
    let request = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration("source")),
        ..Default::default()
    };
    let mut integrations = IntegrationServiceClient::new(channel.clone());
    integrations.create_integration(request).await.expect("it is in order");
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
    let accepted = report(report::Kind::Accepted(v1::Accepted {}));
    stream
        .report(vec![accepted, report(report::Kind::Started(v1::Started {}))])
        .await;
    loop {
        if let Kind::Acks(acks) = stream.hear().await.expect("the stream goes on")
            && acks.acks.iter().any(|ack| ack.kind() == v1::ReportKind::Started)
        {
            return (stream, assignment);
        }
    }
}

/// Checks in anew, and says that it still runs this, or nothing.
async fn check_in_again(channel: Channel, running: Option<&v1::Assignment>) -> Stream {
    let running = running.map(|assignment| v1::HeldAttempt {
        execution_id: assignment.execution_id.clone(),
        attempt: assignment.attempt,
    });
    let hello = v1::Hello {
        running: running.into_iter().collect(),
        ..hello(1)
    };
    let mut stream = Stream::open_with(channel, hello).await.expect("the stream opens");
    let heard = stream.hear().await;
    assert!(matches!(heard, Ok(Kind::Welcome(_))), "{heard:?}");
    stream
}

/// An upload of one record that begins before `between`, and goes on after it.
async fn upload(
    channel: Channel,
    assignment: &v1::Assignment,
    between: impl Future<Output = Stream>,
) -> Result<v1::UploadRecordsResponse, Status> {
    let counts = v1::Counts {
        records: 1,
        bytes: RECORDS.len() as u64,
    };
    let header = v1::UploadHeader {
        execution_id: assignment.execution_id.clone(),
        attempt: assignment.attempt,
        runner_id: runner_id(1),
    };
    // Room for one: what comes after the chunk waits until the coordinator has taken the header.
    let (sender, parts) = mpsc::channel(1);
    let said = async {
        let say = async |kind| sender.send(v1::UploadRecordsRequest { kind: Some(kind) }).await;
        let _ = say(Part::Header(header)).await;
        let _ = say(Part::Chunk(RECORDS.into())).await;
        let stream = between.await;
        let _ = say(Part::End(v1::UploadEnd { counts: Some(counts) })).await;
        drop(sender);
        stream
    };
    let mut client = RunnerServiceClient::new(channel);
    let (answer, _stream) = tokio::join!(client.upload_records(ReceiverStream::new(parts)), said);
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_over_a_new_check_in_that_still_runs_its_attempt_and_over_no_other() {
    for goes_on in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let served = Served::start(folder.path(), Rates::default()).await;
        let channel = served.connect(ADDRESSES[0]).await;
        let (stream, assignment) = begin(&channel).await;
        let again = async {
            drop(stream);
            check_in_again(served.connect(ADDRESSES[0]).await, goes_on.then_some(&assignment)).await
        };
        let answer = timeout(PATIENCE, upload(channel, &assignment, again)).await;
        let answer = answer.expect("it is answered");
        if goes_on {
            assert_eq!(
                answer.expect("it is staged").counts.map(|counts| counts.records),
                Some(1)
            );
        } else {
            assert_refused(answer, Code::Aborted, "ATTEMPT_FENCED", None);
        }
        served.stop(Duration::from_secs(5)).await;
    }
}
