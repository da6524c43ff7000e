//! Which program a connector is: what stands in `[exec.NAME]` of a runner's configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_connector::CHUNK_BYTES_MAX;
use muster_connector::secret::SecretCommand;
use muster_core::words::LogLine;
use serde::Deserialize;

use super::confine::{Cage, Confine};

/// The most arguments, and the most bytes of one: what a person writes, far below what the kernel takes.
pub const ARGUMENTS_MAX: usize = 256;
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The most variables of the environment, of either kind.
pub const VARIABLES_MAX: usize = 256;

/// The most paths of either kind.
const PATHS_MAX: usize = 256;

/// The most bytes of a line that a program prints: the largest record, with its message around it.
pub const LINE_BYTES_MAX: usize = CHUNK_BYTES_MAX + 1024;

/// The shortest bound of a line: a message with an error in it must fit.
const LINE_BYTES_LEAST: usize = 4 * 1024;

/// The most log lines of one run: of more, a log keeps none.
pub const LOG_LINES_MAX: usize = LogLine::LINES_MAX;

/// How much memory a program has when nobody says: the interpreters of today start in a tenth of it.
pub const MEMORY_MIB_DEFAULT: u64 = 1024;

/// The least memory: with less, hardly any program starts.
const MEMORY_MIB_LEAST: u64 = 16;

/// The most memory: a slip, if it is more.
const MEMORY_MIB_MAX: u64 = 1024 * 1024;

/// How many processes and threads there may be more while a program runs, when nobody says: the runtimes of Java and Go have dozens of threads.
const PROCESSES_MAX_DEFAULT: u64 = 512;

/// The most of them: as many as most kernels have at all.
const PROCESSES_MAX_MOST: u64 = 32 * 1024;

/// How long a program may take to say what it is when nobody says otherwise: it asks nobody else for that.
const SPEC_WITHIN_DEFAULT: Duration = Duration::from_secs(10);

/// How long a check may take when nobody says otherwise.
const CHECK_WITHIN_DEFAULT: Duration = Duration::from_secs(60);

/// The longest of these times.
pub const WITHIN_MAX: Duration = Duration::from_secs(60 * 60);

/// A program that is a connector: one `[exec.NAME]` of a runner's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The program's file: an absolute path. No shell and no search path is involved.
    pub program: PathBuf,
    /// What it is given before the name of the command (`spec`, `check`, `collect`), such as the script that an interpreter runs
    /// [default: nothing]
    #[serde(default)]
    pub arguments: Vec<String>,
    /// The variables of its environment, each with its value; never a secret: what an integration is configured with comes on standard input
    /// [default: none]
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The names of variables that it gets as the runner itself has them; one that the runner lacks is left out. It gets no others
    /// [default: none]
    #[serde(default)]
    pub pass_environment: Vec<String>,
    /// The folder that it starts in: an absolute path [default: a folder of this run alone, which is empty]
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// How much memory of its own each process of it may have, in MiB, 16 to 1048576 [default: 1024]
    #[serde(default)]
    pub memory_mib_max: Option<u64>,
    /// How many processes and threads the runner's user may have more than when it begins, so that it cannot fork without end, 1 to 32768; root is
    /// not bound [default: 512]
    #[serde(default)]
    pub processes_max: Option<u64>,
    /// The most bytes of a line that it prints, 4096 to 1049600; a longer one ends the collection [default: 1049600]
    #[serde(default)]
    pub line_bytes_max: Option<usize>,
    /// The most log lines of one run, 0 to 1000; what it prints beyond that is only counted [default: 1000]
    #[serde(default)]
    pub log_lines_max: Option<usize>,
    /// How long it may take to say what it is, when the runner starts, such as `10s` [default: 10s]
    #[serde(default)]
    pub spec_within: Option<String>,
    /// How long it may take to check a configuration, such as `1m` [default: 1m]
    #[serde(default)]
    pub check_within: Option<String>,
    /// Whether it is confined: `available` for as far as the kernel can, `required` for not being run unless it can, `none` [default: available]
    #[serde(default)]
    pub confine: Confine,
    /// What it may read and run besides the system's own files, itself and what its arguments name: absolute paths [default: nothing]
    #[serde(default)]
    pub read_paths: Vec<PathBuf>,
    /// Where it may write besides the folder of its run: absolute paths [default: nowhere]
    #[serde(default)]
    pub write_paths: Vec<PathBuf>,
}

