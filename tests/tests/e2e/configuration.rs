//! How the binaries are configured: what counts, what is refused with which words, what the documentation says, and what the log names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use muster_proto::v1::ExecutionStatus;
use muster_tests::{Binary, LIMIT, Wanted, World, eventually, id_of, passwd_of};
use serde_json::Value;
use tempfile::TempDir;

/// Set to write what the binaries say now into the documentation, instead of comparing.
const BLESS_VARIABLE: &str = "MUSTER_BLESS";

const BINARIES: [Binary; 2] = [Binary::Coordinator, Binary::Runner];

/// A folder with a configuration file in it.
struct Folder(TempDir);

impl Folder {
    fn with(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("muster.toml"), text).expect("written");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a binary with the file, in the folder, and waits until it has ended.
    fn run(&self, binary: Binary, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = binary.command();
        command.args(["--config", "muster.toml"]).args(arguments);
        command.envs(variables.iter().copied());
        Ended::of(command.current_dir(self.0.path()))
    }

    /// The names of what is in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("listed");
        let name =
            |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("text");
        entries.map(name).collect()
    }
}

/// How a process has ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(command: &mut Command) -> Self {
        // A home is needed for the runner's default folder; nothing is made in it.
        let ended = command.env("HOME", "/nowhere").output().expect("it can be started");
        let Output { status, stdout, stderr } = ended;
        Self {
            code: status.code(),
            stdout: String::from_utf8(stdout).expect("text"),
            stderr: String::from_utf8(stderr).expect("text"),
        }
    }
}

fn printed(binary: Binary, flag: &str) -> String {
    let ended = Ended::of(binary.command().arg(flag));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

#[test]
fn the_later_goes_before_the_earlier_and_the_check_says_which_it_was() {
    let folder = Folder::with("lease = \"30s\"\nretention_days = 7\nstop_within = \"20s\"\n");
    let variables = [
        ("MUSTER_RETENTION_DAYS", "8"),
        ("MUSTER_STOP_WITHIN", "30s"),
        ("MUSTER_LEESE", "1s"),
    ];
    let ended = folder.run(
        Binary::Coordinator,
        &["--check-config", "--stop-within", "40s"],
        &variables,
    );
    let expected = "\
listen = \"127.0.0.1:7443\"       # default
http_listen = \"127.0.0.1:7480\"  # default
insecure = false                # default
#bootstrap_token_file           # default
#public_names                   # default
#tls_certificate                # default
#tls_key                        # default
#ca_key_encryption              # default
certificate_life = \"24h\"        # default
renewal_grace = \"336h\"          # default
data = \"muster-data\"            # default
#landing                        # default
lease = \"30s\"                   # muster.toml:1:9
retention_days = 8              # MUSTER_RETENTION_DAYS
history_mib = 16384             # default
trust_clock = false             # default
low_water_mib = 512             # default
#smtp                           # default
smtp_tls = \"starttls\"           # default
#smtp_ca                        # default
#smtp_user                      # default
#smtp_password_file             # default
#mail_from                      # default
#public_url                     # default
#operators                      # default
operators_reminder = \"24h\"      # default
pool_offline_after = \"5m\"       # default
runner_outdated_after = \"24h\"   # default
#runner_version_min             # default
stop_within = \"40s\"             # --stop-within
log = \"info\"                    # default
log_format = \"auto\"             # default
# note: the variable `MUSTER_LEESE` is no setting of muster-coordinator and is ignored: is `MUSTER_LEASE` meant?
# the configuration is good
";
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), expected, "")
    );
    assert_eq!(folder.names(), ["muster.toml"], "the check has made something");
}

