//! What a run left behind: the rows of the database, the calls of the workers,
//! and what was done to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use outreach_domain::JobStatus;
use outreach_entity::{discovery_queries, job_runs, jobs, prospects};
use sea_orm::{DatabaseConnection, EntityTrait, PaginatorTrait, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::journal::{self, CALLS, Call, EVENTS, Event};

/// A row of `jobs`.
#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    pub(crate) id: Uuid,
    pub(crate) status: Option<JobStatus>,
    pub(crate) error: Option<String>,
    pub(crate) result: Option<Value>,
}

/// A row of `discovery_queries`.
#[derive(Clone, Debug)]
pub(crate) struct QueryRow {
    pub(crate) id: Uuid,
    pub(crate) job: Uuid,
    pub(crate) keyword: String,
    pub(crate) location: String,
    pub(crate) found: u64,
    pub(crate) saved: u64,
    pub(crate) invalid: u64,
    /// The sum over what became of the results.
    pub(crate) disposed: u64,
}

/// How long the jobs of a killed worker waited for another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    pub(crate) jobs: usize,
    pub(crate) took: Duration,
}

/// What was done to the workers, as far as the verdict needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damage {
    /// Jobs whose cancellation was confirmed.
    pub(crate) cancelled: BTreeSet<Uuid>,
    /// Attempts that the faults may have broken off: the sum over the faults of
    /// the jobs that the workers held which a fault hit.
    pub(crate) attempts_hit: u64,
    pub(crate) recoveries: Vec<Recovery>,
}

/// All that a verdict is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The jobs that were enqueued.
    pub(crate) enqueued: BTreeSet<Uuid>,
    pub(crate) jobs: Vec<JobRow>,
    pub(crate) queries: Vec<QueryRow>,
    /// Domains, and the queries that saved them.
    pub(crate) prospects: Vec<(String, Option<Uuid>)>,
    /// Rows of `job_runs`.
    pub(crate) runs_left: u64,
    pub(crate) calls: Vec<Call>,
    /// Attempts that began, by job.
    pub(crate) attempts: BTreeMap<Uuid, u64>,
    pub(crate) damage: Damage,
}

impl Evidence {
    /// Reads the database and the journals, when the workers have ended.
    pub(crate) async fn gather(
        db: &DatabaseConnection,
        folder: &Path,
        enqueued: BTreeSet<Uuid>,
        damage: Damage,
    ) -> anyhow::Result<Self> {
        let jobs = jobs::Entity::find().all(db).await?;
        let queries = discovery_queries::Entity::find().all(db).await?;
        let prospects = prospects::Entity::find()
            .select_only()
            .columns([
                prospects::Column::Domain,
                prospects::Column::DiscoveryQueryId,
            ])
            .into_tuple()
            .all(db)
            .await?;
        let mut attempts = BTreeMap::new();
        for event in journal::read::<Event>(&folder.join(EVENTS))? {
            if let (Some(job), "claimed") = (event.job, event.event.as_str()) {
                *attempts.entry(job).or_default() += 1;
            }
        }
        Ok(Self {
            enqueued,
            jobs: jobs.into_iter().map(job_row).collect(),
            queries: queries.into_iter().map(query_row).collect(),
            prospects,
            runs_left: job_runs::Entity::find().count(db).await?,
            calls: journal::read(&folder.join(CALLS))?,
            attempts,
            damage,
        })
    }
}

fn job_row(row: jobs::Model) -> JobRow {
    JobRow {
        id: row.id,
        status: JobStatus::parse(&row.status),
        error: row.error_message,
        result: row.result,
    }
}

fn query_row(row: discovery_queries::Model) -> QueryRow {
    let other = |key: &str| {
        row.query_metadata
            .as_ref()
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let column = |value: i32| u64::try_from(value).unwrap_or_default();
    let (saved, invalid) = (column(row.results_saved), other("results_invalid"));
    let disposed = saved
        + invalid
        + column(row.results_skipped_duplicate)
        + column(row.results_skipped_existing)
        + other("results_skipped_no_email")
        + other("results_over_limit");
    QueryRow {
        id: row.id,
        job: row.job_id,
        found: column(row.results_found),
        saved,
        invalid,
        disposed,
        keyword: row.keyword,
        location: row.location,
    }
}
