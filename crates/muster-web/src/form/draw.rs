//! The fields as they stand in a page.

use std::cell::RefCell;
use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::control::{self, Control, Line, Need, help, id_of, mark, told};
use super::fields::{Choice, Field, Kind};
use super::secret::{self, is_reference};
use super::{Faults, Merge, Typed};
use crate::words::prose;

/// What stands in a form, and what is said about it.
pub(crate) struct Draw<'a> {
    /// What was typed.
    pub(crate) typed: &'a Typed,
    /// What is wrong with it.
    faults: &'a Faults,
    /// What somebody else has made of it, and how that was put together.
    meanwhile: Option<(&'a Merge, &'a Typed)>,
    /// The faults that stand beside a field: the input's id and what the field is called, by their paths.
    placed: RefCell<BTreeMap<String, (String, String)>>,
}

impl<'a> Draw<'a> {
    /// A form in which this stands.
    pub(crate) fn new(typed: &'a Typed, faults: &'a Faults, meanwhile: Option<(&'a Merge, &'a Typed)>) -> Self {
        Self {
            typed,
            faults,
            meanwhile,
            placed: RefCell::default(),
        }
    }

    /// The faults that no field that was drawn so far has beside it.
    pub(crate) fn unplaced(&self) -> Vec<&'a (String, String)> {
        let placed = self.placed.borrow();
        let is_unplaced = |path: &String| !placed.contains_key(path);
        self.faults.iter().filter(|(path, _)| is_unplaced(path)).collect()
    }

    /// The fields that have faults beside them, as links to them.
    pub(crate) fn wrong(&self) -> Markup {
        let placed = self.placed.borrow();
        html! {
            @if !placed.is_empty() {
                ul.wrong { @for (id, title) in placed.values() { li { a href={ "#" (id) } { (title) } } } }
            }
        }
    }

    /// A field whose input is `name`, and whose value the API calls `path`.
    pub(crate) fn field(&self, field: &Field, name: &str, path: &str) -> Markup {
        match &field.kind {
            Kind::Group { fields, has_rest } => self.group(field, name, path, fields, *has_rest),
            Kind::Items(fields) => self.items(field, name, path, fields),
            Kind::Ways { common, ways, has_rest } => self.ways(field, (name, path), (common, ways), *has_rest),
            Kind::Fixed(_) => html! {},
            Kind::Flag { .. } => self.flag(field, name, path),
            Kind::Many(choices) => self.many(field, name, path, choices),
            Kind::Text { .. } | Kind::Secret | Kind::Number { .. } | Kind::One(_) | Kind::Lines { .. } | Kind::Json => {
                let help = help_of(field);
                let control = Control {
                    name,
                    value: self.typed.get(name),
                    title: &field.title,
                    help: &help,
                    need: need_of(field),
                    placeholder: &field.placeholder,
                    is_bad: self.is_bad(path),
                };
                control.placed(&input(field, &control), &self.beside(field, name, path))
            }
        }
    }

    fn flag(&self, field: &Field, name: &str, path: &str) -> Markup {
        html! {
            div.field {
                label.flag {
                    input type="hidden" name=(name) value=(self.typed.get(name));
                    input id=(id_of(name)) type="checkbox" name=(name) value="true" checked[self.typed.has(name, "true")]
                        aria-describedby=(told(name, &help_of(field))) aria-invalid=[self.is_bad(path).then_some("true")];
                    (field.title)
                }
                (help(name, &help_of(field)))
                (self.beside(field, name, path))
            }
        }
    }

    fn many(&self, field: &Field, name: &str, path: &str, choices: &[Choice]) -> Markup {
        let chosen = self.typed.all(name).iter().filter(|one| !one.is_empty());
        let strange = chosen.filter(|one| choices.iter().all(|choice| choice.said() != **one));
        html! {
            fieldset.field aria-describedby=(told(name, &help_of(field))) {
                legend { (field.title) (mark(need_of(field))) }
                input type="hidden" name=(name) value="";
                div.flags {
                    @for choice in choices {
                        label.flag { input type="checkbox" name=(name) value=(choice.said()) checked[self.typed.has(name, &choice.said())]; (choice.title) }
                    }
                    @for one in strange { label.flag { input type="checkbox" name=(name) value=(one) checked; (one) " (not offered)" } }
                }
                (help(name, &help_of(field)))
                (self.beside(field, name, path))
            }
        }
    }

    fn group(&self, field: &Field, name: &str, path: &str, fields: &[Field], has_rest: bool) -> Markup {
        let inner = html! {
            (self.exactly(field, name, path))
            @for field in fields { (self.within(field, name, path)) }
            (self.rest(field, (name, path), has_rest))
        };
        if path == super::CONFIGURATION {
            return inner;
        }
        html! {
            fieldset.group {
                legend { (field.title) (mark(need_of(field))) }
                (help(name, &help_of(field)))
                (inner)
            }
        }
    }

    /// A field of an object.
    fn within(&self, field: &Field, name: &str, path: &str) -> Markup {
        let (name, path) = field.within((name, path));
        self.field(field, &name, &path)
    }

    /// What has no field of its own: where there may be such things, or are. What is wrong in it is what no field before it has beside it.
    fn rest(&self, field: &Field, (name, path): (&str, &str), has_rest: bool) -> Markup {
        let name = format!("{name}*");
        if !has_rest && self.typed.get(&name).is_empty() {
            return html! {};
        }
        let unplaced = self.unplaced().into_iter();
        let wrong: Vec<_> = unplaced.filter(|(at, _)| is_in(at, path) && at != path).collect();
        let control = Control {
            name: &name,
            value: self.typed.get(&name),
            title: "As JSON",
            help: "What the connector takes beside the fields above. Empty: nothing.",
            need: Need::None,
            placeholder: "{\"key\": \"value\"}",
            is_bad: !wrong.is_empty(),
        };
        let beside = html! {
            (control::faults(&name, &html! {
                @for (at, problem) in wrong {
                    (self.fault(at, &format!("`{}` {problem}", at[path.len()..].trim_start_matches('.')), &id_of(&name), "Other settings"))
                }
            }))
            (self.meanwhile(&name, str::to_owned))
        };
        html! {
            details.rest open[!control.value.is_empty()] {
                summary { "Other settings" }
                (control.placed(&control.area(&field.hidden), &beside))
            }
        }
    }

    fn items(&self, field: &Field, name: &str, path: &str, fields: &[Field]) -> Markup {
        let count: usize = self.typed.get(&format!("{name}#")).parse().unwrap_or(1);
        html! {
            fieldset.group {
                legend { (field.title) (mark(need_of(field))) }
                (help(name, &help_of(field)))
                (self.exactly(field, name, path))
                input type="hidden" name={ (name) "#" } value=(count);
                @for at in 0..count.min(super::read::ITEMS_MAX) {
                    fieldset.item {
                        legend.unseen { (field.title) " " (at + 1) }
                        (self.exactly(field, &format!("{name}/{at}"), &format!("{path}[{at}]")))
                        @for field in fields { (self.within(field, &format!("{name}/{at}"), &format!("{path}[{at}]"))) }
                    }
                }
                div.actions { button type="submit" name="do" value={ "more:" (name) } { "Add another" } }
                p.help { "One whose fields are all empty is not kept." }
            }
        }
    }

    fn ways(
        &self,
        field: &Field,
        (name, path): (&str, &str),
        (common, ways): (&[Field], &[Field]),
        has_rest: bool,
    ) -> Markup {
        let choice = format!("{name}?");
        let chosen = self.typed.get(&choice);
        let title = if field.title.is_empty() { "Way" } else { &field.title };
        let body = html! {
            (self.exactly(field, name, path))
            @for field in common { (self.within(field, name, path)) }
            div.ways {
                div.field.chooser {
                    label for=(id_of(&choice)) { (title) (mark(need_of(field))) }
                    select id=(id_of(&choice)) name=(choice) {
                        option value="" { @if field.is_required { "Choose" } @else { "–" } }
                        @for (at, way) in ways.iter().enumerate() {
                            option value=(at) selected[chosen == at.to_string()] { (way.title) }
                        }
                    }
                    (self.meanwhile(&choice, |at| at.parse().ok().and_then(|at: usize| ways.get(at)).map(|way| way.title.clone()).unwrap_or_default()))
                }
                @for (at, way) in ways.iter().enumerate() {
                    fieldset class={ "way way-" (at) } {
                        legend.unseen { (way.title) }
                        (help(&format!("{name}|{at}"), &help_of(way)))
                        @match &way.kind {
                            Kind::Group { fields, .. } => { @for field in fields { (self.within(field, &format!("{name}|{at}"), path)) } }
                            _ => (self.field(way, &format!("{name}|{at}"), path)),
                        }
                    }
                }
            }
            (self.rest(field, (name, path), has_rest))
        };
        if path == super::CONFIGURATION {
            return body;
        }
        html! { fieldset.group { legend { (field.title) } (help(name, &help_of(field))) (body) } }
    }

    fn is_bad(&self, path: &str) -> bool {
        self.faults.iter().any(|(at, _)| is_in(at, path))
    }

    /// What is said beside a field: what is wrong with it, and what somebody else has made of it.
    pub(crate) fn beside(&self, field: &Field, name: &str, path: &str) -> Markup {
        let faults = self.faults.iter().filter(|(at, _)| is_in(at, path));
        html! {
            (control::faults(name, &html! { @for (at, problem) in faults { (self.fault(at, problem, &id_of(name), &field.title)) } }))
            (self.meanwhile(name, |value| said(&field.kind, value)))
        }
    }

    /// What is wrong with a thing as a whole, and not with what is in it.
    pub(crate) fn exactly(&self, field: &Field, name: &str, path: &str) -> Markup {
        let id = format!("{}-group", id_of(name));
        html! {
            div id=(id) { @for (at, problem) in self.faults.iter().filter(|(at, _)| at == path) { (self.fault(at, problem, &id, &field.title)) } }
        }
    }

    fn fault(&self, path: &str, problem: &str, id: &str, title: &str) -> Markup {
        let place = (id.to_owned(), title.to_owned());
        self.placed.borrow_mut().insert(path.to_owned(), place);
        html! { p.fault { (prose(problem)) } }
    }

    /// What somebody else has made of a field meanwhile.
    pub(crate) fn meanwhile(&self, name: &str, said: impl Fn(&str) -> String) -> Markup {
        let Some((merge, theirs)) = self.meanwhile else {
            return html! {};
        };
        if merge.taken.contains(name) {
            return html! { p.help.taken { "Changed by somebody else meanwhile, and taken over." } };
        }
        if !merge.both.contains(name) {
            return html! {};
        }
        let values: Vec<String> = theirs
            .all(name)
            .iter()
            .map(|value| said(value))
            .filter(|value| !value.is_empty())
            .collect();
        let keep = format!("keep:{name}");
        html! {
            fieldset.theirs {
                legend { "Somebody else has changed this meanwhile, to:" }
                p { @if values.is_empty() { i { "nothing" } } @else { bdi { (values.join(", ")) } } }
                label.flag { input type="radio" name=(keep) value="mine" required; "Keep mine" }
                label.flag { input type="radio" name=(keep) value="theirs" required; "Take theirs" }
            }
        }
    }
}

