//! One control as it stands in a page: what it is called, what is typed or chosen, what it is for, and what is said about that. All forms are made of
//! these, those of a schema and those whose fields are always the same.

use maud::{Markup, html};

use super::secret::{Hidden, TITLE};

/// How many lines a text area has at most.
const ROWS_MAX: usize = 16;

/// Something that is typed or chosen.
pub(crate) struct Control<'a> {
    /// The name of its input.
    pub(crate) name: &'a str,
    /// What stands in it.
    pub(crate) value: &'a str,
    /// What people call it.
    pub(crate) title: &'a str,
    /// What it is for; empty where nothing needs to be said.
    pub(crate) help: &'a str,
    /// Whether it must be there.
    pub(crate) need: Need,
    /// What stands in it as long as nobody types.
    pub(crate) placeholder: &'a str,
    /// Whether something is wrong with it.
    pub(crate) is_bad: bool,
}

/// Whether something must be there, and who sees to that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It may be left out.
    None,
    /// It is told that it must be there; what is not finished may be sent all the same.
    Told,
    /// Nothing is sent without it.
    Held,
}

/// What is particular to one line of text.
pub(crate) struct Line<'a> {
    /// The type of the input.
    pub(crate) kind: &'a str,
    /// Which keyboard a phone shows, where that is not the one of the type.
    pub(crate) keyboard: Option<&'a str>,
    /// The most characters.
    pub(crate) length_max: Option<u64>,
    /// What a text has to look like to be sent, and what is said of one that does not.
    pub(crate) shape: Option<(&'a str, &'a str)>,
    /// Texts to choose from, or not.
    pub(crate) suggested: &'a [String],
}

impl Default for Line<'_> {
    fn default() -> Self {
        Self {
            kind: "text",
            keyboard: None,
            length_max: None,
            shape: None,
            suggested: &[],
        }
    }
}

impl Control<'_> {
    /// One line of text, or whatever the type of its input says. Browsers bring it back to whoever goes back, as long as nothing tells them not to keep it.
    pub(crate) fn line(&self, line: &Line<'_>) -> Markup {
        let id = id_of(self.name);
        let list = (!line.suggested.is_empty()).then(|| format!("{id}-list"));
        html! {
            input id=(id) name=(self.name) value=(self.value) type=(line.kind) inputmode=[line.keyboard] maxlength=[line.length_max]
                pattern=[line.shape.map(|(pattern, _)| pattern)] title=[line.shape.map(|(_, said)| said)] list=[list.as_deref()]
                autocomplete=[line.shape.map(|_| "off")] autocapitalize=[line.shape.map(|_| "none")] spellcheck="false" placeholder=(self.placeholder)
                required[self.need == Need::Held] aria-required=[self.is_told()] aria-invalid=[self.is_wrong()] aria-describedby=(self.told());
            @if let Some(list) = &list {
                datalist id=(list) { @for one in line.suggested { option value=(one) {} } }
            }
        }
    }

    /// Several lines, which may have such secrets in them: the page's script holds back what has one as it is.
    pub(crate) fn area(&self, hidden: &Hidden) -> Markup {
        let leak = hidden.pattern();
        let rows = self.value.lines().count().clamp(2, ROWS_MAX);
        // A line feed at the beginning belongs to the tag.
        html! {
            textarea id=(id_of(self.name)) name=(self.name) rows=(rows) spellcheck="false" placeholder=(self.placeholder)
                data-leak=[leak.as_deref()] title=[leak.as_ref().map(|_| TITLE)]
                aria-required=[self.is_told()] aria-invalid=[self.is_wrong()] aria-describedby=(self.told()) { "\n" (self.value) }
        }
    }

    /// One of some values, with the words for them.
    pub(crate) fn choice<V: AsRef<str>, W: AsRef<str>>(&self, options: &[(V, W)]) -> Markup {
        html! {
            select id=(id_of(self.name)) name=(self.name) aria-required=[self.is_told()] aria-invalid=[self.is_wrong()] aria-describedby=(self.told()) {
                @for (value, word) in options { option value=(value.as_ref()) selected[value.as_ref() == self.value] { (word.as_ref()) } }
            }
        }
    }

    /// An input in its place: below what it is called, and above what it is for and what else is said about it.
    pub(crate) fn placed(&self, input: &Markup, beside: &Markup) -> Markup {
        html! {
            div.field {
                label for=(id_of(self.name)) { (self.title) (mark(self.need)) }
                (input)
                (help(self.name, self.help))
                (beside)
            }
        }
    }

    fn is_told(&self) -> Option<&'static str> {
        (self.need == Need::Told).then_some("true")
    }

    fn is_wrong(&self) -> Option<&'static str> {
        self.is_bad.then_some("true")
    }

    fn told(&self) -> String {
        told(self.name, self.help)
    }
}

/// What stands at what something is called, where it must be there.
pub(crate) fn mark(need: Need) -> Markup {
    html! { @if need == Need::Told { span.need { " required" } } }
}

/// What the input of this name is for.
pub(crate) fn help(name: &str, help: &str) -> Markup {
    html! { @if !help.is_empty() { p.help id={ (id_of(name)) "-help" } { (help) } } }
}

/// What is wrong with the input of this name: a place for it, also where nothing is.
pub(crate) fn faults(name: &str, faults: &Markup) -> Markup {
    html! { div id={ (id_of(name)) "-fault" } { (faults) } }
}

/// The ids of what is said of an input, for `aria-describedby`.
pub(crate) fn told(name: &str, help: &str) -> String {
    let id = id_of(name);
    if help.is_empty() {
        format!("{id}-fault")
    } else {
        format!("{id}-help {id}-fault")
    }
}

/// The id of the input of this name.
pub(crate) fn id_of(name: &str) -> String {
    let mut id = String::from("f-");
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            id.push(letter);
        } else {
            id.push_str(&format!("_{:x}_", u32::from(letter)));
        }
    }
    id
}
