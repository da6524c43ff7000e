//! What there is to do about failures, as operators read it in `docs/health.md`.

use std::fmt::Write as _;

use muster_core::remedy::{Facts, Silent, remedy};
use muster_core::time::Stamp;
use muster_core::words::{
    Category, ConnectorName, DataType, ExecutionId, Failure, Permission, Pool, Reason, ReasonKind,
};

/// The page for operators has a row for each category and each reason, with what is said of them.
#[test]
fn the_documentation_has_the_catalogue() {
    let connector: ConnectorName = "crm".parse().expect("a name");
    let data_type: DataType = "device".parse().expect("a name");
    let pool = Pool {
        organization: Some("acme".parse().expect("a name")),
        name: "hq".parse().expect("a name"),
    };
    let facts = Facts {
        integration: Some("HQ devices"),
        connector: Some(&connector),
        data_type: Some(&data_type),
        permissions: &[Permission {
            name: "devices.read".to_owned(),
            purpose: "lists devices".to_owned(),
            required: true,
            data_types: vec![data_type.clone()],
        }],
        pool: Some(&pool),
        execution: Some(ExecutionId(1)),
        runner: Some(Silent {
            display_name: "hq-2",
            last_heard: Some(Stamp::from_millis(1_700_000_000_000)),
        }),
    };
    let mut table = String::from("| category | reason | what there is to do |\n| --- | --- | --- |\n");
    for category in Category::ALL {
        let mut row = |reason: &str, failure: &Failure| {
            // As it is where nothing but the failure is known to be special.
            let told = remedy(failure, &facts).replace(&ExecutionId(1).to_string(), "ID");
            let _ = writeln!(table, "| `{}` | {reason} | {told} |", category.as_str());
        };
        row("", &Failure::new(category, "it failed"));
        for kind in ReasonKind::ALL.into_iter().filter(|kind| kind.category() == category) {
            let subject = match kind {
                ReasonKind::MissingPermission => "devices.read",
                ReasonKind::BadCredentials => "token",
                ReasonKind::NameResolution | ReasonKind::CertificateExpired | ReasonKind::CertificateName => {
                    "crm.example"
                }
                ReasonKind::ProxyRefused | ReasonKind::ProxyAuthentication => "proxy.example:3128",
                ReasonKind::Exited => "1",
                ReasonKind::Killed => "9 (SIGKILL)",
                ReasonKind::TimeLimit => "1h",
                _ => "crm.example:443",
            };
            let mut reason = Reason::new(kind, subject);
            if kind == ReasonKind::Untrusted {
                reason = reason.with_issuer("Corp Proxy CA");
            }
            row(&format!("`{}`", kind.as_str()), &Failure::because(reason, "it failed"));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/health.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let (before, after) = ("<!-- remedies -->\n", "<!-- end of remedies -->");
    let begin = page.find(before).expect("the page has a place for it") + before.len();
    let end = page.find(after).expect("the place has an end");
    if std::env::var_os("MUSTER_BLESS").is_some() {
        std::fs::write(path, format!("{}{table}{}", &page[..begin], &page[end..])).expect("written");
        return;
    }
    assert_eq!(&page[begin..end], table, "run this test with MUSTER_BLESS=1");
}
