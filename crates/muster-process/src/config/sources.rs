//! Where values come from: the command line, the environment, the file. The first that says something is the one that counts.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Place};
use super::setting::{Setting, found};
use super::table::{OpenTable, Unread, unknown};
use crate::nearest;

/// What the variables of this project begin with.
const VARIABLES: &str = "MUSTER_";

/// What the process was started with.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The command line, the program's own name first.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            arguments: std::env::args_os().collect(),
            variables: std::env::vars_os().collect(),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// What is to be said about variables that look like settings and are none. They are no faults: an environment is shared, with other parts of
    /// Muster and with whoever makes variables of its own for a service of that name, as Kubernetes does (`MUSTER_SERVICE_HOST`).
    pub(super) fn warnings(&self, program: &str, known: &[&str]) -> Vec<String> {
        let names = self.variables.iter().filter_map(|(name, _)| name.to_str());
        let ours = names.filter(|name| name.starts_with(VARIABLES) && !known.contains(name));
        ours.map(|name| {
            // What they have in common is not what makes them alike.
            let meant = nearest(
                &name[VARIABLES.len()..],
                known.iter().map(|known| &known[VARIABLES.len()..]),
            );
            let meant = meant
                .map(|meant| format!(": is `{VARIABLES}{meant}` meant?"))
                .unwrap_or_default();
            format!("the variable `{name}` is no setting of {program} and is ignored{meant}")
        })
        .collect()
    }
}

/// A value that somebody has given for a setting: more than one for a list.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) place: Place,
    pub(super) values: Vec<(Place, OsString)>,
}

/// All that was given for the settings, by their keys; what counts comes first.
pub(super) type All = BTreeMap<String, Vec<Given>>;

/// What the command line gives.
pub(super) fn of_flags(settings: &[Setting], matches: &ArgMatches, all: &mut All) {
    for setting in settings {
        if matches.value_source(setting.key()) != Some(ValueSource::CommandLine) {
            continue;
        }
        let place = Place::Flag(setting.flag());
        let values = matches.get_many::<OsString>(setting.key()).unwrap_or_default();
        let values = values.map(|value| (place.clone(), value.clone())).collect();
        give(all, setting, Given { place, values });
    }
}

/// What the environment gives.
pub(super) fn of_variables(settings: &[Setting], surroundings: &Surroundings, all: &mut All) {
    for setting in settings {
        let Some(name) = setting.variable() else { continue };
        if let Some(value) = surroundings.variable(name) {
            let place = Place::Variable(name.to_owned());
            let values = vec![(place.clone(), value.to_owned())];
            give(all, setting, Given { place, values });
        }
    }
}

fn give(all: &mut All, setting: &Setting, given: Given) {
    all.entry(setting.key().to_owned()).or_default().push(given);
}

/// The file: where it is, its text, and what was parsed of it.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Text {
    fn at(&self, offset: usize) -> Place {
        Place::in_file(&self.path, &self.text, offset)
    }

    /// The file as TOML, as far as it is some, and where it is not; of several faults in a line the first.
    pub(super) fn parse(&self) -> (Spanned<DeTable<'_>>, Vec<Fault>) {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        let fault = |error: &toml::de::Error| {
            let offset = error.span().map_or(self.text.len(), |span| span.start);
            Fault::new(
                self.at(offset),
                None,
                error.message().trim_end_matches(", expected nothing"),
            )
        };
        let mut faults: Vec<Fault> = errors.iter().map(fault).collect();
        faults.sort();
        faults.dedup_by(|next, kept| on_one_line(&next.place, &kept.place));
        (root, faults)
    }
}

/// Whether both stand in one line of the file.
pub(super) fn on_one_line(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::File { line, .. }, Place::File { line: other, .. }) => line == other,
        _ => false,
    }
}

/// What stands in the file.
#[derive(Debug, Default)]
pub(super) struct Contents<'i> {
    pub(super) tables: BTreeMap<&'static str, Vec<Unread<'i>>>,
    pub(super) faults: Vec<Fault>,
}

/// Walks through a file.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) settings: &'a [Setting],
    pub(super) open: &'a [OpenTable],
    pub(super) text: &'a Text,
}