/// The input of a field that is one.
fn input(field: &Field, control: &Control<'_>) -> Markup {
    match &field.kind {
        Kind::Text { input: "textarea", .. } | Kind::Lines { .. } | Kind::Json => control.area(&field.hidden),
        // What has more lines than one, whatever it is for, would lose them.
        Kind::Text { .. } | Kind::Number { .. } if control.value.contains('\n') => control.area(&field.hidden),
        Kind::One(choices) => one(field, control, choices),
        Kind::Secret => {
            // Whatever is no reference may be the secret, and is not sent back.
            let value = if is_reference(control.value) { control.value } else { "" };
            let placeholder = "env:MUSTER_SECRET_…";
            let pattern = secret::pattern();
            let line = Line {
                shape: Some((&pattern, secret::TITLE)),
                ..Line::default()
            };
            Control {
                value,
                placeholder,
                ..*control
            }
            .line(&line)
        }
        Kind::Number { is_whole } => control.line(&Line {
            keyboard: Some(if *is_whole { "numeric" } else { "decimal" }),
            ..Line::default()
        }),
        Kind::Text {
            input,
            length_max,
            examples,
        } => control.line(&Line {
            // Only the API knows which addresses it takes; the type is for the keyboards of phones.
            keyboard: (*input != "text").then_some(*input),
            length_max: *length_max,
            suggested: examples,
            ..Line::default()
        }),
        Kind::Flag { .. }
        | Kind::Many(_)
        | Kind::Group { .. }
        | Kind::Items(_)
        | Kind::Ways { .. }
        | Kind::Fixed(_) => {
            html! {}
        }
    }
}

