//! What the tables of a database hold, as counts and hashes, so that two moments
//! or two databases can be told to hold the same.
//!
//! The hash of a table is a sum over the SHA-256 of each row, so that the order
//! of rows has no part in it. NULL, an empty text and the text `NULL` are told
//! apart, and so are columns whose texts would run into each other. Memory is
//! bounded by a few megabytes, or by the longest row if that is longer.

mod error;
mod postgres;
mod selection;
mod sqlite;

use sea_orm::{ConnectionTrait, DbBackend};
use serde::{Deserialize, Serialize};

pub use self::{
    error::ContentsError,
    selection::{SelectedColumn, Selection},
};

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableContents {
    /// The table's name, without its schema.
    pub table: String,
    /// The columns that the hash covers, in the order that it takes them.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
    /// Tells other rows; says nothing about their order. In hexadecimal.
    /// Comparable between databases of one kind only.
    pub hash: String,
}

/// The rows of several tables, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// One for each table, by name.
    pub tables: Vec<TableContents>,
}

impl Contents {
    /// The rows of all tables together.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Takes the rows of other tables along.
    pub(crate) fn add(&mut self, others: Self) {
        self.tables.extend(others.tables);
        self.tables.sort_by(|a, b| a.table.cmp(&b.table));
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableContents> {
        self.tables.iter().find(|table| table.table == name)
    }
}

/// The tables with rows of their own in the current schema (PostgreSQL) or the
/// file (SQLite), by name: views, foreign tables, partitioned parents, and
/// tables that belong to an extension or to SQLite are left out. Reads only.
pub async fn table_names(db: &impl ConnectionTrait) -> Result<Vec<String>, ContentsError> {
    let names = match db.get_database_backend() {
        DbBackend::Postgres => postgres::table_names(db).await,
        DbBackend::Sqlite => sqlite::table_names(db).await,
        backend => return Err(ContentsError::Unsupported { backend }),
    };
    let mut names = names.map_err(|source| ContentsError::Catalog { source })?;
    names.sort();
    Ok(names)
}

/// Counts and hashes all columns of these tables of the current schema, as the
/// caller's transaction sees them. Reads only; on PostgreSQL it sets the
/// transaction's settings that decide how values are written, and sets them back.
///
/// # Errors
///
/// [`ContentsError`] names the table. A row that row security hides is an error,
/// not a row less. On PostgreSQL the transaction is then aborted.
pub async fn of(
    db: &impl ConnectionTrait,
    tables: &[impl AsRef<str> + Sync],
) -> Result<Contents, ContentsError> {
    let mut selections = Vec::with_capacity(tables.len());
    for table in tables {
        selections.push(Selection::all_of(db, table.as_ref()).await?);
    }
    of_columns(db, &selections).await
}

/// As [`of`], over chosen columns and expressions of each table.
///
/// # Errors
///
/// As [`of`].
pub async fn of_columns(
    db: &impl ConnectionTrait,
    selections: &[Selection],
) -> Result<Contents, ContentsError> {
    let mut tables = match db.get_database_backend() {
        DbBackend::Postgres => postgres::contents(db, selections).await?,
        DbBackend::Sqlite => sqlite::contents(db, selections).await?,
        backend => return Err(ContentsError::Unsupported { backend }),
    };
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(Contents { tables })
}

/// The sums over the rows of a table: 16 bytes of each row's hash as two signed
/// numbers of 64 bits, which no number of rows that fits a disk overflows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    rows: u64,
    first: i128,
    second: i128,
}

impl Sums {
    fn of(self, selection: &Selection) -> TableContents {
        TableContents {
            table: selection.table.clone(),
            columns: selection.columns.iter().map(|c| c.name.clone()).collect(),
            rows: self.rows,
            hash: format!("{:032x}{:032x}", self.first, self.second),
        }
    }
}
