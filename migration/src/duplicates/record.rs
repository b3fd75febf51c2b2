//! `merged_rows` as this revision writes and reads it.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, FromQueryResult, Order,
    prelude::Uuid,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    ROWS_PER_STATEMENT,
    stored_json::{StoredJson, text_of, to_column},
};

/// A row that was merged into another.
pub(super) struct MergedRow<R> {
    pub(super) kept_id: Uuid,
    pub(super) merged_id: Uuid,
    /// The row as it was.
    pub(super) row: R,
    /// Keys of the rows that pointed to it and now point to the kept one.
    pub(super) repointed: Vec<Uuid>,
    /// What the merge made of the kept row; with the first record of a group,
    /// and only where it changed something.
    pub(super) kept: Option<KeptRow<R>>,
}

/// The kept row before and after it took over from the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptRow<R> {
    pub(super) before: R,
    pub(super) after: R,
}

#[derive(FromQueryResult)]
struct StoredRow {
    merged_id: Uuid,
    kept_id: Uuid,
    merged_row: String,
    repointed_ids: String,
    kept_row: Option<String>,
}

pub(super) async fn write<C, R>(db: &C, table: &str, rows: &[MergedRow<R>]) -> Result<(), DbErr>
where
    C: ConnectionTrait,
    R: Serialize + Sync,
{
    let backend = db.get_database_backend();
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let mut insert = Query::insert();
        insert.into_table("merged_rows").columns([
            "merged_id",
            "table_name",
            "kept_id",
            "merged_row",
            "repointed_ids",
            "kept_row",
        ]);
        for row in rows {
            insert
                .values([
                    row.merged_id.into(),
                    table.into(),
                    row.kept_id.into(),
                    to_json(backend, &row.row)?,
                    to_json(backend, &row.repointed)?,
                    match &row.kept {
                        Some(kept) => to_json(backend, kept)?,
                        None => to_column(backend, None),
                    },
                ])
                .map_err(|error| DbErr::Migration(error.to_string()))?;
        }
        db.execute(&insert).await?;
    }
    Ok(())
}

/// Deletes the rows that were merged.
pub(super) async fn delete_merged<C, R>(
    db: &C,
    table: &'static str,
    rows: &[MergedRow<R>],
) -> Result<(), DbErr>
where
    C: ConnectionTrait,
    R: Sync,
{
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let ids = rows.iter().map(|row| row.merged_id);
        let delete = Query::delete()
            .from_table(table)
            .and_where(Expr::col("id").is_in(ids))
            .take();
        db.execute(&delete).await?;
    }
    Ok(())
}

/// Points the rows of `table` that point to `from` at `to`. Returns their keys.
pub(super) async fn repoint<C: ConnectionTrait>(
    db: &C,
    table: &'static str,
    column: &'static str,
    from: Uuid,
    to: Uuid,
) -> Result<Vec<Uuid>, DbErr> {
    let update = Query::update()
        .table(table)
        .value(column, to)
        .and_where(Expr::col(column).eq(from))
        .returning_col("id")
        .take();
    let rows = db.query_all(&update).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Points the rows of `table` that pointed to a merged row at it again, those
/// that still point to the row that took its place.
pub(super) async fn point_back<C, R>(
    db: &C,
    table: &'static str,
    column: &'static str,
    row: &MergedRow<R>,
) -> Result<(), DbErr>
where
    C: ConnectionTrait,
    R: Sync,
{
    for ids in row.repointed.chunks(ROWS_PER_STATEMENT) {
        let update = Query::update()
            .table(table)
            .value(column, row.merged_id)
            .and_where(Expr::col(column).eq(row.kept_id))
            .and_where(Expr::col("id").is_in(ids.iter().copied()))
            .take();
        db.execute(&update).await?;
    }
    Ok(())
}

/// Selects columns, those that hold JSON as their text.
pub(super) fn select(columns: &[&'static str], json: &[&'static str]) -> SelectStatement {
    let mut select = Query::select();
    for column in columns {
        if json.contains(column) {
            select.expr_as(text_of(column), *column);
        } else {
            select.column(*column);
        }
    }
    select
}

/// Whether `table` has a row with this key.
pub(super) async fn exists<C: ConnectionTrait>(
    db: &C,
    table: &'static str,
    id: Uuid,
) -> Result<bool, DbErr> {
    let select = Query::select()
        .column("id")
        .from(table)
        .and_where(Expr::col("id").eq(id))
        .take();
    Ok(db.query_one(&select).await?.is_some())
}

/// Gives a column its old value back, unless somebody has changed it since.
pub(super) fn undo<T: Clone + PartialEq>(current: &mut T, before: &T, after: &T) {
    if current == after {
        current.clone_from(before);
    }
}

/// Up to `limit` recorded rows of `table` whose key is above `after`, by key.
pub(super) async fn read<C, R>(
    db: &C,
    table: &str,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<MergedRow<R>>, DbErr>
where
    C: ConnectionTrait,
    R: DeserializeOwned,
{
    const JSON: [&str; 3] = ["merged_row", "repointed_ids", "kept_row"];
    let mut select = select(&["merged_id", "kept_id", JSON[0], JSON[1], JSON[2]], &JSON);
    select
        .from("merged_rows")
        .and_where(Expr::col("table_name").eq(table))
        .order_by("merged_id", Order::Asc)
        .limit(limit);
    if let Some(after) = after {
        select.and_where(Expr::col("merged_id").gt(after));
    }
    let rows = db.query_all(&select).await?;
    rows.iter()
        .map(|row| {
            let stored = StoredRow::from_query_result(row, "")?;
            Ok(MergedRow {
                kept_id: stored.kept_id,
                merged_id: stored.merged_id,
                row: from_json(&stored.merged_row)?,
                repointed: from_json(&stored.repointed_ids)?,
                kept: stored.kept_row.as_deref().map(from_json).transpose()?,
            })
        })
        .collect()
}

fn to_json<T: Serialize>(backend: DbBackend, value: &T) -> Result<Expr, DbErr> {
    let json = serde_json::to_string(value)
        .map_err(|error| DbErr::Migration(format!("a row cannot be recorded: {error}")))?;
    Ok(to_column(backend, Some(StoredJson::new(json))))
}

fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, DbErr> {
    serde_json::from_str(json)
        .map_err(|error| DbErr::Migration(format!("a row of merged_rows is damaged: {error}")))
}
