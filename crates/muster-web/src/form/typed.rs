//! What was typed, by the names of the inputs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What stands in a form: the values of its inputs by their names, exactly as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Typed(BTreeMap<String, Vec<String>>);

impl Typed {
    /// What a browser sends.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, value) in pairs {
            typed.add(name, value);
        }
        typed
    }

    /// The first value of this name; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).first().map_or("", String::as_str)
    }

    /// All values of this name.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a value is among those of a name.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).iter().any(|one| one == value)
    }

    /// Says the one value of a name.
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), vec![lines(value.into())]);
    }

    /// Says one more value of a name.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.entry(name.into()).or_default().push(lines(value.into()));
    }

    /// Takes a name out.
    pub(crate) fn take(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// Says of a name what another says of it.
    pub(crate) fn copy(&mut self, name: &str, from: &Self) {
        match from.0.get(name) {
            Some(values) => self.0.insert(name.to_owned(), values.clone()),
            None => self.0.remove(name),
        };
    }

    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of which another says something else.
    pub(crate) fn differences<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let names = self.names().chain(other.names());
        names.filter(|name| self.said(name) != other.said(name)).collect()
    }

    /// What is said of a name; an empty text is the same as nothing.
    fn said(&self, name: &str) -> &[String] {
        match self.all(name) {
            [one] if one.is_empty() => &[],
            all => all,
        }
    }
}

/// A text with the one end of a line of all: browsers send two characters for each, whatever stood there.
fn lines(text: String) -> String {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text,
    }
}

/// What two people made of the same form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Merge {
    /// Both changes together; where both changed the same, one's own.
    pub(crate) typed: Typed,
    /// What only the other one has changed.
    pub(crate) taken: BTreeSet<String>,
    /// What both have changed.
    pub(crate) both: BTreeSet<String>,
}

impl Merge {
    /// `mine` and `theirs`, both made of `base`.
    pub(crate) fn of(base: &Typed, mine: &Typed, theirs: &Typed) -> Self {
        let mut merge = Self {
            typed: mine.clone(),
            ..Self::default()
        };
        let (ours, others) = (mine.differences(base), theirs.differences(base));
        for name in mine.differences(theirs) {
            match (ours.contains(name), others.contains(name)) {
                (false, true) => {
                    merge.typed.copy(name, theirs);
                    merge.taken.insert(name.to_owned());
                }
                (true, true) => {
                    merge.both.insert(name.to_owned());
                }
                (true | false, false) => {}
            }
        }
        merge
    }
}

/// What is wrong, by the paths of the API's fields: `integration.configuration.servers[0].port`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults(Vec<(String, String)>);

impl Faults {
    /// One more.
    pub(crate) fn add(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.0.push((path.into(), problem.into()));
    }

    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps those of these fields of an integration.
    pub(crate) fn only(&mut self, fields: &[String]) {
        self.0.retain(|(path, _)| {
            let field = path.strip_prefix("integration.").unwrap_or(path);
            let field = field.split(['.', '[']).next().unwrap_or(field);
            fields.iter().any(|known| known == field)
        });
    }

    /// Leaves out those of this field.
    pub(crate) fn drop_of(&mut self, path: &str) {
        self.0.retain(|(at, _)| at != path);
    }

    /// How many there are, in words.
    pub(crate) fn count(&self) -> String {
        match self.0.len() {
            1 => "one thing is not in order".to_owned(),
            count => format!("{count} things are not in order"),
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }
}
