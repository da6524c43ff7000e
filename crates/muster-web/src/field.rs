//! The fields of forms: what was typed stays, and what the API finds wrong with it stands beside it.

use maud::{Markup, html};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::answer::request_id;
use crate::place::Query;
use crate::words::prose;

/// What somebody has said in a form, and what the API finds wrong with that. The fields are called as those of the request.
#[derive(Default)]
pub(crate) struct Filled<'a> {
    said: Option<&'a Query>,
    refused: Option<&'a Status>,
}

impl<'a> Filled<'a> {
    /// What was said, and refused.
    pub(crate) fn refused(said: &'a Query, status: &'a Status) -> Self {
        Self {
            said: Some(said),
            refused: Some(status),
        }
    }

    /// What stands in a field; `otherwise` where nobody has said anything.
    fn value(&self, name: &str, otherwise: &'a str) -> &'a str {
        self.said.map_or(otherwise, |said| said.get(name))
    }

    /// What is wrong with a field.
    fn fault(&self, name: &str) -> Option<Markup> {
        let details = self.refused?.get_error_details();
        let found = details
            .bad_request()?
            .field_violations
            .iter()
            .find(|found| found.field == name)?;
        Some(prose(&found.description))
    }

    /// Whether one of these fields was refused.
    pub(crate) fn is_refused_at(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.fault(field).is_some())
    }

    /// What is wrong, where it is none of these fields.
    pub(crate) fn elsewhere(&self, fields: &[&str]) -> Markup {
        let refused = self.refused.filter(|_| !self.is_refused_at(fields));
        let is_made = refused.is_some_and(|status| reason(status) == "REQUEST_ID_REUSED");
        html! {
            @if is_made { p.fault role="alert" { (MADE_ALREADY) } }
            @else if let Some(status) = refused { p.fault role="alert" { (prose(status.message())) } }
        }
    }
}

/// What is said of a form that has made something, and was changed and sent again.
const MADE_ALREADY: &str = "This form was sent before, and has made what it said then: look whether that is what you want. To make another one with what stands here now, send it again.";

/// The name of why the API has refused something; empty where it names none.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// What a form carries that makes something: sent twice it makes one.
pub(crate) fn once() -> Markup {
    html! { input type="hidden" name="request_id" value=(request_id()); }
}

/// One line of text, or whatever the input's type says.
pub(crate) struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    /// Of the HTML input.
    pub(crate) kind: &'a str,
    /// What stands there at first.
    pub(crate) value: &'a str,
    /// Empty: nothing needs to be said.
    pub(crate) help: &'a str,
    pub(crate) required: bool,
}

impl Input<'_> {
    /// With what has become of it.
    pub(crate) fn show(&self, filled: &Filled<'_>) -> Markup {
        let Self {
            name,
            label,
            kind,
            value,
            help,
            required,
        } = self;
        let value = filled.said.map_or(*value, |said| said.get(name));
        within(
            name,
            label,
            help,
            filled,
            &html! {
                input id=(name) name=(name) type=(kind) value=(value) required[*required] autocomplete="off" spellcheck="false"
                    aria-invalid=[filled.fault(name).map(|_| "true")] aria-describedby={ (name) "-help" };
            },
        )
    }
}

/// One of some values, with the words for them.
pub(crate) fn choice(
    (name, label, help): (&str, &str, &str),
    options: &[(&str, &str)],
    (filled, at_first): (&Filled<'_>, &str),
) -> Markup {
    let chosen = filled.value(name, at_first);
    within(
        name,
        label,
        help,
        filled,
        &html! {
            select id=(name) name=(name) aria-invalid=[filled.fault(name).map(|_| "true")] aria-describedby={ (name) "-help" } {
                @for (value, word) in options { option value=(value) selected[*value == chosen] { (word) } }
            }
        },
    )
}

fn within(name: &str, label: &str, help: &str, filled: &Filled<'_>, control: &Markup) -> Markup {
    let fault = filled.fault(name);
    html! {
        div.field {
            label for=(name) { (label) }
            (control)
            p.help id={ (name) "-help" } {
                @if let Some(fault) = &fault { span.fault role="alert" { (fault) } " " }
                (help)
            }
        }
    }
}

/// What asks once more before it does something that nothing undoes: a button that opens what it would do, and the button that does it.
pub(crate) fn confirmed(word: &str, warning: &str, action: &str, (back, button): (&str, &str)) -> Markup {
    // Known again by what it does, so that none is open in place of another.
    let id = format!("confirm{}", action.replace('/', "-"));
    html! {
        details.confirm id=(id) {
            summary.button { (word) "…" }
            form method="post" action=(action) {
                p { (warning) }
                input type="hidden" name="back" value=(back);
                button.final type="submit" { (button) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_fault_stands_beside_its_field_and_what_was_typed_stays() {
        let said = Query::said(vec![("pool".to_owned(), "<HQ>".to_owned())]);
        let details = ErrorDetails::with_bad_request_violation("pool", "must be lower case");
        let status = Status::with_error_details(Code::InvalidArgument, "`pool` must be lower case", details);
        let filled = Filled::refused(&said, &status);
        let pool = Input {
            name: "pool",
            label: "Pool",
            kind: "text",
            value: "hq",
            help: "Which.",
            required: true,
        };
        let shown = pool.show(&filled).0;
        assert!(
            shown.contains("value=\"&lt;HQ&gt;\"") && shown.contains("Must be lower case."),
            "{shown}"
        );
        assert!(shown.contains("aria-invalid=\"true\""), "{shown}");
        assert_eq!(filled.elsewhere(&["pool"]).0, "");
        assert!(
            filled
                .elsewhere(&["uses_max"])
                .0
                .contains("<code>pool</code> must be lower case.")
        );
        assert!(pool.show(&Filled::default()).0.contains("value=\"hq\""));
    }
}
