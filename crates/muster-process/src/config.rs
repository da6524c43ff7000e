//! How a binary is configured: one TOML file, environment variables, flags; the later goes before the earlier.
//!
//! The one source is a struct of derived [`clap::Args`]: its doc comments are the documentation of the flags, of `--print-default-config` and of
//! `docs/configuration.md`; its fields' names are the keys of the file; its value parsers judge what comes from anywhere. The file is walked with the
//! places of all its values, each value is judged where it stands, and what counts is then given to clap as if it had been a flag. So there is no second
//! struct, no second default and no second judge.
//!
//! ```no_run
//! use muster_process::config::values::number_within;
//! use muster_process::config::{self, Found, Settings};
//! use muster_process::{Exit, Process, Tasks};
//!
//! /// What a clock is told when it starts.
//! #[derive(Debug, Clone, clap::Args)]
//! struct Clock {
//!     /// How many times a second it ticks.
//!     #[arg(long, env = "MUSTER_TICKS", value_name = "COUNT", default_value_t = 1, value_parser = number_within(1_u32..=1_000))]
//!     ticks: u32,
//!     /// Who may read it.
//!     #[arg(id = "tls.certificate", long = "tls-certificate", env = "MUSTER_TLS_CERTIFICATE", value_name = "FILE")]
//!     certificate: Option<std::path::PathBuf>, // `certificate` in the table `[tls]`
//! }
//!
//! impl Settings for Clock {
//!     type Config = Self;
//!
//!     fn judge(self, _: &mut Found<'_>) -> Option<Self> {
//!         Some(self)
//!     }
//! }
//!
//! fn main() -> Exit {
//!     let configured = match config::read::<Clock>(clap::Command::new("clock")) {
//!         Ok(configured) => configured,
//!         Err(exit) => return exit,
//!     };
//!     let process = Process { telemetry: configured.telemetry.clone(), ..Process::default() };
//!     muster_process::run(&process, |_: Tasks| async move {
//!         configured.log_warnings();
//!         Ok::<(), std::io::Error>(())
//!     })
//! }
//! ```
//!
//! A setting takes a value: a boolean one too (`action = clap::ArgAction::Set`), so that a flag can say no to what a file says. Numbers are of a primitive
//! type, all else is a text in the file. Whether settings fit each other is [`Settings::judge`]'s to say. Tables whose names are the operator's choice are
//! [`OpenTable`]s.

mod document;
mod fault;
mod file;
mod setting;
mod sources;
mod table;
#[cfg(test)]
mod tests;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::de::DeserializeOwned;

pub use fault::{ConfigError, Fault, Place};
pub use file::{FILE_BYTES_MAX, load};
pub use sources::Surroundings;
pub use table::{Named, OpenTable, fields_of};

use self::document::{default_file, effective};
use self::setting::Setting;
use self::sources::{All, Contents, Text, Walk};
use self::table::Unread;
use crate::exit::Exit;
use crate::telemetry;

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "MUSTER_CONFIG";

const FILE: &str = "config";
const CHECK: &str = "check-config";
const PRINT: &str = "print-default-config";

/// What a binary can be told.
pub trait Settings: Args {
    /// What they are once they were judged.
    type Config;

    /// The tables whose names the operator chooses.
    fn tables() -> &'static [OpenTable] {
        &[]
    }

    /// Judges what no single value can say: whether they fit each other, and what stands in the tables. Faults go to `found`; whoever returns `None`
    /// has told one. Nothing is opened here. A value that was wrong by itself has its default here; that fault is told already.
    fn judge(self, found: &mut Found<'_>) -> Option<Self::Config>;
}

/// A binary's configuration, judged.
#[derive(Debug)]
pub struct Configured<C> {
    /// What the binary was told.
    pub config: C,
    /// Its log.
    pub telemetry: telemetry::Settings,
    warnings: Vec<String>,
}

impl<C> Configured<C> {
    /// Logs what is no fault and yet probably a slip. To be called when there is a log.
    pub fn log_warnings(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
    }
}

/// Where what was found stands, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Found<'i> {
    places: BTreeMap<String, Place>,
    tables: BTreeMap<&'static str, Vec<Unread<'i>>>,
    open: &'static [OpenTable],
    outer: Vec<String>,
    text: Option<&'i Text>,
    faults: Vec<Fault>,
    /// Keys whose own value is wrong: it was told, and the default stands in for it.
    wrong: BTreeSet<String>,
}

