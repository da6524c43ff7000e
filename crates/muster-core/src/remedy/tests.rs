use super::*;
use crate::words::PoolName;

fn permission(name: &str, purpose: &str, required: bool, data_types: &[&str]) -> Permission {
    Permission {
        name: name.to_owned(),
        purpose: purpose.to_owned(),
        required,
        data_types: data_types
            .iter()
            .map(|name| DataType::new(name).expect("a name"))
            .collect(),
    }
}

/// What the catalogue says of a failure of the integration `HQ devices`: connector `crm`, data type `device`, pool `hq`.
fn said(failure: &Failure, permissions: &[Permission]) -> String {
    let connector = ConnectorName::new("crm").expect("a name");
    let data_type = DataType::new("device").expect("a name");
    let pool = Pool {
        organization: Some("acme".parse().expect("a name")),
        name: PoolName::new("hq").expect("a name"),
    };
    let facts = Facts {
        integration: Some("HQ devices"),
        connector: Some(&connector),
        data_type: Some(&data_type),
        permissions,
        pool: Some(&pool),
        execution: Some(ExecutionId(1)),
        runner: Some(Silent {
            display_name: "hq-2",
            last_heard: Some(Stamp::from_millis(1_700_000_000_000)),
        }),
    };
    remedy(failure, &facts)
}

fn because(kind: ReasonKind, subject: &str) -> Failure {
    Failure::because(Reason::new(kind, subject), "it failed")
}

#[test]
fn a_permission_that_is_missing_is_named_with_what_it_is_for() {
    let permissions = [
        permission("devices.read", "lists devices", true, &["device"]),
        permission("users.read", "lists users", true, &["user"]),
    ];
    assert_eq!(
        said(&because(ReasonKind::MissingPermission, "devices.read"), &permissions),
        "grant `devices.read` at the source to the credentials of `HQ devices`: `crm` needs it (lists devices)"
    );
    assert_eq!(
        said(&because(ReasonKind::MissingPermission, "assets.read"), &permissions),
        "grant `assets.read` at the source to the credentials of `HQ devices`: `crm` needs it",
        "one that the specification does not have"
    );
}

#[test]
fn a_refusal_names_what_the_data_type_requires_and_nothing_else() {
    let refused = Failure::new(Category::Permission, "the API answered 403 to GET /v1/devices");
    let mut permissions = vec![
        permission("devices.read", "lists devices", true, &["device", "software"]),
        permission("devices.write", "never needed", false, &["device"]),
        permission("users.read", "lists users", true, &["user"]),
    ];
    assert_eq!(
        said(&refused, &permissions),
        "grant `devices.read` at the source to the credentials of `HQ devices`: `crm` needs it (lists devices)"
    );
    permissions.push(permission("api", "opens a session", true, &["device", "user"]));
    assert_eq!(
        said(&refused, &permissions),
        "verify that the source grants to the credentials of `HQ devices` what `crm` needs for `device`: `devices.read` (lists devices), `api` (opens a \
         session)"
    );
    assert_eq!(
        said(&refused, &[]),
        "verify the credentials of `HQ devices`, and what the source grants to them"
    );
    let many: Vec<_> = (0..50)
        .map(|it| permission(&format!("p{it}"), "x", true, &["device"]))
        .collect();
    assert!(said(&refused, &many).ends_with("`p7` (x), and more"));
}

#[test]
fn the_connectors_own_remedy_goes_before_the_catalogue() {
    let failure = because(ReasonKind::Refused, "dc1:636").with_remedy("start slapd");
    assert_eq!(said(&failure, &[]), "start slapd");
}

#[test]
fn the_issuer_of_a_certificate_is_named() {
    let reason = Reason::new(ReasonKind::Untrusted, "crm.example").with_issuer("Corp Proxy CA");
    let told = said(&Failure::because(reason, "unknown issuer"), &[]);
    assert!(
        told.starts_with(
            "the certificate of `crm.example` was issued by `Corp Proxy CA`, which the runners of pool `hq` do not trust: if a proxy inspects TLS"
        ),
        "{told}"
    );
}

#[test]
fn a_lost_runner_is_named_with_when_it_was_heard() {
    assert_eq!(
        said(&because(ReasonKind::RunnerSilent, "its id"), &[]),
        "check the host of the runner `hq-2` (one of the runners of pool `hq`), which was last heard at 2023-11-14 22:13:20 UTC: its service, its \
         memory and its connection to the coordinator"
    );
}

#[test]
fn every_text_is_there_names_its_subject_and_keeps_its_bound() {
    let kinds = ReasonKind::ALL.map(|kind| because(kind, "the-subject"));
    let categories = Category::ALL.map(|category| Failure::new(category, "it failed"));
    for failure in kinds.iter().chain(&categories) {
        for told in [alone(failure), said(failure, &[])] {
            assert!(
                !told.is_empty() && told.len() < Failure::MESSAGE_BYTES_MAX,
                "{failure:?}: {told}"
            );
            assert!(!told.ends_with('.') && !told.contains("  "), "{failure:?}: {told}");
        }
        let Some(reason) = &failure.reason else { continue };
        let is_named = said(failure, &[]).contains("the-subject");
        let has_a_name_of_its_own = matches!(reason.kind, ReasonKind::Panicked | ReasonKind::RunnerSilent);
        assert_ne!(is_named, has_a_name_of_its_own, "{failure:?}");
    }
}
