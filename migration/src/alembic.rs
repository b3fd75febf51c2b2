//! Keeps Alembic's own ledger true where one exists.
//!
//! A database that was made by Alembic keeps its `alembic_version`. As long as
//! it does, each mirrored revision moves it in the same transaction, up and
//! down, so that both tools always agree.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::SchemaManager;

use crate::ledger::table_exists;

/// Moves `alembic_version` from one revision to the next; `None` stands for an
/// empty ledger. Does nothing where there is no such table.
///
/// # Errors
///
/// [`DbErr::Migration`] when the table does not hold exactly `from`.
pub(crate) async fn record(
    manager: &SchemaManager<'_>,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), DbErr> {
    let db = manager.get_connection();
    if !table_exists(db, "alembic_version").await? {
        return Ok(());
    }
    let found = versions(db).await?;
    let expected: Vec<&str> = from.into_iter().collect();
    if found != expected {
        return Err(DbErr::Migration(format!(
            "`alembic_version` holds [{}] where [{}] was expected. Nothing was changed",
            found.join(", "),
            expected.join(", "),
        )));
    }
    let backend = db.get_database_backend();
    let statement = match (from, to) {
        (Some(from), Some(to)) => Statement::from_sql_and_values(
            backend,
            r#"UPDATE "alembic_version" SET "version_num" = $1 WHERE "version_num" = $2"#,
            [to.into(), from.into()],
        ),
        (None, Some(to)) => Statement::from_sql_and_values(
            backend,
            r#"INSERT INTO "alembic_version" ("version_num") VALUES ($1)"#,
            [to.into()],
        ),
        (Some(from), None) => Statement::from_sql_and_values(
            backend,
            r#"DELETE FROM "alembic_version" WHERE "version_num" = $1"#,
            [from.into()],
        ),
        (None, None) => return Ok(()),
    };
    db.execute_raw(statement).await?;
    Ok(())
}

async fn versions<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let rows = db
        .query_all_raw(Statement::from_string(
            db.get_database_backend(),
            r#"SELECT "version_num" FROM "alembic_version" ORDER BY "version_num""#,
        ))
        .await?;
    rows.iter()
        .map(|row| row.try_get("", "version_num"))
        .collect()
}
