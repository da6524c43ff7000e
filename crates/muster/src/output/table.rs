//! Tables without lines, and facts about one thing; both of at most 100 columns, unless a fact is longer.

use std::borrow::Cow;

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::text::{self, Tone};

/// The blanks between two columns.
const GAP: u16 = 2;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    title: Cow<'static, str>,
    columns_max: usize,
    alignment: CellAlignment,
}

impl Column {
    /// A column of text; what is longer than `columns_max` is cut.
    pub fn text(title: impl Into<Cow<'static, str>>, columns_max: usize) -> Self {
        Self {
            title: title.into(),
            columns_max,
            alignment: CellAlignment::Left,
        }
    }

    /// A column of numbers.
    pub fn number(title: impl Into<Cow<'static, str>>, columns_max: usize) -> Self {
        Self {
            title: title.into(),
            columns_max,
            alignment: CellAlignment::Right,
        }
    }
}

/// A cell of a table.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    /// Its colour; `None`: the terminal's own.
    tone: Option<Tone>,
}

impl Cell {
    /// A word that has a colour on a terminal.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone: Some(tone),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            tone: None,
        }
    }
}

/// Rows below titles. An empty table has its titles all the same: it says that there is nothing, not that something went wrong.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, of as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell, IntoIter: ExactSizeIterator>) {
        let cells = cells.into_iter();
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        let cells = cells.zip(&self.columns).map(|(cell, column)| Cell {
            text: text::cut(&text::clean(&cell.text), column.columns_max),
            tone: cell.tone,
        });
        self.rows.push(cells.collect());
    }

    /// The whole of it, each line with its line feed.
    pub fn render(&self, painted: bool) -> String {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(self.columns.iter().map(|column| column.title.as_ref()))
            .add_rows(self.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str())));
        for (column, drawn) in self.columns.iter().zip(table.column_iter_mut()) {
            drawn.set_padding((0, GAP)).set_cell_alignment(column.alignment);
        }
        let starts = starts(&table.column_max_content_widths());
        let mut rendered = String::new();
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            match index.checked_sub(1).and_then(|row| self.rows.get(row)) {
                Some(row) if painted => rendered.push_str(&paint(line, row, &starts)),
                Some(_) | None => rendered.push_str(line),
            }
            rendered.push('\n');
        }
        rendered
    }
}

/// In which column of the terminal each of the table's columns begins.
fn starts(widths: &[u16]) -> Vec<usize> {
    let mut next = 0;
    widths
        .iter()
        .map(|width| {
            let start = next;
            next += usize::from(width + GAP);
            start
        })
        .collect()
}

/// Colours the cells of a line that have a tone. Done after the columns were laid out, so that escape codes count for nothing there.
fn paint(line: &str, row: &[Cell], starts: &[usize]) -> String {
    let mut painted = String::with_capacity(line.len());
    let mut rest = line;
    let mut column = 0;
    for (cell, start) in row.iter().zip(starts) {
        let Some(tone) = cell.tone else { continue };
        let (before, after) = split_at_column(rest, start.saturating_sub(column));
        let Some(after) = after.strip_prefix(cell.text.as_str()) else {
            continue;
        };
        painted.push_str(before);
        painted.push_str(&tone.paint(&cell.text));
        column = start + text::width(&cell.text);
        rest = after;
    }
    painted.push_str(rest);
    painted
}

/// Parts a text where it has taken so many columns of the terminal.
fn split_at_column(text: &str, columns: usize) -> (&str, &str) {
    let mut buffer = [0; 4];
    let mut taken = 0;
    for (index, c) in text.char_indices() {
        if taken >= columns {
            return text.split_at(index);
        }
        taken += text::width(c.encode_utf8(&mut buffer));
    }
    (text, "")
}

/// Facts about one thing: a label and a value in a line each. Facts without a value are left out.
#[derive(Debug, Default)]
pub struct Facts(Vec<(&'static str, Vec<String>)>);

impl Facts {
    /// Adds a fact, unless its value is empty.
    pub fn add(&mut self, label: &'static str, value: impl AsRef<str>) {
        let value = text::clean(value.as_ref());
        if !value.is_empty() {
            self.0.push((label, vec![value]));
        }
    }

    /// Adds a fact whose first word may have a colour: the value as it is to be printed, which the caller has cleaned.
    pub fn add_painted(&mut self, label: &'static str, value: String) {
        self.0.push((label, vec![value]));
    }

    /// Adds a fact of several lines, unless there are none.
    pub fn add_lines(&mut self, label: &'static str, lines: impl IntoIterator<Item = String>) {
        let lines: Vec<String> = lines.into_iter().map(|line| text::clean(&line)).collect();
        if !lines.is_empty() {
            self.0.push((label, lines));
        }
    }

    /// The lines, without line feeds.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let label_columns = self.0.iter().map(|(label, _)| text::width(label)).max().unwrap_or(0);
        self.0.iter().flat_map(move |(label, values)| {
            values.iter().enumerate().map(move |(index, value)| {
                let label = if index == 0 { label } else { "" };
                format!("{}  {value}", text::pad(label, label_columns))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([
            Column::text("NAME", 10),
            Column::text("STATUS", 9),
            Column::number("RECORDS", 9),
        ]);
        table.row(["東京".into(), Cell::toned("Active", Tone::Good), "1,234".into()]);
        table.row([
            "a name that is too long".into(),
            Cell::toned("Error", Tone::Bad),
            "7".into(),
        ]);
        table
    }

    #[test]
    fn columns_stand_below_each_other() {
        let expected = "\
NAME        STATUS  RECORDS
東京        Active    1,234
a name th…  Error         7
";
        assert_eq!(table().render(false), expected);
    }

    #[test]
    fn colours_change_no_layout() {
        let painted = table().render(true);
        assert!(
            painted.contains("東京        \u{1b}[32mActive\u{1b}[0m    1,234\n"),
            "{painted:?}"
        );
        let plain = painted
            .replace("\u{1b}[32m", "")
            .replace("\u{1b}[31m", "")
            .replace("\u{1b}[0m", "");
        assert_eq!(plain, table().render(false));
    }

    #[test]
    fn an_empty_table_keeps_its_titles() {
        assert_eq!(
            Table::new([Column::text("NAME", 9), Column::text("POOL", 9)]).render(false),
            "NAME  POOL\n"
        );
    }

    #[test]
    fn facts_stand_below_each_other_and_empty_ones_nowhere() {
        let mut facts = Facts::default();
        facts.add("status", "Error");
        facts.add("warning", "");
        facts.add_lines("data types", ["user".to_owned(), "device".to_owned()]);
        let lines: Vec<String> = facts.lines().collect();
        assert_eq!(lines, ["status      Error", "data types  user", "            device"]);
    }
}
