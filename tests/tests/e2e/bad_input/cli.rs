//! The door of operators: the command line against a real coordinator.
//!
//! `crates/muster/tests/cli/faults.rs` has what needs no coordinator of its own, and what a coordinator can answer but this one does not.

use super::scene::Scene;

// A row is a line, however long. `<100 KiB>` is about as much as a system lets a word of a command line have; more comes by standard input.
#[rustfmt::skip]
const ROWS: &[(&str, &[&str], &str)] = &[
    ("a mistyped command", &["integraton", "list"], ""),
    ("a mistyped flag", &["integration", "list", "--limt", "3"], ""),
    ("a mistyped status", &["execution", "list", "--status", "eror"], ""),
    ("a mistyped integration", &["integration", "show", "lpatops"], ""),
    ("a mistyped integration to delete", &["integration", "delete", "lpatops", "--yes"], ""),
    ("a mistyped connector", &["integration", "create", "new", "--connector", "hots"], ""),
    ("a mistyped connector to look at", &["connector", "spec", "hots"], ""),
    ("a mistyped runner", &["runner", "show", "my-runnr"], ""),
    ("a mistyped data type", &["integration", "run", "laptops", "--data-type", "usre"], ""),
    ("a mistyped key of a configuration", &["integration", "create", "new", "--connector", "host", "--set", "rooot=/"], ""),
    ("a value of the wrong type", &["integration", "create", "new", "--connector", "host", "--set", "root=5"], ""),
    ("a setting without a value", &["integration", "create", "new", "--connector", "host", "--set", "root"], ""),
    ("a path that leads nowhere", &["integration", "update", "laptops", "--set", "root.a.b=1"], ""),
    ("a path with an empty step", &["integration", "update", "laptops", "--set", "root..a=1"], ""),
    ("a configuration that is no JSON", &["integration", "create", "new", "--connector", "host", "--config", "-"], "{\"root\": }"),
    ("a configuration that is no object", &["integration", "create", "new", "--connector", "host", "--config", "-"], "[1]"),
    ("a configuration of nothing", &["integration", "create", "new", "--connector", "host", "--config", "-"], ""),
    ("a configuration that nests 10,000 deep", &["integration", "create", "new", "--connector", "host", "--config", "-"], "<10,000 deep>"),
    ("a configuration with a key of 10 MiB", &["integration", "create", "new", "--connector", "host", "--config", "-"], "<10 MiB>"),
    ("a configuration in a file that is not there", &["integration", "create", "new", "--connector", "host", "--config", "none.json"], ""),
    ("a configuration in what is a folder", &["integration", "create", "new", "--connector", "host", "--config", "/"], ""),
    ("a name of 100 KiB", &["integration", "create", "<100 KiB>", "--connector", "host"], ""),
    ("a name of 100 KiB to look at", &["integration", "show", "<100 KiB>"], ""),
    ("a name with `/`", &["integration", "create", "a/b", "--connector", "host"], ""),
    ("a name with a control character", &["integration", "create", "a\u{7}b", "--connector", "host"], ""),
    ("a name with a right-to-left mark", &["integration", "create", "\u{202e}spotpal", "--connector", "host"], ""),
    ("a name that another integration has", &["integration", "create", "laptops", "--connector", "host"], ""),
    ("a pool that cannot be one", &["integration", "create", "new", "--connector", "host", "--pool", "Not A Pool"], ""),
    ("a pool that nobody serves", &["integration", "create", "new", "--connector", "host", "--pool", "defualt", "--dry-run"], ""),
    ("an interval of 59 s", &["integration", "create", "new", "--connector", "host", "--every", "user=59s"], ""),
    ("an interval of 0", &["integration", "create", "new", "--connector", "host", "--every", "user=0s"], ""),
    ("an interval of 10,000 years", &["integration", "create", "new", "--connector", "host", "--every", "user=10000y"], ""),
    ("an interval that is none", &["integration", "create", "new", "--connector", "host", "--every", "user=hourly"], ""),
    ("an execution that there is not", &["execution", "show", "ffffffff"], ""),
    ("an execution that is no name", &["execution", "show", "-"], ""),
    ("the records of what there is not", &["records", "ffffffff"], ""),
    ("a limit of 0", &["integration", "list", "--limit", "0"], ""),
    ("a limit of -1", &["integration", "list", "--limit", "-1"], ""),
    ("an organization that there is not", &["--organization", "nobody", "integration", "list"], ""),
    ("a context that there is not", &["--context", "hq", "integration", "list"], ""),
    ("an address that is none", &["--server", "ftp://127.0.0.1:7443", "integration", "list"], ""),
    ("an address at which nobody is", &["--server", "http://127.0.0.1:1", "integration", "list"], ""),
    ("a program that is not there", &["connector", "test", "./none.py"], ""),
    ("a program that is none", &["connector", "check", "./runner.toml"], ""),
];

fn meant(text: &str) -> String {
    let text = text.replace("<10,000 deep>", &("[".repeat(10_000) + &"]".repeat(10_000)));
    let text = text.replace("<10 MiB>", &format!("{{\"{}\": 1}}", "x".repeat(10 * 1024 * 1024)));
    text.replace("<100 KiB>", &"x".repeat(100 * 1024))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_command_line_is_told_what_is_wrong_and_changes_nothing() {
    let mut scene = Scene::with_programs(&[]).await;
    let before = scene.standing().await;
    let mut told = scene.told();
    for (row, arguments, input) in ROWS {
        let arguments: Vec<_> = arguments.iter().map(|argument| meant(argument)).collect();
        let (stdout, stderr, code) = scene.muster(&arguments, &meant(input));
        let code = code.expect("no signal has ended it");
        told.add(row, &format!("{stdout}{stderr}(ends with {code})"));
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(scene.standing().await, before, "`{row}` has changed something");
    }
    scene.nobody_has_panicked();
    told.is_as_reviewed("cli");
}
