//! What the tests of this folder share.

use std::path::Path;

use outreach_domain::Location;
use outreach_service::discovery::SearchQuery;

use super::Limits;
use super::error::{OpenError, ReadError};
use super::report::{BadRow, LoadReport};
use super::search::{FileSearch, Loader};
use super::source::Input;

/// Reads `bytes` as a file of results named `file`.
pub(crate) fn read(bytes: &[u8]) -> Result<(FileSearch, LoadReport), OpenError> {
    read_within(bytes, Limits::default())
}

pub(crate) fn read_within(
    bytes: &[u8],
    limits: Limits,
) -> Result<(FileSearch, LoadReport), OpenError> {
    let path = Path::new("file");
    let mut loader = Loader::new(limits);
    loader.name(path);
    let input = Input::new(bytes).map_err(|error| ReadError::Io(error).at(path))?;
    loader.read(input).map_err(|error| error.at(path))?;
    loader.finish(path)
}

pub(crate) fn query(keyword: &str, location: Location) -> SearchQuery {
    SearchQuery {
        keyword: keyword.to_owned(),
        location,
        category: None,
    }
}

/// The URLs that answer "home decor blog" in the USA.
pub(crate) fn urls(search: &FileSearch) -> Vec<String> {
    search
        .results(&query("home decor blog", Location::Usa))
        .into_iter()
        .map(|result| result.url)
        .collect()
}

/// The rows set aside as `(line, reason)`.
pub(crate) fn bad(report: &LoadReport) -> Vec<(u64, &str)> {
    let row = |row: &'_ BadRow| row.line.unwrap_or_default();
    let rows = report.set_aside.iter();
    rows.map(|bad| (row(bad), bad.reason.as_str())).collect()
}
