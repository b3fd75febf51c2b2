//! Search results from files.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Read;
use std::path::Path;

use async_trait::async_trait;
use outreach_service::discovery::{ProviderError, SearchProvider, SearchQuery, SearchResult};
use tracing::debug;

use super::Limits;
use super::error::{OpenError, ReadError};
use super::report::{LoadReport, Recorder, file_name};
use super::row::RawRow;
use super::source::{self, Input, Sink};
use super::table::{QueryInFile, Table};

/// A [`SearchProvider`] that answers from files read once; its name is `file`.
///
/// A row answers the queries with its keyword (trimmed, letter case ignored) and
/// its location. A row without a keyword answers every keyword, a row without a
/// location every location.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use outreach_providers::files::FileSearch;
///
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), "url,title\nhttps://cozy-nest.example/,Cozy\n,No URL\n")?;
/// let (_search, report) = FileSearch::open(file.path())?;
/// assert_eq!(report.rows_read, 1);
/// assert!(report.set_aside[0].to_string().ends_with("line 3: no url"));
/// # Ok(())
/// # }
/// ```
pub struct FileSearch {
    table: Table,
    origins: Vec<String>,
}

impl fmt::Debug for FileSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSearch")
            .field("files", &self.origins)
            .field("rows", &self.table.len())
            .finish_non_exhaustive()
    }
}

impl FileSearch {
    /// Reads a file, or every *.json, *.jsonl, *.ndjson and *.csv file of a
    /// directory (by name, subdirectories not included). The format of each is
    /// recognised by its content.
    ///
    /// Bad rows, and files of a directory that cannot be read, are set aside in
    /// the report. Blocks while it reads. A DataForSEO response that reports
    /// success without any item gives a provider without rows.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when `path` cannot be read, has no result files, gives not a
    /// single row, or gives more than [`MAX_ROWS`](super::MAX_ROWS).
    pub fn open(path: &Path) -> Result<(Self, LoadReport), OpenError> {
        Self::open_within(path, Limits::default())
    }

    pub(crate) fn open_within(
        path: &Path,
        limits: Limits,
    ) -> Result<(Self, LoadReport), OpenError> {
        let sources = source::find(path)?;
        let mut loader = Loader::new(limits);
        loader.recorder.ignored_files(sources.ignored);
        for file in &sources.files {
            let read = match loader.begin(file) {
                Ok(input) => loader.read(input),
                Err(error) => Err(ReadError::Io(error)),
            };
            match read {
                Ok(()) => {}
                Err(error @ (ReadError::Io(_) | ReadError::MissingColumn { .. }))
                    if sources.is_directory =>
                {
                    loader.recorder.bad(None, error.reason());
                }
                Err(error) => return Err(error.at(file)),
            }
        }
        let (search, report) = loader.finish(path)?;
        debug!(
            rows = report.rows_read,
            set_aside = report.rows_set_aside,
            "read search results from {} files",
            report.files.len()
        );
        Ok((search, report))
    }

    /// The rows that answer `query`, in reading order.
    pub(crate) fn results(&self, query: &SearchQuery) -> Vec<SearchResult> {
        self.table.answer(query, &self.origins)
    }

    /// How many rows none of `queries` would return.
    #[must_use]
    pub fn unmatched(&self, queries: &[SearchQuery]) -> u64 {
        self.table.unmatched(queries)
    }

    /// The distinct keywords and locations that rows are tagged with, in the
    /// order in which they first occur.
    #[must_use]
    pub fn queries_in_file(&self) -> Vec<QueryInFile> {
        self.table.queries()
    }
}

#[async_trait]
impl SearchProvider for FileSearch {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<SearchResult>, ProviderError> {
        Ok(self.results(query))
    }
}

/// Collects rows while files are read.
#[derive(Debug)]
pub(crate) struct Loader {
    table: Table,
    origins: Vec<String>,
    recorder: Recorder,
    answered: bool,
    limit: usize,
}

impl Loader {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            table: Table::default(),
            origins: Vec::new(),
            recorder: Recorder::new(limits.bad_rows),
            answered: false,
            limit: limits.rows,
        }
    }

    fn begin(&mut self, path: &Path) -> std::io::Result<Input<std::fs::File>> {
        self.name(path);
        Input::open(path)
    }

    /// Everything read from here on comes from `path`.
    pub(crate) fn name(&mut self, path: &Path) {
        self.recorder.begin_file(path);
        self.origins.push(file_name(path));
    }

    pub(crate) fn read<R: Read>(&mut self, input: Input<R>) -> Result<(), ReadError> {
        if let Some(format) = input.format {
            self.recorder.format(format);
        }
        input.read_results(self)
    }

    pub(crate) fn finish(self, path: &Path) -> Result<(FileSearch, LoadReport), OpenError> {
        let report = self.recorder.finish();
        if report.rows_read == 0 && (report.rows_set_aside > 0 || !self.answered) {
            return Err(no_rows(path, &report));
        }
        let search = FileSearch {
            table: self.table,
            origins: self.origins,
        };
        Ok((search, report))
    }
}

/// Says why `path` gives nothing.
pub(crate) fn no_rows(path: &Path, report: &LoadReport) -> OpenError {
    let reason = match report.set_aside.first() {
        Some(first) if report.rows_set_aside == 1 => format!("{first}"),
        Some(first) => format!(
            "none of {} can be used; the first is {first}",
            report.rows_set_aside
        ),
        None if report.rows_set_aside > 0 => {
            format!("none of {} can be used", report.rows_set_aside)
        }
        None if report.files.iter().all(|file| file.format.is_none()) => "it is empty".to_owned(),
        None => "it has no rows".to_owned(),
    };
    OpenError::NoRows {
        path: path.to_path_buf(),
        reason,
    }
}

impl Sink for Loader {
    fn row(&mut self, row: RawRow) -> Result<(), ReadError> {
        let line = row.line;
        match row.check() {
            Ok(_) if !self.has_room(1) => Err(ReadError::TooManyRows { limit: self.limit }),
            Ok(row) => {
                self.recorder.row();
                self.table.insert(self.origins.len() - 1, row);
                Ok(())
            }
            Err(reason) => {
                self.bad(line, reason);
                Ok(())
            }
        }
    }

    fn bad(&mut self, line: u64, reason: String) {
        self.recorder.bad(Some(line), reason);
    }

    fn ignored_item(&mut self) {
        self.recorder.ignored_item();
    }

    fn answered(&mut self) {
        self.answered = true;
    }

    fn has_room(&self, waiting: usize) -> bool {
        self.table.len() + waiting <= self.limit
    }
}
