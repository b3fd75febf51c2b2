//! The discovery job from start to end.

use std::collections::HashSet;

use outreach_domain::{DiscoveryRequest, Domain, JobId, JobKind, JobStatus, PlannedQuery};
use outreach_entity::{discovery_queries, prospects};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, JoinType, QueryFilter, QuerySelect,
    RelationTrait,
};
use serde_json::{Value, json};
use tracing::warn;

use super::{
    Contacts, Counters, DiscoveryError, DiscoverySummary, IdGenerator, ProviderError, RandomIds,
    SearchProvider, SearchQuery,
    query::{PrepareError, prepare},
    save::{SaveQuery, save_failed_query, save_query},
};
use crate::{
    jobs::{
        Job, JobError, Run, RunToken, complete_job, fail_job, find_job, forget_run, refuse_if_lost,
        start_job,
    },
    transaction::{Outcome, settle_unknown_outcome},
};

/// What a discovery works with.
#[derive(Clone, Copy)]
pub struct Discovery<'a> {
    /// Where to search.
    pub search: &'a dyn SearchProvider,
    /// Where contacts come from, and what to do without one.
    pub contacts: Contacts<'a>,
    /// The keys of new rows.
    pub ids: &'a dyn IdGenerator,
    /// Told after each query.
    pub on_progress: &'a (dyn Fn(DiscoveryProgress) + Send + Sync),
}

impl<'a> Discovery<'a> {
    /// A discovery with random keys that tells nobody of its progress.
    #[must_use]
    pub fn new(search: &'a dyn SearchProvider, contacts: Contacts<'a>) -> Self {
        Self {
            search,
            contacts,
            ids: &RandomIds,
            on_progress: &|_| {},
        }
    }
}

/// How far a discovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoveryProgress {
    /// Queries that are done.
    pub queries_done: u64,
    /// Queries in all.
    pub queries_total: u64,
    /// What became of the results until now.
    pub counters: Counters,
}

/// Runs a pending discovery job to its end: one search after the other, each
/// saved in a transaction of its own. Commits many times; what was saved stays
/// saved whatever comes later.
///
/// The job completes when a search succeeded, if some failed too, and fails
/// with the reason when all of them failed. It ends early when it has saved as
/// many as it was asked for. A query that has its row already is not searched
/// again. A program that is killed leaves the job running; cancel it to be rid
/// of it.
///
/// # Errors
///
/// [`DiscoveryError`]. The job is failed with the same reason, if the database
/// can still be reached; after [`JobError::LostRun`] it is left as it is.
pub async fn run_discovery(
    db: &DatabaseConnection,
    id: JobId,
    discovery: &Discovery<'_>,
) -> Result<DiscoverySummary, DiscoveryError> {
    let job = find_job(db, id).await?.ok_or(JobError::NotFound { id })?;
    if job.kind != JobKind::Discover {
        return Err(DiscoveryError::WrongKind { id, kind: job.kind });
    }
    let run = start_job(db, id, RunToken::random()).await?;
    match search_and_finish(db, &job, run, discovery).await {
        Ok(summary) => Ok(summary),
        Err(error) => {
            give_up(db, &job, run, &error).await;
            Err(error)
        }
    }
}

async fn search_and_finish(
    db: &DatabaseConnection,
    job: &Job,
    run: Run,
    discovery: &Discovery<'_>,
) -> Result<DiscoverySummary, DiscoveryError> {
    let params = job.params.clone().unwrap_or_default();
    let request: DiscoveryRequest = serde_json::from_value(params)
        .map_err(|source| DiscoveryError::InvalidParams { id: job.id, source })?;
    search_all(db, run, &request, discovery).await?;
    let mut summary = DiscoverySummary::load(db, run.job, &request).await?;
    summary.reason = summary.total_failure();
    summary.status = match summary.reason {
        Some(_) => JobStatus::Failed,
        None => JobStatus::Completed,
    };
    match finish(db, run, &summary, &request).await {
        Err(JobError::Transaction(error)) => match settle_unknown_outcome(db, &error).await {
            Some(Outcome::Committed) => {}
            Some(_) => finish(db, run, &summary, &request).await?,
            None => return Err(JobError::Transaction(error).into()),
        },
        outcome => outcome?,
    }
    Ok(summary)
}

async fn finish(
    db: &DatabaseConnection,
    run: Run,
    summary: &DiscoverySummary,
    request: &DiscoveryRequest,
) -> Result<(), JobError> {
    let result = summary.to_json(request);
    match &summary.reason {
        Some(reason) => fail_job(db, run, reason, Some(result)).await,
        None => complete_job(db, run, result).await,
    }
}

