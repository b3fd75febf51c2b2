//! What an adoption has done.

use std::path::PathBuf;

use serde::Serialize;

use super::plan::{Dropped, Fill};

/// The rows of one table before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// How many rows it had.
    pub rows_before: u64,
    /// How many it has.
    pub rows_after: u64,
    /// How many the chain merged into others; they are kept whole in
    /// `merged_rows`.
    pub merged: u64,
    /// The hash of the rows before: of the columns that it had, with the NULLs
    /// that were filled as what they were filled with.
    pub hash_before: String,
    /// The hash of the same columns after the repairs: equal, or nothing would
    /// have been kept.
    pub hash_repaired: String,
    /// The hash of the same columns in the end. Differs where rows were merged,
    /// or point to one that was.
    pub hash_after: String,
}

impl TableReport {
    /// Whether no row was lost: each is there, or was merged and is kept in
    /// `merged_rows`.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rows_before == self.rows_after + self.merged && self.hash_before == self.hash_repaired
    }
}

/// What an adoption has done, committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The newest revision, which the database is at now.
    pub revision: &'static str,
    /// What Alembic's ledger says now; `None` without one.
    pub alembic: Option<String>,
    /// The backup that was made before; `None` where there was nothing to save or
    /// nothing to do.
    pub backup: Option<PathBuf>,
    /// How many statements have mended differences.
    pub repairs: usize,
    /// The NULLs that were filled.
    pub fills: Vec<Fill>,
    /// What was dropped, with its definition.
    pub dropped: Vec<Dropped>,
    /// The revisions that were recorded without being run.
    pub recorded: Vec<&'static str>,
    /// The revisions that were run.
    pub applied: Vec<&'static str>,
    /// Each table that was there before, by name.
    pub tables: Vec<TableReport>,
}
