//! Why contents could not be counted.

use sea_orm::{DbBackend, DbErr};

/// Why contents could not be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// The connection is not inside a transaction: settings would not hold, and
    /// tables would be of different moments.
    #[error("contents are counted inside a transaction, and there is none; begin one")]
    NoTransaction,
    /// A table is not there.
    #[error("the table `{table}` is not in the current schema")]
    NoTable {
        /// Its name.
        table: String,
    },
    /// The list of tables or columns could not be read.
    #[error("cannot read the catalog")]
    Catalog {
        /// What the database says.
        source: DbErr,
    },
    /// The rows of a table could not be read.
    #[error("cannot read the rows of the table `{table}`; the role needs SELECT on all of them")]
    Rows {
        /// The table.
        table: String,
        /// What the database says.
        source: DbErr,
    },
    /// A database that is neither PostgreSQL nor SQLite.
    #[error("contents of this kind of database ({backend:?}) can't be counted")]
    Unsupported {
        /// Its kind.
        backend: DbBackend,
    },
}
