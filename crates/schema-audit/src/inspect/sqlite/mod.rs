//! Reads a schema from SQLite: facts from its pragmas; what these do not tell
//! from the statements that it stores.
//!
//! Not listed: SQLite's own tables (`sqlite_sequence`, `sqlite_stat1`…) and the
//! indexes that it makes for constraints.

mod assemble;
mod catalog;
mod definition;
mod expression;
mod file;
pub(crate) mod ident;
mod precedence;
mod references;
mod sources;
#[cfg(test)]
mod tests;

pub use file::leaves_a_log;
use sea_orm::ConnectionTrait;

use super::InspectError;
use crate::schema::Schema;

/// Reads `main`. The caller has begun a transaction.
pub(super) async fn read(db: &impl ConnectionTrait) -> Result<Schema, InspectError> {
    Ok(assemble::schema(&catalog::Catalog::read(db).await?))
}

/// The tables that a stored CREATE VIEW reads; none if it cannot be read.
pub(crate) fn tables_read(definition: &str) -> Vec<String> {
    definition::view(definition).unwrap_or_default()
}