impl<'i> Found<'i> {
    /// What was found, before anything of it was judged.
    fn of_all<S: Settings>(
        settings: &[Setting],
        all: &All,
        tables: BTreeMap<&'static str, Vec<Unread<'i>>>,
        text: Option<&'i Text>,
    ) -> Self {
        let places = all.iter();
        let places = places.map(|(key, given)| (key.clone(), sources::counting(given)));
        let keys = settings.iter().map(Setting::key);
        Self {
            places: places.collect(),
            tables,
            open: S::tables(),
            outer: keys.filter(|key| !key.contains('.')).map(str::to_owned).collect(),
            text,
            faults: Vec::new(),
            wrong: BTreeSet::new(),
        }
    }
}

impl Found<'_> {
    /// Tells a fault of a setting, where it stands. What is wrong already is not told twice.
    pub fn fault(&mut self, key: &str, problem: impl fmt::Display) {
        if self.wrong.insert(key.to_owned()) {
            let place = self.place(key);
            self.faults.push(Fault::new(place, Some(key), problem));
        }
    }

    /// Where a setting has come from: for what is told of it later.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        self.places.get(key).cloned().unwrap_or(Place::Default)
    }

    /// Where a field of a table stands; the table's header, where it is not there.
    #[must_use]
    pub fn place_in<T>(&self, table: &Named<T>, field: &str) -> Place {
        table.place.fields.get(field).unwrap_or(&table.place.header).clone()
    }

    /// Whether anything is wrong so far.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The tables of a kind, each as a `T`, in the order of their names. What does not fit is told, and left out.
    pub fn tables<T: DeserializeOwned>(&mut self, key: &str) -> Vec<Named<T>> {
        let (Some(open), Some(unread)) = (self.open.iter().find(|open| open.key == key), self.tables.remove(key))
        else {
            return Vec::new();
        };
        let outer: Vec<&str> = self.outer.iter().map(String::as_str).collect();
        let file = sources::place_of(self.text);
        let read = unread.into_iter();
        read.filter_map(|unread| table::read(unread, open, file, &outer, &mut self.faults))
            .collect()
    }

    /// Tells a fault of a table: of one of its fields, or of its name where there is none.
    pub fn fault_in<T>(&mut self, table: &Named<T>, field: Option<&str>, problem: impl fmt::Display) {
        let Some(field) = field else {
            let place = table.place.header.clone();
            return self.faults.push(Fault::new(place, Some(&table.place.path), problem));
        };
        let place = table.place.fields.get(field).unwrap_or(&table.place.header);
        let path = format!("{}.{field}", table.place.path);
        self.faults.push(Fault::new(place.clone(), Some(&path), problem));
    }

    /// What was told, as an error.
    ///
    /// # Errors
    /// [`ConfigError::Faults`] when something was told.
    ///
    /// # Panics
    /// When nothing was told and yet there is no configuration: whoever judges without one must say why.
    pub fn end<C>(self, config: Option<C>) -> Result<C, ConfigError> {
        if !self.faults.is_empty() {
            return Err(ConfigError::faults(self.faults));
        }
        Ok(config.expect("a judge that gives nothing has told a fault"))
    }
}

/// The settings that nobody has changed. No variable is asked.
///
/// # Panics
/// When there are none: a setting is required, or its default is refused by its own judge; a test finds that.
#[must_use]
pub fn defaults<S: Args>() -> S {
    let command = S::augment_args(Command::new("defaults"));
    let command = command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
    let matches = command.try_get_matches_from(["defaults"]);
    let settings = matches.and_then(|matches| S::from_arg_matches(&matches));
    settings.unwrap_or_else(|error| panic!("the defaults do not make settings: {error}"))
}

/// Configures this process from its command line, its environment and its file, and judges all of it before anything is opened or started.
///
/// `command` has the binary's name, version and texts. Beside the settings `S` it gets those of the log, `--config`, `--check-config` and
/// `--print-default-config`.
///
/// # Errors
/// How the process should end: what was asked for was printed ([`Exit::Success`]), or the configuration is wrong, which was told on standard error
/// ([`Exit::Configuration`]). A command line that cannot be read at all ends the process here, with clap's texts and its code, 2.
pub fn read<S: Settings>(command: Command) -> Result<Configured<S::Config>, Exit> {
    configured::<S>(command, &Surroundings::of_process())
}

/// The same for what a binary does when the first word of its command line is `word`: what follows that are flags.
///
/// # Errors
/// As [`read`].
pub fn read_after<S: Settings>(command: Command, word: &str) -> Result<Configured<S::Config>, Exit> {
    let mut surroundings = Surroundings::of_process();
    if surroundings.arguments.get(1).is_some_and(|first| first == word) {
        surroundings.arguments.remove(1);
    }
    configured::<S>(command, &surroundings)
}

