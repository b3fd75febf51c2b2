//! How a job comes into the table, and what keeps a second one of its key out.

use std::collections::HashSet;

use outreach_domain::{JobId, JobStatus};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    SqlErr, Statement,
    sea_query::{Expr, InsertStatement, OnConflict, Query, SimpleExpr},
};
use uuid::Uuid;

use super::{Job, JobError, NewJob, StartAt, queries::find_job};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// The channel on which workers are told that there is something to do. The
/// payload is the schema.
pub(crate) const WAKE_UP_CHANNEL: &str = "outreach_jobs";

/// Looks at the holder of a key before it is taken for a conflict: one that
/// has just ended leaves the key to the next.
const KEY_ATTEMPTS: u32 = 5;

/// Rows of one INSERT.
const BATCH: usize = 500;

/// Stores a job as pending, claimable from its start on, and wakes waiting
/// workers. Commits.
///
/// # Errors
///
/// [`JobError::Conflict`] carries the active job that has the same
/// [`unique_key`](NewJob::unique_key).
pub async fn enqueue_job<D: TransactionSource>(db: &D, job: &NewJob) -> Result<(), JobError> {
    with_retrying_transaction(db, "enqueue job", RetryPolicy::default(), |txn| {
        Box::pin(async move {
            enqueue_job_in_txn(txn, job).await?;
            if job.start == StartAt::Now {
                wake_workers_in_txn(txn).await?;
            }
            Ok(())
        })
    })
    .await
}

/// [`enqueue_job`] in the caller's transaction: no job if it rolls back. Wakes
/// nobody; workers see the job at their next poll, or at once after
/// [`wake_workers_in_txn`].
///
/// After a [`JobError::Conflict`] the transaction goes on without the job.
pub async fn enqueue_job_in_txn(txn: &mut Transaction<'_>, job: &NewJob) -> Result<(), JobError> {
    insert_job(txn, job).await?;
    if insert_run(txn, job).await? {
        return Ok(());
    }
    let key = job.unique_key.clone().unwrap_or_default();
    for _ in 0..KEY_ATTEMPTS {
        if let Some(other) = holder_of(txn, &key).await?
            && !forget_ended(txn, other).await?
        {
            // Nobody has seen it; a caller that goes on must not keep it.
            jobs::Entity::delete_by_id(job.id.as_uuid())
                .exec(txn)
                .await?;
            return Err(JobError::Conflict {
                id: job.id,
                key,
                other,
            });
        }
        if insert_run(txn, job).await? {
            return Ok(());
        }
    }
    Err(JobError::KeyInUse { id: job.id, key })
}

/// Stores many jobs in as few statements as can be, in the caller's
/// transaction. Jobs with a [`unique_key`](NewJob::unique_key) are stored one
/// by one.
///
/// # Errors
///
/// As [`enqueue_job_in_txn`]; roll back then, because some may be stored.
pub async fn enqueue_jobs_in_txn(
    txn: &mut Transaction<'_>,
    jobs: &[NewJob],
) -> Result<(), JobError> {
    let (keyed, plain): (Vec<&NewJob>, Vec<&NewJob>) =
        jobs.iter().partition(|job| job.unique_key.is_some());
    for batch in plain.chunks(BATCH) {
        insert_jobs(txn, batch).await?;
        let mut insert = runs_insert();
        for job in batch {
            insert.values_panic(run_values(txn.get_database_backend(), job));
        }
        txn.execute(&insert).await?;
    }
    for job in keyed {
        enqueue_job_in_txn(txn, job).await?;
    }
    Ok(())
}

/// Tells workers that listen, when the transaction commits, that there is
/// something to do. A hint that may get lost; without it they see it at their
/// next poll. Does nothing on SQLite.
pub async fn wake_workers_in_txn(txn: &mut Transaction<'_>) -> Result<(), JobError> {
    if txn.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    txn.query_one_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_notify($1, current_schema()::text)",
        [WAKE_UP_CHANNEL.into()],
    ))
    .await?;
    Ok(())
}

