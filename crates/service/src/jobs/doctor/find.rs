//! What is looked for. The words of a status are compared in small letters,
//! because old rows mix them.

use outreach_domain::JobId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};

use super::{IrregularJob, IrregularJobs, Irregularity};
use crate::{jobs::JobError, sql};

/// The most jobs of one irregularity that are listed at once.
pub const MAX_IRREGULAR: u32 = 100;

/// A worker that looks once a second would have taken it over long before.
const STUCK_AFTER_SECONDS: u32 = 60;

/// What the other backend gives a job.
pub(super) const LOST_AFTER_SECONDS: u32 = 2 * 60 * 60;

/// Looks for jobs that nobody will end, at most [`MAX_IRREGULAR`] for each
/// [`Irregularity`], and counts the others. Irregularities that no job has are
/// left out. Two reads for each, no write; reads through all jobs.
pub async fn find_irregular_jobs<C: ConnectionTrait>(
    db: &C,
) -> Result<Vec<IrregularJobs>, JobError> {
    let mut found = Vec::new();
    for irregularity in Irregularity::ALL {
        let jobs = find(db, irregularity).await?;
        if jobs.count > 0 {
            found.push(jobs);
        }
    }
    Ok(found)
}

pub(super) async fn find<C: ConnectionTrait>(
    db: &C,
    irregularity: Irregularity,
) -> Result<IrregularJobs, JobError> {
    let backend = db.get_database_backend();
    let from = format!(
        "FROM jobs AS j LEFT JOIN job_runs AS r ON r.job_id = j.id WHERE {}",
        condition(backend, irregularity)
    );
    let listed = format!(
        "SELECT j.id AS id, j.job_type AS job_type, j.status AS status, r.owner AS owner, \
         {} AS seconds_ago {from} ORDER BY seconds_ago DESC, j.id LIMIT {MAX_IRREGULAR}",
        since(backend, irregularity)
    );
    let rows = db
        .query_all_raw(Statement::from_string(backend, listed))
        .await?;
    let jobs = rows
        .iter()
        .map(|row| read(row, irregularity))
        .collect::<Result<Vec<_>, _>>()?;
    let mut count = jobs.len() as u64;
    if count == u64::from(MAX_IRREGULAR) {
        let counted = format!("SELECT count(*) AS number {from}");
        let row = db
            .query_one_raw(Statement::from_string(backend, counted))
            .await?;
        let number: Option<i64> = row.map(|row| row.try_get("", "number")).transpose()?;
        count = count.max(u64::try_from(number.unwrap_or_default()).unwrap_or_default());
    }
    Ok(IrregularJobs {
        irregularity,
        count,
        jobs,
    })
}

fn read(row: &QueryResult, irregularity: Irregularity) -> Result<IrregularJob, DbErr> {
    Ok(IrregularJob {
        id: JobId::from_uuid(row.try_get("", "id")?),
        irregularity,
        job_type: row.try_get("", "job_type")?,
        status: row.try_get("", "status")?,
        owner: row.try_get("", "owner")?,
        seconds_ago: row.try_get("", "seconds_ago")?,
    })
}

/// The condition on a job `j` and its run `r`, which may be missing. They
/// exclude each other.
pub(super) fn condition(backend: DbBackend, irregularity: Irregularity) -> String {
    let since = |time| sql::seconds_since(backend, time);
    let status = "lower(j.status)";
    let overdue = format!("coalesce({}, -1) > 0", since("r.deadline_at"));
    let running = format!("{status} = 'running' AND NOT ({overdue})");
    let pending = format!("{status} = 'pending' AND NOT ({overdue})");
    // Rows of old databases may lack both times.
    let changed = since("coalesce(j.updated_at, j.created_at)");
    let lost = format!("coalesce({changed}, {LOST_AFTER_SECONDS}) >= {LOST_AFTER_SECONDS}");
    match irregularity {
        Irregularity::RunOfEndedJob => {
            format!("r.job_id IS NOT NULL AND {status} NOT IN ('pending', 'running')")
        }
        Irregularity::Overdue => {
            format!("{status} IN ('pending', 'running') AND {overdue}")
        }
        // A claim without a lease would never end.
        Irregularity::Stuck => format!(
            "{running} AND r.run_token IS NOT NULL AND \
             coalesce({}, {STUCK_AFTER_SECONDS} + 1) > {STUCK_AFTER_SECONDS}",
            since("r.lease_expires_at")
        ),
        Irregularity::ClaimedButPending => format!("{pending} AND r.run_token IS NOT NULL"),
        Irregularity::PendingWithoutRun => format!("{pending} AND r.job_id IS NULL"),
        Irregularity::RunningWithoutRun => {
            format!("{running} AND r.run_token IS NULL AND {lost}")
        }
        Irregularity::RunningElsewhere => {
            format!("{running} AND r.run_token IS NULL AND NOT ({lost})")
        }
    }
}

fn since(backend: DbBackend, irregularity: Irregularity) -> String {
    let time = match irregularity {
        Irregularity::Overdue => "r.deadline_at",
        Irregularity::Stuck | Irregularity::ClaimedButPending => "r.lease_expires_at",
        Irregularity::PendingWithoutRun => "j.created_at",
        Irregularity::RunOfEndedJob
        | Irregularity::RunningWithoutRun
        | Irregularity::RunningElsewhere => "coalesce(j.updated_at, j.created_at)",
    };
    sql::seconds_since(backend, time)
}
