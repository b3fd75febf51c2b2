//! How an attempt ends and the job goes on: it is tried again later, or given
//! back. Each proves the run first, in the same transaction.

use std::time::Duration;

use outreach_domain::JobStatus;
use outreach_entity::job_runs;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    JobError, Run,
    error_history::{append_error, append_interruption, last_error_text, stored_error},
    finish::{Ending, end_as},
    run::lost,
};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// Ends an attempt that failed: the job waits for `delay` and is tried again,
/// or has failed when that was its last attempt. The error is kept either way.
/// Returns what the job became. Commits.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled, or is another worker's.
pub async fn retry_job<D: TransactionSource>(
    db: &D,
    run: Run,
    error: &str,
    delay: Duration,
    result: Option<Value>,
) -> Result<JobStatus, JobError> {
    with_retrying_transaction(db, "retry job", RetryPolicy::default(), |txn| {
        Box::pin(retry_job_in_txn(txn, run, error, delay, result.clone()))
    })
    .await
}

/// [`retry_job`] in the caller's transaction.
pub async fn retry_job_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    error: &str,
    delay: Duration,
    result: Option<Value>,
) -> Result<JobStatus, JobError> {
    let row = give_back_in_txn(txn, run, delay).await?;
    let errors = append_error(row.errors.as_ref(), row.attempts, error);
    let failed = FailedAttempt {
        errors,
        error,
        counts: true,
        result,
    };
    store_failed_attempt(txn, run, &row, failed).await
}

/// Why an attempt was interrupted by something that the job is not to blame
/// for, such as a database that went away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interruption<'a> {
    /// What is kept of it beside the errors of earlier attempts.
    pub reason: &'a str,
    /// How long the job waits before it may be claimed again.
    pub delay: Duration,
    /// What [`progress`](super::ClaimedJob::progress) was when the attempt
    /// began.
    pub progress: Option<&'a Value>,
}

/// Interruptions in a row that do not count as attempts.
const FREE_INTERRUPTIONS: u64 = 3;

/// Gives a job back whose attempt was interrupted. The attempt does not count,
/// unless it is more than the third in a row that was interrupted and had made
/// no progress: what a job does may be what makes the database go away.
/// Returns what the job became: pending, or failed when that was its last
/// attempt. Commits.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled, or is another worker's.
pub async fn interrupt_job<D: TransactionSource>(
    db: &D,
    run: Run,
    interruption: Interruption<'_>,
) -> Result<JobStatus, JobError> {
    with_retrying_transaction(db, "interrupt job", RetryPolicy::default(), |txn| {
        Box::pin(async move {
            let Interruption {
                reason,
                delay,
                progress,
            } = interruption;
            let row = give_back_in_txn(txn, run, delay).await?;
            let in_a_row = row.progress.as_ref() == progress;
            let (errors, interruptions) =
                append_interruption(row.errors.as_ref(), row.attempts, reason, in_a_row);
            let failed = FailedAttempt {
                errors,
                error: reason,
                counts: interruptions > FREE_INTERRUPTIONS,
                result: None,
            };
            store_failed_attempt(txn, run, &row, failed).await
        })
    })
    .await
}

/// Proves the run and makes its row a waiting one, to be claimed after `delay`.
async fn give_back_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    delay: Duration,
) -> Result<GivenBack, JobError> {
    let mut update = give_back();
    update
        .value(
            job_runs::Column::RunAt,
            sql::now_plus(txn.get_database_backend(), delay),
        )
        .and_where(Expr::col(job_runs::Column::JobId).eq(run.job.as_uuid()))
        .and_where(Expr::col(job_runs::Column::RunToken).eq(run.token.as_uuid()))
        .returning(Query::returning().columns([
            job_runs::Column::JobId,
            job_runs::Column::Attempts,
            job_runs::Column::MaxAttempts,
            job_runs::Column::Progress,
            job_runs::Column::Errors,
        ]));
    let Some(row) = txn.query_one(&update).await? else {
        return Err(lost(txn, run).await);
    };
    Ok(GivenBack::from_query_result(&row, "")?)
}

/// What is needed of the row of a run that was given back.
#[derive(FromQueryResult)]
struct GivenBack {
    job_id: Uuid,
    attempts: i32,
    max_attempts: i32,
    progress: Option<Value>,
    errors: Option<Value>,
}

struct FailedAttempt<'a> {
    /// Those of all attempts, this one included.
    errors: Value,
    /// That of this attempt.
    error: &'a str,
    counts: bool,
    result: Option<Value>,
}

/// Writes why the attempt failed. A job without attempts left has failed.
async fn store_failed_attempt(
    txn: &mut Transaction<'_>,
    run: Run,
    row: &GivenBack,
    failed: FailedAttempt<'_>,
) -> Result<JobStatus, JobError> {
    let FailedAttempt {
        errors,
        error,
        counts,
        result,
    } = failed;
    if counts && row.attempts >= row.max_attempts {
        job_runs::Entity::delete_by_id(row.job_id).exec(txn).await?;
        let reason = last_error_text(&errors, error, row.attempts);
        let ending = Ending {
            result,
            error: Some(&reason),
        };
        end_as(txn, run, JobStatus::Failed, ending).await?;
        return Ok(JobStatus::Failed);
    }
    let attempts = if counts {
        row.attempts
    } else {
        row.attempts - 1
    };
    job_runs::Entity::update_many()
        .col_expr(job_runs::Column::Errors, Expr::value(errors))
        .col_expr(job_runs::Column::Attempts, Expr::value(attempts))
        .col_expr(
            job_runs::Column::LastError,
            Expr::value(stored_error(error)),
        )
        .filter(job_runs::Column::JobId.eq(row.job_id))
        .exec(txn)
        .await?;
    end_as(txn, run, JobStatus::Pending, Ending::default()).await?;
    Ok(JobStatus::Pending)
}

/// Gives a job back whose worker stops: it waits for a worker again, after
/// `delay`, and the attempt does not count. Commits.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled, or is another worker's.
pub async fn release_job<D: TransactionSource>(
    db: &D,
    run: Run,
    delay: Duration,
) -> Result<(), JobError> {
    with_retrying_transaction(db, "release job", RetryPolicy::default(), |txn| {
        Box::pin(async move {
            let backend = txn.get_database_backend();
            let mut update = give_back();
            update
                .value(job_runs::Column::RunAt, sql::now_plus(backend, delay))
                .value(
                    job_runs::Column::Attempts,
                    Expr::col(job_runs::Column::Attempts).sub(1),
                )
                .and_where(Expr::col(job_runs::Column::JobId).eq(run.job.as_uuid()))
                .and_where(Expr::col(job_runs::Column::RunToken).eq(run.token.as_uuid()));
            if txn.execute(&update).await?.rows_affected() == 0 {
                return Err(lost(txn, run).await);
            }
            end_as(txn, run, JobStatus::Pending, Ending::default()).await
        })
    })
    .await
}

/// The UPDATE that makes a run waiting again, without its condition.
pub(super) fn give_back() -> UpdateStatement {
    Query::update()
        .table(job_runs::Entity)
        .value(job_runs::Column::RunToken, Option::<Uuid>::None)
        .value(job_runs::Column::Owner, Option::<String>::None)
        .value(
            job_runs::Column::LeaseExpiresAt,
            Option::<chrono::DateTime<chrono::Utc>>::None,
        )
        .take()
}
