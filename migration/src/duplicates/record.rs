//! `merged_rows` as this revision writes and reads it.

use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult,
    prelude::{Json, Uuid},
    sea_query::{Expr, ExprTrait, Query},
};
use serde::{Serialize, de::DeserializeOwned};

/// A row that was merged into another.
pub(super) struct MergedRow<R> {
    pub(super) kept_id: Uuid,
    pub(super) merged_id: Uuid,
    /// The row as it was.
    pub(super) row: R,
    /// Keys of the rows that pointed to it and now point to the kept one.
    pub(super) repointed: Vec<Uuid>,
}

#[derive(FromQueryResult)]
struct StoredRow {
    merged_id: Uuid,
    kept_id: Uuid,
    merged_row: Json,
    repointed_ids: Json,
}

pub(super) async fn write<C, R>(db: &C, table: &str, rows: &[MergedRow<R>]) -> Result<(), DbErr>
where
    C: ConnectionTrait,
    R: Serialize + Sync,
{
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = Query::insert();
    insert.into_table("merged_rows").columns([
        "merged_id",
        "table_name",
        "kept_id",
        "merged_row",
        "repointed_ids",
    ]);
    for row in rows {
        insert
            .values([
                row.merged_id.into(),
                table.into(),
                row.kept_id.into(),
                to_json(&row.row)?.into(),
                to_json(&row.repointed)?.into(),
            ])
            .map_err(|error| DbErr::Migration(error.to_string()))?;
    }
    db.execute(&insert).await?;
    Ok(())
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
    let mut select = Query::select();
    select
        .columns(["merged_id", "kept_id", "merged_row", "repointed_ids"])
        .from("merged_rows")
        .and_where(Expr::col("table_name").eq(table))
        .order_by("merged_id", sea_orm::Order::Asc)
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
                row: from_json(stored.merged_row)?,
                repointed: from_json(stored.repointed_ids)?,
            })
        })
        .collect()
}

fn to_json<T: Serialize>(value: &T) -> Result<Json, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Migration(error.to_string()))
}

fn from_json<T: DeserializeOwned>(value: Json) -> Result<T, DbErr> {
    serde_json::from_value(value)
        .map_err(|error| DbErr::Migration(format!("a row of merged_rows is damaged: {error}")))
}