/// Names the job that exists already; the key that the database refuses is
/// told in words only.
async fn insert_jobs(txn: &mut Transaction<'_>, batch: &[&NewJob]) -> Result<(), JobError> {
    let insert = jobs::Entity::insert_many(batch.iter().map(|job| job_row(job)))
        .on_conflict(OnConflict::column(jobs::Column::Id).do_nothing().to_owned())
        .into_query()
        .returning(Query::returning().column(jobs::Column::Id))
        .take();
    let mut stored = HashSet::with_capacity(batch.len());
    for row in txn.query_all(&insert).await? {
        stored.insert(row.try_get::<Uuid>("", "id")?);
    }
    // Taken out, so that the second of two with one key is found too.
    match batch.iter().find(|job| !stored.remove(&job.id.as_uuid())) {
        Some(job) => Err(JobError::Exists { id: job.id }),
        None => Ok(()),
    }
}

async fn insert_job(txn: &mut Transaction<'_>, job: &NewJob) -> Result<(), JobError> {
    jobs::Entity::insert(job_row(job))
        .exec_without_returning(txn)
        .await
        .map_err(|error| exists_or(job.id, error))?;
    Ok(())
}

fn exists_or(id: JobId, error: sea_orm::DbErr) -> JobError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => JobError::Exists { id },
        _ => error.into(),
    }
}

fn job_row(job: &NewJob) -> jobs::ActiveModel {
    jobs::ActiveModel {
        id: Set(job.id.as_uuid()),
        job_type: Set(job.kind.as_str().to_owned()),
        params: Set(Some(job.params.clone())),
        status: Set(JobStatus::Pending.as_str().to_owned()),
        ..Default::default()
    }
}

/// Makes a job claimable that another backend has stored as pending.
pub(super) async fn insert_missing_run(
    txn: &mut Transaction<'_>,
    job: &Job,
) -> Result<(), JobError> {
    let missing = NewJob::new(job.id, job.kind.clone(), serde_json::Value::Null);
    insert_run(txn, &missing).await?;
    Ok(())
}

/// Makes a run for a stored job. False when another active job has the key.
pub(super) async fn insert_run(txn: &mut Transaction<'_>, job: &NewJob) -> Result<bool, JobError> {
    let mut insert = runs_insert();
    insert.values_panic(run_values(txn.get_database_backend(), job));
    if job.unique_key.is_some() {
        insert.on_conflict(
            OnConflict::column(job_runs::Column::UniqueKey)
                .do_nothing()
                .to_owned(),
        );
    }
    Ok(txn.execute(&insert).await?.rows_affected() == 1)
}

fn runs_insert() -> InsertStatement {
    Query::insert()
        .into_table(job_runs::Entity)
        .columns([
            job_runs::Column::JobId,
            job_runs::Column::JobType,
            job_runs::Column::Priority,
            job_runs::Column::RunAt,
            job_runs::Column::MaxAttempts,
            job_runs::Column::TimeLimitSeconds,
            job_runs::Column::UniqueKey,
        ])
        .to_owned()
}

fn run_values(backend: DbBackend, job: &NewJob) -> [SimpleExpr; 7] {
    [
        Expr::value(job.id.as_uuid()),
        Expr::value(job.kind.as_str().to_owned()),
        Expr::value(job.priority),
        match job.start {
            StartAt::Now => sql::now(backend),
            StartAt::After(delay) => sql::now_plus(backend, delay),
            StartAt::Time(time) => Expr::value(time),
        },
        Expr::value(i32::try_from(job.max_attempts).unwrap_or(i32::MAX)),
        Expr::value(job.time_limit_seconds()),
        Expr::value(job.unique_key.clone()),
    ]
}

/// Another backend ends a job without a look at `job_runs`, where it would keep
/// its key. True when the job has ended and its row is gone.
async fn forget_ended(txn: &mut Transaction<'_>, id: JobId) -> Result<bool, JobError> {
    let has_ended = match find_job(txn, id).await? {
        Some(job) => job.status.is_final(),
        None => true,
    };
    if has_ended {
        job_runs::Entity::delete_by_id(id.as_uuid())
            .exec(txn)
            .await?;
    }
    Ok(has_ended)
}

async fn holder_of(txn: &mut Transaction<'_>, key: &str) -> Result<Option<JobId>, JobError> {
    let id: Option<Uuid> = job_runs::Entity::find()
        .select_only()
        .column(job_runs::Column::JobId)
        .filter(job_runs::Column::UniqueKey.eq(key))
        .into_tuple()
        .one(txn)
        .await?;
    Ok(id.map(JobId::from_uuid))
}
