//! Merges rows that a unique index will not allow side by side, and puts them
//! back.
//!
//! The oldest row of a group stays (rows without a time count as youngest, the
//! key breaks ties). Groups are taken in batches, so that a table of any size
//! is merged in bounded memory.

mod discovery_queries;
mod prospects;
mod record;
mod stored_json;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tracing::info;

use crate::ledger::table_exists;

/// Groups of duplicates that are read at a time.
const BATCH: u64 = 200;

/// Rows or keys that one statement names: SQLite takes 32,766 parameters in one,
/// and a group may be of any size.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Merges what is double and says how many rows that were. Queries first, so
/// that the prospects which are recorded point to rows that stay.
pub(crate) async fn merge<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        // Nobody may add a duplicate between the merge and the index.
        db.execute_raw(Statement::from_string(
            DbBackend::Postgres,
            r#"LOCK TABLE "discovery_queries", "prospects", "email_logs" IN SHARE ROW EXCLUSIVE MODE"#,
        ))
        .await?;
    }
    let queries = discovery_queries::merge(db).await?;
    let prospects = prospects::merge(db).await?;
    if queries + prospects == 0 {
        info!("No duplicate prospects or discovery queries");
    } else {
        info!(
            "Merged {prospects} duplicate prospects and {queries} duplicate discovery queries; \
             each is kept in the table merged_rows"
        );
    }
    Ok(())
}

/// How many rows [`merge`] would merge into others, by table; only tables that
/// are there with the columns that have to be unique. Reads only.
pub(crate) async fn count<C: ConnectionTrait>(db: &C) -> Result<Vec<(&'static str, u64)>, DbErr> {
    const GROUPS: [(&str, &[&str]); 2] = [
        ("discovery_queries", &["job_id", "keyword", "location"]),
        ("prospects", &["domain"]),
    ];
    let mut counts = Vec::new();
    for (table, key) in GROUPS {
        if !has_columns(db, table, key).await? {
            continue;
        }
        let key = key.join(", ");
        let sql = format!(
            r#"SELECT CAST(COALESCE(SUM("n" - 1), 0) AS bigint) AS "n" FROM (SELECT COUNT(*) AS "n"
               FROM "{table}" GROUP BY {key} HAVING COUNT(*) > 1) AS "g""#
        );
        counts.push((table, number(db, sql).await?));
    }
    Ok(counts)
}

async fn has_columns<C: ConnectionTrait>(
    db: &C,
    table: &str,
    columns: &[&str],
) -> Result<bool, DbErr> {
    if !table_exists(db, table).await? {
        return Ok(false);
    }
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => "SELECT name FROM pragma_table_info($1)",
        _ => {
            "SELECT a.attname::text AS name FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relname = $1 AND NOT a.attisdropped"
        }
    };
    let select = Statement::from_sql_and_values(db.get_database_backend(), sql, [table.into()]);
    let rows = db.query_all_raw(select).await?;
    let names = rows.iter().map(|row| row.try_get::<String>("", "name"));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    Ok(columns
        .iter()
        .all(|one| names.iter().any(|name| name == one)))
}

/// How many rows [`restore`] would put back, by table. Reads only.
pub(crate) async fn count_merged<C: ConnectionTrait>(
    db: &C,
) -> Result<Vec<(&'static str, u64)>, DbErr> {
    let mut counts = Vec::new();
    for table in ["discovery_queries", "prospects"] {
        let sql =
            format!(r#"SELECT COUNT(*) AS "n" FROM "merged_rows" WHERE "table_name" = '{table}'"#);
        counts.push((table, number(db, sql).await?));
    }
    Ok(counts)
}

async fn number<C: ConnectionTrait>(db: &C, sql: String) -> Result<u64, DbErr> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await?;
    let number: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Puts merged rows back, points what belonged to them at them again, and gives
/// the kept rows back what they were, column by column, unless somebody has
/// changed the column since.
pub(crate) async fn restore<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    let prospects = prospects::restore(db).await?;
    let queries = discovery_queries::restore(db).await?;
    if queries + prospects > 0 {
        info!("Restored {prospects} merged prospects and {queries} merged discovery queries");
    }
    Ok(())
}