fn configured<S: Settings>(command: Command, surroundings: &Surroundings) -> Result<Configured<S::Config>, Exit> {
    match judge::<S>(command, surroundings) {
        Ok(configured) => Ok(configured),
        Err(Stop::CommandLine(error)) => error.exit(),
        Err(Stop::Printed(text)) => {
            // Whoever closes the pipe has seen enough.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
            Err(Exit::Success)
        }
        Err(Stop::Wrong(error, hint)) => {
            // There is no log yet to tell it in.
            eprintln!("error: {error}\n{hint}");
            Err(Exit::Configuration)
        }
    }
}

/// The configuration that a binary would have with this file, without any flag or variable: for another program that wants to know, such as the
/// command line. All faults of the file are told, and nothing is ended or printed.
///
/// # Errors
/// [`ConfigError::Faults`]: the file cannot be read, or is not what the binary would start with.
pub fn of_file<S: Settings>(path: &Path) -> Result<S::Config, ConfigError> {
    const PROGRAM: &str = "configuration";
    let start = Place::in_file(path, "", 0);
    let text = file::read(path, start.clone()).map_err(|fault| ConfigError::faults(vec![fault]))?;
    let text = Text {
        path: path.to_owned(),
        text,
    };
    let command = with_arguments::<S>(Command::new(PROGRAM));
    let settings = Setting::all(&command, &[FILE]);
    let mut all = All::new();
    let Contents { tables, mut faults } = contents::<S>(&settings, &text, &mut all);
    let wrong = judge_each(&settings, &mut all, &mut faults);
    let found = Found {
        wrong,
        faults,
        ..Found::of_all::<S>(&settings, &all, tables, Some(&text))
    };
    let surroundings = Surroundings {
        arguments: vec![PROGRAM.into()],
        variables: Vec::new(),
    };
    let judged = judge_together::<S>(&command, &settings, &surroundings, &all, found);
    judged.map(|(config, _)| config).map_err(|error| match error {
        // Each value is good by itself, so something is missing, which clap says in a line of its own.
        Unjudged::Line(error) => {
            let told = error.to_string();
            let problem = told.lines().next().unwrap_or_default().trim_start_matches("error: ");
            ConfigError::faults(vec![Fault::new(start, None, problem)])
        }
        Unjudged::Wrong(error) => error,
    })
}

/// Why a process does not start.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The command line is wrong, or asks for help.
    CommandLine(clap::Error),
    /// It was asked to print this.
    Printed(String),
    /// It must not start; with what is to be said besides.
    Wrong(ConfigError, String),
}

/// What every binary can be told of its configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
#[group(skip)]
struct Options {
    /// The configuration file (TOML). A variable goes before what stands in it, and a flag before both
    #[arg(id = FILE, long = FILE, env = FILE_VARIABLE, value_name = "FILE")]
    _file: Option<OsString>,
    /// Judge the configuration, print each value and where it comes from, and end: with 0 if it is good, with 78 if not
    #[arg(id = CHECK, long = CHECK)]
    _check: bool,
    /// Print a configuration file with all settings, their documentation and their defaults, and end
    #[arg(id = PRINT, long = PRINT)]
    _print: bool,
}

pub(crate) fn judge<S: Settings>(command: Command, surroundings: &Surroundings) -> Result<Configured<S::Config>, Stop> {
    let command = with_arguments::<S>(command);
    let program = command.get_name().to_owned();
    let settings = Setting::all(&command, &[FILE]);
    let matches = read_line(&command, &settings, &surroundings.arguments)?;
    if matches.get_flag(PRINT) {
        return Err(Stop::Printed(default_file(&program, &settings, S::tables())));
    }

    let mut all = All::new();
    let mut faults = Vec::new();
    sources::of_flags(&settings, &matches, &mut all);
    sources::of_variables(&settings, surroundings, &mut all);
    let text = match sources::named_file(FILE, FILE_VARIABLE, &matches, surroundings) {
        Some((place, path)) => file::read(&path, place).map(|text| Some(Text { path, text })),
        None => Ok(None),
    };
    let text = text.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let contents = text
        .as_ref()
        .map(|text| contents::<S>(&settings, text, &mut all))
        .unwrap_or_default();
    faults.extend(contents.faults);
    let wrong = judge_each(&settings, &mut all, &mut faults);
    let tables = document::headers(&contents.tables);
    let found = Found {
        wrong,
        faults,
        ..Found::of_all::<S>(&settings, &all, contents.tables, text.as_ref())
    };

    let mut variables: Vec<&str> = settings.iter().filter_map(Setting::variable).collect();
    variables.push(FILE_VARIABLE);
    let warnings = surroundings.warnings(&program, &variables);
    let judged = judge_together::<S>(&command, &settings, surroundings, &all, found);
    let (config, telemetry) = judged.map_err(|error| match error {
        Unjudged::Line(error) => Stop::CommandLine(error),
        Unjudged::Wrong(error) => Stop::Wrong(error, hint(&program, &warnings)),
    })?;
    if matches.get_flag(CHECK) {
        return Err(Stop::Printed(effective(&settings, &all, &tables, &warnings)));
    }
    Ok(Configured {
        config,
        telemetry,
        warnings,
    })
}

