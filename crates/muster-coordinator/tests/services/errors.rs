//! Every call, with what it does not take: each error says its reason, and where to read more.

use bytes::Bytes;
use muster_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::raw::call;
use crate::rig::{Rig, assert_refused};

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
    // What that service does is about all that there is, and needs to be told nothing; so do the questions who one is and
    // what the coordinator is, and the list of all organizations.
    let told = methods.into_iter().filter(|(path, _)| {
        !path.starts_with("/muster.v1.MaintenanceService/")
            && path != "/muster.v1.AccessService/WhoAmI"
            && path != "/muster.v1.CoordinatorService/GetCoordinator"
            && path != "/muster.v1.OrganizationService/ListOrganizations"
    });
    for (path, _) in told {
        let status = call(rig.channel(), None, &path, Bytes::new()).await.expect_err(&path);
        let details = status.get_error_details();
        let info = details
            .error_info()
            .unwrap_or_else(|| panic!("{path} says no reason: {status:?}"));
        assert_eq!(info.domain, "muster.v1", "{path}");
        let help = details
            .help()
            .unwrap_or_else(|| panic!("{path} links to no page: {status:?}"));
        assert!(help.links[0].url.contains("/docs/errors.md#"), "{path}: {help:?}");
        if ["/muster.v1.EnrollmentService/", "/muster.v1.IdentityService/"]
            .iter()
            .any(|service| path.starts_with(service))
        {
            // Without TLS nobody enrolls, whatever was asked.
            assert!(
                ["ENROLLMENT_OFF", "INVALID_FIELD"].contains(&info.reason.as_str()),
                "{path}: {info:?}"
            );
        } else if path == "/muster.v1.RunnerService/RehearseCheckIn" {
            assert_eq!(info.reason, "INVALID_FIELD", "{path}");
        } else if path.starts_with("/muster.v1.RunnerService/") {
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
        let status = call(rig.channel(), None, &path, Bytes::from_static(&[0x0f, 0xff]))
            .await
            .expect_err(&path);
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone());
        assert_eq!(reason.as_deref(), Some("MALFORMED_REQUEST"), "{path}: {status:?}");
        assert_eq!(status.code(), Code::InvalidArgument, "{path}");
    }
    let list = "/muster.v1.IntegrationService/ListIntegrations";
    let large = call(rig.channel(), None, list, vec![0; 10 * 1024 * 1024]).await;
    assert_refused(large, Code::ResourceExhausted, "REQUEST_TOO_LARGE", None);
    for unknown in [
        "/muster.v1.IntegrationService/Nothing",
        "/muster.v1.NoService/Nothing",
        "/x",
    ] {
        let answer = call(rig.channel(), None, unknown, Bytes::new()).await;
        assert_refused(answer, Code::Unimplemented, "CALL_UNKNOWN", None);
    }
    assert!(
        call(rig.channel(), None, list, b"\x0a\x15organizations/default".as_slice())
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
            call(rig.channel(), None, &path, message(limit)).await,
            Code::InvalidArgument,
            "PROTOCOL_VIOLATION",
            None,
        );
        let status = call(rig.channel(), None, &path, message(limit + 1))
            .await
            .expect_err("it is too large");
        let told = status.message().to_owned();
        assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "REQUEST_TOO_LARGE", None);
        assert!(told.contains(&limit.to_string()), "{told}");
    }
}
