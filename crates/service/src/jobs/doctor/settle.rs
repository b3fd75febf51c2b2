//! What is done about an irregular job.

use outreach_domain::{JobId, JobKind, JobStatus};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, Statement, Value as SqlValue,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use serde_json::Value;

use super::{IrregularJob, Irregularity, Settlement, find::condition};
use crate::{
    jobs::{
        DISCOVERY_KEY, DISCOVERY_TIME_LIMIT, JobError, NewJob,
        enqueue::insert_run,
        error_history::stored_error,
        lease::{ExpiredRow, settle},
        retry::give_back,
    },
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// What the other backend says of jobs that it gives up.
const LOST: &str = "Job timed out after 2 hours";

/// Settles an irregular job in a transaction of its own, if it still is
/// irregular in the way that was found. Commits.
///
/// A stuck job becomes pending, or fails when that was its last attempt; a job
/// that no worker sees gets a row in `job_runs`; one past its deadline and one
/// that has run for 2 hours without a worker fail; a row of a job that has ended
/// goes. A job that may be running elsewhere is left alone, and so is one of a
/// type that this build does not know.
pub async fn settle_irregular_job<D: TransactionSource>(
    db: &D,
    job: &IrregularJob,
) -> Result<Settlement, JobError> {
    with_retrying_transaction(db, "settle job", RetryPolicy::default(), |txn| {
        Box::pin(settle_in_txn(txn, job))
    })
    .await
}

async fn settle_in_txn(
    txn: &mut Transaction<'_>,
    job: &IrregularJob,
) -> Result<Settlement, JobError> {
    if !is_still(txn, job).await? {
        return Ok(Settlement::NothingToDo);
    }
    let id = job.id;
    match job.irregularity {
        Irregularity::RunOfEndedJob => {
            delete_run(txn, id).await?;
            Ok(Settlement::RunRemoved)
        }
        Irregularity::Overdue => {
            delete_run(txn, id).await?;
            fail(txn, id, "Job timed out: its deadline has passed").await
        }
        Irregularity::RunningWithoutRun => {
            delete_run(txn, id).await?;
            fail(txn, id, LOST).await
        }
        Irregularity::Stuck => release(txn, id).await,
        Irregularity::ClaimedButPending => {
            let mut update = give_back();
            update.and_where(Expr::col(job_runs::Column::JobId).eq(id.as_uuid()));
            txn.execute(&update).await?;
            Ok(Settlement::Pending)
        }
        Irregularity::PendingWithoutRun => make_claimable(txn, job).await,
        Irregularity::RunningElsewhere => Ok(Settlement::LeftAlone),
    }
}

/// Asks again, with the rows locked where the database has locks on rows: the
/// run's first, as every transaction of a run does. On SQLite the transaction
/// is made the writer instead, by an UPDATE that changes nothing.
async fn is_still(txn: &mut Transaction<'_>, job: &IrregularJob) -> Result<bool, JobError> {
    let backend = txn.get_database_backend();
    if backend == DbBackend::Sqlite {
        let touch = Query::update()
            .table(jobs::Entity)
            .value(jobs::Column::Status, Expr::col(jobs::Column::Status))
            .and_where(Expr::col(jobs::Column::Id).eq(job.id.as_uuid()))
            .take();
        txn.execute(&touch).await?;
    } else {
        for sql in [
            "SELECT 1 AS locked FROM job_runs WHERE job_id = $1 FOR UPDATE",
            "SELECT 1 AS locked FROM jobs WHERE id = $1 FOR UPDATE",
        ] {
            txn.query_one_raw(by_id(backend, sql, job.id)).await?;
        }
    }
    let parameter = match backend {
        DbBackend::Sqlite => "?",
        _ => "$1",
    };
    let look = format!(
        "SELECT 1 AS found FROM jobs AS j LEFT JOIN job_runs AS r ON r.job_id = j.id \
         WHERE j.id = {parameter} AND {}",
        condition(backend, job.irregularity)
    );
    let found = txn.query_one_raw(by_id(backend, &look, job.id)).await?;
    Ok(found.is_some())
}

fn by_id(backend: DbBackend, sql: &str, id: JobId) -> Statement {
    Statement::from_sql_and_values(backend, sql, [SqlValue::from(id.as_uuid())])
}

async fn delete_run(txn: &mut Transaction<'_>, id: JobId) -> Result<(), JobError> {
    job_runs::Entity::delete_by_id(id.as_uuid())
        .exec(txn)
        .await?;
    Ok(())
}

async fn fail(txn: &mut Transaction<'_>, id: JobId, reason: &str) -> Result<Settlement, JobError> {
    let update = Query::update()
        .table(jobs::Entity)
        .value(jobs::Column::Status, JobStatus::Failed.as_str())
        .value(jobs::Column::ErrorMessage, stored_error(reason))
        .value(
            jobs::Column::UpdatedAt,
            sql::now(txn.get_database_backend()),
        )
        .and_where(Expr::col(jobs::Column::Id).eq(id.as_uuid()))
        .and_where(
            Expr::expr(Func::lower(Expr::col(jobs::Column::Status)))
                .is_in([JobStatus::Pending.as_str(), JobStatus::Running.as_str()]),
        )
        .take();
    txn.execute(&update).await?;
    Ok(Settlement::Failed)
}

/// As a worker takes a job from one whose lease has ended.
async fn release(txn: &mut Transaction<'_>, id: JobId) -> Result<Settlement, JobError> {
    let row: Option<ExpiredRow> = job_runs::Entity::find_by_id(id.as_uuid())
        .into_model()
        .one(txn)
        .await?;
    let Some(row) = row else {
        return Ok(Settlement::NothingToDo);
    };
    // One without a lease is settled as one whose lease has ended.
    let ended = chrono::DateTime::<chrono::Utc>::UNIX_EPOCH;
    let update = Query::update()
        .table(job_runs::Entity)
        .value(job_runs::Column::LeaseExpiresAt, ended)
        .and_where(Expr::col(job_runs::Column::JobId).eq(id.as_uuid()))
        .and_where(Expr::col(job_runs::Column::LeaseExpiresAt).is_null())
        .take();
    txn.execute(&update).await?;
    Ok(match settle(txn, &row).await? {
        Some(JobStatus::Failed) => Settlement::Failed,
        Some(_) => Settlement::Pending,
        None => Settlement::NothingToDo,
    })
}

/// A discovery gets the limit that every discovery has, and the key that keeps
/// a second one out unless another one has it.
async fn make_claimable(
    txn: &mut Transaction<'_>,
    job: &IrregularJob,
) -> Result<Settlement, JobError> {
    let Some(kind) = JobKind::parse(&job.job_type) else {
        return Ok(Settlement::LeftAlone);
    };
    let is_discovery = kind == JobKind::Discover;
    let mut run = NewJob::new(job.id, kind, Value::Null);
    if is_discovery {
        run = run
            .time_limit(DISCOVERY_TIME_LIMIT)
            .unique_key(DISCOVERY_KEY);
    }
    if !insert_run(txn, &run).await? {
        insert_run(txn, &run.allow_concurrent()).await?;
    }
    Ok(Settlement::Pending)
}
