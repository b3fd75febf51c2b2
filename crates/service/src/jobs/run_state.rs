//! The claimable side of a job, for people who look at it.

use chrono::{DateTime, Utc};
use outreach_domain::JobId;
use outreach_entity::job_runs;
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use serde::Serialize;
use serde_json::Value;

use super::JobError;
use crate::sql;

/// The row of `job_runs` that each job has until it ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobRun {
    /// Attempts that were begun; one that was given back does not count.
    pub attempts: i32,
    /// How many there may be.
    pub max_attempts: i32,
    /// Smaller is sooner.
    pub priority: i16,
    /// Nobody takes it before.
    pub run_at: DateTime<Utc>,
    /// The worker that has it; none while it waits.
    pub owner: Option<String>,
    /// The worker's until then, unless it renews the lease.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Seconds that are left of the lease by the database's clock; negative
    /// once it has ended.
    pub lease_seconds_left: Option<f64>,
    /// When it has failed, whatever it has done by then; set by the first
    /// attempt.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Only one active job has it.
    pub unique_key: Option<String>,
    /// What the run has recorded last.
    pub progress: Option<Value>,
    /// The last errors of earlier attempts.
    pub errors: Option<Value>,
}

/// Finds the run of a job; `None` for a job that has ended, and for one that
/// another backend has stored. One read.
pub async fn find_job_run<C: ConnectionTrait>(
    db: &C,
    id: JobId,
) -> Result<Option<JobRun>, JobError> {
    let backend = db.get_database_backend();
    let mut select = job_runs::Entity::find()
        .filter(Expr::col(job_runs::Column::JobId).eq(id.as_uuid()))
        .into_query();
    select.expr(sql::seconds_until(
        backend,
        "lease_expires_at",
        "lease_seconds_left",
    ));
    let Some(row) = db.query_one(&select).await? else {
        return Ok(None);
    };
    let run = job_runs::Model::from_query_result(&row, "")?;
    Ok(Some(JobRun {
        attempts: run.attempts,
        max_attempts: run.max_attempts,
        priority: run.priority,
        run_at: run.run_at.to_utc(),
        owner: run.owner,
        lease_expires_at: run.lease_expires_at.map(|time| time.to_utc()),
        lease_seconds_left: row.try_get("", "lease_seconds_left")?,
        deadline_at: run.deadline_at.map(|time| time.to_utc()),
        unique_key: run.unique_key,
        progress: run.progress,
        errors: run.errors,
    }))
}
