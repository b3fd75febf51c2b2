//! Counting on a PostgreSQL server, so that no row travels.

use sea_orm::{ConnectionTrait, DbErr, Value};

use super::{ContentsError, Selection, Sums, TableContents};
use crate::sql::{identifier, row, rows, texts};

/// Whatever the session, the role or the database has set: values are written
/// according to these.
const SETTINGS: [(&str, &str); 9] = [
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("lc_monetary", "C"),
    ("jit", "off"),
    // Rows that a policy hides are an error then.
    ("row_security", "off"),
    // Is gone at once where there is no transaction.
    ("outreach.in_transaction", "on"),
];

pub(super) async fn table_names(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT c.relname::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = pg_catalog.current_schema() AND c.relkind = 'r' \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
         AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e')";
    texts(db, sql, []).await
}

pub(super) async fn columns(
    db: &impl ConnectionTrait,
    table: &str,
) -> Result<Option<Vec<String>>, DbErr> {
    // A table without columns is there too.
    let sql = "SELECT pg_catalog.array_to_json(ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) AS columns \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = pg_catalog.current_schema() AND c.relname = $1 \
         AND c.relkind IN ('r', 'p')";
    let found = rows(db, sql, [table.into()]).await?;
    let Some(found) = found.first() else {
        return Ok(None);
    };
    let columns: serde_json::Value = found.try_get("", "columns")?;
    serde_json::from_value(columns)
        .map(Some)
        .map_err(|error| DbErr::Json(error.to_string()))
}

pub(super) async fn contents(
    db: &impl ConnectionTrait,
    selections: &[Selection],
) -> Result<Vec<TableContents>, ContentsError> {
    let catalog = |source| ContentsError::Catalog { source };
    let before = set(
        db,
        &SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())),
    )
    .await
    .map_err(catalog)?;
    let sql = "SELECT coalesce(current_setting('outreach.in_transaction', true), '') = 'on' \
         AS inside, coalesce(current_schema()::text, '') AS schema";
    let session = row(db, sql, []).await.map_err(catalog)?;
    if !session.try_get("", "inside").map_err(catalog)? {
        return Err(ContentsError::NoTransaction);
    }
    let schema: String = session.try_get("", "schema").map_err(catalog)?;
    let mut tables = Vec::with_capacity(selections.len());
    for selection in selections {
        let sums = sums(db, &schema, selection)
            .await
            .map_err(|source| ContentsError::Rows {
                table: selection.table.clone(),
                source,
            })?;
        tables.push(sums.of(selection));
    }
    set(db, &before).await.map_err(catalog)?;
    Ok(tables)
}

/// Sets settings for the rest of the transaction, and returns what they were.
async fn set(
    db: &impl ConnectionTrait,
    settings: &[(String, String)],
) -> Result<Vec<(String, String)>, DbErr> {
    let pairs = (0..settings.len()).map(|i| format!("(${}, ${})", 2 * i + 1, 2 * i + 2));
    let sql = format!(
        "SELECT s.name, coalesce(pg_catalog.current_setting(s.name, true), '') AS before, \
         pg_catalog.set_config(s.name, s.value, true) AS after \
         FROM (VALUES {}) AS s (name, value)",
        pairs.collect::<Vec<_>>().join(", ")
    );
    let values = settings
        .iter()
        .flat_map(|(name, value)| [Value::from(name.as_str()), Value::from(value.as_str())]);
    let rows = rows(db, &sql, values).await?;
    let before =
        |row: &sea_orm::QueryResult| Ok((row.try_get("", "name")?, row.try_get("", "before")?));
    rows.iter().map(before).collect()
}

/// The text of a record quotes each value as it needs it, and has nothing
/// between two commas for NULL. SHA-256, because the server's own hashes may
/// differ from one release to the next.
async fn sums(
    db: &impl ConnectionTrait,
    schema: &str,
    selection: &Selection,
) -> Result<Sums, DbErr> {
    let columns: Vec<&str> = selection.columns.iter().map(|c| c.sql.as_str()).collect();
    let half = |from: u8| {
        format!(
            "coalesce(sum(('x' || encode(substring(h.hash from {from} for 8), 'hex'))\
             ::bit(64)::bigint), 0)::text"
        )
    };
    // OFFSET 0: each hash is made once, not once for each of its halves.
    let sql = format!(
        "SELECT count(*) AS rows, {} AS first, {} AS second FROM (SELECT \
         sha256(convert_to(ROW({})::text, 'UTF8')) AS hash FROM ONLY {}.{} OFFSET 0) AS h",
        half(1),
        half(9),
        columns.join(", "),
        identifier(schema),
        identifier(&selection.table)
    );
    let row = row(db, &sql, []).await?;
    let number = |name| {
        let text: String = row.try_get("", name)?;
        text.parse()
            .map_err(|_| DbErr::Type(format!("`{text}` is no whole number")))
    };
    Ok(Sums {
        rows: row.try_get::<i64>("", "rows")?.unsigned_abs(),
        first: number("first")?,
        second: number("second")?,
    })
}
