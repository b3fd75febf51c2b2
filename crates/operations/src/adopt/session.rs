//! The transaction that everything happens in, and who stands in its way.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::{AdoptError, carry_out::failed, probe::number};
use crate::sql::{identifier, read_committed, rows};

/// Begins and prepares transactions.
pub(super) struct Session;

impl Session {
    /// Begins; on SQLite as the one writer. `rebuilds`: tables may be built anew,
    /// so foreign keys are not enforced on this connection, which is the pool's
    /// only one and is closed afterwards: to drop an old table would delete the
    /// rows that point to it. The setting can't change within a transaction.
    pub(super) async fn begin(
        db: &DatabaseConnection,
        rebuilds: bool,
    ) -> Result<DatabaseTransaction, AdoptError> {
        let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
        if is_sqlite && rebuilds {
            for pragma in ["foreign_keys = OFF", "legacy_alter_table = ON"] {
                let set = db.execute_unprepared(&format!("PRAGMA {pragma}")).await;
                set.map_err(failed("the start"))?;
            }
        }
        let begun = db
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                // What was committed while the locks were waited for has to be seen.
                isolation_level: read_committed(db),
                ..TransactionOptions::default()
            })
            .await;
        let txn = begun.map_err(failed("the start"))?;
        if is_sqlite && rebuilds {
            let sql = "SELECT foreign_keys FROM pragma_foreign_keys";
            if number(&txn, sql).await.map_err(failed("the start"))? != 0 {
                return Err(AdoptError::NotRight {
                    reason: "foreign keys could not be switched off for the rebuild".to_owned(),
                    backup: None,
                });
            }
        }
        Ok(txn)
    }
}

/// Limits what the rest of the transaction waits for (PostgreSQL).
pub(super) async fn limit(
    txn: &DatabaseTransaction,
    lock: Duration,
    statement: Duration,
) -> Result<(), DbErr> {
    if txn.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for (name, limit) in [("lock_timeout", lock), ("statement_timeout", statement)] {
        let sql = format!("SET LOCAL {name} = {}", limit.as_millis());
        txn.execute_unprepared(&sql).await?;
    }
    // Rows are filled and tables altered in one transaction, which PostgreSQL
    // refuses while a deferred check of those rows is still to come.
    txn.execute_unprepared("SET CONSTRAINTS ALL IMMEDIATE")
        .await?;
    Ok(())
}

/// Locks tables against everybody (PostgreSQL), all at once and in one order, so
/// that what is counted before is what is changed. On SQLite the transaction is
/// the one writer already.
pub(super) async fn lock_tables(txn: &DatabaseTransaction, tables: &[String]) -> Result<(), DbErr> {
    if txn.get_database_backend() != DbBackend::Postgres || tables.is_empty() {
        return Ok(());
    }
    let mut tables: Vec<String> = tables.iter().map(|table| identifier(table)).collect();
    tables.sort();
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "));
    txn.execute_unprepared(&sql).await?;
    Ok(())
}

/// The sessions that hold locks on these tables, and how to end one. No query
/// texts: they may hold secrets.
pub(super) async fn blockers(db: &DatabaseConnection, tables: &[String]) -> String {
    const NOBODY: &str = "whoever held the tables does not any more; try again";
    let list: Vec<String> = (1..=tables.len()).map(|i| format!("${i}")).collect();
    let sql = format!(
        "SELECT a.pid, coalesce(a.usename::text, '') AS usename, \
         coalesce(a.application_name, '') AS application, coalesce(a.state, '') AS state, \
         coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '') AS since, \
         string_agg(DISTINCT c.relname::text, ', ') AS tables \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         JOIN pg_class c ON c.oid = l.relation \
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
         WHERE l.granted AND l.locktype = 'relation' AND a.pid <> pg_backend_pid() \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND c.relname IN ({}) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1 LIMIT 10",
        list.join(", ")
    );
    let values = tables.iter().map(|table| table.as_str().into());
    let Ok(found) = rows(db, &sql, values).await else {
        return NOBODY.to_owned();
    };
    let describe = |row: &sea_orm::QueryResult| -> Result<String, DbErr> {
        let pid: i32 = row.try_get("", "pid")?;
        let text = |name| row.try_get::<String>("", name);
        Ok(format!(
            "session {pid} (user {:?}, application {:?}, {}, since {} UTC) holds {}; \
             `SELECT pg_terminate_backend({pid})` ends it",
            text("usename")?,
            text("application")?,
            text("state")?,
            text("since")?,
            text("tables")?,
        ))
    };
    let sessions: Vec<String> = found.iter().filter_map(|row| describe(row).ok()).collect();
    if sessions.is_empty() {
        return NOBODY.to_owned();
    }
    sessions.join("; ")
}
