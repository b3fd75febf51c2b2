//! What `seaql_migrations` says, read without writing, and held against the
//! compiled chain.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::MigrationStatus;

use crate::{REVISIONS, Revision};

/// A revision and whether the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevisionStatus {
    /// The revision.
    pub revision: Revision,
    /// Applied or pending.
    pub status: MigrationStatus,
}

/// The revisions that the ledger names, in the order of their names; empty
/// when there is no ledger. Reads only.
pub async fn applied<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    if !exists(db).await? {
        return Ok(Vec::new());
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            db.get_database_backend(),
            r#"SELECT "version" FROM "seaql_migrations" ORDER BY "version""#,
        ))
        .await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

/// The chain with what of it is applied, oldest first. Reads only.
///
/// # Errors
///
/// [`DbErr::Migration`] when the ledger holds a revision that this build does
/// not know, or has one revision without an earlier one.
pub async fn status<C: ConnectionTrait>(db: &C) -> Result<Vec<RevisionStatus>, DbErr> {
    compare(&applied(db).await?).map_err(DbErr::Migration)
}

/// The newest revision that is applied.
#[must_use]
pub fn newest(chain: &[RevisionStatus]) -> Option<Revision> {
    let applied = |one: &&RevisionStatus| one.status == MigrationStatus::Applied;
    chain.iter().rfind(applied).map(|one| one.revision)
}

/// The rows of Alembic's ledger, by name, at most 100; `None` where there is no
/// such table. Reads only.
pub async fn alembic<C: ConnectionTrait>(db: &C) -> Result<Option<Vec<String>>, DbErr> {
    if !table_exists(db, "alembic_version").await? {
        return Ok(None);
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            db.get_database_backend(),
            r#"SELECT "version_num" FROM "alembic_version" ORDER BY 1 LIMIT 100"#,
        ))
        .await?;
    let versions: Result<Vec<String>, DbErr> = rows
        .iter()
        .map(|row| row.try_get("", "version_num"))
        .collect();
    versions.map(Some)
}

/// Refuses revisions of another program, or of a newer build.
pub(crate) fn refuse_unknown(applied: &[String]) -> Result<(), String> {
    if let Some(unknown) = applied
        .iter()
        .find(|name| !REVISIONS.iter().any(|r| r.name == name.as_str()))
    {
        return Err(format!(
            "the database has revision `{unknown}`, which this build does not know; \
             its newest is `{}`. Use the release that made the database. Nothing was changed",
            REVISIONS.last().map_or("none", |r| r.name),
        ));
    }
    Ok(())
}

/// Holds the applied names against the chain: they have to be its beginning.
fn compare(applied: &[String]) -> Result<Vec<RevisionStatus>, String> {
    refuse_unknown(applied)?;
    let is_applied = |revision: &Revision| applied.iter().any(|name| name == revision.name);
    let count = REVISIONS.iter().take_while(|r| is_applied(r)).count();
    if let (Some(missing), Some(later)) = (
        REVISIONS.get(count),
        REVISIONS.iter().skip(count).find(|r| is_applied(r)),
    ) {
        return Err(format!(
            "the ledger `seaql_migrations` has a gap: `{}` is applied but the earlier `{}` is \
             not. Nothing was changed; mend the ledger first",
            later.name, missing.name,
        ));
    }
    Ok(REVISIONS
        .iter()
        .enumerate()
        .map(|(index, revision)| RevisionStatus {
            revision: *revision,
            status: if index < count {
                MigrationStatus::Applied
            } else {
                MigrationStatus::Pending
            },
        })
        .collect())
}

/// Whether the ledger is there. Asks the catalog, which every role may read;
/// `information_schema` hides tables from a role that may not select from them,
/// and a hidden ledger would read as an empty one.
async fn exists<C: ConnectionTrait>(db: &C) -> Result<bool, DbErr> {
    table_exists(db, "seaql_migrations").await
}

/// Whether `table` is in the current schema, whatever the role may do with it.
pub async fn table_exists<C: ConnectionTrait>(db: &C, table: &str) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => {
            "SELECT count(*) > 0 AS found FROM sqlite_master WHERE type = 'table' AND name = $1"
        }
        _ => {
            "SELECT count(*) > 0 AS found FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relname = $1 AND c.relkind IN ('r', 'p')"
        }
    };
    let row = db
        .query_one_raw(Statement::from_sql_and_values(backend, sql, [table.into()]))
        .await?;
    match row {
        Some(row) => row.try_get("", "found"),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(indexes: &[usize]) -> Vec<String> {
        indexes
            .iter()
            .map(|&i| REVISIONS[i].name.to_owned())
            .collect()
    }

    #[test]
    fn f09_an_empty_ledger_means_that_everything_is_pending() {
        let status = compare(&[]).unwrap();
        assert_eq!(status.len(), REVISIONS.len());
        assert!(status.iter().all(|s| s.status == MigrationStatus::Pending));
    }

    #[test]
    fn f09_a_gap_in_the_ledger_is_an_error_that_names_both_revisions() {
        let error = compare(&names(&[0, 2])).unwrap_err();
        assert!(error.contains(REVISIONS[1].name), "{error}");
        assert!(error.contains(REVISIONS[2].name), "{error}");
    }

    #[test]
    fn f09_a_revision_of_a_newer_build_is_an_error_that_names_it() {
        let mut applied = names(&[0]);
        applied.push("m20990101_000001_from_the_future".to_owned());
        let error = compare(&applied).unwrap_err();
        assert!(
            error.contains("m20990101_000001_from_the_future"),
            "{error}"
        );
    }
}
