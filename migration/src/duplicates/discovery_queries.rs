//! Discovery queries of one job with the same keyword and location.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, Order,
    prelude::{DateTimeWithTimeZone, Uuid},
    sea_query::{Expr, ExprTrait, NullOrdering, Query},
};
use serde::{Deserialize, Serialize};

use super::{
    BATCH,
    record::{self, KeptRow, MergedRow},
    stored_json::{StoredJson, set_if_present, to_column},
};

const TABLE: &str = "discovery_queries";

const COLUMNS: [&str; 15] = [
    "id",
    "job_id",
    "keyword",
    "location",
    "location_code",
    "category",
    "status",
    "results_found",
    "results_saved",
    "results_skipped_duplicate",
    "results_skipped_existing",
    "error_message",
    "query_metadata",
    "created_at",
    "updated_at",
];

/// A row of `discovery_queries` at this revision.
#[derive(Debug, Clone, FromQueryResult, Serialize, Deserialize)]
struct DiscoveryQuery {
    id: Uuid,
    job_id: Uuid,
    keyword: String,
    location: String,
    location_code: Option<i32>,
    category: Option<String>,
    status: String,
    results_found: i32,
    results_saved: i32,
    results_skipped_duplicate: i32,
    results_skipped_existing: i32,
    error_message: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "set_if_present"
    )]
    query_metadata: Option<StoredJson>,
    created_at: Option<DateTimeWithTimeZone>,
    updated_at: Option<DateTimeWithTimeZone>,
}

impl DiscoveryQuery {
    /// Adds the younger row's counts: its prospects now belong to this one. One
    /// of the searches succeeded, so the query did.
    fn absorb(&mut self, younger: &Self) {
        let add = |sum: &mut i32, more: i32| *sum = sum.saturating_add(more);
        add(&mut self.results_found, younger.results_found);
        add(&mut self.results_saved, younger.results_saved);
        add(
            &mut self.results_skipped_duplicate,
            younger.results_skipped_duplicate,
        );
        add(
            &mut self.results_skipped_existing,
            younger.results_skipped_existing,
        );
        if younger.status == "success" && self.status != "success" {
            self.status.clone_from(&younger.status);
            self.error_message = None;
        }
    }

    /// Takes back what [`absorb`](Self::absorb) made of `before`, where the
    /// value is still the one that it left.
    fn undo(&mut self, KeptRow { before, after }: &KeptRow<Self>) {
        macro_rules! undo {
            ($($column:ident)+) => {
                $(record::undo(&mut self.$column, &before.$column, &after.$column);)+
            };
        }
        undo! {
            status results_found results_saved results_skipped_duplicate
            results_skipped_existing error_message
        }
    }
}

/// Merges queries that a job has twice; the kept row's counters become the sum,
/// because its prospects now are those of all. Returns how many rows went.
pub(super) async fn merge<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let mut merged = 0;
    loop {
        let jobs = jobs_with_duplicates(db).await?;
        if jobs.is_empty() {
            return Ok(merged);
        }
        merged += merge_jobs(db, jobs).await?;
    }
}

async fn jobs_with_duplicates<C: ConnectionTrait>(db: &C) -> Result<Vec<Uuid>, DbErr> {
    let select = Query::select()
        .column("job_id")
        .from(TABLE)
        .group_by_columns(["job_id", "keyword", "location"])
        .and_having(Expr::col("id").count().gt(1))
        .order_by("job_id", Order::Asc)
        .limit(BATCH)
        .take();
    let rows = db.query_all(&select).await?;
    rows.iter().map(|row| row.try_get("", "job_id")).collect()
}

async fn merge_jobs<C: ConnectionTrait>(db: &C, jobs: Vec<Uuid>) -> Result<u64, DbErr> {
    let mut select = record::select(&COLUMNS, &["query_metadata"]);
    select
        .from(TABLE)
        .and_where(Expr::col("job_id").is_in(jobs))
        .order_by_with_nulls("created_at", Order::Asc, NullOrdering::Last)
        .order_by("id", Order::Asc);
    let mut groups: BTreeMap<(Uuid, String, String), Vec<DiscoveryQuery>> = BTreeMap::new();
    for row in &db.query_all(&select).await? {
        let query = DiscoveryQuery::from_query_result(row, "")?;
        groups
            .entry((query.job_id, query.keyword.clone(), query.location.clone()))
            .or_default()
            .push(query);
    }
    let mut merged = 0;
    for rows in groups.into_values().filter(|rows| rows.len() > 1) {
        merged += merge_group(db, rows).await?;
    }
    Ok(merged)
}

