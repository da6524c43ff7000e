//! The fields of a form: what can be said, and how.

use serde_json::Value;

use super::secret::Hidden;

/// One thing that can be said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// Its key in the object that it belongs to.
    pub(crate) key: String,
    /// What people call it.
    pub(crate) title: String,
    /// What it is for.
    pub(crate) help: String,
    /// What stands in it as long as nobody types: the default, or an example.
    pub(crate) placeholder: String,
    /// Whether it must be there.
    pub(crate) is_required: bool,
    /// How it is said.
    pub(crate) kind: Kind,
    /// The secrets in what of it is typed as JSON.
    pub(crate) hidden: Hidden,
}

/// How something is said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A text.
    Text {
        /// The type of its input.
        input: &'static str,
        /// The most characters.
        length_max: Option<u64>,
        /// Texts to choose from, or not.
        examples: Vec<String>,
    },
    /// A reference to a secret, or a sealed value.
    Secret,
    /// A number.
    Number {
        /// Without a fraction.
        is_whole: bool,
    },
    /// Yes or no.
    Flag {
        /// What holds where nobody says.
        default: bool,
    },
    /// One of these.
    One(Vec<Choice>),
    /// Any of these.
    Many(Vec<Choice>),
    /// Texts or numbers, one a line.
    Lines {
        /// Whether they are numbers.
        are_numbers: bool,
    },
    /// Several things.
    Group {
        /// These,
        fields: Vec<Field>,
        /// and others that have no field, as JSON.
        has_rest: bool,
    },
    /// A list of such things.
    Items(Vec<Field>),
    /// One of several ways.
    Ways {
        /// What holds for all of them.
        common: Vec<Field>,
        /// The ways.
        ways: Vec<Field>,
        /// Whether there may be others that have no field.
        has_rest: bool,
    },
    /// What is always the same.
    Fixed(Value),
    /// Anything.
    Json,
}

/// One of several values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// The value.
    pub(crate) value: Value,
    /// What people call it.
    pub(crate) title: String,
}

impl Choice {
    /// As inputs say it: its JSON.
    pub(crate) fn said(&self) -> String {
        self.value.to_string()
    }
}

impl Field {
    /// A field of our own.
    pub(crate) fn new(title: &str, help: &str, placeholder: &str, kind: Kind) -> Self {
        Self {
            key: String::new(),
            title: title.to_owned(),
            help: help.to_owned(),
            placeholder: placeholder.to_owned(),
            is_required: false,
            kind,
            hidden: Hidden::default(),
        }
    }

    /// The name of its input, and what the API calls its value, in an object that has these.
    pub(super) fn within(&self, (name, path): (&str, &str)) -> (String, String) {
        let key = &self.key;
        let is_place = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        let path = if is_place {
            format!("{path}[{key}]")
        } else {
            format!("{path}.{key}")
        };
        (format!("{name}/{key}"), path)
    }

    /// One in which anything can be said.
    pub(crate) fn json(title: &str) -> Self {
        Self::new(title, "", "", Kind::Json)
    }

    /// What fits this and another one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.hidden = std::mem::take(&mut self.hidden).and(other.hidden);
        match (&mut self.kind, other.kind) {
            (
                Kind::Group { fields, has_rest },
                Kind::Group {
                    fields: others,
                    has_rest: others_rest,
                },
            ) => {
                for other in others {
                    match fields.iter_mut().find(|field| field.key == other.key) {
                        Some(known) => known.is_required |= other.is_required,
                        None => fields.push(other),
                    }
                }
                *has_rest &= others_rest;
                self
            }
            (Kind::Group { fields, .. }, kind) if fields.is_empty() => Self { kind, ..self },
            (_, Kind::Group { fields, .. }) if fields.is_empty() => self,
            (
                Kind::Group { fields, has_rest },
                Kind::Ways {
                    common,
                    ways,
                    has_rest: others_rest,
                },
            ) => {
                fields.extend(common);
                let kind = Kind::Ways {
                    common: std::mem::take(fields),
                    ways,
                    has_rest: *has_rest && others_rest,
                };
                Self { kind, ..self }
            }
            (_, _) => Self {
                hidden: self.hidden,
                ..Self::json(&self.title)
            },
        }
    }

    /// Whether it is said in one place.
    pub(super) fn is_simple(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Group { .. } | Kind::Items(_) | Kind::Ways { .. } | Kind::Json
        )
    }

    /// Whether a secret is said somewhere in it.
    pub(crate) fn has_secret(&self) -> bool {
        let any = |fields: &[Self]| fields.iter().any(Self::has_secret);
        match &self.kind {
            Kind::Secret => true,
            Kind::Group { fields, .. } | Kind::Items(fields) => self.hidden.is_some() || any(fields),
            Kind::Ways { common, ways, .. } => self.hidden.is_some() || any(common) || any(ways),
            _ => self.hidden.is_some(),
        }
    }
}

/// A value as people write it: a text without its quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
