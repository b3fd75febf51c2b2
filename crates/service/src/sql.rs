//! What the database says when it refuses, and the words that differ between
//! PostgreSQL and SQLite.

use std::time::Duration;

use sea_orm::{
    DbBackend, DbErr, RuntimeErr,
    sea_query::{
        Expr, ExprTrait, IntoColumnRef, SelectStatement, SimpleExpr, extension::postgres::PgExpr,
    },
    sqlx,
};
use uuid::Uuid;

/// The database's own clock at the start of the statement.
///
/// Stable within a statement, so that a distributed PostgreSQL accepts it in an
/// UPDATE, and in the one text form that times have on SQLite: the one
/// that the driver binds, which leaves out a fraction of zero.
pub(crate) fn now(backend: DbBackend) -> SimpleExpr {
    Expr::cust(now_text(backend))
}

/// [`now`] as text.
pub(crate) fn now_text(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), '.000+', '+')",
        _ => "statement_timestamp()",
    }
}

/// [`now`] and so much later; the database adds it, so that clocks of other
/// machines do not matter. Milliseconds are kept, no less.
pub(crate) fn now_plus(backend: DbBackend, delay: Duration) -> SimpleExpr {
    let seconds = delay.as_secs_f64();
    match backend {
        DbBackend::Sqlite => Expr::cust_with_values(
            "replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', ?), '.000+', '+')",
            [format!("{seconds:+.3} seconds")],
        ),
        _ => Expr::cust_with_values(
            "statement_timestamp() + make_interval(secs => $1)",
            [seconds],
        ),
    }
}

/// How long ago the time of an expression is by the database's clock, in
/// seconds: NULL when there is none, negative when it is still to come. The
/// text is SQL of the program's own.
pub(crate) fn seconds_since(backend: DbBackend, time: &str) -> String {
    match backend {
        DbBackend::Sqlite => format!("((julianday('now') - julianday({time})) * 86400.0)"),
        _ => format!("(extract(epoch from statement_timestamp() - {time})::float8)"),
    }
}

/// [`now`] and as many seconds later as a column says; NULL when it says none.
pub(crate) fn now_plus_column(backend: DbBackend, column: &'static str) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust(format!(
            "replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', \"{column}\" || ' seconds'), \
             '.000+', '+')"
        )),
        _ => Expr::cust(format!(
            "statement_timestamp() + make_interval(secs => \"{column}\")"
        )),
    }
}

/// The seconds from [`now`] until the time in a column, under a name: negative
/// when it has passed, NULL when there is none, or one that is infinite.
pub(crate) fn seconds_until(
    backend: DbBackend,
    column: &'static str,
    name: &'static str,
) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust(format!(
            "(julianday(\"{column}\") - julianday('now')) * 86400.0 AS \"{name}\""
        )),
        _ => Expr::cust(format!(
            "CASE WHEN isfinite(\"{column}\") THEN \
             extract(epoch from \"{column}\" - statement_timestamp())::float8 END AS \"{name}\""
        )),
    }
}

/// The time in a column as a number, under a name: only for comparisons.
pub(crate) fn sortable(backend: DbBackend, column: &'static str, name: &'static str) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust(format!("julianday(\"{column}\") AS \"{name}\"")),
        _ => Expr::cust(format!(
            "extract(epoch from \"{column}\")::float8 AS \"{name}\""
        )),
    }
}

/// Whether a column holds one of the keys. PostgreSQL takes several as one
/// array, so that the statement's text is the same for any number; but one key
/// alone, because it takes any array for ten keys, finds a plan for one cheaper,
/// and plans the statement anew each time.
pub(crate) fn is_one_of<C: IntoColumnRef>(
    backend: DbBackend,
    column: C,
    keys: impl IntoIterator<Item = Uuid>,
) -> SimpleExpr {
    let column = Expr::col(column);
    let keys: Vec<Uuid> = keys.into_iter().collect();
    match (backend, keys.as_slice()) {
        (DbBackend::Sqlite, _) => column.is_in(keys),
        (_, [key]) => column.eq(*key),
        _ => PgExpr::eq_any(column, keys),
    }
}

