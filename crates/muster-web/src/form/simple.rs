//! Forms whose fields are always the same: what was typed stays, and what the API finds wrong with it stands beside it.

use maud::{Markup, html};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::control::{Control, Line, Need, faults};
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

    /// A field in which something stands at first, with what has become of it.
    fn control<'b>(&'b self, (name, title, help): (&'b str, &'b str, &'b str), at_first: &'b str) -> Control<'b> {
        Control {
            name,
            value: self.said.map_or(at_first, |said| said.get(name)),
            title,
            help,
            need: Need::None,
            placeholder: "",
            is_bad: self.fault(name).is_some(),
        }
    }

    /// The form with these fields, sent to this address. What is typed into it is somebody's until it is sent, or given up by them.
    pub(crate) fn form(&self, action: &str, fields: &[&str], body: &Markup) -> Markup {
        html! {
            form.form method="post" action=(action) data-guard data-dirty[self.said.is_some()] {
                (self.elsewhere(fields))
                (body)
            }
        }
    }

    fn beside(&self, name: &str) -> Markup {
        let fault = self.fault(name);
        faults(
            name,
            &html! { @if let Some(fault) = fault { p.fault role="alert" { (fault) } } },
        )
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
        let control = filled.control((self.name, self.label, self.help), self.value);
        let need = if self.required { Need::Held } else { Need::None };
        let line = Line {
            kind: self.kind,
            ..Line::default()
        };
        let control = Control { need, ..control };
        control.placed(&control.line(&line), &filled.beside(self.name))
    }
}

/// One of some values, with the words for them.
pub(crate) fn choice(
    words: (&str, &str, &str),
    options: &[(&str, &str)],
    (filled, at_first): (&Filled<'_>, &str),
) -> Markup {
    let control = filled.control(words, at_first);
    control.placed(&control.choice(options), &filled.beside(control.name))
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
