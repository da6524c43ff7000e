//! One setting, as its derived argument describes it: key, flag, variable, documentation, default, and who judges its values.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use toml::de::DeValue;

use crate::nearest;

/// A setting: an argument with a long flag that takes a value. Its id is its key in the file; a dot in it is a table.
#[derive(Debug, Clone)]
pub(super) struct Setting(Arg);

/// What stands for a value in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Float,
    Boolean,
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Integer => "a whole number, without quotes",
            Self::Float => "a number, without quotes",
            Self::Boolean => "`true` or `false`, without quotes",
        }
    }
}

impl Setting {
    /// All settings of a command: its arguments that have a flag and take a value, but for those that are `besides`.
    pub(super) fn all(command: &Command, besides: &[&str]) -> Vec<Self> {
        let is_setting = |arg: &&Arg| {
            let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
            takes_value && arg.get_long().is_some() && !besides.contains(&arg.get_id().as_str())
        };
        command.get_arguments().filter(is_setting).cloned().map(Self).collect()
    }

    pub(super) fn key(&self) -> &str {
        self.0.get_id().as_str()
    }

    pub(super) fn flag(&self) -> String {
        // `all` takes none without.
        format!("--{}", self.0.get_long().unwrap_or_default())
    }

    pub(super) fn variable(&self) -> Option<&str> {
        self.0.get_env().and_then(OsStr::to_str)
    }

    /// Its documentation, in paragraphs.
    pub(super) fn documentation(&self) -> String {
        let help = self.0.get_long_help().or(self.0.get_help());
        help.map(ToString::to_string).unwrap_or_default()
    }

    /// What its value is called.
    pub(super) fn value_name(&self) -> &str {
        self.0
            .get_value_names()
            .and_then(|names| names.first())
            .map_or("VALUE", |name| name.as_str())
    }

    /// The values that it may only have; empty where that is not so.
    pub(super) fn possible_values(&self) -> Vec<String> {
        let values = self.0.get_possible_values();
        values.iter().map(|value| value.get_name().to_owned()).collect()
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.0.get_action(), ArgAction::Append)
    }

    /// Whether its value must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        self.0.is_hide_env_values_set()
    }

    /// Its default; empty where it has none, or one that is only known when it runs.
    pub(super) fn defaults(&self) -> Vec<OsString> {
        let values = self.0.get_default_values();
        values.iter().map(|value| OsStr::new(value).to_owned()).collect()
    }

    fn kind(&self) -> Kind {
        let parsed = self.0.get_value_parser().type_id();
        let is = |types: &[TypeId]| types.iter().any(|one| parsed == *one);
        if is(&[TypeId::of::<bool>()]) {
            Kind::Boolean
        } else if is(&[TypeId::of::<f32>(), TypeId::of::<f64>()]) {
            Kind::Float
        } else if is(&[
            TypeId::of::<u8>(),
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<i8>(),
            TypeId::of::<i16>(),
            TypeId::of::<i32>(),
            TypeId::of::<i64>(),
        ]) {
            Kind::Integer
        } else {
            Kind::Text
        }
    }

    /// Judges a value as the command line would.
    pub(super) fn judge(&self, value: &OsStr) -> Result<(), String> {
        if value.is_empty() {
            return Err("is empty: give it a value, or leave it out".to_owned());
        }
        let mut argument = OsString::from(self.flag());
        argument.push("=");
        argument.push(value);
        let command = Command::new("setting")
            .no_binary_name(true)
            .disable_help_flag(true)
            .arg(self.0.clone().env(Resettable::Reset));
        match command.try_get_matches_from([argument]) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.problem(value, &error)),
        }
    }

    fn problem(&self, value: &OsStr, error: &clap::Error) -> String {
        let value = value.to_string_lossy();
        if error.kind() == ErrorKind::InvalidUtf8 {
            return "is not UTF-8 text".to_owned();
        }
        if let Some(ContextValue::Strings(valid)) = error
            .get(ContextKind::ValidValue)
            .filter(|_| !self.possible_values().is_empty())
        {
            let meant = nearest(&value, valid.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("; is `{meant}` meant?")).unwrap_or_default();
            return format!("is `{value}`: must be one of {}{meant}", enumerated(valid));
        }
        let cause = std::error::Error::source(error);
        cause.map_or_else(|| format!("is `{value}`, which cannot be"), ToString::to_string)
    }

    /// The texts that a value of a file stands for, one each that the command line would take.
    ///
    /// # Errors
    /// What is wrong, and at which byte of the file.
    pub(super) fn texts(&self, value: &toml::Spanned<DeValue<'_>>) -> Result<Vec<(usize, OsString)>, (usize, String)> {
        let start = value.span().start;
        if !self.is_list() {
            return self.text(value).map(|text| vec![(start, text)]);
        }
        let DeValue::Array(values) = value.get_ref() else {
            let expected = self.kind().expected();
            let found = found(value.get_ref());
            return Err((
                start,
                format!("must be a list such as `[…, …]`, each {expected}, and is {found}"),
            ));
        };
        let text = |value| Ok((toml::Spanned::span(value).start, self.text(value)?));
        values.iter().map(text).collect()
    }

    fn text(&self, value: &toml::Spanned<DeValue<'_>>) -> Result<OsString, (usize, String)> {
        let wrong = |problem: String| (value.span().start, problem);
        let (given, text) = match value.get_ref() {
            DeValue::String(text) => (Kind::Text, text.clone().into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => (Kind::Integer, number.to_string()),
                Err(_) => return Err(wrong("is a number that is far too large".to_owned())),
            },
            DeValue::Float(number) => (Kind::Float, number.as_str().to_owned()),
            DeValue::Boolean(answer) => (Kind::Boolean, answer.to_string()),
            other @ (DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_)) => {
                let found = found(other);
                return Err(wrong(format!("must be {}, and is {found}", self.kind().expected())));
            }
        };
        let expected = self.kind();
        let fits = given == expected || (given, expected) == (Kind::Integer, Kind::Float);
        if !fits {
            let found = found(value.get_ref());
            return Err(wrong(format!("must be {}, and is {found}", expected.expected())));
        }
        if let Some(delimiter) = self
            .0
            .get_value_delimiter()
            .filter(|delimiter| text.contains(*delimiter))
        {
            return Err(wrong(format!(
                "has `{delimiter}` in it: write each as an element of its own"
            )));
        }
        Ok(text.into())
    }

    /// A value as a file has it.
    pub(super) fn to_toml(&self, values: &[OsString]) -> String {
        let one = |value: &OsString| {
            let text = value.to_string_lossy();
            match self.kind() {
                Kind::Text => toml::Value::String(text.into_owned()).to_string(),
                Kind::Integer | Kind::Float | Kind::Boolean => text.into_owned(),
            }
        };
        if self.is_list() {
            let split = values.iter().flat_map(|value| self.split(value)).collect::<Vec<_>>();
            format!("[{}]", split.iter().map(one).collect::<Vec<_>>().join(", "))
        } else {
            values.first().map(one).unwrap_or_default()
        }
    }

    /// The elements of a list that a variable or a flag holds as one text.
    fn split(&self, value: &OsStr) -> Vec<OsString> {
        match (self.0.get_value_delimiter(), value.to_str()) {
            (Some(delimiter), Some(text)) => text.split(delimiter).map(OsString::from).collect(),
            _ => vec![value.to_owned()],
        }
    }
}

/// What stands in a file, for somebody who wanted something else there.
pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// `a`, `b`, `c`.
pub(super) fn enumerated<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}