/// Whether a value is one of those that a query gives, which runs once, before
/// the rest. PostgreSQL only.
pub(crate) fn is_any_of_query(value: SimpleExpr, query: SelectStatement) -> SimpleExpr {
    let keys = Expr::SubQuery(None, Box::new(query.into()));
    Expr::cust_with_exprs("$1 = ANY(ARRAY $2)", [value, keys])
}

/// The parameters that one statement may have: 65,535 on PostgreSQL, 32,766 on
/// SQLite.
pub(crate) fn max_parameters(backend: DbBackend) -> usize {
    match backend {
        DbBackend::Sqlite => 32_766,
        _ => 65_535,
    }
}

/// The SQLSTATE of PostgreSQL or the extended result code of SQLite, when the
/// database itself refused.
#[must_use]
pub fn sqlstate(error: &DbErr) -> Option<String> {
    Some(database_error(error)?.code()?.into_owned())
}

/// The constraint that was violated: its name on PostgreSQL, the columns on
/// SQLite (`prospects.domain`), which does not tell names.
#[must_use]
pub fn constraint(error: &DbErr) -> Option<String> {
    let error = database_error(error)?;
    if let Some(name) = error.constraint() {
        return Some(name.to_owned());
    }
    let (_, columns) = error.message().split_once("constraint failed: ")?;
    Some(columns.to_owned())
}

/// True when the same transaction may succeed if it is run again: serialization
/// failure, deadlock, lock not available, busy or locked SQLite.
#[must_use]
pub fn is_retryable(error: &DbErr) -> bool {
    let Some(database) = database_error(error) else {
        return false;
    };
    let Some(code) = database.code() else {
        return false;
    };
    if is_sqlite(database) {
        // The primary code is in the low byte: 5 is SQLITE_BUSY, 6 SQLITE_LOCKED.
        return code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6));
    }
    matches!(code.as_ref(), "40001" | "40P01" | "55P03")
}

/// True when nobody can know what the database did with the statement: the
/// connection went away, or the server says that it is going away.
#[must_use]
pub fn is_connection_lost(error: &DbErr) -> bool {
    match database_error(error) {
        Some(database) => {
            !is_sqlite(database)
                && database.code().is_some_and(|code| {
                    code.starts_with("08")
                        || matches!(code.as_ref(), "25P03" | "57P01" | "57P02" | "57P03")
                })
        }
        None => true,
    }
}

/// True when the database can't be reached, or can't be written to for the time
/// being (a standby that is not promoted yet): the same call may succeed later,
/// and the statement is not to blame.
#[must_use]
pub fn is_unreachable(error: &DbErr) -> bool {
    if let Some(database) = database_error(error) {
        return !is_sqlite(database)
            && database.code().is_some_and(|code| {
                code.starts_with("08")
                    || matches!(
                        code.as_ref(),
                        "25006" | "25P03" | "53300" | "57P01" | "57P02" | "57P03"
                    )
            });
    }
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            matches!(
                error.as_ref(),
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            )
        }
        _ => false,
    }
}

/// True when the database would answer the same to the same statement: what it
/// says, or what it is to store, is wrong, or may not be done.
#[must_use]
pub(crate) fn is_refused(error: &DbErr) -> bool {
    let Some(database) = database_error(error) else {
        return !is_unreachable(error);
    };
    let code = database.code().unwrap_or_default();
    if is_sqlite(database) {
        // ERROR, READONLY, TOOBIG, CONSTRAINT, MISMATCH, RANGE.
        return code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 1 | 8 | 18 | 19 | 20 | 25));
    }
    // Not supported, data, constraints, syntax and access rights.
    ["0A", "22", "23", "42"]
        .iter()
        .any(|class| code.starts_with(class))
}

fn is_sqlite(error: &dyn sqlx::error::DatabaseError) -> bool {
    error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
}

fn database_error(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => error.as_database_error(),
        _ => None,
    }
}
