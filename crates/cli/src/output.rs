//! Printing. Results go to standard output, everything else to standard error;
//! what strangers wrote is escaped on its way to a terminal.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write as _},
};

use chrono::{DateTime, SecondsFormat, Utc};
use outreach_domain::{escape_for_terminal, excerpt};
use serde::Serialize;

use crate::exit::Error;

/// Prints a part of the result as it is.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Prints a value as indented JSON, fit for a terminal too.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(Error::failed)?;
    print(&format!("{}\n", escape_json(&text)))
}

/// Writes a message of our own to standard error. That nobody reads it is no
/// reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes the first of several lines below a message, and how many more there
/// are of them in all.
pub(crate) fn say_some(lines: &[impl ToString], most: usize, total: u64) {
    let shown = lines.iter().take(most);
    let mut count = 0;
    for line in shown {
        say(&format!("  {}", excerpt(&line.to_string(), 500)));
        count += 1;
    }
    if total > count {
        say(&format!("  … and {} more", total - count));
    }
}

/// JSON says control and invisible characters as `\uXXXX`, but writers only
/// escape the first 32 of them. Outside of strings there are none but white
/// space, so the value stays the same.
pub(crate) fn escape_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || !needs_escape(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a text cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

fn needs_escape(character: char) -> bool {
    let mut buffer = [0; 4];
    let shown = escape_for_terminal(character.encode_utf8(&mut buffer));
    matches!(shown, Cow::Owned(_))
}

/// A number with its noun: `1 row`, `2 rows`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A length of time for people, given in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    let (number, unit) = match seconds {
        s if s < 120.0 => (s, "s"),
        s if s < 7_200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    let digits = usize::from(unit == "s" && number < 10.0);
    format!("{number:.digits$} {unit}")
}

/// A time for people: UTC, to the second.
pub(crate) fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(String::new, |time| {
        time.to_rfc3339_opts(SecondsFormat::Secs, true)
    })
}

/// Rows below a header, in columns as wide as their longest text.
pub(crate) struct Table {
    limits: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings, each with the most characters that its
    /// column may take.
    pub(crate) fn new(columns: &[(&str, usize)]) -> Self {
        Self {
            limits: columns.iter().map(|(_, limit)| *limit).collect(),
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
        }
    }

    /// Adds a row; what is too long for its column is cut.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let cells = cells.iter().zip(&self.limits);
        self.rows
            .push(cells.map(|(cell, limit)| excerpt(cell, *limit)).collect());
    }

    /// The table as text; nothing at all when it has no rows.
    pub(crate) fn text(&self) -> String {
        if self.rows.len() < 2 {
            return String::new();
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.limits.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Lines of a name and a value, for one row of the database.
#[derive(Default)]
pub(crate) struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// Adds a line; nothing for an empty value.
    pub(crate) fn add(&mut self, name: &'static str, value: impl AsRef<str>) -> &mut Self {
        let value = value.as_ref();
        if !value.is_empty() {
            self.0.push((name, excerpt(value, 2000)));
        }
        self
    }

    /// The lines, with the values below each other.
    pub(crate) fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.0 {
            let _ = writeln!(text, "{name:<width$}  {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_without_a_change_of_its_value() {
        let value = serde_json::json!({
            "a": "esc \u{1b} del \u{7f} c1 \u{9b} bidi \u{202e} tag \u{e0041} bücher 🎁 \" \\ \n",
        });
        let text = escape_json(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(
            escape_for_terminal(&text.replace('\n', "")),
            text.replace('\n', "")
        );
        assert!(text.contains("bücher 🎁"));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn a_length_of_time_has_a_unit_that_fits() {
        for (length, text) in [
            (0.0, "0.0 s"),
            (1.25, "1.2 s"),
            (61.0, "61 s"),
            (600.0, "10 min"),
            (7_200.0, "2 h"),
            (864_000.0, "10 days"),
        ] {
            assert_eq!(seconds(length), text);
        }
    }

    #[test]
    fn a_table_is_bounded_and_escaped() {
        let mut table = Table::new(&[("A", 5), ("LAST", 6)]);
        table.row(["\u{1b}", &"x".repeat(100)]);
        table.row(["b", ""]);
        assert_eq!(table.text(), "A  LAST\n…  xxxxx…\nb\n");
        assert_eq!(Table::new(&[("A", 5)]).text(), "");
    }

    #[test]
    fn a_value_that_holds_a_line_break_stays_on_its_line() {
        let mut fields = Fields::default();
        fields.add("title", "a\nb").add("none", "").add("x", "y");
        assert_eq!(fields.text(), "title  a\\u{a}b\nx      y\n");
    }
}