/// Fails the job with the reason and with what was saved until then, as far as
/// that can still be done.
async fn give_up(db: &DatabaseConnection, job: &Job, run: Run, error: &DiscoveryError) {
    let outcome = if matches!(error, DiscoveryError::Job(JobError::LostRun { .. })) {
        forget_run(db, run).await
    } else {
        let result = committed_result(db, job).await;
        fail_job(db, run, &describe(error), result).await
    };
    if let Err(second) = outcome {
        warn!(job = %run.job, %error, %second, "the end of the job could not be recorded");
    }
}

async fn committed_result(db: &DatabaseConnection, job: &Job) -> Option<Value> {
    let request: DiscoveryRequest = serde_json::from_value(job.params.clone()?).ok()?;
    let summary = DiscoverySummary::load(db, job.id, &request).await.ok()?;
    Some(summary.to_json(&request))
}

/// The error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

async fn search_all(
    db: &DatabaseConnection,
    run: Run,
    request: &DiscoveryRequest,
    discovery: &Discovery<'_>,
) -> Result<(), DiscoveryError> {
    let planned = request.planned_queries();
    let done = DiscoverySummary::load(db, run.job, request).await?;
    let mut seen = domains_of_job(db, run.job).await?;
    let mut progress = DiscoveryProgress {
        queries_done: 0,
        queries_total: planned.len() as u64,
        counters: done.counters,
    };
    for query in &planned {
        let is_done = done.queries.iter().any(|q| {
            q.is_done() && q.query == query.keyword && q.location == query.location.as_str()
        });
        if !is_done {
            let room = u64::from(request.max_results()).saturating_sub(progress.counters.saved);
            if room == 0 {
                break;
            }
            let counters = search_one(db, run, query, room, &mut seen, progress, discovery).await?;
            progress.counters = [progress.counters, counters].into_iter().sum();
        }
        progress.queries_done += 1;
        (discovery.on_progress)(progress);
    }
    Ok(())
}

/// Searches one query and saves what came of it.
async fn search_one(
    db: &DatabaseConnection,
    run: Run,
    query: &PlannedQuery,
    room: u64,
    seen: &mut HashSet<Domain>,
    progress: DiscoveryProgress,
    discovery: &Discovery<'_>,
) -> Result<Counters, DiscoveryError> {
    // A search costs money; a cancelled job makes no more of them.
    refuse_if_lost(db, run).await?;
    let save = SaveQuery {
        run,
        query,
        finder: discovery.contacts.finder().map_or("none", |f| f.name()),
        ids: discovery.ids,
        progress: json!({
            "queries_done": progress.queries_done + 1,
            "queries_total": progress.queries_total,
        }),
    };
    let search = SearchQuery {
        keyword: query.keyword.clone(),
        location: query.location,
        category: query.category,
    };
    let not_configured = |source| DiscoveryError::NotConfigured {
        id: run.job,
        source,
    };
    let results = match discovery.search.search(&search).await {
        Ok(results) => results,
        Err(error @ ProviderError::NotConfigured { .. }) => return Err(not_configured(error)),
        Err(error) => {
            save_failed_query(db, &save, &describe(&error)).await?;
            return Ok(Counters::default());
        }
    };
    let prepared = match prepare(db, results, seen, room, discovery.contacts, run).await {
        Ok(prepared) => prepared,
        Err(PrepareError::NotConfigured(error)) => return Err(not_configured(error)),
        Err(PrepareError::NoLookupSucceeded(reason)) => {
            save_failed_query(db, &save, &reason).await?;
            return Ok(Counters::default());
        }
        Err(PrepareError::Discovery(error)) => return Err(error),
    };
    save_query(db, &save, &prepared).await
}

/// The domains that earlier queries of this job saved; none, unless an earlier
/// run of it was cut off. At most as many as a job may save.
async fn domains_of_job(db: &DatabaseConnection, job: JobId) -> Result<HashSet<Domain>, DbErr> {
    let stored: Vec<String> = prospects::Entity::find()
        .select_only()
        .column(prospects::Column::Domain)
        .join(
            JoinType::InnerJoin,
            prospects::Relation::DiscoveryQueries.def(),
        )
        .filter(discovery_queries::Column::JobId.eq(job.as_uuid()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(stored
        .iter()
        .filter_map(|domain| Domain::parse(domain).ok())
        .collect())
}
