//! Saved responses of DataForSEO's SERP API.
//!
//! `tasks[].result[].items[]`, walked level by level while the file is read; one
//! item is in memory at a time, beside the rows themselves. What an item says is
//! parsed apart from the walk (see `json_tap`), so only broken structure ends
//! the reading, and the items before the break are kept.

mod nodes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::BufRead;
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};

use self::nodes::{Node, Nodes};
use super::MAX_ROW_BYTES;
use super::error::ReadError;
use super::json_lines::{reason, without_position};
use super::json_tap::{Keep, Seen, Tap};
use super::row::{RawLocation, RawRow};
use super::source::Sink;

/// The status code of a response or task that succeeded.
const OK: i64 = 20_000;

/// Reads one response, several in a row, or arrays of them, until the input ends.
pub(crate) fn read(input: impl BufRead, sink: &mut impl Sink) -> Result<(), ReadError> {
    let (tap, seen) = Tap::new(input, MAX_ROW_BYTES);
    let mut parser = serde_json::Deserializer::from_reader(tap);
    let mut walk = Walk::new(seen, sink);
    loop {
        match parser.end() {
            Ok(()) => return Ok(()),
            Err(error) if error.is_io() => return Err(ReadError::Io(error.into())),
            // Something other than white space follows.
            Err(_) => {}
        }
        let response = Node {
            walk: &mut walk,
            level: Level::Response,
        };
        if let Err(error) = response.deserialize(&mut parser) {
            return walk.broken(error);
        }
    }
}

/// What an object of the response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Response,
    Task,
    Result,
    Item,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Response => "response",
            Self::Task => "task",
            Self::Result => "result",
            Self::Item => "item",
        })
    }
}

#[derive(Debug, Default)]
struct Status {
    line: u64,
    code: Option<i64>,
    message: Option<String>,
}

impl Status {
    fn at(line: u64) -> Self {
        Self {
            line,
            ..Self::default()
        }
    }

    fn is_ok(&self) -> bool {
        self.code.is_none_or(|code| code == OK)
    }
}

/// What a task or result says about the query that it answers.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    keyword: Option<String>,
    location_code: Option<i64>,
    location_name: Option<String>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Organic {
    url: Option<String>,
    title: Option<String>,
    description: Option<String>,
}

/// The state of the walk. Rows wait until their task ends, because keys may come
/// in any order and `data` after `result`.
struct Walk<'s, S> {
    seen: Rc<Seen>,
    sink: &'s mut S,
    response: Status,
    has_tasks: bool,
    task: Status,
    asked: Asked,
    /// Rows of the task; those from `result_start` on are of the current result.
    waiting: Vec<RawRow>,
    result_start: usize,
    result: Asked,
    /// The line on which the structure broke.
    broken_at: Option<u64>,
    /// Why the sink takes no more.
    stopped: Option<ReadError>,
}

impl<'s, S: Sink> Walk<'s, S> {
    fn new(seen: Rc<Seen>, sink: &'s mut S) -> Self {
        Self {
            seen,
            sink,
            response: Status::default(),
            has_tasks: false,
            task: Status::default(),
            asked: Asked::default(),
            waiting: Vec::new(),
            result_start: 0,
            result: Asked::default(),
            broken_at: None,
            stopped: None,
        }
    }

    fn bad(&mut self, reason: impl Into<String>) {
        let line = self.seen.line();
        self.sink.bad(line, reason.into());
    }

    fn enter(&mut self, level: Level) {
        let line = self.seen.line();
        match level {
            Level::Response => {
                self.response = Status::at(line);
                self.has_tasks = false;
            }
            Level::Task => {
                self.task = Status::at(line);
                self.asked = Asked::default();
            }
            Level::Result => {
                self.result = Asked::default();
                self.result_start = self.waiting.len();
            }
            Level::Item => {}
        }
    }

    fn leave(&mut self, level: Level) -> Result<(), ReadError> {
        match level {
            Level::Response if !self.response.is_ok() => self.refused(Level::Response),
            Level::Response if !self.has_tasks => {
                let text = "an object without `tasks` is not a DataForSEO response";
                self.sink.bad(self.response.line, text.to_owned());
            }
            Level::Task => {
                if self.task.is_ok() {
                    self.sink.answered();
                } else {
                    self.refused(Level::Task);
                }
                self.flush()?;
            }
            Level::Result => self.end_result(),
            Level::Response | Level::Item => {}
        }
        Ok(())
    }

    fn refused(&mut self, level: Level) {
        let status = match level {
            Level::Response => &self.response,
            _ => &self.task,
        };
        let code = status.code.unwrap_or_default();
        let message = status.message.as_deref().unwrap_or("no message");
        let text = format!("the {level} has status {code}: {message}");
        let line = status.line;
        self.sink.bad(line, text);
    }

    /// Tags the rows of the current result with what the result says.
    fn end_result(&mut self) {
        let result = std::mem::take(&mut self.result);
        let start = self.result_start.min(self.waiting.len());
        for row in &mut self.waiting[start..] {
            row.keyword.clone_from(&result.keyword);
            row.location = code(result.location_code);
        }
        self.result_start = self.waiting.len();
    }

