use std::fmt;

use outreach_domain::excerpt;

/// A stored value that this build can't read: a status that nobody knows, or
/// parameters that are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table}.{column} of the row {row} holds {value}, which this build does not know")]
#[non_exhaustive]
pub struct InconsistentRow {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's key.
    pub row: String,
    /// The value, escaped and at most 100 characters of it.
    pub value: String,
}

impl InconsistentRow {
    pub(crate) fn new(
        table: &'static str,
        column: &'static str,
        row: impl fmt::Display,
        value: &str,
    ) -> Self {
        Self {
            table,
            column,
            row: row.to_string(),
            value: format!("`{}`", excerpt(value, 100)),
        }
    }
}