/// One of some values, or none of them.
fn one(field: &Field, control: &Control<'_>, choices: &[Choice]) -> Markup {
    let nothing = match field.placeholder.as_str() {
        _ if field.is_required => "Choose".to_owned(),
        "" => "–".to_owned(),
        default => format!("– ({default})"),
    };
    let mut options = vec![(String::new(), nothing)];
    options.extend(choices.iter().map(|choice| (choice.said(), choice.title.clone())));
    if options.iter().all(|(value, _)| value != control.value) {
        options.push((control.value.to_owned(), format!("{} (not offered)", control.value)));
    }
    control.choice(&options)
}

/// How a value is said to people.
fn said(kind: &Kind, value: &str) -> String {
    match kind {
        Kind::Flag { .. } => match value {
            "true" => "yes".to_owned(),
            _ => String::new(),
        },
        Kind::One(_) | Kind::Many(_) => {
            serde_json::from_str(value).map_or(value.to_owned(), |value: Value| super::fields::plain(&value))
        }
        _ => value.to_owned(),
    }
}

/// Whether a place is in another one, or the same.
fn is_in(at: &str, path: &str) -> bool {
    at.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What a field is for, and how it is said.
fn help_of(field: &Field) -> String {
    let how = match &field.kind {
        Kind::Lines { .. } => "One a line.",
        Kind::Json => "As JSON.",
        _ => "",
    };
    format!("{} {how}", field.help).trim().to_owned()
}

fn need_of(field: &Field) -> Need {
    if field.is_required { Need::Told } else { Need::None }
}
