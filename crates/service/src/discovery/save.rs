//! One query's transaction: proof of the run, prospects, the query's row.

use outreach_domain::{PlannedQuery, QueryStatus, excerpt};
use outreach_entity::{discovery_queries, prospects};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Counters, DiscoveryError, IdGenerator,
    contacts::{deferred_payload, found_payload},
    query::{Prepared, PreparedQuery},
};
use crate::{
    jobs::{Run, record_progress_in_txn},
    sql,
    transaction::{
        RetryPolicy, Transaction, TransactionSource, settle_unknown_outcome,
        with_retrying_transaction,
    },
};

/// Columns that an inserted prospect names.
const COLUMNS_PER_PROSPECT: usize = 9;

/// Rows of one INSERT; more gain nothing.
const INSERT_BATCH: usize = 1000;

/// What a query's transaction needs beside the results.
pub(super) struct SaveQuery<'a> {
    pub(super) run: Run,
    pub(super) query: &'a PlannedQuery,
    pub(super) finder: &'a str,
    pub(super) ids: &'a dyn IdGenerator,
    pub(super) progress: Value,
}

/// Saves a query that was searched. Commits. Returns the counters as they were
/// committed: a domain that somebody else saved meanwhile counts as existing.
pub(super) async fn save_query<D: TransactionSource>(
    db: &D,
    save: &SaveQuery<'_>,
    prepared: &PreparedQuery,
) -> Result<Counters, DiscoveryError> {
    let query_id = save.ids.next_id();
    let rows: Vec<prospects::ActiveModel> = prepared
        .prospects
        .iter()
        .map(|prospect| prospect_row(save, query_id, prospect))
        .collect();
    let attempt = || {
        with_retrying_transaction(db, "save discovery query", RetryPolicy::default(), |txn| {
            Box::pin(save_query_in_txn(
                txn,
                save,
                query_id,
                prepared,
                rows.clone(),
            ))
        })
    };
    match attempt().await {
        // The search was paid for: whether it is saved is worth a question.
        Err(DiscoveryError::Transaction(error)) => {
            if settle_unknown_outcome(db, &error).await.is_none() {
                return Err(error.into());
            }
            // The row is the answer, not the id of the transaction: a server
            // that crashed gives ids anew that never reached its log.
            match committed_counters(db, query_id).await? {
                Some(counters) => Ok(counters),
                None => attempt().await,
            }
        }
        outcome => outcome,
    }
}

/// `None` when the query is not saved.
async fn committed_counters<D: TransactionSource>(
    db: &D,
    query_id: Uuid,
) -> Result<Option<Counters>, DiscoveryError> {
    let row = discovery_queries::Entity::find_by_id(query_id)
        .one(db)
        .await?;
    Ok(row.as_ref().map(Counters::stored))
}

async fn save_query_in_txn(
    txn: &mut Transaction<'_>,
    save: &SaveQuery<'_>,
    query_id: Uuid,
    prepared: &PreparedQuery,
    rows: Vec<prospects::ActiveModel>,
) -> Result<Counters, DiscoveryError> {
    record_progress_in_txn(txn, save.run, save.progress.clone()).await?;
    // The prospects point to the query, so its row comes first, with the
    // counters that hold unless somebody saves one of the domains meanwhile.
    let mut counters = prepared.counters;
    counters.saved = rows.len() as u64;
    refuse_unbalanced(save.query, &counters)?;
    insert_query(txn, save, query_id, &counters, prepared).await?;
    let expected = counters.saved;
    counters.saved = insert_prospects(txn, rows).await?;
    if counters.saved != expected {
        counters.existing += expected - counters.saved;
        update_counters(txn, query_id, &counters).await?;
    }
    Ok(counters)
}

/// Saves a query whose search failed. Commits.
pub(super) async fn save_failed_query<D: TransactionSource>(
    db: &D,
    save: &SaveQuery<'_>,
    reason: &str,
) -> Result<(), DiscoveryError> {
    let query_id = save.ids.next_id();
    with_retrying_transaction(db, "save failed query", RetryPolicy::default(), |txn| {
        Box::pin(async move {
            record_progress_in_txn(txn, save.run, save.progress.clone()).await?;
            let mut row = query_row(save, query_id, QueryStatus::Failed, &Counters::default());
            row.error_message = Set(Some(excerpt(reason, 2000)));
            discovery_queries::Entity::insert(row)
                .exec_without_returning(txn)
                .await?;
            Ok(())
        })
    })
    .await
}

