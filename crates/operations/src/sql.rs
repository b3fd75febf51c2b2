//! Small pieces of SQL.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, IsolationLevel, QueryResult, Statement, Value};

/// The name as it has to be written in a statement of either database.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The level at which a statement sees what was committed while another one
/// waited for a lock, whatever the server's default is. SQLite has none.
pub(crate) fn read_committed(db: &impl ConnectionTrait) -> Option<IsolationLevel> {
    (db.get_database_backend() == DbBackend::Postgres).then_some(IsolationLevel::ReadCommitted)
}

/// A limit as PostgreSQL takes it: zero is none, so that less than a millisecond
/// is one, and what is longer than it can count is the longest.
pub(crate) fn milliseconds(limit: Duration) -> i32 {
    let whole = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    whole.max(i32::from(!limit.is_zero()))
}

/// The rows of a query.
pub(crate) async fn rows(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.query_all_raw(statement).await
}

/// The only row of a query.
pub(crate) async fn row(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<QueryResult, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let row = db.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("a query that always has a row".to_owned()))
}

/// The first column of a query's rows.
pub(crate) async fn texts(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<String>, DbErr> {
    let rows = rows(db, sql, values).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