    /// Hands on the rows of the task. What was asked goes before what the result
    /// repeats; a code goes before a name, which may be a city's.
    fn flush(&mut self) -> Result<(), ReadError> {
        self.end_result();
        let asked = std::mem::take(&mut self.asked);
        self.result_start = 0;
        for mut row in std::mem::take(&mut self.waiting) {
            if asked.keyword.is_some() {
                row.keyword.clone_from(&asked.keyword);
            }
            let name = asked.location_name.as_deref().unwrap_or_default();
            row.location = code(asked.location_code)
                .or(row.location)
                .or(RawLocation::from_text(name));
            self.sink.row(row)?;
        }
        Ok(())
    }

    /// Keeps what was read before `error` and says where reading ended.
    fn broken(mut self, error: serde_json::Error) -> Result<(), ReadError> {
        if let Some(stopped) = self.stopped.take() {
            return Err(stopped);
        }
        self.flush()?;
        if error.is_io() {
            return Err(ReadError::Io(error.into()));
        }
        let line = self.broken_at.unwrap_or_else(|| self.seen.line());
        let text = if error.is_eof() {
            "the file ends inside a response: it was cut off".to_owned()
        } else {
            let what = without_position(&error);
            format!("{what}; the rest of the file is not read")
        };
        self.sink.bad(line, text);
        Ok(())
    }

    /// Remembers the line of the first error: the parser reads on through closing
    /// brackets before it returns one.
    fn noting_a_break<T, E>(&mut self, read: Result<T, E>) -> Result<T, E> {
        if read.is_err() && self.broken_at.is_none() {
            self.broken_at = Some(self.seen.line());
        }
        read
    }

    fn item(&mut self, line: u64, bytes: Option<Vec<u8>>) {
        let row = match bytes {
            None => Err(format!("item longer than {MAX_ROW_BYTES} bytes")),
            Some(bytes) => parse_item(line, &bytes),
        };
        match row {
            Ok(Some(row)) => self.waiting.push(row.bounded()),
            Ok(None) => self.sink.ignored_item(),
            Err(reason) => self.sink.bad(line, reason),
        }
    }

    /// Reads the value of one key.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        level: Level,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match (level, key) {
            (Level::Response, "tasks") => {
                self.has_tasks = true;
                self.list(Level::Task, map)?;
            }
            (Level::Task, "result") => self.list(Level::Result, map)?,
            (Level::Result, "items") => self.list(Level::Item, map)?,
            (Level::Response, "status_code") => self.response.code = self.value(map)?,
            (Level::Response, "status_message") => self.response.message = self.value(map)?,
            (Level::Task, "status_code") => self.task.code = self.value(map)?,
            (Level::Task, "status_message") => self.task.message = self.value(map)?,
            (Level::Task, "data") => self.asked = self.value(map)?.unwrap_or_default(),
            (Level::Result, "keyword") => self.result.keyword = self.value(map)?,
            (Level::Result, "location_code") => self.result.location_code = self.value(map)?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn list<'de, A: MapAccess<'de>>(&mut self, of: Level, map: &mut A) -> Result<(), A::Error> {
        map.next_value_seed(Nodes { walk: self, of })
    }

    /// A small value; one of another type is reported and counts as absent.
    fn value<'de, A, T>(&mut self, map: &mut A) -> Result<Option<T>, A::Error>
    where
        A: MapAccess<'de>,
        T: for<'a> Deserialize<'a>,
    {
        let kept = map.next_value_seed(Keep {
            seen: &self.seen,
            first_byte_read: false,
        })?;
        let Some(bytes) = kept else {
            self.bad(format!("value longer than {MAX_ROW_BYTES} bytes"));
            return Ok(None);
        };
        // The byte behind a number is among them, so not `from_slice`.
        let mut parser = serde_json::Deserializer::from_slice(&bytes);
        match Option::<T>::deserialize(&mut parser) {
            Ok(value) => Ok(value),
            Err(error) => {
                self.bad(reason(&error));
                Ok(None)
            }
        }
    }
}

fn code(code: Option<i64>) -> RawLocation {
    code.map_or(RawLocation::Absent, RawLocation::Code)
}

/// The row of an organic item, `None` for another type, or what is wrong.
fn parse_item(line: u64, bytes: &[u8]) -> Result<Option<RawRow>, String> {
    if bytes.first() != Some(&b'{') {
        return Err("an item is not an object".to_owned());
    }
    let kind: Kind = serde_json::from_slice(bytes).map_err(|error| reason(&error))?;
    match kind.name.as_deref() {
        Some("organic") => {}
        Some(_) => return Ok(None),
        None => return Err("an item without a type".to_owned()),
    }
    let item: Organic = serde_json::from_slice(bytes).map_err(|error| reason(&error))?;
    if item.url.is_none() {
        return Err("no url".to_owned());
    }
    Ok(Some(RawRow {
        line,
        url: item.url,
        title: item.title,
        description: item.description,
        keyword: None,
        location: RawLocation::Absent,
    }))
}