fn refuse_unbalanced(query: &PlannedQuery, counters: &Counters) -> Result<(), DiscoveryError> {
    if counters.is_balanced() {
        return Ok(());
    }
    Err(DiscoveryError::Unbalanced {
        keyword: query.keyword.clone(),
        found: counters.found,
        disposed: counters.disposed(),
    })
}

async fn insert_query(
    txn: &mut Transaction<'_>,
    save: &SaveQuery<'_>,
    query_id: Uuid,
    counters: &Counters,
    prepared: &PreparedQuery,
) -> Result<(), DbErr> {
    let mut row = query_row(save, query_id, QueryStatus::Success, counters);
    row.query_metadata = Set(Some(json!({
        "results_skipped_no_email": counters.no_contact,
        "results_invalid": counters.invalid,
        "results_over_limit": counters.over_limit,
        "titles_cut": prepared.titles_cut,
        "contact_error": prepared.contact_error,
        "set_aside": prepared.set_aside,
    })));
    discovery_queries::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

fn query_row(
    save: &SaveQuery<'_>,
    query_id: Uuid,
    status: QueryStatus,
    counters: &Counters,
) -> discovery_queries::ActiveModel {
    discovery_queries::ActiveModel {
        id: Set(query_id),
        job_id: Set(save.run.job.as_uuid()),
        keyword: Set(save.query.keyword.clone()),
        location: Set(save.query.location.as_str().to_owned()),
        location_code: Set(Some(save.query.location.code())),
        category: Set(save
            .query
            .category
            .map(|category| category.as_str().to_owned())),
        status: Set(status.as_str().to_owned()),
        results_found: Set(column(counters.found)),
        results_saved: Set(column(counters.saved)),
        results_skipped_duplicate: Set(column(counters.duplicate)),
        results_skipped_existing: Set(column(counters.existing)),
        ..Default::default()
    }
}

fn prospect_row(
    save: &SaveQuery<'_>,
    query_id: Uuid,
    prospect: &Prepared,
) -> prospects::ActiveModel {
    let Prepared { candidate, contact } = prospect;
    let payload = match contact {
        Some(contact) => found_payload(save.finder, contact),
        None => deferred_payload(),
    };
    prospects::ActiveModel {
        id: Set(save.ids.next_id()),
        domain: Set(candidate.domain().as_str().to_owned()),
        page_url: Set(Some(candidate.page_url().to_owned())),
        page_title: Set(candidate.page_title().map(str::to_owned)),
        contact_email: Set(contact.as_ref().map(|c| c.email.as_str().to_owned())),
        contact_method: Set(contact.as_ref().map(|_| save.finder.to_owned())),
        dataforseo_payload: Set(Some(json!({
            "description": candidate.description(),
            "location": save.query.location.as_str(),
            "url": candidate.page_url(),
            "title": candidate.page_title(),
        }))),
        hunter_payload: Set(Some(payload)),
        discovery_query_id: Set(Some(query_id)),
        ..Default::default()
    }
}

/// Inserts what nobody has saved yet. Returns how many rows that were.
async fn insert_prospects(
    txn: &mut Transaction<'_>,
    rows: Vec<prospects::ActiveModel>,
) -> Result<u64, DbErr> {
    let batch =
        INSERT_BATCH.min(sql::max_parameters(txn.get_database_backend()) / COLUMNS_PER_PROSPECT);
    let mut saved = 0;
    for rows in rows.chunks(batch) {
        let inserted = prospects::Entity::insert_many(rows.to_vec())
            .on_conflict(
                OnConflict::column(prospects::Column::Domain)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_with_returning_keys(txn)
            .await?;
        saved += inserted.len() as u64;
    }
    Ok(saved)
}

async fn update_counters(
    txn: &mut Transaction<'_>,
    query_id: Uuid,
    counters: &Counters,
) -> Result<(), DbErr> {
    discovery_queries::Entity::update_many()
        .col_expr(
            discovery_queries::Column::ResultsSaved,
            Expr::value(column(counters.saved)),
        )
        .col_expr(
            discovery_queries::Column::ResultsSkippedExisting,
            Expr::value(column(counters.existing)),
        )
        .filter(discovery_queries::Column::Id.eq(query_id))
        .exec(txn)
        .await?;
    Ok(())
}

/// Counts fit: a provider's reply is far smaller than 2³¹ results.
fn column(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
