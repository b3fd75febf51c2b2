//! Reads a schema from a live database's catalog. Only reads: works on a
//! standby, in a read-only session, and under a role that may only SELECT. The
//! number of statements does not depend on the number of tables.

mod error;
mod postgres;
pub(crate) mod sqlite;

pub use error::InspectError;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, TransactionTrait,
};
pub use sqlite::leaves_a_log;

use crate::schema::Schema;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The schema that the connection's search path begins with (PostgreSQL);
    /// `main` (SQLite). Names in it carry no schema.
    Current,
    /// One schema by name (PostgreSQL). Names in it carry no schema. On SQLite
    /// the same as `Current`.
    Named(String),
    /// All schemas but the system's; every name carries its schema
    /// (PostgreSQL). On SQLite the same as `Current`.
    All,
}

/// Reads the schema in a read-only transaction of its own: repeatable read on
/// PostgreSQL, so that all of it is of one moment.
///
/// # Errors
///
/// [`InspectError`] says what could not be read and why.
pub async fn inspect(db: &DatabaseConnection, scope: &Scope) -> Result<Schema, InspectError> {
    let txn = begin(db)
        .await
        .map_err(InspectError::query("the start of a transaction"))?;
    let schema = inspect_in_txn(&txn, scope).await?;
    txn.commit()
        .await
        .map_err(InspectError::query("the end of a transaction"))?;
    Ok(schema)
}

/// As [`inspect`](fn@inspect), inside a transaction that the caller has begun, so that
/// changes of that transaction are seen. On PostgreSQL it sets the transaction's
/// search path, and settings that change how definitions are written, and sets
/// them back.
///
/// # Errors
///
/// As [`inspect`](fn@inspect). On PostgreSQL the transaction is then aborted if
/// the database refused a statement.
pub async fn inspect_in_txn(
    db: &impl ConnectionTrait,
    scope: &Scope,
) -> Result<Schema, InspectError> {
    match db.get_database_backend() {
        DbBackend::Postgres => postgres::read(db, scope).await,
        DbBackend::Sqlite => sqlite::read(db).await,
        backend => Err(InspectError::UnsupportedBackend { backend }),
    }
}

async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        let isolation = Some(IsolationLevel::RepeatableRead);
        db.begin_with_config(isolation, Some(AccessMode::ReadOnly))
            .await
    } else {
        db.begin().await
    }
}
