//! The transaction that everything happens in, and who stands in its way.

use outreach_migration::{
    run::{self, Blocker, RunOptions},
    shown,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::{AdoptError, carry_out::failed, probe::number};
use crate::sql::{identifier, milliseconds, read_committed};

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
pub(super) async fn limit(txn: &DatabaseTransaction, options: &RunOptions) -> Result<(), DbErr> {
    if txn.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for (name, limit) in [
        ("lock_timeout", options.lock_timeout),
        ("statement_timeout", options.statement_timeout),
    ] {
        let sql = format!("SET LOCAL {name} = {}", milliseconds(limit));
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

/// The sessions that hold locks on tables of the schema, and how to end one.
pub(super) async fn blockers(db: &DatabaseConnection) -> String {
    let found = run::blockers(db).await.unwrap_or_default();
    let describe = |blocker: &Blocker| {
        let word = |text: &Option<String>| shown(text.as_deref().unwrap_or_default());
        let pid = blocker.pid.unwrap_or_default();
        format!(
            "session {pid} (user `{}`, application `{}`, {}, since {}) holds {}; `SELECT \
             pg_terminate_backend({pid})` ends it",
            word(&blocker.user),
            word(&blocker.application),
            word(&blocker.state),
            word(&blocker.since),
            blocker.locks,
        )
    };
    let sessions: Vec<String> = found.iter().take(5).map(describe).collect();
    if sessions.is_empty() {
        return "whoever held the tables does not any more; try again".to_owned();
    }
    sessions.join("; ")
}
