use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use super::values::{duration_within, number_within};
use super::*;

/// What a clock is told.
#[derive(Debug, Clone, PartialEq, Args)]
struct Clock {
    /// How many times a second it ticks, 1 to 1000
    #[arg(long, env = "MUSTER_TICKS", value_name = "COUNT", default_value_t = 1, value_parser = number_within(1_u32..=1_000))]
    ticks: u32,
    /// What it is called.
    #[arg(long, env = "MUSTER_CLOCK_NAME", value_name = "NAME")]
    clock_name: Option<String>,
    /// How long it may be late.
    ///
    /// A second paragraph.
    #[arg(
        long,
        env = "MUSTER_LATE",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration_within(Duration::from_secs(1)..=Duration::from_secs(60))
    )]
    late: Duration,
    /// The zones that it shows.
    #[arg(
        long,
        env = "MUSTER_ZONES",
        value_name = "ZONE",
        value_delimiter = ',',
        default_value = "utc"
    )]
    zones: Vec<String>,
    /// Whether it strikes.
    #[arg(long, env = "MUSTER_STRIKES", value_name = "BOOLEAN", default_value_t = true, action = clap::ArgAction::Set)]
    strikes: bool,
    /// The certificate.
    #[arg(
        id = "tls.certificate",
        long = "tls-certificate",
        env = "MUSTER_TLS_CERTIFICATE",
        value_name = "FILE"
    )]
    certificate: Option<PathBuf>,
    /// The password of the certificate.
    #[arg(
        id = "tls.password",
        long = "tls-password",
        env = "MUSTER_TLS_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
}

/// What stands in `[alarm.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    at: String,
    #[serde(default)]
    loudness: Option<u8>,
    #[serde(default)]
    days: Vec<String>,
}

#[derive(Debug)]
struct Judged {
    clock: Clock,
    alarms: Vec<(String, Alarm)>,
}

impl Settings for Clock {
    type Config = Judged;

    fn tables() -> &'static [OpenTable] {
        &[OpenTable {
            key: "alarm",
            documentation: "An alarm.",
            example: "[alarm.NAME]\n# When it rings.\nat = \"07:00\"\n",
        }]
    }

    fn judge(self, found: &mut Found<'_>) -> Option<Judged> {
        if self.ticks > 100 && self.late > Duration::from_secs(30) {
            found.fault("late", "is too long for a clock that ticks so often");
        }
        let alarms = found.tables::<Alarm>("alarm");
        for alarm in alarms.iter().filter(|alarm| alarm.value.at == "never") {
            found.fault_in(alarm, Some("at"), "rings never");
        }
        let alarms = alarms.into_iter().map(|alarm| (alarm.name, alarm.value)).collect();
        Some(Judged { clock: self, alarms })
    }
}

/// A file, a command line and an environment.
struct Start {
    folder: TempDir,
    surroundings: Surroundings,
}

impl Start {
    fn with(file: Option<&[u8]>, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut surroundings = Surroundings {
            arguments: ["clock"].iter().chain(arguments).map(OsString::from).collect(),
            variables: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        };
        if let Some(file) = file {
            let path = folder.path().join("clock.toml");
            std::fs::write(&path, file).expect("written");
            surroundings.variables.push((FILE_VARIABLE.into(), path.into()));
        }
        Self { folder, surroundings }
    }

    fn judge(&self) -> Result<Configured<Judged>, String> {
        judge::<Clock>(Command::new("clock"), &self.surroundings).map_err(|stop| {
            let text = match stop {
                Stop::CommandLine(error) => error.to_string(),
                Stop::Printed(text) => text,
                Stop::Wrong(error, _) => error.to_string(),
            };
            text.replace(&format!("{}/", self.folder.path().display()), "")
        })
    }
}

fn of_file(file: &str) -> Result<Configured<Judged>, String> {
    Start::with(Some(file.as_bytes()), &[], &[]).judge()
}

