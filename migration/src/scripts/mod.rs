//! The SQL of each revision, recorded, so that it can be shown before it is run
//! and run where no program of ours may connect.
//!
//! `cargo run --bin regenerate-snapshots` records what `up` and `down` of each
//! revision send to an empty chain, and on PostgreSQL which locks each statement
//! takes and what it rewrites, measured on a real server; a test holds the
//! records against a replay. What a revision does to rows depends on the rows
//! and is in no record: [`offline()`] guards against such rows.

mod guard;
mod offline;
mod recorded;

use sea_orm::DbBackend;
use serde::{Deserialize, Serialize};

pub use self::offline::{OfflineError, OfflineOptions, offline};
use crate::{Revision, run::Direction};

/// A statement of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedStatement {
    /// The SQL, without a semicolon.
    pub sql: String,
    /// The strongest lock that it takes on each table that was there before the
    /// revision, until the transaction ends. PostgreSQL only: on SQLite whoever
    /// writes has the whole file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<TableLock>,
    /// The tables that it writes anew, row by row. PostgreSQL only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<String>,
}

/// A lock on a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableLock {
    /// The table.
    pub table: String,
    /// The mode as `pg_locks` names it, such as `AccessExclusiveLock`.
    pub mode: String,
}

impl TableLock {
    /// What others can't do with the table in the meantime.
    #[must_use]
    pub fn blocks(&self) -> &'static str {
        match self.mode.as_str() {
            "AccessExclusiveLock" => "reads and writes",
            "ExclusiveLock" | "ShareRowExclusiveLock" | "ShareLock" => "writes",
            "ShareUpdateExclusiveLock" | "RowExclusiveLock" => "changes of the schema",
            _ => "dropping it",
        }
    }
}

/// What a revision sends, oldest statement first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRevision {
    /// When it is applied.
    pub up: Vec<RecordedStatement>,
    /// When it is taken back.
    pub down: Vec<RecordedStatement>,
}

impl RecordedRevision {
    /// The statements of one way.
    #[must_use]
    pub fn of(&self, direction: Direction) -> &[RecordedStatement] {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

/// Why there is no record of a revision.
#[derive(Debug, thiserror::Error)]
#[error(
    "revision `{revision}` has no readable recorded SQL for this kind of database; run \
     `cargo run --bin regenerate-snapshots`"
)]
pub struct NotRecorded {
    /// The revision's name.
    pub revision: &'static str,
    /// What is wrong with the record, if there is one.
    #[source]
    pub source: Option<serde_json::Error>,
}

/// The record of a revision.
///
/// # Errors
///
/// Where it is missing or can't be read: a test holds that none is.
///
/// ```
/// use outreach_migration::{REVISIONS, scripts};
/// use sea_orm::DbBackend;
///
/// let record = scripts::recorded(DbBackend::Postgres, &REVISIONS[1])?;
/// assert!(record.up[0].sql.starts_with("CREATE TABLE"));
/// # Ok::<(), scripts::NotRecorded>(())
/// ```
pub fn recorded(backend: DbBackend, revision: &Revision) -> Result<RecordedRevision, NotRecorded> {
    let missing = || NotRecorded {
        revision: revision.name,
        source: None,
    };
    let (_, postgres, sqlite) = recorded::SCRIPTS
        .iter()
        .find(|(name, ..)| *name == revision.name)
        .ok_or_else(missing)?;
    let text = match backend {
        DbBackend::Postgres => postgres,
        DbBackend::Sqlite => sqlite,
        _ => return Err(missing()),
    };
    serde_json::from_str(text).map_err(|source| NotRecorded {
        revision: revision.name,
        source: Some(source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::REVISIONS;

    #[test]
    fn each_revision_has_its_statements_for_each_database() {
        for revision in REVISIONS {
            for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
                let record = recorded(backend, revision).expect("it is recorded");
                assert!(!record.up.is_empty() && !record.down.is_empty());
            }
        }
    }
}
