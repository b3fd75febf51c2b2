//! JSON Lines: one object a line.

use std::io::BufRead;

use serde::Deserialize;

use super::MAX_ROW_BYTES;
use super::error::ReadError;
use super::lines::{Line, Lines};
use super::row::{RawLocation, RawRow};
use super::source::Sink;

#[derive(Deserialize)]
struct Object {
    url: Option<String>,
    title: Option<String>,
    description: Option<String>,
    keyword: Option<String>,
    location: Option<Place>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "location is neither a name nor a code")]
enum Place {
    Code(i64),
    Name(String),
}

/// Reads search results until the input ends.
pub(crate) fn read(input: impl BufRead, sink: &mut impl Sink) -> Result<(), ReadError> {
    let mut lines = Lines::new(input, MAX_ROW_BYTES);
    while let Some(line) = lines.next_line()? {
        match parse(&line) {
            Ok(Some(row)) => sink.row(row)?,
            Ok(None) => {}
            Err(reason) => sink.bad(line.number, reason),
        }
    }
    Ok(())
}

/// The row on `line`, `None` when it is blank, or the reason to set it aside.
fn parse(line: &Line) -> Result<Option<RawRow>, String> {
    if line.too_long {
        return Err(format!("longer than {MAX_ROW_BYTES} bytes"));
    }
    let text = std::str::from_utf8(&line.bytes)
        .map_err(|error| format!("invalid UTF-8 after byte {}", error.valid_up_to()))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let object: Object = serde_json::from_str(text).map_err(|error| reason(&error))?;
    Ok(Some(RawRow {
        line: line.number,
        url: object.url,
        title: object.title,
        description: object.description,
        keyword: object.keyword,
        location: match object.location {
            None => RawLocation::Absent,
            Some(Place::Code(code)) => RawLocation::Code(code),
            Some(Place::Name(name)) => RawLocation::from_text(&name),
        },
    }))
}

/// What is wrong with one line or item, by the column in it.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let what = without_position(error);
    match error.column() {
        0 => what,
        column => format!("{what} (column {column})"),
    }
}

/// What is wrong, without the parser's own position: it counts from where it
/// began and would be mistaken for a line of the file.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
