//! Writes the ledgers without running a revision.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

use crate::{REVISIONS, Revision, ledger};

/// Makes the ledgers say that exactly the first `count` revisions of the chain
/// are applied: ours, which is made if it is not there, and Alembic's where there
/// is one. No revision is run: the caller has looked that the schema is that of
/// the last of them, and ends the transaction with
/// [`run::commit`](crate::run::commit), which brings the checksums along.
pub async fn set_in_txn<C: ConnectionTrait>(txn: &C, count: usize) -> Result<(), DbErr> {
    let revisions = REVISIONS.get(..count).unwrap_or(REVISIONS);
    let (integer, now) = match txn.get_database_backend() {
        DbBackend::Sqlite => ("integer", "CAST(strftime('%s', 'now') AS INTEGER)"),
        _ => ("bigint", "extract(epoch FROM now())::bigint"),
    };
    let create = format!(
        r#"CREATE TABLE IF NOT EXISTS "seaql_migrations" ( "version" varchar NOT NULL PRIMARY KEY, "applied_at" {integer} NOT NULL )"#
    );
    execute(txn, &create, None).await?;
    let applied = ledger::applied(txn).await?;
    for name in &applied {
        if !revisions.iter().any(|revision| revision.name == name) {
            let delete = r#"DELETE FROM "seaql_migrations" WHERE "version" = $1"#;
            execute(txn, delete, Some(name)).await?;
        }
    }
    for revision in revisions {
        if !applied.iter().any(|name| name == revision.name) {
            let insert = format!(
                r#"INSERT INTO "seaql_migrations" ("version", "applied_at") VALUES ($1, {now})"#
            );
            execute(txn, &insert, Some(revision.name)).await?;
        }
    }
    set_alembic(txn, revisions).await
}

async fn set_alembic<C: ConnectionTrait>(txn: &C, revisions: &[Revision]) -> Result<(), DbErr> {
    if ledger::alembic(txn).await?.is_none() {
        return Ok(());
    }
    execute(txn, r#"DELETE FROM "alembic_version""#, None).await?;
    if let Some(head) = revisions.iter().rev().find_map(|one| one.alembic) {
        let insert = r#"INSERT INTO "alembic_version" ("version_num") VALUES ($1)"#;
        execute(txn, insert, Some(head)).await?;
    }
    Ok(())
}

async fn execute<C: ConnectionTrait>(txn: &C, sql: &str, value: Option<&str>) -> Result<(), DbErr> {
    let values: Vec<Value> = value.into_iter().map(Value::from).collect();
    let statement = Statement::from_sql_and_values(txn.get_database_backend(), sql, values);
    txn.execute_raw(statement).await?;
    Ok(())
}
