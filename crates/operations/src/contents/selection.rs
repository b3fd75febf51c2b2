//! Which columns of a table are looked at.

use sea_orm::{ConnectionTrait, DbBackend};

use super::{ContentsError, postgres, sqlite};
use crate::sql::identifier;

/// A table with the columns that are looked at, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The table's name, without its schema.
    pub table: String,
    /// Its columns.
    pub columns: Vec<SelectedColumn>,
}

/// A column, and the expression that gives its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedColumn {
    /// The name that it goes by in [`TableContents`](super::TableContents).
    pub name: String,
    /// The SQL expression over the table's columns; trusted.
    pub sql: String,
}

impl SelectedColumn {
    /// The column as it is.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sql: identifier(name),
        }
    }

    /// The column with its NULLs as the value of an SQL expression, which is
    /// trusted.
    #[must_use]
    pub fn filled(name: &str, fill: &str) -> Self {
        Self {
            name: name.to_owned(),
            sql: format!("COALESCE({}, {fill})", identifier(name)),
        }
    }
}

impl Selection {
    /// All columns of a table, in the order of their names, for the order that
    /// they have in the table depends on its history.
    ///
    /// # Errors
    ///
    /// [`ContentsError::NoTable`] when it is not in the current schema.
    pub async fn all_of(db: &impl ConnectionTrait, table: &str) -> Result<Self, ContentsError> {
        let columns = match db.get_database_backend() {
            DbBackend::Postgres => postgres::columns(db, table).await,
            DbBackend::Sqlite => sqlite::columns(db, table).await,
            backend => return Err(ContentsError::Unsupported { backend }),
        };
        let mut columns = columns
            .map_err(|source| ContentsError::Catalog { source })?
            .ok_or_else(|| ContentsError::NoTable {
                table: table.to_owned(),
            })?;
        columns.sort();
        Ok(Self {
            table: table.to_owned(),
            columns: columns.iter().map(|c| SelectedColumn::plain(c)).collect(),
        })
    }
}
