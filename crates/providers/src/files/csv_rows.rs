//! CSV, record by record.
//!
//! Records are framed here and parsed by the `csv` crate. Framing first keeps
//! the number of the line on which a record begins, bounds a record's size, and
//! makes a quote that is never closed cost one record instead of the rest of
//! the file.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use csv::ByteRecord;
use outreach_domain::escape_for_terminal;

use super::MAX_ROW_BYTES;
use super::error::ReadError;
use super::lines::{Line, Lines};
use super::report::cut;
use super::row::{RawLocation, RawRow};
use super::source::Sink;

const EXPECTED: &str = "url (and, where known, title, description, keyword, location)";

/// Reads search results until the input ends.
pub(crate) fn read(input: impl BufRead, sink: &mut impl Sink) -> Result<(), ReadError> {
    let mut records = Records::new(input);
    let header = records.header(&["url"], EXPECTED)?;
    let column = |name| header.column(name);
    let (url, title, description) = (column("url"), column("title"), column("description"));
    let (keyword, location) = (column("keyword"), column("location"));
    while let Some(record) = records.next_record()? {
        let row = header.fit(&record).and_then(|cells| {
            Ok(RawRow {
                line: record.line,
                url: owned(cells.text(url)?),
                title: owned(cells.text(title)?),
                description: owned(cells.text(description)?),
                keyword: owned(cells.text(keyword)?),
                location: RawLocation::from_text(cells.text(location)?.unwrap_or_default()),
            })
        });
        match row {
            Ok(row) => sink.row(row)?,
            Err(reason) => sink.bad(record.line, reason),
        }
    }
    Ok(())
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// A record, or why it is none.
#[derive(Debug)]
pub(crate) struct Record {
    /// The line on which it begins.
    pub(crate) line: u64,
    fields: Result<ByteRecord, String>,
}

/// The columns of a file.
#[derive(Debug)]
pub(crate) struct Header {
    names: Vec<String>,
}

impl Header {
    /// Where the column is; the first one when two have the name.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|found| found == name)
    }

    /// The cells of `record`, or the reason why it does not fit the header.
    pub(crate) fn fit<'r>(&'r self, record: &'r Record) -> Result<Cells<'r>, String> {
        let fields = record.fields.as_ref().map_err(Clone::clone)?;
        let (found, needed) = (fields.len(), self.names.len());
        if found == needed {
            Ok(Cells {
                header: self,
                fields,
            })
        } else {
            Err(format!("{found} columns where the header has {needed}"))
        }
    }

    /// The columns for a message: few, short and escaped.
    fn summary(&self) -> String {
        let mut names: Vec<String> = self.names.iter().take(20).cloned().collect();
        for name in &mut names {
            cut(name, 60);
        }
        let mut text = escape_for_terminal(&names.join(", ")).into_owned();
        if let [only] = self.names.as_slice()
            && only.contains([';', '\t', '|'])
        {
            text.push_str(" (separate the columns by commas)");
        }
        text
    }
}

/// The cells of one record that fits its header.
#[derive(Debug)]
pub(crate) struct Cells<'r> {
    header: &'r Header,
    fields: &'r ByteRecord,
}

impl<'r> Cells<'r> {
    /// The text of a cell; `None` without such a column, an error when the cell
    /// is not UTF-8.
    pub(crate) fn text(&self, column: Option<usize>) -> Result<Option<&'r str>, String> {
        let Some(column) = column else {
            return Ok(None);
        };
        let bytes = self.fields.get(column).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(format!(
                "invalid UTF-8 in column `{}` after byte {}",
                self.header.names[column],
                error.valid_up_to()
            )),
        }
    }
}

/// Reads records and knows where each begins.
#[derive(Debug)]
pub(crate) struct Records<R> {
    lines: Lines<R>,
    /// Lines taken for part of a record that turned out to be none.
    returned: VecDeque<Line>,
    parser: csv::Reader<Feed>,
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input, MAX_ROW_BYTES),
            returned: VecDeque::new(),
            parser: parser(),
        }
    }

    /// Reads the header, which must have the columns `needed`.
    pub(crate) fn header(
        &mut self,
        needed: &[&'static str],
        expected: &'static str,
    ) -> Result<Header, ReadError> {
        let mut names = Vec::new();
        if let Some(record) = self.next_record()?
            && let Ok(fields) = &record.fields
        {
            let name = |field| String::from_utf8_lossy(field).trim().to_lowercase();
            names = fields.iter().map(name).collect();
        }
        let header = Header { names };
        match needed.iter().find(|name| header.column(name).is_none()) {
            None => Ok(header),
            Some(missing) => Err(ReadError::MissingColumn {
                missing,
                found: header.summary(),
                expected,
            }),
        }
    }

    /// The next record, blank lines skipped; `None` at the end of the input.
    pub(crate) fn next_record(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some(first) = self.next_line()? else {
                return Ok(None);
            };
            if matches!(first.bytes.as_slice(), b"\n" | b"\r\n" | b"\r") {
                continue;
            }
            let line = first.number;
            let fields = match self.frame(first)? {
                Ok(bytes) => self.parse(bytes),
                Err(reason) => Err(reason),
            };
            return Ok(Some(Record { line, fields }));
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        match self.returned.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next_line(),
        }
    }

    /// The bytes of the record that begins with `first`.
    fn frame(&mut self, first: Line) -> io::Result<Result<Vec<u8>, String>> {
        if first.too_long {
            return Ok(Err(format!("longer than {MAX_ROW_BYTES} bytes")));
        }
        let mut quotes = Quotes::FieldStart.after(&first.bytes);
        let mut bytes = first.bytes;
        let mut more = Vec::new();
        while quotes == Quotes::Quoted {
            let next = self.next_line()?;
            let fits = next.as_ref().is_some_and(|line| {
                !line.too_long && bytes.len() + line.bytes.len() <= MAX_ROW_BYTES
            });
            let ended = next.is_none();
            if let Some(line) = next {
                quotes = quotes.after(&line.bytes);
                bytes.extend_from_slice(&line.bytes);
                more.push(line);
            }
            if ended || !fits {
                // What looked like one long cell may be good records.
                for line in more.into_iter().rev() {
                    self.returned.push_front(line);
                }
                return Ok(Err("a quoted field is not closed".to_owned()));
            }
        }
        Ok(Ok(bytes))
    }

    fn parse(&mut self, mut bytes: Vec<u8>) -> Result<ByteRecord, String> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        bytes.push(b'\n');
        *self.parser.get_mut() = Feed { bytes, at: 0 };
        let mut record = ByteRecord::new();
        if self.parser.read_byte_record(&mut record).unwrap_or(false) {
            return Ok(record);
        }
        // Does not happen while the framing agrees with the parser.
        self.parser = parser();
        Err("not a CSV record".to_owned())
    }
}