async fn merge_group<C: ConnectionTrait>(db: &C, rows: Vec<DiscoveryQuery>) -> Result<u64, DbErr> {
    let mut rows = rows.into_iter();
    let Some(mut kept) = rows.next() else {
        return Ok(0);
    };
    let before = kept.clone();
    let mut records = Vec::new();
    for younger in rows {
        kept.absorb(&younger);
        records.push(MergedRow {
            kept_id: kept.id,
            merged_id: younger.id,
            repointed: record::repoint(db, "prospects", "discovery_query_id", younger.id, kept.id)
                .await?,
            row: younger,
            kept: None,
        });
    }
    update(db, &kept).await?;
    if let Some(first) = records.first_mut() {
        first.kept = Some(KeptRow {
            before,
            after: kept,
        });
    }
    record::write(db, TABLE, &records).await?;
    record::delete_merged(db, TABLE, &records).await?;
    Ok(records.len() as u64)
}

async fn update<C: ConnectionTrait>(db: &C, row: &DiscoveryQuery) -> Result<(), DbErr> {
    let update = Query::update()
        .table(TABLE)
        .values([
            ("status", row.status.clone().into()),
            ("results_found", row.results_found.into()),
            ("results_saved", row.results_saved.into()),
            (
                "results_skipped_duplicate",
                row.results_skipped_duplicate.into(),
            ),
            (
                "results_skipped_existing",
                row.results_skipped_existing.into(),
            ),
            ("error_message", row.error_message.clone().into()),
        ])
        .and_where(Expr::col("id").eq(row.id))
        .take();
    db.execute(&update).await?;
    Ok(())
}

/// Puts merged queries back, and gives the kept rows their own counts again.
/// Returns how many.
pub(super) async fn restore<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let mut restored = 0;
    let mut after = None;
    loop {
        let records: Vec<MergedRow<DiscoveryQuery>> = record::read(db, TABLE, after, BATCH).await?;
        let Some(last) = records.last() else {
            return Ok(restored);
        };
        after = Some(last.merged_id);
        for record in records {
            if !record::exists(db, "jobs", record.row.job_id).await? {
                return Err(DbErr::Migration(format!(
                    "the merged discovery query {} cannot be put back: its job {} has been \
                     deleted since. Nothing was changed; delete the row from `merged_rows` to go \
                     down without it",
                    record.merged_id, record.row.job_id
                )));
            }
            insert(db, record.row.clone()).await?;
            record::point_back(db, "prospects", "discovery_query_id", &record).await?;
            if let Some(change) = &record.kept
                && let Some(mut kept) = find(db, record.kept_id).await?
            {
                kept.undo(change);
                update(db, &kept).await?;
            }
            restored += 1;
        }
    }
}

async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<DiscoveryQuery>, DbErr> {
    let mut select = record::select(&COLUMNS, &["query_metadata"]);
    select.from(TABLE).and_where(Expr::col("id").eq(id));
    let row = db.query_one(&select).await?;
    row.map(|row| DiscoveryQuery::from_query_result(&row, ""))
        .transpose()
}

async fn insert<C: ConnectionTrait>(db: &C, row: DiscoveryQuery) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let insert = Query::insert()
        .into_table(TABLE)
        .columns(COLUMNS)
        .values([
            row.id.into(),
            row.job_id.into(),
            row.keyword.into(),
            row.location.into(),
            row.location_code.into(),
            row.category.into(),
            row.status.into(),
            row.results_found.into(),
            row.results_saved.into(),
            row.results_skipped_duplicate.into(),
            row.results_skipped_existing.into(),
            row.error_message.into(),
            to_column(backend, row.query_metadata),
            row.created_at.into(),
            row.updated_at.into(),
        ])
        .map_err(|error| DbErr::Migration(error.to_string()))?
        .take();
    db.execute(&insert).await?;
    Ok(())
}
