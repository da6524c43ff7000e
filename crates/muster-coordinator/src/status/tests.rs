//! What is in a status: code, reason, and the details for programs.

use prost::Message as _;
use tonic::Code;
use tonic_types::ErrorDetails;

use super::*;

fn details(error: ServiceError) -> (Status, ErrorDetails) {
    let status = Status::from(error);
    let details = status.get_error_details();
    (status, details)
}

fn reason(details: &ErrorDetails) -> &str {
    let info = details.error_info().expect("every error has one");
    assert_eq!(info.domain, "muster.v1");
    &info.reason
}

#[test]
fn a_fault_names_its_field() {
    let (status, details) = details(FieldFault::new("page_size", "is -1: must be 1 to 1000").into());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "page_size: is -1: must be 1 to 1000");
    assert_eq!(reason(&details), "INVALID_FIELD");
    let violations = &details.bad_request().expect("it names fields").field_violations;
    assert_eq!(violations[0].field, "page_size");
}

#[test]
fn what_the_core_refuses_has_a_reason_and_a_field() {
    let id = IntegrationId(7);
    let (status, details) = details(Rejection::Stale { integration: id }.into());
    assert_eq!((status.code(), reason(&details)), (Code::Aborted, "ETAG_MISMATCH"));
    let (status, details) = self::details(Rejection::NoDataTypes.into());
    assert_eq!(
        (status.code(), reason(&details)),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    let violations = &details.bad_request().expect("it names a field").field_violations;
    assert_eq!(violations[0].field, "integration.data_types");
}

#[test]
fn what_will_pass_says_when_to_try_again() {
    let (status, details) = details(ShardError::Stopped.into());
    assert_eq!((status.code(), reason(&details)), (Code::Unavailable, "SHUTTING_DOWN"));
    let retry = details.retry_info().and_then(|retry| retry.retry_delay);
    assert_eq!(retry, Some(RETRY_AFTER));
}

#[test]
fn a_fault_of_the_coordinator_keeps_its_details_to_itself() {
    let (status, details) = details(ShardError::Store("/var/lib/muster is on fire".to_owned()).into());
    assert_eq!((status.code(), reason(&details)), (Code::Internal, "INTERNAL"));
    assert!(!status.message().contains("fire"), "{}", status.message());
}

#[test]
fn an_unknown_connector_is_a_precondition_and_names_the_known() {
    let name = |name: &str| ConnectorName::new(name).expect("a name");
    let (status, details) = details(ServiceError::ConnectorUnknown {
        connector: name("ldap"),
        known: vec![name("host")],
    });
    assert_eq!(
        (status.code(), reason(&details)),
        (Code::FailedPrecondition, "CONNECTOR_UNKNOWN")
    );
    assert!(
        status.message().contains("`ldap` yet (offered so far: `host`)"),
        "{}",
        status.message()
    );
}

fn reasons_and_codes() -> Vec<(String, String)> {
    let set = prost_types::FileDescriptorSet::decode(muster_proto::FILE_DESCRIPTOR_SET).expect("a set");
    let mut enums = set.file.into_iter().flat_map(|file| file.enum_type);
    let reasons = enums.find(|one| one.name() == "ErrorReason").expect("it is there");
    let sent = reasons.value.into_iter().filter(|value| value.number() != 0);
    sent.map(|value| {
        let reason = ErrorReason::try_from(value.number()).expect("it is one");
        // `InvalidArgument` is `INVALID_ARGUMENT`.
        let mut code = String::new();
        for letter in format!("{:?}", code_of_reason(reason)).chars() {
            if letter.is_uppercase() && !code.is_empty() {
                code.push('_');
            }
            code.extend(letter.to_uppercase());
        }
        (name_of_reason(reason).to_owned(), code)
    })
    .collect()
}

#[test]
fn every_reason_is_documented_with_its_code_and_no_other_is() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md")).expect("a page");
    let sections: Vec<&str> = page.split("\n### ").skip(1).collect();
    let proto = include_str!("../../../../proto/muster/v1/error_reason.proto");
    for (name, code) in reasons_and_codes() {
        let section = format!("{name}\n\n`{code}`. ");
        let found = sections.iter().any(|one| one.starts_with(&section));
        assert!(
            found,
            "docs/errors.md has no heading `### {name}` with a paragraph that begins with `{code}`"
        );
        let (before, _) = proto
            .split_once(&format!("  ERROR_REASON_{name} = "))
            .expect("it is there");
        let comment = before.rsplit(";\n").next().expect("there is a last part");
        assert!(
            comment.contains(&format!("// {code}: ")),
            "the comment of {name} does not begin with {code}"
        );
    }
    assert_eq!(sections.len(), reasons_and_codes().len(), "a heading is no reason");
}

#[test]
fn an_error_fits_into_headers() {
    let faults: Vec<_> = (0..1_000)
        .map(|_| FieldFault::new("ä".repeat(100), "ö".repeat(100)))
        .collect();
    let (status, details) = details(faults.into());
    assert!(status.message().len() <= MESSAGE_BYTES_MAX);
    assert!(
        status.details().len() < 2 * FAULTS_BYTES_MAX,
        "{}",
        status.details().len()
    );
    assert!(
        !details
            .bad_request()
            .expect("it names fields")
            .field_violations
            .is_empty()
    );
}