fn parser() -> csv::Reader<Feed> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(Feed::default())
}

/// Hands the parser one framed record. The line feed at its end completes the
/// record, so the parser asks for no more and never sees an end of input.
#[derive(Debug, Default)]
struct Feed {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Where in a record's quoting a byte stands, as the `csv` crate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    FieldStart,
    Plain,
    Quoted,
    QuoteInQuoted,
}

impl Quotes {
    fn after(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |state, &byte| match (state, byte) {
            (Self::Quoted, b'"') => Self::QuoteInQuoted,
            (Self::FieldStart | Self::QuoteInQuoted, b'"') | (Self::Quoted, _) => Self::Quoted,
            (_, b',' | b'\n') => Self::FieldStart,
            _ => Self::Plain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut records = Records::new(text);
        let mut seen = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            let fields = record.fields.map(|fields| {
                let text = |field| String::from_utf8_lossy(field).into_owned();
                fields.iter().map(text).collect()
            });
            seen.push((record.line, fields));
        }
        seen
    }

    fn good(line: u64, fields: &[&str]) -> (u64, Result<Vec<String>, String>) {
        (
            line,
            Ok(fields.iter().map(|&field| field.to_owned()).collect()),
        )
    }

    #[test]
    fn lines_are_right_after_blank_lines_crlf_and_newlines_in_quotes() {
        let text = b"\r\na,b\r\n\r\n\n\"x\r\n\"\"y\"\"\",z\r\nl,\"m\"\r\n\"o\",";
        assert_eq!(
            records(text),
            [
                good(2, &["a", "b"]),
                good(5, &["x\r\n\"y\"", "z"]),
                good(7, &["l", "m"]),
                good(8, &["o", ""]),
            ]
        );
    }

    #[test]
    fn framing_agrees_with_the_csv_crate_on_every_small_input() {
        let alphabet = [b'"', b',', b'\n', b'a', b'\r'];
        for number in 0..5_usize.pow(6) {
            let mut rest = number;
            let mut text = Vec::new();
            for _ in 0..6 {
                text.push(alphabet[rest % 5]);
                rest /= 5;
            }
            // Lone carriage returns end a record for the csv crate's default
            // and are data here; unclosed quotes are data there and refused here.
            let text = String::from_utf8(text).unwrap().replace('\r', "\r\n") + "\n";
            let ours = records(text.as_bytes());
            if ours.iter().any(|(_, fields)| fields.is_err()) {
                continue;
            }
            let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes())
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let ours: Vec<Vec<String>> = ours.into_iter().map(|(_, f)| f.unwrap()).collect();
            assert_eq!(ours, theirs, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_record() {
        let text = b"a,\"open\nb,2\nc,3\n";
        assert_eq!(
            records(text),
            [
                (1, Err("a quoted field is not closed".to_owned())),
                good(2, &["b", "2"]),
                good(3, &["c", "3"]),
            ]
        );
    }

    #[test]
    fn a_record_past_the_limit_is_set_aside_and_the_next_is_read() {
        let mut text = vec![b'x'; MAX_ROW_BYTES + 1];
        text.extend_from_slice(b"\nb\n\"");
        text.extend(std::iter::repeat_n([[b'y'; 1023].as_slice(), b"\n"].concat(), 1025).flatten());
        let seen = records(&text);
        assert!(seen[0].1.is_err());
        assert_eq!(seen[1], good(2, &["b"]));
        assert!(seen[2].1.is_err());
        assert_eq!(seen[3], good(4, &["y".repeat(1023).as_str()]));
    }

    #[test]
    fn a_header_with_another_separator_is_named_with_a_hint() {
        let error = Records::new(&b"URL;Title\n"[..])
            .header(&["url"], EXPECTED)
            .unwrap_err();
        let reason = error.reason();
        assert!(reason.contains("found url;title (separate the columns by commas)"));
        assert!(reason.contains("needed url"), "{reason}");
    }
}