/// One thing that is wrong with a [`Program`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Which field, by its name in the file: `program`.
    pub field: &'static str,
    /// What is wrong with it, and what would be right; begins with a small letter.
    pub problem: String,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.problem)
    }
}

/// A [`Program`] that was judged, with its defaults filled in: what is launched, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    /// `None`: a folder of the run alone.
    pub(super) folder: Option<PathBuf>,
    /// Where the folders of its runs are made.
    pub(super) runs: PathBuf,
    pub(super) cage: Cage,
    pub(super) memory_bytes_max: u64,
    pub(super) processes_max: u64,
    pub(super) line_bytes_max: usize,
    pub(super) log_lines_max: usize,
    pub(super) spec_within: Duration,
    pub(super) check_within: Duration,
}

impl Program {
    /// The program at `path`, with no arguments and all defaults.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            program: path.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            pass_environment: Vec::new(),
            folder: None,
            memory_mib_max: None,
            processes_max: None,
            line_bytes_max: None,
            log_lines_max: None,
            spec_within: None,
            check_within: None,
            confine: Confine::default(),
            read_paths: Vec::new(),
            write_paths: Vec::new(),
        }
    }

    /// Judges all fields, and looks whether the file can be run; starts nothing.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the fields; never empty.
    pub fn judge(&self) -> Result<Launch, Vec<FieldFault>> {
        let mut faults = Vec::new();
        if let Err(problem) = executable(&self.program) {
            fault(&mut faults, "program", problem);
        }
        self.judge_arguments(&mut faults);
        self.judge_environment(&mut faults);
        if let Some(folder) = &self.folder {
            if !folder.is_absolute() {
                fault(&mut faults, "folder", absolute(folder));
            } else if !folder.is_dir() {
                fault(
                    &mut faults,
                    "folder",
                    format!("is `{}`, and there is no such folder", folder.display()),
                );
            }
        }
        let memory_mib_max = self.memory_mib_max.unwrap_or(MEMORY_MIB_DEFAULT);
        let bounds = MEMORY_MIB_LEAST..=MEMORY_MIB_MAX;
        if !bounds.contains(&memory_mib_max) {
            fault(
                &mut faults,
                "memory_mib_max",
                between(memory_mib_max, MEMORY_MIB_LEAST, MEMORY_MIB_MAX),
            );
        }
        let processes_max = self.processes_max.unwrap_or(PROCESSES_MAX_DEFAULT);
        if !(1..=PROCESSES_MAX_MOST).contains(&processes_max) {
            fault(
                &mut faults,
                "processes_max",
                between(processes_max, 1, PROCESSES_MAX_MOST),
            );
        }
        let line_bytes_max = self.line_bytes_max.unwrap_or(LINE_BYTES_MAX);
        if !(LINE_BYTES_LEAST..=LINE_BYTES_MAX).contains(&line_bytes_max) {
            fault(
                &mut faults,
                "line_bytes_max",
                between(line_bytes_max, LINE_BYTES_LEAST, LINE_BYTES_MAX),
            );
        }
        let log_lines_max = self.log_lines_max.unwrap_or(LOG_LINES_MAX);
        if log_lines_max > LOG_LINES_MAX {
            fault(&mut faults, "log_lines_max", between(log_lines_max, 0, LOG_LINES_MAX));
        }
        let spec_within = within(
            &mut faults,
            "spec_within",
            self.spec_within.as_deref(),
            SPEC_WITHIN_DEFAULT,
        );
        let check_within = within(
            &mut faults,
            "check_within",
            self.check_within.as_deref(),
            CHECK_WITHIN_DEFAULT,
        );
        paths(&mut faults, "read_paths", &self.read_paths);
        paths(&mut faults, "write_paths", &self.write_paths);
        if !faults.is_empty() {
            return Err(faults);
        }
        let environment = self.whole_environment();
        Ok(Launch {
            cage: Cage::new(self, &environment),
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            environment,
            folder: self.folder.clone(),
            runs: std::env::temp_dir(),
            memory_bytes_max: memory_mib_max * 1024 * 1024,
            processes_max,
            line_bytes_max,
            log_lines_max,
            spec_within,
            check_within,
        })
    }

    fn judge_arguments(&self, faults: &mut Vec<FieldFault>) {
        if self.arguments.len() > ARGUMENTS_MAX {
            let count = self.arguments.len();
            fault(
                faults,
                "arguments",
                format!("are {count}: at most {ARGUMENTS_MAX} are allowed"),
            );
        }
        for (place, argument) in self.arguments.iter().enumerate() {
            if let Err(problem) = text(argument) {
                fault(faults, "arguments", format!("number {} {problem}", place + 1));
            }
        }
    }

    fn judge_environment(&self, faults: &mut Vec<FieldFault>) {
        for (field, count) in [
            ("environment", self.environment.len()),
            ("pass_environment", self.pass_environment.len()),
        ] {
            if count > VARIABLES_MAX {
                fault(
                    faults,
                    field,
                    format!("has {count} variables: at most {VARIABLES_MAX} are allowed"),
                );
            }
        }
        for (name, value) in &self.environment {
            if let Err(problem) = variable(name) {
                fault(faults, "environment", problem);
            }
            if let Err(problem) = text(value) {
                fault(
                    faults,
                    "environment",
                    format!("the value of `{}` {problem}", name.escape_debug()),
                );
            }
        }
        for name in &self.pass_environment {
            if let Err(problem) = variable(name) {
                fault(faults, "pass_environment", problem);
            }
            if self.environment.contains_key(name) {
                let problem = format!("names `{name}`, which `environment` gives a value: keep one of them");
                fault(faults, "pass_environment", problem);
            }
        }
    }

    fn whole_environment(&self) -> BTreeMap<OsString, OsString> {
        let configured = self.environment.iter().map(|(name, value)| (name.into(), value.into()));
        let passed = self
            .pass_environment
            .iter()
            .filter_map(|name| std::env::var_os(name).map(|value| (name.into(), value)));
        configured.chain(passed).collect()
    }
}

