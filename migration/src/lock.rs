//! The lock that SeaORM's migrator does not take.
//!
//! Two runs of the chain at once would both find the same revisions pending.
//! PostgreSQL gets an advisory lock that ends with the transaction (nothing is
//! left on the session, so a transaction-mode pooler may stand between); on
//! SQLite the transaction begins as the one writer.

use sea_orm::{
    ConnectionTrait, DatabaseExecutor, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

/// What to do on PostgreSQL when the schema of the search path is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissingSchema {
    Create,
    Refuse,
}

/// Begins the transaction of a run and takes the lock of its schema, waiting
/// for a run that has it.
pub(crate) async fn begin_locked(
    db: &DatabaseExecutor<'_>,
    missing: MissingSchema,
) -> Result<DatabaseTransaction, DbErr> {
    let txn = db
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            isolation_level: isolation(db),
            ..TransactionOptions::default()
        })
        .await?;
    if txn.get_database_backend() == DbBackend::Postgres {
        wait_as_long_as_it_takes(&txn).await?;
        lock_schema(&txn, missing).await?;
    }
    Ok(txn)
}

/// What was committed while the lock was waited for has to be seen, whatever the
/// server's default is. A savepoint is in its transaction's level.
fn isolation(db: &DatabaseExecutor<'_>) -> Option<IsolationLevel> {
    match db {
        DatabaseExecutor::Connection(db) if db.get_database_backend() == DbBackend::Postgres => {
            Some(IsolationLevel::ReadCommitted)
        }
        _ => None,
    }
}

/// The role or the pooler may have limits of their own; another run takes as long
/// as it takes.
async fn wait_as_long_as_it_takes(txn: &DatabaseTransaction) -> Result<(), DbErr> {
    txn.execute_unprepared("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        .await
        .map(drop)
}

/// Takes the lock of a run for the rest of the caller's transaction, waiting for
/// a run that has it: nobody runs the chain then until the transaction ends.
/// Begin the transaction as read committed, or it will not see what that run has
/// done; its limits on locks and statements are off afterwards. On
/// SQLite nothing is to be done: begun as the writer, a transaction has the file.
///
/// # Errors
///
/// [`DbErr::Migration`] when no schema of the search path exists.
pub async fn lock_in_txn(txn: &DatabaseTransaction) -> Result<(), DbErr> {
    match txn.get_database_backend() {
        DbBackend::Postgres => {
            wait_as_long_as_it_takes(txn).await?;
            lock_schema(txn, MissingSchema::Refuse).await
        }
        _ => Ok(()),
    }
}

/// One lock for each schema, so that tenants side by side in one database do
/// not wait for each other.
async fn lock_schema(txn: &DatabaseTransaction, missing: MissingSchema) -> Result<(), DbErr> {
    if let Some(schema) = current_schema(txn).await? {
        return advisory_lock(txn, &schema).await;
    }
    let search_path = setting(txn, "search_path").await?;
    if missing == MissingSchema::Refuse || !is_one_schema(&search_path) {
        return Err(DbErr::Migration(format!(
            "none of the schemas in the search path (`{search_path}`) exists. Nothing was changed; \
             create the schema, or name one with --schema or DATABASE_SCHEMA"
        )));
    }
    // Two first runs of one tenant: the second waits here, and then finds the
    // schema that the first has made.
    advisory_lock(txn, &search_path).await?;
    // The setting's text is an identifier as PostgreSQL quotes it.
    txn.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {search_path}"))
        .await?;
    match current_schema(txn).await? {
        Some(schema) => advisory_lock(txn, &schema).await,
        None => Err(DbErr::Migration(format!(
            "the schema {search_path} was created but is not in use: may the role use it?"
        ))),
    }
}

/// Whether a search path is the name of a single schema, quoted or plain.
/// PostgreSQL reads `$user` as the role's name even inside quotes.
fn is_one_schema(search_path: &str) -> bool {
    let quoted = search_path
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(name) => name != "$user" && !name.replace("\"\"", "").contains('"'),
        None => !search_path.contains([',', '$', '"']),
    }
}

async fn advisory_lock(txn: &DatabaseTransaction, schema: &str) -> Result<(), DbErr> {
    txn.query_one_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_advisory_xact_lock(hashtextextended('outreach-migration ' || $1, 0))",
        [schema.into()],
    ))
    .await?;
    Ok(())
}

/// Whether a schema of the search path is there; an SQLite file always has its
/// own.
pub(crate) async fn has_schema(txn: &DatabaseTransaction) -> Result<bool, DbErr> {
    match txn.get_database_backend() {
        DbBackend::Postgres => Ok(current_schema(txn).await?.is_some()),
        _ => Ok(true),
    }
}

async fn current_schema(txn: &DatabaseTransaction) -> Result<Option<String>, DbErr> {
    let row = txn
        .query_one_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT current_schema()::text AS schema",
        ))
        .await?;
    match row {
        Some(row) => row.try_get("", "schema"),
        None => Ok(None),
    }
}

async fn setting(txn: &DatabaseTransaction, name: &str) -> Result<String, DbErr> {
    let row = txn
        .query_one_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT current_setting($1) AS setting",
            [name.into()],
        ))
        .await?;
    match row {
        Some(row) => row.try_get("", "setting"),
        None => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_path_of_one_schema_is_told_from_a_list() {
        for one in ["tenant", "\"a,b\"", "\"Tenant \"\"C\"\" 3\"", "\"a$b\""] {
            assert!(is_one_schema(one), "{one}");
        }
        for other in [
            "\"$user\", public",
            "a, b",
            "$user",
            "\"$user\"",
            "\"a\",\"b\"",
        ] {
            assert!(!is_one_schema(other), "{other}");
        }
    }
}