#[test]
fn all_that_is_wrong_with_a_coordinator_is_told_at_once_before_anything_is_made() {
    let folder = Folder::with(
        "\
listen = \"0.0.0.0\"
data-folder = \"data\"
lease = 60
retention_days = 0
history_mib = 99999999999999999999
landing = [\"a\"]

[tls]
certificate = \"/etc/muster/tls.pem\"
",
    );
    for check in [&["--check-config"][..], &[]] {
        let arguments = [check, &["--log-format=jsn"]].concat();
        let ended = folder.run(
            Binary::Coordinator,
            &arguments,
            &[("MUSTER_STOP_WITHIN", "10000y"), ("MUSTER_LOG", "verbose")],
        );
        let expected = "\
error: the configuration is wrong, and nothing was started:
  muster.toml:1:10: `listen`: `0.0.0.0` is no address with a port: write it like `127.0.0.1:7443` or `[::1]:7443`
  muster.toml:2:1: `data-folder`: there is no such key: `--print-default-config` shows all that there are
  muster.toml:3:9: `lease`: must be a text in quotes, and is a whole number
  muster.toml:4:18: `retention_days`: is `0`: must be a whole number from 1 to 65535
  muster.toml:5:15: `history_mib`: is a number that is far too large
  muster.toml:6:11: `landing`: must be a text in quotes, and is a list
  muster.toml:8:2: `tls`: there is no such key: `--print-default-config` shows all that there are
  MUSTER_LOG: `verbose` is no level; write a level such as `info`, or `info,muster_runner=debug`
  MUSTER_STOP_WITHIN: `10000y` is no duration: write it like `90s`, `2m 30s` or `1h`
  --log-format: is `jsn`: must be one of `auto`, `text`, `json`; is `json` meant?
`muster-coordinator --print-default-config` shows every setting and what it may be; `--check-config` judges without starting
";
        assert_eq!(
            (ended.code, ended.stderr.as_str(), ended.stdout.as_str()),
            (Some(78), expected, "")
        );
    }
    assert_eq!(folder.names(), ["muster.toml"], "it has made something");
}

#[test]
fn all_that_is_wrong_with_a_runner_is_told_at_once_programs_included() {
    let folder = Folder::with(
        "\
coordinator = \"127.0.0.1:7443\"
pool = \"hosted\"
organization = \"acme\"
display_name = \"\\u202Eevil\"
connectors = [\"hosts\", \"host\"]

[exec.host]
program = \"/bin/sh\"

[exec.crm]
program = \"crm.py\"
args = [\"-x\"]
memory_mib_max = \"1 GiB\"
slots = 4

[exec.\"No Name\"]
arguments = []
",
    );
    let ended = folder.run(Binary::Runner, &["--slots=0"], &[("MUSTER_TIME_LIMIT", "")]);
    let expected = "\
error: the configuration is wrong, and nothing was started:
  muster.toml:1:15: `coordinator`: is `127.0.0.1:7443`: write it as `https://host:port`, with the port of the coordinator's gRPC listener (7443 unless changed)
  muster.toml:3:16: `organization`: is `acme`, but the pool `hosted` belongs to no organization: leave it out, or name another pool
  muster.toml:4:16: `display_name`: the name has the character '\\u{202e}' at position 1: control characters, marks that change the direction of text, `/`, and blanks at either end are not allowed
  muster.toml:5:14: `connectors`: there is no connector `hosts`: is `host` meant? there are `host`
  muster.toml:7:7: `exec.host`: a built-in connector has this name: choose another
  muster.toml:11:11: `exec.crm.program`: is `crm.py`: write an absolute path, which begins with `/`
  muster.toml:12:1: `exec.crm.args`: there is no such key: is `arguments` meant?
  muster.toml:13:18: `exec.crm.memory_mib_max`: invalid type: string \"1 GiB\", expected a whole number in its bounds
  muster.toml:14:1: `exec.crm.slots`: this stands in a table, and belongs to none: move it above the first `[…]` of the file
  muster.toml:16:7: `exec.\"No Name\"`: missing field `program`
  MUSTER_TIME_LIMIT: is empty: give it a value, or leave it out
  --slots: is `0`: must be a whole number from 1 to 1000
`muster-runner --print-default-config` shows every setting and what it may be; `--check-config` judges without starting
";
    assert_eq!(
        (ended.code, ended.stderr.as_str(), ended.stdout.as_str()),
        (Some(78), expected, "")
    );
    assert_eq!(folder.names(), ["muster.toml"], "it has made something");
}

#[test]
fn all_that_is_wrong_with_what_connectors_may_do_is_told_at_once() {
    let folder = Folder::with(
        "\
deny = [\"10.0.0.0/8\", \"10.0.0.0/33\"]

[connector.host]
allow = [\"dc1.corp.example:636\", \"*corp.example\", \"10.0.0.1/8\"]
records_max = 0
bytes_max = -1

[connector.hst]

[exec.crm]
program = \"/bin/sh\"
confine = \"maybe\"
read_paths = [\"lib\"]

[connector.crm]
allow = [\"host:1-65535\"]

[secret_command.vault]
program = \"vault\"
within = \"0s\"

[secret_command.\"a b\"]
program = \"/bin/sh\"
",
    );
    let ended = folder.run(Binary::Runner, &[], &[("MUSTER_DENY", "one, two")]);
    let expected = "\
error: the configuration is wrong, and nothing was started:
  muster.toml:1:23: `deny`: `10.0.0.0/33` has a `/`, and is no network such as `10.0.0.0/8`: write it as `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:443` or `*:8000-8100`
  muster.toml:4:9: `connector.host.allow`: `*corp.example` has a `*` that is not its beginning, with a dot after it: write it as `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:443` or `*:8000-8100`
  muster.toml:4:9: `connector.host.allow`: `10.0.0.1/8` is an address within a network: write where the network begins, or the address alone: write it as `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:443` or `*:8000-8100`
  muster.toml:5:15: `connector.host.records_max`: is 0: a connector that may collect nothing is left out of `connectors`
  muster.toml:6:13: `connector.host.bytes_max`: invalid value: integer `-1`, expected a whole number in its bounds
  muster.toml:8:12: `connector.hst`: this runner has no connector of this name: is `host` meant?
  muster.toml:12:11: `exec.crm.confine`: unknown variant `maybe`, expected one of `available`, `required`, `none`
  muster.toml:13:14: `exec.crm.read_paths`: is `lib`: write an absolute path, which begins with `/`
  muster.toml:16:9: `connector.crm.allow`: `host:1-65535` has no port from 1 to 65535, or first and last of at most 1000: write it as `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:443` or `*:8000-8100`
  muster.toml:19:11: `secret_command.vault.program`: is `vault`: write an absolute path, which begins with `/`
  muster.toml:20:10: `secret_command.vault.within`: is 0s: must be more than 0 s and at most 1 h
  muster.toml:22:17: `secret_command.\"a b\"`: a name of a command has letters, digits, `-` and `_` alone
  MUSTER_DENY: ` two` has no name, address or network: write it as `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:443` or `*:8000-8100`
`muster-runner --print-default-config` shows every setting and what it may be; `--check-config` judges without starting
";
    assert_eq!(
        (ended.code, ended.stderr.as_str(), ended.stdout.as_str()),
        (Some(78), expected, "")
    );
    assert_eq!(folder.names(), ["muster.toml"], "it has made something");
}

#[test]
fn a_file_that_cannot_be_one_is_told_as_what_it_is() {
    let folder = Folder::with("slots = 4\nslots = 5\nslots 6\n");
    fs::write(folder.path("latin1.toml"), b"slots = 4\n# caf\xe9\n").expect("written");
    fs::write(folder.path("huge.toml"), "# x\n".repeat(300_000)).expect("written");
    for (path, expected) in [
        (
            "muster.toml",
            "\n  muster.toml:2:1: duplicate key\n  muster.toml:3:7: key with no value, expected `=`\n",
        ),
        (
            "latin1.toml",
            "\n  latin1.toml:2:6: this is not UTF-8 text: save the file as UTF-8\n",
        ),
        (
            "huge.toml",
            "\n  --config: `huge.toml` has more than 1048576 bytes, so it is no configuration file: check the path\n",
        ),
        (
            "/dev/zero",
            "\n  --config: `/dev/zero` has more than 1048576 bytes, so it is no configuration file: check the path\n",
        ),
        (".", "\n  --config: `.` is a folder: name the file in it\n"),
        (
            "none.toml",
            "\n  --config: there is no file `none.toml`: check the path\n",
        ),
    ] {
        for binary in BINARIES {
            let mut command = binary.command();
            command.args(["--config", path]).current_dir(folder.0.path());
            let ended = Ended::of(&mut command);
            assert_eq!(ended.code, Some(78), "{path}");
            assert!(ended.stderr.contains(expected), "{path}: {}", ended.stderr);
        }
    }
}

#[test]
fn the_default_file_changes_nothing_as_it_is_and_with_its_defaults_switched_on() {
    for binary in BINARIES {
        let printed = printed(binary, "--print-default-config");
        let bare = Ended::of(binary.command().arg("--check-config")).stdout;
        let as_it_is = Folder::with(&printed).run(binary, &["--check-config"], &[]);
        assert_eq!(as_it_is.stdout, bare, "{}", as_it_is.stderr);

        let switched_on = Folder::with(switched_on(&printed)).run(binary, &["--check-config"], &[]);
        assert_eq!(switched_on.code, Some(0), "{}", switched_on.stderr);
        let values = |text: &str| {
            text.lines()
                .map(|line| line.split("  #").next().unwrap_or_default().trim().to_owned())
                .collect::<Vec<_>>()
        };
        let (changed, unchanged) = (values(&switched_on.stdout), values(&bare));
        assert!(
            changed
                .iter()
                .filter(|line| !line.starts_with('['))
                .eq(unchanged.iter()),
            "{changed:?}"
        );
        assert!(switched_on.stdout.contains("# muster.toml:"), "{}", switched_on.stdout);
    }
}

/// The default file with all that is a default switched on; what has none stays a comment.
fn switched_on(printed: &str) -> String {
    let line = |line: &str| {
        let setting = line
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with([' ', '#']) && !rest.is_empty());
        // A setting without a default has what it is, in capitals.
        let value = setting.and_then(|setting| Some(setting.split_once(" = ")?.1.trim_matches(['[', ']', '"'])));
        let is_placeholder = value.is_some_and(|value| value.chars().all(|c| c.is_ascii_uppercase() || c == ':'));
        let line = setting.filter(|_| !is_placeholder).unwrap_or(line);
        // No connector may be called this.
        format!(
            "{}\n",
            line.replace("[exec.NAME]", "[exec.crm]")
                .replace("[connector.NAME]", "[connector.crm]")
        )
    };
    printed.lines().map(line).collect()
}

fn is_refused(file: &str, fault: &str) {
    let ended = Folder::with(file).run(Binary::Coordinator, &["--check-config"], &[]);
    assert_eq!(ended.code, Some(78), "{file}: {}", ended.stdout);
    assert!(ended.stderr.contains(fault), "{file}: {}", ended.stderr);
}

#[test]
fn operators_and_patience_that_cannot_be_are_told() {
    let many: Vec<String> = (0..21).map(|number| format!("\"a{number}@example.com\"")).collect();
    for (file, fault) in [
        (
            "operators = [\"oncall@example.com\", \"oncall\"]",
            "`oncall` is not the address of a mailbox",
        ),
        (
            "operators = [\"a@example.com\", \"a@example.com\"]",
            "`operators`: the recipient a@example.com is named twice",
        ),
        (
            &format!("operators = [{}]", many.join(", ")),
            "`operators`: there are 21 recipients: at most 20 are told",
        ),
        ("operators_reminder = \"30s\"", "must be between 1 min and 720 h"),
        ("pool_offline_after = \"0s\"", "must be between 1 s and 24 h"),
        ("runner_outdated_after = \"721h\"", "must be between 1 s and 720 h"),
    ] {
        is_refused(file, fault);
    }
    let good = "operators = [\"oncall@example.com\"]\noperators_reminder = \"0s\"\n";
    let ended = Folder::with(good).run(Binary::Coordinator, &["--check-config"], &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_mail_server_that_cannot_be_used_is_told_with_what_to_set() {
    let server = "smtp = \"mail.example.com:587\"\nmail_from = \"muster@example.com\"\n";
    let with = |more: &str| format!("{server}{more}");
    for (file, fault) in [
        (
            "smtp = \"mail.example.com:587\"".to_owned(),
            "muster.toml:1:8: `smtp`: sends mails, and nobody says from whom: set `mail_from`, too",
        ),
        (
            "smtp_user = \"muster\"".to_owned(),
            "`smtp_user`: is for a mail server, and none is set",
        ),
        (
            with("smtp_user = \"muster\""),
            "`smtp_user`: has no password: set `smtp_password_file`",
        ),
        (
            with("smtp_password_file = \"/x\""),
            "is nobody's password: set `smtp_user`",
        ),
        (with("smtp_tls = \"none\""), "`mail.example.com` is another machine"),
        (
            with("smtp_tls = \"unprotected\"\nsmtp_ca = \"/x\""),
            "`smtp_ca`: is for TLS, and `smtp_tls` says that there is none",
        ),
        (with("smtp_tls = \"ssl\""), "`smtp_tls`: "),
        (
            with("public_url = \"muster.example.com\""),
            "write it like `https://muster.example.com`",
        ),
        (
            "mail_from = \"Muster\"".to_owned(),
            "write it like `muster@example.com`",
        ),
    ] {
        is_refused(&file, fault);
    }
    // What is in files is seen at the start, before anything is made.
    let folder = Folder::with(with("smtp_user = \"muster\"\nsmtp_password_file = \"password\""));
    for (password, fault) in [
        (
            None,
            "cannot read password, the file of `smtp_password_file`: No such file",
        ),
        (Some("\n"), "holds no password"),
    ] {
        if let Some(password) = password {
            fs::write(folder.path("password"), password).expect("written");
        }
        let ended = folder.run(Binary::Coordinator, &["--listen", "127.0.0.1:0", "--insecure"], &[]);
        assert_eq!(ended.code, Some(78), "{}{}", ended.stdout, ended.stderr);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(fault), "{said}");
        assert!(
            !folder.names().contains(&"muster-data".to_owned()),
            "{:?}",
            folder.names()
        );
    }
}

#[test]
fn the_documentation_is_what_the_binaries_print() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"));
    let written = fs::read_to_string(file).expect("docs/configuration.md is there");
    let mut current = written.clone();
    for binary in BINARIES {
        let begin = format!("<!-- begin: {} --print-default-config -->\n", binary.name());
        let end = format!("<!-- end: {} -->\n", binary.name());
        let (before, rest) = current.split_once(&begin).expect("the place of what is printed");
        let (_, after) = rest.split_once(&end).expect("its end");
        let printed = printed(binary, "--print-default-config");
        current = format!("{before}{begin}```toml\n{printed}```\n{end}{after}");
    }
    if std::env::var_os(BLESS_VARIABLE).is_some() {
        fs::write(file, current).expect("written");
    } else {
        assert_eq!(
            written, current,
            "docs/configuration.md is behind: run this test with {BLESS_VARIABLE}=1"
        );
    }
}

/// What a program says of itself.
const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"T","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]}]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_the_file_is_offered_and_one_that_is_broken_costs_only_itself() {
    let world = World::start().await;
    let program = format!("echo '{SPECIFICATION}'");
    let file = world.folder().join("runner.toml");
    let text = format!(
        "connectors = []\n[exec.broken]\nprogram = \"/bin/false\"\n[exec.crm]\nprogram = \"/bin/sh\"\narguments = [\"-c\", {program:?}]\n"
    );
    fs::write(&file, text).expect("written");
    let mut runner = world.runner("exec", &["--config", file.to_str().expect("text")]);
    let refused = runner
        .process()
        .until_logged(
            "a connector is not offered: mend its program, then restart the runner",
            LIMIT,
        )
        .await;
    assert_eq!(refused["connector"], "broken", "{refused}");
    let online = world.client().until_online("exec").await;
    assert_eq!(online.connectors.len(), 1, "{online:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_an_execution_names_it() {
    let world = World::start().await;
    let client = world.client();
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let mut runner = world.runner("logging", &["--log", "warn,muster_runner=debug"]);
    client.until_online("logging").await;
    let whole = client
        .create_soon(&Wanted::new("whole", "host").data_type("user"))
        .await;
    // It may have ended before anybody looks.
    let whole = eventually("an execution", LIMIT, async || {
        let all = client.all_executions().await.map_err(|status| status.to_string())?;
        let found = all.into_iter().find(|one| one.name.starts_with(&whole.name));
        found.map(|found| found.name).ok_or_else(|| "none".to_owned())
    })
    .await;
    client.until_status(&whole, ExecutionStatus::Completed).await;
    let wanted = Wanted::new("canceled", "host").data_type("user");
    let canceled = client
        .create_soon(&wanted.with("root", source.to_str().expect("text")))
        .await;
    let canceled = client.open_execution(&canceled.name).await;
    client.until_status(&canceled, ExecutionStatus::Executing).await;
    client.cancel(&canceled).await.expect("canceled");
    runner.process().until_logged("work is given up", LIMIT).await;

    let log = runner.process().log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON when it is piped"))
        .collect();
    for (execution, messages) in [
        (&whole, ["starting", "completed"]),
        (&canceled, ["starting", "work is given up"]),
    ] {
        let about: Vec<&Value> = lines
            .iter()
            .filter(|line| line.to_string().contains(id_of(execution)))
            .collect();
        for line in &about {
            assert_eq!(line["execution"], execution.as_str(), "{line}");
            assert_eq!(line["attempt"], "1", "{line}");
        }
        for message in messages {
            assert!(
                about.iter().any(|line| line["message"] == message),
                "`{message}` is not in {about:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_names_an_execution_whose_leftovers_stay() {
    let mut world = World::start().await;
    let client = world.client();
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let _runner = world.runner("leaving", &[]);
    client.until_online("leaving").await;
    let wanted = Wanted::new("canceled", "host").data_type("user");
    let created = client
        .create_soon(&wanted.with("root", source.to_str().expect("text")))
        .await;
    let execution = client.open_execution(&created.name).await;
    client.until_status(&execution, ExecutionStatus::Executing).await;
    // What is staged lies in a folder that is called after the end of the id; a file in its place cannot be listed.
    let (_, last) = execution.split_at(execution.len() - 2);
    let shelf = world.coordinator.landing().join(".staging").join(last);
    if shelf.exists() {
        fs::remove_dir_all(&shelf).expect("removed");
    }
    fs::create_dir_all(shelf.parent().expect("it has one")).expect("made");
    fs::write(&shelf, "").expect("written");
    // It may have failed by now, since nothing can be staged any more: that leaves the same behind.
    let _ = client.cancel(&execution).await;
    let message = "what was staged stays until the next sweep";
    let line = world.coordinator.process().until_logged(message, LIMIT).await;
    assert_eq!(line["execution"], execution.as_str(), "{line}");
}
