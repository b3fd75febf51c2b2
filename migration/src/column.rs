//! Column definitions that more than one revision uses, where PostgreSQL and
//! SQLite need different words for the same thing.

use sea_orm::DbBackend;
use sea_orm_migration::{
    prelude::{ColumnDef, Expr, SimpleExpr},
    schema::{timestamp_with_time_zone, timestamp_with_time_zone_null},
};

/// The database's time as a column default.
///
/// SQLite stores times as text. Its own `CURRENT_TIMESTAMP` writes another form
/// than the driver binds (`2026-01-01 10:00:00` against
/// `2026-01-01T10:00:00.123+00:00`), and the two do not compare; this default
/// writes the driver's form, which leaves out a fraction of zero.
pub(crate) fn now(backend: DbBackend) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => {
            Expr::cust("replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), '.000+', '+')")
        }
        _ => Expr::cust("now()"),
    }
}

/// A nullable time that defaults to [`now`], as the mirrored tables have it.
pub(crate) fn time_default_now(name: &'static str, backend: DbBackend) -> ColumnDef {
    timestamp_with_time_zone_null(name)
        .default(now(backend))
        .take()
}

/// A time that is always set and defaults to [`now`], for tables of our own.
pub(crate) fn required_time_default_now(name: &'static str, backend: DbBackend) -> ColumnDef {
    timestamp_with_time_zone(name).default(now(backend)).take()
}
