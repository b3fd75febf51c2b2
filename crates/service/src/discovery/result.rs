//! What `jobs.result` says of a discovery, made of the committed queries.

use outreach_domain::{DiscoveryRequest, JobId, JobStatus, QueryStatus};
use outreach_entity::discovery_queries;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use serde_json::{Value, json};

use super::Counters;

/// Queries that `jobs.result` lists one by one.
const MAX_DETAIL: usize = 20;

/// One query of a discovery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuerySummary {
    /// What was searched for.
    pub query: String,
    /// Where.
    pub location: String,
    /// `success` or `failed`.
    pub status: String,
    /// What became of its results.
    pub counters: Counters,
    /// Why it failed.
    pub error: Option<String>,
    /// What was kept beside the counters, with the results that were set aside.
    pub metadata: Option<Value>,
}

impl QuerySummary {
    /// Whether the search was made; rows of another backend may still wait.
    pub(super) fn is_done(&self) -> bool {
        self.status != QueryStatus::Pending.as_str()
    }
}

/// What a discovery did, from its committed rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiscoverySummary {
    /// The job.
    pub job: JobId,
    /// How the job ended; `running` until it has.
    pub status: JobStatus,
    /// Why it failed, when every search did.
    pub reason: Option<String>,
    /// Queries that the job was to make.
    pub planned: u64,
    /// The queries that it made, oldest first.
    pub queries: Vec<QuerySummary>,
    /// The sum over them.
    pub counters: Counters,
}

impl DiscoverySummary {
    /// What is committed of a job until now, whatever the job's own status is.
    pub async fn load<C: ConnectionTrait>(
        db: &C,
        job: JobId,
        request: &DiscoveryRequest,
    ) -> Result<Self, DbErr> {
        // At most 20 keywords for each of the known locations.
        let rows = discovery_queries::Entity::find()
            .filter(discovery_queries::Column::JobId.eq(job.as_uuid()))
            .order_by_asc(discovery_queries::Column::CreatedAt)
            .order_by_asc(discovery_queries::Column::Id)
            .all(db)
            .await?;
        let queries: Vec<QuerySummary> = rows
            .into_iter()
            .map(|row| QuerySummary {
                counters: Counters::stored(&row),
                query: row.keyword,
                location: row.location,
                status: row.status,
                error: row.error_message,
                metadata: row.query_metadata,
            })
            .collect();
        Ok(Self {
            job,
            status: JobStatus::Running,
            reason: None,
            planned: request.planned_queries().len() as u64,
            counters: queries.iter().map(|query| query.counters).sum(),
            queries,
        })
    }

    /// Queries whose search failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let failed = QueryStatus::Failed.as_str();
        self.queries
            .iter()
            .filter(|query| query.status == failed)
            .count() as u64
    }

    /// The reason when nothing was searched successfully.
    pub(super) fn total_failure(&self) -> Option<String> {
        let failed = self.failed();
        if failed == 0 || failed < self.queries.len() as u64 {
            return None;
        }
        let first = self
            .queries
            .iter()
            .find_map(|query| query.error.as_deref())
            .unwrap_or("no reason was given");
        Some(format!("all {failed} searches failed; the first: {first}"))
    }

    /// The JSON of `jobs.result`: the keys that front ends read, and beside
    /// them those that make the sum whole. `results_processed` are the results
    /// that were looked at: all but those over the limit.
    pub(super) fn to_json(&self, request: &DiscoveryRequest) -> Value {
        let counters = self.counters;
        let executed = self.queries.len() as u64;
        let failed = self.failed();
        let locations: Vec<&str> = request.locations().iter().map(|l| l.as_str()).collect();
        let categories: Vec<&str> = request.categories().iter().map(|c| c.as_str()).collect();
        let detail: Vec<Value> = self
            .queries
            .iter()
            .take(MAX_DETAIL)
            .map(|query| {
                json!({
                    "query": query.query,
                    "location": query.location,
                    "status": query.status,
                    "results_found": query.counters.found,
                    "results_saved": query.counters.saved,
                    "error": query.error,
                })
            })
            .collect();
        json!({
            "prospects_discovered": counters.saved,
            "locations": locations,
            "categories": categories,
            "keywords": request.keywords_text(),
            "search_statistics": {
                "total_queries": self.planned,
                "queries_executed": executed,
                "queries_successful": executed - failed,
                "queries_failed": failed,
                "total_results_found": counters.found,
                "results_processed": counters.found - counters.over_limit,
                "results_saved": counters.saved,
                "results_skipped_duplicate": counters.duplicate,
                "results_skipped_existing": counters.existing,
                "results_skipped_no_email": counters.no_contact,
                "results_invalid": counters.invalid,
                "results_over_limit": counters.over_limit,
            },
            "queries_detail": detail,
        })
    }
}
