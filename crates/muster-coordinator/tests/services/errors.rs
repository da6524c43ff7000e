//! Every call, with what it does not take: each error says its reason, and where to read more.

use bytes::{Buf, BufMut, Bytes};
use muster_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::rig::{PATIENCE, Rig, assert_refused};

/// Bytes as they are: for calls that no generated client would make.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let bytes = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(bytes)))
    }
}

/// The first answer to a call with these bytes as its one message.
async fn call(rig: &Rig, path: &str, message: impl Into<Bytes>) -> Result<Option<Bytes>, Status> {
    let mut client = Grpc::new(rig.channel());
    client.ready().await.expect("it listens");
    let path: PathAndQuery = path.parse().expect("a path");
    let request = Request::new(tokio_stream::once(message.into()));
    let mut answer = client.streaming(request, path, Raw).await?.into_inner();
    timeout(PATIENCE, answer.message()).await.expect("an answer in time")
}

fn methods() -> Vec<(String, MethodDescriptorProto)> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a set");
    let files = set.file.into_iter().filter(|file| file.package() == "muster.v1");
    let services = files.flat_map(|file| file.service);
    services
        .flat_map(|service| {
            let name = service.name().to_owned();
            let methods = service.method.into_iter();
            methods
                .map(move |method| (format!("/muster.v1.{name}/{}", method.name()), method))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn every_call_refuses_an_empty_request_with_details() {
    let rig = Rig::empty().await;
    let methods = methods();
    assert!(methods.len() >= 20, "all services are there: {methods:?}");
    // What that service does is about all that there is, and needs to be told nothing.
    let told = methods
        .into_iter()
        .filter(|(path, _)| !path.starts_with("/muster.v1.MaintenanceService/"));
    for (path, _) in told {
        let status = call(&rig, &path, Bytes::new()).await.expect_err(&path);
        let details = status.get_error_details();
        let info = details
            .error_info()
            .unwrap_or_else(|| panic!("{path} says no reason: {status:?}"));
        assert_eq!(info.domain, "muster.v1", "{path}");
        let help = details
            .help()
            .unwrap_or_else(|| panic!("{path} links to no page: {status:?}"));
        assert!(help.links[0].url.contains("/docs/errors.md#"), "{path}: {help:?}");
        if path.starts_with("/muster.v1.RunnerService/") {
            assert_eq!(info.reason, "PROTOCOL_VIOLATION", "{path}");
        } else {
            assert_eq!(
                (status.code(), info.reason.as_str()),
                (Code::InvalidArgument, "INVALID_FIELD"),
                "{path}"
            );
            assert!(
                details
                    .bad_request()
                    .is_some_and(|bad| !bad.field_violations.is_empty()),
                "{path} names no field"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_message_or_no_call_is_told_as_any_other_error() {
    let rig = Rig::empty().await;
    for (path, _) in methods() {
        // The wire type 7, which there is not.
        let status = call(&rig, &path, Bytes::from_static(&[0x0f, 0xff]))
            .await
            .expect_err(&path);
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone());
        assert_eq!(reason.as_deref(), Some("MALFORMED_REQUEST"), "{path}: {status:?}");
        assert_eq!(status.code(), Code::InvalidArgument, "{path}");
    }
    let list = "/muster.v1.IntegrationService/ListIntegrations";
    let large = call(&rig, list, vec![0; 10 * 1024 * 1024]).await;
    assert_refused(large, Code::ResourceExhausted, "REQUEST_TOO_LARGE", None);
    for unknown in [
        "/muster.v1.IntegrationService/Nothing",
        "/muster.v1.NoService/Nothing",
        "/x",
    ] {
        let answer = call(&rig, unknown, Bytes::new()).await;
        assert_refused(answer, Code::Unimplemented, "CALL_UNKNOWN", None);
    }
    assert!(
        call(&rig, list, b"\x0a\x15organizations/default".as_slice())
            .await
            .is_ok(),
        "others are served"
    );
}

#[tokio::test]
async fn each_call_of_runners_takes_messages_up_to_its_own_limit_and_says_which() {
    let rig = Rig::empty().await;
    let (check_in, upload) = (256 * 1024, 1024 * 1024 + 64);
    for (method, limit) in [("CheckIn", check_in), ("UploadRecords", upload)] {
        let path = format!("/muster.v1.RunnerService/{method}");
        // A field that nobody knows, of so many bytes with its tag and its length: decoded, and then not what a first message is.
        let message = |bytes: usize| {
            let mut message = vec![0x82, 0x7d];
            prost::encoding::encode_varint(bytes as u64 - 5, &mut message);
            message.resize(bytes, 0);
            message
        };
        assert_refused(
            call(&rig, &path, message(limit)).await,
            Code::InvalidArgument,
            "PROTOCOL_VIOLATION",
            None,
        );
        let status = call(&rig, &path, message(limit + 1))
            .await
            .expect_err("it is too large");
        let told = status.message().to_owned();
        assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "REQUEST_TOO_LARGE", None);
        assert!(told.contains(&limit.to_string()), "{told}");
    }
}