impl Launch {
    /// Whether it is confined, as far as the kernel can.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.cage.is_closed()
    }

    /// The same program as one that prints a secret.
    #[must_use]
    pub fn into_secret_command(self) -> SecretCommand {
        SecretCommand {
            program: self.program,
            arguments: self.arguments,
            environment: self.environment,
            within: self.spec_within,
        }
    }

    /// The same, with the folders of its runs made in this one, which must be there then.
    #[must_use]
    pub fn with_runs_in(mut self, folder: PathBuf) -> Self {
        self.runs = folder;
        self
    }
}

fn paths(faults: &mut Vec<FieldFault>, field: &'static str, paths: &[PathBuf]) {
    if paths.len() > PATHS_MAX {
        let count = paths.len();
        fault(faults, field, format!("are {count}: at most {PATHS_MAX} are allowed"));
    }
    for path in paths {
        if !path.is_absolute() {
            fault(faults, field, absolute(path));
        } else if let Err(error) = fs::metadata(path) {
            let shown = path.display();
            fault(
                faults,
                field,
                format!("name `{shown}`, which cannot be looked at: {error}"),
            );
        }
    }
}

fn fault(faults: &mut Vec<FieldFault>, field: &'static str, problem: String) {
    faults.push(FieldFault { field, problem });
}

fn between<T: fmt::Display>(is: T, least: T, most: T) -> String {
    format!("is {is}: must be {least} to {most}")
}

fn absolute(path: &Path) -> String {
    format!("is `{}`: write an absolute path, which begins with `/`", path.display())
}

/// Whether the file can be run, and only by those who may also change the runner.
fn executable(path: &Path) -> Result<(), String> {
    if !path.is_absolute() {
        return Err(absolute(path));
    }
    let shown = path.display();
    let file = fs::metadata(path).map_err(|error| format!("is `{shown}`, which cannot be looked at: {error}"))?;
    if !file.is_file() {
        return Err(format!("is `{shown}`, which is no file"));
    }
    let mode = file.permissions().mode();
    if mode & 0o111 == 0 {
        return Err(format!(
            "is `{shown}`, which nobody may execute: run `chmod 755 {shown}`"
        ));
    }
    // Whoever may write it may run anything as the runner.
    if mode & 0o002 != 0 {
        return Err(format!(
            "is `{shown}`, which everybody may change: run `chmod o-w {shown}`"
        ));
    }
    Ok(())
}

fn text(value: &str) -> Result<(), String> {
    if value.contains('\0') {
        return Err("has a NUL character, which no program can be given".to_owned());
    }
    if value.len() > TEXT_BYTES_MAX {
        return Err(format!(
            "has {} bytes: at most {TEXT_BYTES_MAX} are allowed",
            value.len()
        ));
    }
    Ok(())
}

