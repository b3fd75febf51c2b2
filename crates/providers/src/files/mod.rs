//! Providers that answer from files.
//!
//! [`FileSearch`] reads search results: saved DataForSEO responses, JSON Lines
//! or CSV, told apart by content. [`ContactFile`] reads contact addresses from
//! CSV. Both read everything when they are opened (blocking, so call `open` off
//! an async worker thread) and answer from memory.
//!
//! One law: a row that cannot be read is set aside with its line and reason in
//! the [`LoadReport`] and costs no other row.

mod contacts;
mod csv_rows;
mod dataforseo;
mod detect;
mod error;
mod json_lines;
mod json_tap;
mod lines;
mod report;
mod row;
mod search;
mod source;
mod table;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod testing;

pub use contacts::ContactFile;
pub use detect::Format;
pub use error::OpenError;
pub use report::{BadRow, FileReport, LoadReport};
pub use search::FileSearch;
pub use table::QueryInFile;

/// The most rows that one `open` keeps, over all files: 1,000,000. More is
/// [`OpenError::TooManyRows`].
pub const MAX_ROWS: usize = 1_000_000;

/// The longest line, CSV record or DataForSEO item that is read, in bytes: 1 MiB.
/// A longer one is set aside.
pub const MAX_ROW_BYTES: usize = 1 << 20;

/// How many rows set aside [`LoadReport`] describes; the rest are counted.
pub const MAX_BAD_ROWS: usize = 100;

/// The bounds of one `open`, so that tests need no million rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) bad_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: MAX_ROWS,
            bad_rows: MAX_BAD_ROWS,
        }
    }
}