/// The command with all that every binary can be told, and `S`.
fn with_arguments<S: Settings>(command: Command) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let command = S::augment_args(command.next_help_heading("Settings"));
    let command = Options::augment_args(telemetry::Settings::augment_args(command));
    // The structs' own documentation is not the binary's.
    command.about(about.clone()).long_about(about)
}

/// Reads the command line, whatever its values are.
fn read_line(command: &Command, settings: &[Setting], arguments: &[OsString]) -> Result<ArgMatches, Stop> {
    let lenient = sources::lenient(command, settings, FILE).try_get_matches_from(arguments);
    lenient.map_err(|error| match error.kind() {
        // Help tells of defaults and variables, which only the command itself knows.
        ErrorKind::DisplayHelp => {
            let told = command.clone().try_get_matches_from(arguments).err();
            Stop::CommandLine(told.unwrap_or(error))
        }
        _ => Stop::CommandLine(error),
    })
}

/// Why there is no configuration.
enum Unjudged {
    Line(clap::Error),
    Wrong(ConfigError),
}

/// Makes settings of what counts, and has them judged together.
fn judge_together<S: Settings>(
    command: &Command,
    settings: &[Setting],
    surroundings: &Surroundings,
    all: &All,
    mut found: Found<'_>,
) -> Result<(S::Config, telemetry::Settings), Unjudged> {
    let is_good = found.faults.is_empty();
    let line = sources::line(&surroundings.arguments, settings, all, is_good);
    let matches = sources::strict(command, settings, all).try_get_matches_from(line);
    let made = matches.and_then(|matches| {
        Ok((
            S::from_arg_matches(&matches)?,
            telemetry::Settings::from_arg_matches(&matches)?,
        ))
    });
    match made {
        Ok((settings, telemetry)) => {
            let config = settings.judge(&mut found);
            found
                .end(config)
                .map(|config| (config, telemetry))
                .map_err(Unjudged::Wrong)
        }
        Err(error) if is_good => Err(Unjudged::Line(error)),
        // What is missing may be what was wrong.
        Err(_) => Err(Unjudged::Wrong(ConfigError::faults(found.faults))),
    }
}

fn contents<'i, S: Settings>(settings: &[Setting], text: &'i Text, all: &mut All) -> Contents<'i> {
    let (root, faults) = text.parse();
    let walk = Walk {
        settings,
        open: S::tables(),
        text,
    };
    let mut contents = walk.through(root, all);
    // What was made of a line that is no TOML is not what was meant.
    contents.faults.retain(|fault| {
        !faults
            .iter()
            .any(|syntax| sources::on_one_line(&syntax.place, &fault.place))
    });
    contents.faults.extend(faults);
    contents
}

/// Judges every value that was given, also those that do not count: the file is good or not, whatever flags there are. Those that are wrong no
/// longer count.
fn judge_each(settings: &[Setting], all: &mut All, faults: &mut Vec<Fault>) -> BTreeSet<String> {
    for setting in settings {
        for given in all.get(setting.key()).into_iter().flatten() {
            for (place, value) in &given.values {
                if let Err(problem) = setting.judge(value) {
                    faults.push(Fault::new(place.clone(), Some(setting.key()), problem));
                }
            }
        }
    }
    let told = faults.iter().filter_map(|fault| fault.key.as_deref());
    let of_setting = told.filter(|key| settings.iter().any(|one| one.key() == *key));
    let wrong: BTreeSet<String> = of_setting.map(str::to_owned).collect();
    all.retain(|key, _| !wrong.contains(key));
    wrong
}

fn hint(program: &str, warnings: &[String]) -> String {
    let warnings: String = warnings.iter().map(|warning| format!("note: {warning}\n")).collect();
    format!(
        "{warnings}`{program} --print-default-config` shows every setting and what it may be; `--check-config` judges without starting"
    )
}
