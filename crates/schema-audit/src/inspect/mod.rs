//! Reads a schema from a live database's catalog. Only reads: works on a
//! standby, in a read-only session, and under a role that may only SELECT. The
//! number of statements does not depend on the number of tables.

mod error;

pub use error::InspectError;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::schema::Schema;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The schema that the connection's search path begins with (PostgreSQL);
    /// `main` (SQLite). Names in it carry no schema.
    Current,
    /// One schema by name (PostgreSQL). Names in it carry no schema.
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
    let _ = (db, scope);
    Err(InspectError::Unfinished)
}

/// As [`inspect`](fn@inspect), inside a transaction that the caller has begun, so that
/// changes of that transaction are seen. On PostgreSQL it sets the transaction's
/// search path and sets it back.
pub async fn inspect_in_txn(
    db: &impl ConnectionTrait,
    scope: &Scope,
) -> Result<Schema, InspectError> {
    let _ = (db, scope);
    Err(InspectError::Unfinished)
}
