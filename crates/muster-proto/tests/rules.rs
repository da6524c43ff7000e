//! Every call says who may make it, and `docs/access.md` shows that.

use std::fmt::Write as _;
use std::fs;

use muster_proto::RULES;
use muster_proto::v1::{Role, Rule, Scope};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");
const BEGIN: &str = "<!-- the calls, by the test `the_page_shows_who_may_make_which_call` -->\n";
const END: &str = "<!-- end of the calls -->";

fn who(rule: &Rule) -> String {
    let role = match rule.role() {
        Role::Unspecified => "",
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    };
    match rule.scope() {
        Scope::Unspecified => panic!("a call without a rule does not compile"),
        Scope::Organization => format!("{role} of the organization, or of the staff"),
        Scope::Service => format!("{role} of the staff"),
        Scope::Runner => "a runner".to_owned(),
        Scope::Enrollment => "who enrolls, or renews".to_owned(),
        Scope::Public => "anybody".to_owned(),
    }
}

#[test]
fn the_page_shows_who_may_make_which_call() {
    let mut table = String::from("| call | who may make it, at least | in the audit log |\n| --- | --- | --- |\n");
    for (path, rule) in RULES {
        let call = path.trim_start_matches("muster.v1.");
        let audited = if rule.audited { "yes" } else { "" };
        writeln!(table, "| `{call}` | {} | {audited} |", who(rule)).expect("a text takes everything");
    }
    let page = fs::read_to_string(PAGE).expect("the page");
    let begin = page.find(BEGIN).expect("where the calls begin") + BEGIN.len();
    let end = page.find(END).expect("where the calls end");
    if std::env::var_os("MUSTER_BLESS").is_some() {
        fs::write(PAGE, format!("{}{table}{}", &page[..begin], &page[end..])).expect("written");
        return;
    }
    assert_eq!(&page[begin..end], table, "run this test with MUSTER_BLESS=1");
}

/// The verbs of calls that change nothing. `BackUp` does not either, and hands out all there is.
const READING: [&str; 10] = [
    "Get",
    "List",
    "Watch",
    "Summarize",
    "Read",
    "Tail",
    "WhoAmI",
    "Verify",
    "Export",
    "Preview",
];

#[test]
fn each_call_that_changes_something_is_audited() {
    for (path, rule) in RULES {
        let (_, call) = path.rsplit_once('/').expect("a path");
        let of_runners = rule.scope() == Scope::Runner;
        let reads = READING.iter().any(|verb| call.starts_with(verb));
        assert_eq!(rule.audited, !reads && !of_runners, "{path}");
    }
}

#[test]
fn a_rule_is_found_by_the_path_of_its_call() {
    assert!(RULES.is_sorted_by(|one, next| one.0 < next.0));
    let found = RULES.binary_search_by_key(&"muster.v1.MaintenanceService/BackUp", |(path, _)| path);
    let (_, rule) = RULES[found.expect("a call")];
    assert_eq!((rule.role(), rule.scope()), (Role::Admin, Scope::Service));
}
