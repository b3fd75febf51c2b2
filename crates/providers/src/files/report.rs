//! What was read, what was set aside, and why.

use std::fmt;
use std::path::{Path, PathBuf};

use outreach_domain::escape_for_terminal;

use super::detect::Format;

/// The longest reason that is kept, in bytes.
const MAX_REASON: usize = 300;

/// What one `open` read. Rows set aside are missing from the provider's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// The files, in the order in which they were read.
    pub files: Vec<FileReport>,
    /// Directory entries that are not result files, subdirectories included.
    pub ignored_files: u64,
    /// Rows that the provider answers from.
    pub rows_read: u64,
    /// Rows that could not be read, whether described in `set_aside` or not.
    pub rows_set_aside: u64,
    /// DataForSEO items of other types than organic.
    pub ignored_items: u64,
    /// The first rows set aside, at most [`MAX_BAD_ROWS`](super::MAX_BAD_ROWS).
    pub set_aside: Vec<BadRow>,
}

/// The part of a [`LoadReport`] that belongs to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// What its content turned out to be; `None` when it is empty or was not opened.
    pub format: Option<Format>,
    /// Rows that the provider answers from.
    pub rows_read: u64,
    /// Rows that could not be read.
    pub rows_set_aside: u64,
    /// DataForSEO items of other types than organic.
    pub ignored_items: u64,
}

/// A row that could not be read. Displays as `results.csv line 17: no url`, with
/// control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadRow {
    /// The file.
    pub path: PathBuf,
    /// The line on which the row begins, from 1; `None` when the whole file is
    /// meant.
    pub line: Option<u64>,
    /// What is wrong with it, at most some 300 bytes.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&file_name(&self.path))?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}", escape_for_terminal(&self.reason))
    }
}

/// The last part of `path`, fit for messages.
pub(crate) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    escape_for_terminal(&name.to_string_lossy()).into_owned()
}

/// Cuts `text` to at most `max` bytes at a character boundary.
pub(crate) fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.shrink_to_fit();
    }
}

/// Counts while files are read, and keeps the first bad rows.
#[derive(Debug)]
pub(crate) struct Recorder {
    report: LoadReport,
    max_bad_rows: usize,
}

impl Recorder {
    pub(crate) fn new(max_bad_rows: usize) -> Self {
        Self {
            report: LoadReport::default(),
            max_bad_rows,
        }
    }

    /// Everything counted from here on belongs to `path`.
    pub(crate) fn begin_file(&mut self, path: &Path) {
        self.report.files.push(FileReport {
            path: path.to_path_buf(),
            format: None,
            rows_read: 0,
            rows_set_aside: 0,
            ignored_items: 0,
        });
    }

    pub(crate) fn format(&mut self, format: Format) {
        if let Some(file) = self.report.files.last_mut() {
            file.format = Some(format);
        }
    }

    pub(crate) fn ignored_files(&mut self, count: u64) {
        self.report.ignored_files = count;
    }

    pub(crate) fn row(&mut self) {
        self.report.rows_read += 1;
        if let Some(file) = self.report.files.last_mut() {
            file.rows_read += 1;
        }
    }

    pub(crate) fn ignored_item(&mut self) {
        self.report.ignored_items += 1;
        if let Some(file) = self.report.files.last_mut() {
            file.ignored_items += 1;
        }
    }

    pub(crate) fn bad(&mut self, line: Option<u64>, reason: impl Into<String>) {
        self.report.rows_set_aside += 1;
        let Some(file) = self.report.files.last_mut() else {
            return;
        };
        file.rows_set_aside += 1;
        if self.report.set_aside.len() < self.max_bad_rows {
            let mut reason = reason.into();
            cut(&mut reason, MAX_REASON);
            self.report.set_aside.push(BadRow {
                path: file.path.clone(),
                line,
                reason,
            });
        }
    }

    pub(crate) fn report(&self) -> &LoadReport {
        &self.report
    }

    pub(crate) fn finish(self) -> LoadReport {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_row_is_shown_with_control_characters_escaped() {
        let row = BadRow {
            path: PathBuf::from("/somewhere/res\u{1b}ults.csv"),
            line: Some(17),
            reason: "unknown location `\u{1b}[31m`".to_owned(),
        };
        let text = row.to_string();
        assert!(
            text.contains("ults.csv line 17: unknown location"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(!text.contains("somewhere"), "{text}");
    }

    #[test]
    fn details_are_bounded_and_counts_are_not() {
        let mut recorder = Recorder::new(2);
        recorder.begin_file(Path::new("a.csv"));
        for line in 1..=5 {
            recorder.bad(Some(line), "é".repeat(1000));
        }
        let report = recorder.finish();
        assert_eq!(report.rows_set_aside, 5);
        assert_eq!(report.files[0].rows_set_aside, 5);
        assert_eq!(report.set_aside.len(), 2);
        assert_eq!(report.set_aside[1].line, Some(2));
        assert!(report.set_aside[0].reason.len() <= MAX_REASON);
    }
}