impl Walk<'_> {
    /// Finds all that stands in the file: known values, tables to be looked into later, and faults.
    pub(super) fn through<'i>(&self, root: Spanned<DeTable<'i>>, all: &mut All) -> Contents<'i> {
        let mut contents = Contents::default();
        self.table(None, root.into_inner(), all, &mut contents);
        contents
    }

    fn table<'i>(&self, prefix: Option<&str>, table: DeTable<'i>, all: &mut All, contents: &mut Contents<'i>) {
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let path = prefix.map_or_else(|| name.clone(), |prefix| format!("{prefix}.{name}"));
            let place = self.text.at(key.span().start);
            if let Some(setting) = self.settings.iter().find(|setting| setting.key() == path) {
                match setting.texts(&value) {
                    Ok(texts) => {
                        let place = self.text.at(value.span().start);
                        let at = |(offset, text)| (self.text.at(offset), text);
                        let values = texts.into_iter().map(at).collect();
                        give(all, setting, Given { place, values });
                    }
                    Err((offset, problem)) => {
                        contents
                            .faults
                            .push(Fault::new(self.text.at(offset), Some(&path), problem))
                    }
                }
                continue;
            }
            let open = self.open.iter().find(|open| prefix.is_none() && open.key == name);
            let is_prefix = self.keys().any(|known| known.starts_with(&format!("{path}.")));
            let span = value.span();
            match (value.into_inner(), open) {
                (DeValue::Table(table), Some(open)) => self.open(open, table, contents),
                (DeValue::Table(table), None) if is_prefix => self.table(Some(&path), table, all, contents),
                (other, Some(_)) => {
                    let problem = format!("must be tables such as `[{path}.NAME]`, and is {}", found(&other));
                    contents
                        .faults
                        .push(Fault::new(self.text.at(span.start), Some(&path), problem));
                }
                (other, None) if is_prefix => {
                    let problem = format!("must be a table `[{path}]`, and is {}", found(&other));
                    contents
                        .faults
                        .push(Fault::new(self.text.at(span.start), Some(&path), problem));
                }
                (_, None) => contents.faults.push(self.unknown(place, prefix, &name)),
            }
        }
    }

    fn open<'i>(&self, open: &OpenTable, tables: DeTable<'i>, contents: &mut Contents<'i>) {
        for (name, value) in tables {
            let header = self.text.at(name.span().start);
            let name = name.get_ref().to_string();
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => {
                    let table = Spanned::new(span, table);
                    contents
                        .tables
                        .entry(open.key)
                        .or_default()
                        .push(Unread { name, header, table });
                }
                other => {
                    let path = format!("{}.{name}", open.key);
                    let problem = format!(
                        "must be a table: write what belongs to it below `[{}.NAME]`, with a name of your choice; it is {}",
                        open.key,
                        found(&other)
                    );
                    contents
                        .faults
                        .push(Fault::new(self.text.at(span.start), Some(&path), problem));
                }
            }
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(Setting::key)
    }

    /// The keys that stand outside of all tables.
    pub(super) fn outer(&self) -> Vec<&str> {
        self.keys().filter(|key| !key.contains('.')).collect()
    }

    fn unknown(&self, place: Place, prefix: Option<&str>, name: &str) -> Fault {
        let within = prefix.map(|prefix| format!("{prefix}."));
        let mut known: Vec<&str> = match &within {
            Some(within) => self
                .keys()
                .filter_map(|key| key.strip_prefix(within.as_str()))
                .collect(),
            None => self.keys().map(|key| key.split('.').next().unwrap_or(key)).collect(),
        };
        if prefix.is_none() {
            known.extend(self.open.iter().map(|open| open.key));
        }
        unknown(place, prefix, name, &known, &self.outer())
    }
}

/// The file that the command line, or else the environment, names; with who does.
pub(super) fn named_file(
    key: &str,
    variable: &str,
    matches: &ArgMatches,
    surroundings: &Surroundings,
) -> Option<(Place, PathBuf)> {
    let by_flag = matches.get_one::<OsString>(key);
    let by_flag = by_flag.map(|path| (Place::Flag(format!("--{key}")), PathBuf::from(path)));
    by_flag.or_else(|| {
        let path = surroundings.variable(variable)?;
        Some((Place::Variable(variable.to_owned()), PathBuf::from(path)))
    })
}

/// Where the value stands that counts.
pub(super) fn counting(given: &[Given]) -> Place {
    given.first().map_or(Place::Default, |given| given.place.clone())
}

/// The command line that says all that counts: what variables and the file say as flags, before what the line itself holds. Where the line is not good
/// as it is, only its good values are in it.
pub(super) fn line(arguments: &[OsString], settings: &[Setting], all: &All, is_good: bool) -> Vec<OsString> {
    let mut line: Vec<OsString> = arguments.iter().take(1).cloned().collect();
    for setting in settings {
        let counts = all.get(setting.key()).and_then(|given| given.first());
        let Some(given) = counts.filter(|given| !is_good || !matches!(given.place, Place::Flag(_))) else {
            continue;
        };
        if given.values.is_empty() {
            line.push(setting.flag().into());
        }
        for (_, value) in &given.values {
            let mut flag = OsString::from(setting.flag());
            flag.push("=");
            flag.push(value);
            line.push(flag);
        }
    }
    if is_good {
        line.extend(arguments.iter().skip(1).cloned());
    }
    line
}

/// The command that takes any text for any setting, so that the command line can be read before values are judged.
pub(super) fn lenient(command: &Command, settings: &[Setting], file: &'static str) -> Command {
    let is_setting = |key: &str| key == file || settings.iter().any(|setting| setting.key() == key);
    command.clone().mut_args(|argument| {
        let argument = argument.env(clap::builder::Resettable::Reset);
        if is_setting(argument.get_id().as_str()) {
            argument
                .value_parser(clap::builder::OsStringValueParser::new())
                .default_value(clap::builder::Resettable::Reset)
        } else {
            argument
        }
    })
}

/// The command that takes what was judged, and asks no variable.
pub(super) fn strict(command: &Command, settings: &[Setting], all: &All) -> Command {
    let is_empty_list = |key: &str| {
        let counts = all.get(key).and_then(|given| given.first());
        counts.is_some_and(|given| given.values.is_empty()) && settings.iter().any(|one| one.key() == key)
    };
    command.clone().mut_args(|argument| {
        let argument = argument.env(clap::builder::Resettable::Reset);
        if is_empty_list(argument.get_id().as_str()) {
            argument.num_args(0..).require_equals(true)
        } else {
            argument
        }
    })
}

/// Where the file's tables are looked for: its path and its text.
pub(super) fn place_of(text: Option<&Text>) -> (&Path, &str) {
    text.map_or((Path::new(""), ""), |text| (&text.path, &text.text))
}