fn variable(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) || name.len() > TEXT_BYTES_MAX {
        return Err(format!("`{}` is no name of a variable", name.escape_debug()));
    }
    Ok(())
}

fn within(faults: &mut Vec<FieldFault>, field: &'static str, text: Option<&str>, default: Duration) -> Duration {
    let Some(text) = text else { return default };
    let span = text.parse::<jiff::SignedDuration>().ok();
    match span.and_then(|span| Duration::try_from(span).ok()) {
        Some(span) if !span.is_zero() && span <= WITHIN_MAX => span,
        Some(_) => {
            fault(
                faults,
                field,
                format!("is {text}: must be more than 0 s and at most 1 h"),
            );
            default
        }
        None => {
            fault(
                faults,
                field,
                format!("is `{text}`: write a time such as `10s` or `2m`"),
            );
            default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(program: &Program) -> Vec<String> {
        program
            .judge()
            .err()
            .unwrap_or_default()
            .iter()
            .map(FieldFault::to_string)
            .collect()
    }

    #[test]
    fn a_path_alone_is_enough() {
        let launch = Program::at("/bin/sh").judge().expect("a good program");
        assert_eq!(launch.environment, BTreeMap::new());
        assert_eq!(launch.folder, None);
        assert_eq!(launch.memory_bytes_max, 1 << 30);
        assert_eq!(launch.spec_within, Duration::from_secs(10));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let program = Program {
            arguments: vec!["a\0".to_owned()],
            environment: BTreeMap::from([("A=B".to_owned(), String::new()), ("LANG".to_owned(), "C".to_owned())]),
            pass_environment: vec!["LANG".to_owned()],
            folder: Some("var".into()),
            memory_mib_max: Some(0),
            processes_max: Some(0),
            line_bytes_max: Some(usize::MAX),
            log_lines_max: Some(1_001),
            spec_within: Some("soon".to_owned()),
            check_within: Some("0s".to_owned()),
            read_paths: vec!["lib".into()],
            write_paths: vec!["/nowhere/at/all".into()],
            ..Program::at("collect.py")
        };
        assert_eq!(
            faults(&program),
            [
                "`program`: is `collect.py`: write an absolute path, which begins with `/`",
                "`arguments`: number 1 has a NUL character, which no program can be given",
                "`environment`: `A=B` is no name of a variable",
                "`pass_environment`: names `LANG`, which `environment` gives a value: keep one of them",
                "`folder`: is `var`: write an absolute path, which begins with `/`",
                "`memory_mib_max`: is 0: must be 16 to 1048576",
                "`processes_max`: is 0: must be 1 to 32768",
                "`line_bytes_max`: is 18446744073709551615: must be 4096 to 1049600",
                "`log_lines_max`: is 1001: must be 0 to 1000",
                "`spec_within`: is `soon`: write a time such as `10s` or `2m`",
                "`check_within`: is 0s: must be more than 0 s and at most 1 h",
                "`read_paths`: is `lib`: write an absolute path, which begins with `/`",
                "`write_paths`: name `/nowhere/at/all`, which cannot be looked at: No such file or directory (os error 2)",
            ]
        );
    }

    #[test]
    fn only_what_is_configured_or_passed_through_is_in_the_environment() {
        let program = Program {
            environment: BTreeMap::from([("LANG".to_owned(), "C".to_owned())]),
            pass_environment: vec!["CARGO_PKG_NAME".to_owned(), "MUSTER_NOBODY_SETS_THIS".to_owned()],
            ..Program::at("/bin/sh")
        };
        let launch = program.judge().expect("a good program");
        let names: Vec<_> = launch.environment.keys().collect();
        assert_eq!(names, ["CARGO_PKG_NAME", "LANG"]);
    }

    #[test]
    fn what_cannot_or_must_not_be_run_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("connector");
        fs::write(&file, "#!/bin/sh\n").expect("written");
        for (mode, told) in [(0o644, "nobody may execute"), (0o757, "everybody may change")] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changed");
            let told_now = faults(&Program::at(&file));
            assert!(told_now.len() == 1 && told_now[0].contains(told), "{told_now:?}");
        }
        assert!(faults(&Program::at("/nowhere/connector"))[0].contains("cannot be looked at"));
        assert!(faults(&Program::at(folder.path()))[0].contains("no file"));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let told = serde_json::from_str::<Program>(r#"{"program": "/bin/sh", "argument": []}"#).expect_err("a slip");
        assert!(told.to_string().contains("unknown field `argument`"), "{told}");
    }
}
