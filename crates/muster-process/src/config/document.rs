//! What the settings look like on paper: the file of `--print-default-config`, and the values of `--check-config`.

use std::collections::BTreeMap;

use super::fault::Place;
use super::setting::{Setting, enumerated};
use super::sources::All;
use super::table::{OpenTable, Unread, in_path};

/// Where lines of comments end: two of them fit on a wide screen, one on any.
const COLUMNS: usize = 100;

/// A file with all settings, each with its documentation, and with its default commented out: as it is, the file changes nothing.
pub(super) fn default_file(program: &str, settings: &[Setting], open: &[OpenTable]) -> String {
    let mut file = String::new();
    comment(
        &mut file,
        &format!(
            "The configuration of {program}: `{program} --config FILE`.\n\n\
             A setting may also come from its variable or its flag: a variable goes before this file, a flag before both. What is commented \
             out here is the default; a word in capitals stands where there is none. `{program} --check-config` judges it all and starts \
             nothing."
        ),
    );
    let mut sorted: Vec<&Setting> = settings.iter().collect();
    // A table ends only where the next begins, so what belongs to none comes first; the sort keeps the order otherwise.
    sorted.sort_by_key(|setting| table_of(setting.key()).is_some());
    let mut table = None;
    for setting in sorted {
        if table_of(setting.key()) != table {
            table = table_of(setting.key());
            file.push_str(&format!("\n[{}]\n", table.unwrap_or_default()));
        }
        file.push('\n');
        describe(&mut file, setting);
    }
    for table in open {
        file.push('\n');
        comment(&mut file, table.documentation);
        file.push_str("#\n");
        for line in table.example.lines() {
            let mark = if line.is_empty() || line.starts_with('#') {
                ""
            } else {
                "#"
            };
            file.push_str(&format!("{mark}{line}\n"));
        }
    }
    file
}

fn table_of(key: &str) -> Option<&str> {
    key.rsplit_once('.').map(|(table, _)| table)
}

fn describe(file: &mut String, setting: &Setting) {
    let mut text = setting.documentation();
    if text.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '`' | ')' | '"')) {
        text.push('.');
    }
    let values = setting.possible_values();
    if !values.is_empty() {
        text.push_str(&format!(" One of {}.", enumerated(&values)));
    }
    comment(file, &text);
    let flag = setting.flag();
    let told = setting
        .variable()
        .map_or_else(|| flag.clone(), |variable| format!("{variable}, {flag}"));
    comment(file, &told);
    let key = setting.key().rsplit('.').next().unwrap_or_default();
    let defaults = setting.defaults();
    let value = if defaults.is_empty() {
        let name = setting.value_name().into();
        setting.to_toml(&[name])
    } else {
        setting.to_toml(&defaults)
    };
    file.push_str(&format!("#{key} = {value}\n"));
}

/// Paragraphs as comments.
fn comment(file: &mut String, text: &str) {
    for paragraph in text.lines() {
        if paragraph.is_empty() {
            file.push_str("#\n");
            continue;
        }
        let mut line = String::from("#");
        for word in paragraph.split_whitespace() {
            if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > COLUMNS {
                file.push_str(&line);
                file.push('\n');
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        file.push_str(&line);
        file.push('\n');
    }
}

/// The tables of a file, and where each begins.
pub(super) fn headers(tables: &BTreeMap<&'static str, Vec<Unread<'_>>>) -> Vec<(String, Place)> {
    let of_one = |(key, unread): (&&'static str, &Vec<Unread<'_>>)| {
        let header = |one: &Unread<'_>| (format!("{key}.{}", in_path(&one.name)), one.header.clone());
        unread.iter().map(header).collect::<Vec<_>>()
    };
    tables.iter().flat_map(of_one).collect()
}

/// Every setting with the value that counts, and where that comes from.
pub(super) fn effective(settings: &[Setting], all: &All, tables: &[(String, Place)], warnings: &[String]) -> String {
    let mut rows = Vec::new();
    for setting in settings {
        let given = all.get(setting.key()).and_then(|given| given.first());
        let values = given.map_or_else(
            || setting.defaults(),
            |given| given.values.iter().map(|(_, value)| value.clone()).collect(),
        );
        let place = given.map_or(Place::Default, |given| given.place.clone());
        let key = setting.key();
        let shown = if given.is_none() && values.is_empty() {
            format!("#{key}")
        } else if setting.is_secret() {
            format!("{key} = \"(not shown)\"")
        } else {
            format!("{key} = {}", setting.to_toml(&values))
        };
        rows.push((shown, place));
    }
    rows.extend(tables.iter().map(|(name, place)| (format!("[{name}]"), place.clone())));
    let width = rows
        .iter()
        .map(|(shown, _)| shown.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (shown, place) in rows {
        text.push_str(&format!("{shown:width$}  # {place}\n"));
    }
    for warning in warnings {
        text.push_str(&format!("# note: {warning}\n"));
    }
    text.push_str("# the configuration is good\n");
    text
}