/// The lines of the faults.
#[track_caller]
fn faults(file: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let told = Start::with(Some(file.as_bytes()), arguments, variables)
        .judge()
        .expect_err("faults");
    told.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_later_goes_before_the_earlier() {
    let file = Some(
        &b"ticks = 2\nzones = [\"cet\", \"jst\"]\nstrikes = false\nlate = \"2s\"\n[tls]\ncertificate = \"/c\"\n"[..],
    );
    let start = Start::with(
        file,
        &["--ticks", "4", "--strikes=true"],
        &[("MUSTER_TICKS", "3"), ("MUSTER_LATE", "3s")],
    );
    let clock = start.judge().expect("good").config.clock;
    let expected = Clock {
        ticks: 4,
        late: Duration::from_secs(3),
        zones: vec!["cet".to_owned(), "jst".to_owned()],
        certificate: Some("/c".into()),
        ..defaults()
    };
    assert_eq!(clock, expected);
}

#[test]
fn a_list_may_be_empty_in_the_file_and_is_split_elsewhere() {
    assert_eq!(
        of_file("zones = []").expect("good").config.clock.zones,
        Vec::<String>::new()
    );
    let clock = Start::with(None, &["--ticks=2", "--zones=a,b"], &[])
        .judge()
        .expect("good")
        .config
        .clock;
    assert_eq!(clock.zones, ["a", "b"]);
    let clock = Start::with(None, &[], &[("MUSTER_ZONES", "c,d")])
        .judge()
        .expect("good")
        .config
        .clock;
    assert_eq!(clock.zones, ["c", "d"]);
}

#[test]
fn all_faults_are_told_at_once_each_with_its_place() {
    let file = "\
ticks = 0
clock-name = \"hall\"
late = 5
zones = [\"utc\", 7, \"a,b\"]
strikes = \"yes\"
colour = \"red\"

[tls]
certifcate = \"/c\"
password = \"\"
ticks = 4

[alarm.morning]
at = 7
loudness = 400
day = []
strikes = true

[alarm.evening]
loudness = 3

[alarm.none]
at = \"never\"
";
    let told = faults(
        file,
        &["--late", "10000y", "--log", "deubg"],
        &[("MUSTER_TICKS", "2000"), ("MUSTER_CLOCK_NAME", "")],
    );
    assert_eq!(
        told,
        [
            "clock.toml:1:9: `ticks`: is `0`: must be a whole number from 1 to 1000",
            "clock.toml:2:1: `clock-name`: there is no such key: is `clock_name` meant?",
            "clock.toml:3:8: `late`: must be a text in quotes, and is a whole number",
            "clock.toml:4:17: `zones`: must be a text in quotes, and is a whole number",
            "clock.toml:5:11: `strikes`: must be `true` or `false`, without quotes, and is a text",
            "clock.toml:6:1: `colour`: there is no such key: `--print-default-config` shows all that there are",
            "clock.toml:9:1: `tls.certifcate`: there is no such key: is `certificate` meant?",
            "clock.toml:10:12: `tls.password`: is empty: give it a value, or leave it out",
            "clock.toml:11:1: `tls.ticks`: this stands in a table, and belongs to none: move it above the first `[…]` of the file",
            "clock.toml:14:6: `alarm.morning.at`: invalid type: integer `7`, expected a string",
            "clock.toml:15:12: `alarm.morning.loudness`: invalid value: integer `400`, expected a whole number in its bounds",
            "clock.toml:16:1: `alarm.morning.day`: there is no such key: is `days` meant?",
            "clock.toml:17:1: `alarm.morning.strikes`: this stands in a table, and belongs to none: move it above the first `[…]` of the file",
            "clock.toml:19:8: `alarm.evening`: missing field `at`",
            "clock.toml:23:6: `alarm.none.at`: rings never",
            "MUSTER_CLOCK_NAME: is empty: give it a value, or leave it out",
            "MUSTER_TICKS: is `2000`: must be a whole number from 1 to 1000",
            "--late: `10000y` is no duration: write it like `90s`, `2m 30s` or `1h`",
            "--log: `deubg` is no level: is `debug` meant?; write a level such as `info`, or `info,muster_runner=debug`",
        ]
    );
}

#[test]
fn another_program_learns_what_a_file_says_or_all_that_is_wrong_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clock.toml");
    std::fs::write(&path, "ticks = 7\nlog = \"debug\"\n[alarm.dawn]\nat = \"05:00\"\n").expect("written");
    let judged = super::of_file::<Clock>(&path).expect("it is good");
    assert_eq!((judged.clock.ticks, judged.alarms[0].0.as_str()), (7, "dawn"));
    assert_eq!(judged.clock.late, defaults::<Clock>().late);

    let file = "ticks = 0\ntick = 1\n[alarm.dawn]\nat = \"never\"\nday = []\n[alarm.dusk]\n";
    std::fs::write(&path, file).expect("written");
    let error = super::of_file::<Clock>(&path).expect_err("faults").to_string();
    let told: Vec<_> = error.lines().skip(1).map(|line| line.trim().to_owned()).collect();
    let told = told.join("\n").replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(told.lines().collect::<Vec<_>>(), faults(file, &[], &[]));
    assert_eq!(told.lines().count(), 5, "{told}");

    let error = super::of_file::<Clock>(&folder.path().join("none.toml")).expect_err("no file");
    assert!(error.to_string().contains("there is no file"), "{error}");
}

#[test]
fn what_is_no_toml_is_told_with_its_places_and_once() {
    let file = "strikes = maybe\nlate = \"1s\"\nticks = 08\nlate = \"2s\"\ncolour = 1\nclock_name = \"hall\n";
    let told = faults(file, &["--ticks=0"], &[]);
    assert_eq!(
        told,
        [
            "clock.toml:1:11: string values must be quoted, expected literal string",
            "clock.toml:3:9: unexpected leading zero",
            "clock.toml:4:1: duplicate key",
            "clock.toml:5:1: `colour`: there is no such key: `--print-default-config` shows all that there are",
            "clock.toml:6:19: invalid basic string, expected `\"`",
            "--ticks: is `0`: must be a whole number from 1 to 1000",
        ]
    );
}

#[test]
fn settings_that_do_not_fit_each_other_are_told_where_they_stand() {
    let told = faults("late = \"40s\"\n", &["--ticks", "200"], &[]);
    assert_eq!(
        told,
        ["clock.toml:1:8: `late`: is too long for a clock that ticks so often"]
    );
    // One that is wrong by itself is told once.
    let told = faults("late = \"90s\"\n", &["--ticks", "200"], &[]);
    assert_eq!(
        told,
        ["clock.toml:1:8: `late`: is `90s`: must be between 1 s and 1 min"]
    );
}

#[test]
fn tables_are_read_by_their_names() {
    let judged = of_file("[alarm.a]\nat = \"07:00\"\n[alarm.\"b c\"]\nat = \"08:00\"\ndays = [\"mon\"]\n")
        .expect("good")
        .config;
    let names: Vec<&str> = judged.alarms.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b c"]);
    for (file, told) in [
        (
            "alarm = 3",
            "clock.toml:1:9: `alarm`: must be tables such as `[alarm.NAME]`, and is a whole number",
        ),
        (
            "[alarm]\nat = \"07:00\"",
            "clock.toml:2:6: `alarm.at`: must be a table: write what belongs to it below `[alarm.NAME]`, with a name of your choice; it is a text",
        ),
        (
            "tls = true",
            "clock.toml:1:7: `tls`: must be a table `[tls]`, and is `true` or `false`",
        ),
        (
            "[[alarm]]\nat = \"07:00\"",
            "clock.toml:1:1: `alarm`: must be tables such as `[alarm.NAME]`, and is a list",
        ),
    ] {
        assert_eq!(faults(file, &[], &[]), [told]);
    }
}

#[test]
fn a_file_that_is_none_is_a_fault_of_whoever_named_it() {
    for (arguments, variable, told) in [
        (
            &["--config", "/nowhere/c.toml"][..],
            None,
            "--config: there is no file `/nowhere/c.toml`: check the path",
        ),
        (
            &["--ticks=0"],
            Some("/dev/zero"),
            "MUSTER_CONFIG: `/dev/zero` has more than 1048576 bytes, so it is no configuration file: check the path",
        ),
        (
            &["--config=/"],
            Some("/ignored"),
            "--config: `/` is a folder: name the file in it",
        ),
    ] {
        let variables: Vec<(&str, &str)> = variable.map(|path| (FILE_VARIABLE, path)).into_iter().collect();
        let all = Start::with(None, arguments, &variables).judge().expect_err("no file");
        assert!(all.contains(told), "{all}");
        assert_eq!(all.contains("--ticks: is `0`"), variable == Some("/dev/zero"), "{all}");
    }
    let told = Start::with(Some(b"ticks = 4\n# caf\xe9\n"), &[], &[])
        .judge()
        .expect_err("no text");
    assert!(told.contains("clock.toml:2:6: this is not UTF-8 text"), "{told}");
}

#[test]
fn a_variable_that_is_no_setting_is_a_warning_and_names_the_nearest() {
    let variables = [
        ("MUSTER_TICK", "4"),
        ("MUSTER_SERVICE_HOST", "10.0.0.1"),
        ("HOME", "/root"),
        ("MUSTER_LATE", "2s"),
    ];
    let warnings = Start::with(None, &[], &variables).judge().expect("good").warnings;
    assert_eq!(
        warnings,
        [
            "the variable `MUSTER_TICK` is no setting of clock and is ignored: is `MUSTER_TICKS` meant?",
            "the variable `MUSTER_SERVICE_HOST` is no setting of clock and is ignored",
        ]
    );
}

#[test]
fn the_check_tells_each_value_and_its_source() {
    let file = Some(&b"ticks = 2\nzones = [\"cet\"]\n[tls]\npassword = \"hush\"\n[alarm.a]\nat = \"1\"\n"[..]);
    let start = Start::with(
        file,
        &["--check-config", "--strikes=false"],
        &[("MUSTER_LATE", "3s"), ("MUSTER_LAT", "3s")],
    );
    let told = start.judge().expect_err("printed");
    assert_eq!(
        told,
        "\
ticks = 2                     # clock.toml:1:9
#clock_name                   # default
late = \"3s\"                   # MUSTER_LATE
zones = [\"cet\"]               # clock.toml:2:9
strikes = false               # --strikes
#tls.certificate              # default
tls.password = \"(not shown)\"  # clock.toml:4:12
log = \"info\"                  # default
log_format = \"auto\"           # default
[alarm.a]                     # clock.toml:5:8
# note: the variable `MUSTER_LAT` is no setting of clock and is ignored: is `MUSTER_LATE` meant?
# the configuration is good
"
    );
}

#[test]
fn the_default_file_changes_nothing_with_and_without_its_comments() {
    let printed = Start::with(None, &["--print-default-config"], &[])
        .judge()
        .expect_err("printed");
    assert!(
        printed.contains(
            "\n# How long it may be late.\n#\n# A second paragraph.\n# MUSTER_LATE, --late\n#late = \"10s\"\n"
        ),
        "{printed}"
    );
    assert!(
        printed.contains(
            "\n[tls]\n\n# The certificate.\n# MUSTER_TLS_CERTIFICATE, --tls-certificate\n#certificate = \"FILE\"\n"
        ),
        "{printed}"
    );
    let clock = of_file(&printed).expect("good").config.clock;
    assert_eq!(clock, defaults());
    let uncommented = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| !rest.starts_with(' '))
            .unwrap_or(line)
            .to_owned()
    };
    let bare: Vec<String> = printed.lines().map(uncommented).collect();
    let judged = of_file(&bare.join("\n")).expect("good").config;
    let expected = Clock {
        clock_name: Some("NAME".to_owned()),
        certificate: Some("FILE".into()),
        password: Some("tls.password".to_owned()),
        ..defaults()
    };
    assert_eq!(judged.clock, expected);
    assert_eq!(judged.alarms.len(), 1);
}

#[test]
fn the_command_line_has_the_last_word_about_itself() {
    let error = Start::with(None, &["--tick", "4"], &[])
        .judge()
        .expect_err("no such flag");
    assert!(error.contains("--ticks"), "{error}");
    let help = Start::with(None, &["--help"], &[("MUSTER_TICKS", "0")])
        .judge()
        .expect_err("help");
    assert!(
        help.contains("[env: MUSTER_TICKS=") && help.contains("[default: 10s]"),
        "{help}"
    );
}
