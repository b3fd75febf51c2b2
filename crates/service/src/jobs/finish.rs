//! How a run ends: the job is completed, has failed, is tried again later, or
//! is given back. Each proves the run first, in the same transaction.

use std::{fmt::Write as _, time::Duration};

use outreach_domain::{JobId, JobStatus, excerpt};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Func, Query, UpdateStatement},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    JobError, Run,
    run::{end_in_txn, lost},
};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// The most characters of an error message that are stored.
const MAX_ERROR_CHARS: usize = 2000;

/// Errors of earlier attempts that are kept.
const MAX_ERRORS: usize = 5;

/// What a change of status writes beside it.
#[derive(Default)]
pub(super) struct Ending<'a> {
    pub(super) result: Option<Value>,
    pub(super) error: Option<&'a str>,
}

/// Ends a run with success and stores its result. Commits.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled, or is another worker's.
pub async fn complete_job<D: TransactionSource>(
    db: &D,
    run: Run,
    result: Value,
) -> Result<(), JobError> {
    with_retrying_transaction(db, "complete job", RetryPolicy::default(), |txn| {
        Box::pin(complete_job_in_txn(txn, run, result.clone()))
    })
    .await
}

/// [`complete_job`] in the caller's transaction.
pub async fn complete_job_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    result: Value,
) -> Result<(), JobError> {
    end_in_txn(txn, run).await?;
    let ending = Ending {
        result: Some(result),
        error: None,
    };
    end_as(txn, run, JobStatus::Completed, ending).await
}

/// A run that did what there was to do.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletedRun {
    /// The run.
    pub run: Run,
    /// What `jobs.result` gets.
    pub result: Option<Value>,
}

/// Ends many runs with success in one transaction. Returns those that had lost
/// their job, of which nothing was written. Commits.
pub async fn complete_jobs<D: TransactionSource>(
    db: &D,
    runs: &[CompletedRun],
) -> Result<Vec<Run>, JobError> {
    with_retrying_transaction(db, "complete jobs", RetryPolicy::default(), |txn| {
        Box::pin(complete_in_txn(txn, runs))
    })
    .await
}

async fn complete_in_txn(
    txn: &mut Transaction<'_>,
    runs: &[CompletedRun],
) -> Result<Vec<Run>, JobError> {
    let ended = end_together_in_txn(txn, runs).await?;
    let (plain, with_result): (Vec<&CompletedRun>, Vec<&CompletedRun>) = runs
        .iter()
        .filter(|completed| ended.contains(&completed.run))
        .partition(|completed| completed.result.is_none());
    let mut kept = Vec::with_capacity(ended.len());
    if !plain.is_empty() {
        let backend = txn.get_database_backend();
        let mut update = status_update(backend, JobStatus::Completed);
        update.and_where(sql::is_one_of(
            backend,
            jobs::Column::Id,
            plain.iter().map(|completed| completed.run.job.as_uuid()),
        ));
        update.returning(Query::returning().column(jobs::Column::Id));
        for row in txn.query_all(&update).await? {
            kept.push(row.try_get::<Uuid>("", "id")?);
        }
    }
    for completed in with_result {
        let ending = Ending {
            result: completed.result.clone(),
            error: None,
        };
        if job_to(
            txn,
            completed.run.job.as_uuid(),
            JobStatus::Completed,
            ending,
        )
        .await?
        {
            kept.push(completed.run.job.as_uuid());
        }
    }
    Ok(runs
        .iter()
        .map(|completed| completed.run)
        .filter(|run| !ended.contains(run) || !kept.contains(&run.job.as_uuid()))
        .collect())
}

/// Proves the runs and takes their rows away: one statement for those that
/// were claimed together, because a key alone, or a key with the token of
/// another claim, proves nothing.
async fn end_together_in_txn(
    txn: &mut Transaction<'_>,
    runs: &[CompletedRun],
) -> Result<Vec<Run>, JobError> {
    let backend = txn.get_database_backend();
    let mut claims: Vec<(super::RunToken, Vec<Uuid>)> = Vec::new();
    for completed in runs {
        let Run { job, token } = completed.run;
        match claims.iter_mut().find(|(known, _)| *known == token) {
            Some((_, jobs)) => jobs.push(job.as_uuid()),
            None => claims.push((token, vec![job.as_uuid()])),
        }
    }
    let mut ended = Vec::with_capacity(runs.len());
    for (token, keys) in claims {
        let delete = Query::delete()
            .from_table(job_runs::Entity)
            .and_where(sql::is_one_of(backend, job_runs::Column::JobId, keys))
            .and_where(Expr::col(job_runs::Column::RunToken).eq(token.as_uuid()))
            .returning(Query::returning().column(job_runs::Column::JobId))
            .take();
        for row in txn.query_all(&delete).await? {
            let job = JobId::from_uuid(row.try_get("", "job_id")?);
            ended.push(Run { job, token });
        }
    }
    Ok(ended)
}

/// Ends a run as failed, with the reason and with what it did until then.
/// Commits. The reason is cut to 2,000 characters.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled, or is another worker's.
pub async fn fail_job<D: TransactionSource>(
    db: &D,
    run: Run,
    reason: &str,
    result: Option<Value>,
) -> Result<(), JobError> {
    with_retrying_transaction(db, "fail job", RetryPolicy::default(), |txn| {
        Box::pin(fail_job_in_txn(txn, run, reason, result.clone()))
    })
    .await
}

/// [`fail_job`] in the caller's transaction.
pub async fn fail_job_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    reason: &str,
    result: Option<Value>,
) -> Result<(), JobError> {
    end_in_txn(txn, run).await?;
    let ending = Ending {
        result,
        error: Some(reason),
    };
    end_as(txn, run, JobStatus::Failed, ending).await
}

async fn end_as(
    txn: &mut Transaction<'_>,
    run: Run,
    status: JobStatus,
    ending: Ending<'_>,
) -> Result<(), JobError> {
    if job_to(txn, run.job.as_uuid(), status, ending).await? {
        return Ok(());
    }
    // The other backend ends a job without a look at its run.
    Err(lost(txn, run).await)
}

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
    let backend = txn.get_database_backend();
    let mut update = give_back();
    update
        .value(job_runs::Column::RunAt, sql::now_plus(backend, delay))
        .and_where(Expr::col(job_runs::Column::JobId).eq(run.job.as_uuid()))
        .and_where(Expr::col(job_runs::Column::RunToken).eq(run.token.as_uuid()))
        .returning_all();
    let Some(row) = txn.query_one(&update).await? else {
        return Err(lost(txn, run).await);
    };
    let row = <job_runs::Model as sea_orm::FromQueryResult>::from_query_result(&row, "")?;
    let errors = append_error(row.errors.as_ref(), row.attempts, error);
    if row.attempts >= row.max_attempts {
        job_runs::Entity::delete_by_id(row.job_id).exec(txn).await?;
        let reason = last_error_text(&errors, error, row.attempts);
        let ending = Ending {
            result,
            error: Some(&reason),
        };
        end_as(txn, run, JobStatus::Failed, ending).await?;
        return Ok(JobStatus::Failed);
    }
    job_runs::Entity::update_many()
        .col_expr(job_runs::Column::Errors, Expr::value(errors))
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

/// Gives a job back that was interrupted: it waits for a worker again, after
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

/// Moves a running job on, after its run was proved. False when it is not
/// running any more, which only another backend can bring about.
pub(super) async fn job_to(
    txn: &mut Transaction<'_>,
    id: Uuid,
    status: JobStatus,
    ending: Ending<'_>,
) -> Result<bool, JobError> {
    let mut update = status_update(txn.get_database_backend(), status);
    update.and_where(Expr::col(jobs::Column::Id).eq(id));
    if let Some(result) = ending.result {
        update.value(jobs::Column::Result, result);
    }
    if let Some(error) = ending.error {
        update.value(jobs::Column::ErrorMessage, stored_error(error));
    }
    Ok(txn.execute(&update).await?.rows_affected() == 1)
}

/// The guarded transition out of running, without the job's key.
fn status_update(backend: sea_orm::DbBackend, status: JobStatus) -> UpdateStatement {
    Query::update()
        .table(jobs::Entity)
        .value(jobs::Column::Status, status.as_str())
        .value(jobs::Column::UpdatedAt, sql::now(backend))
        .and_where(
            Expr::expr(Func::lower(Expr::col(jobs::Column::Status)))
                .eq(JobStatus::Running.as_str()),
        )
        .take()
}

/// Escaped too: PostgreSQL stores no NUL, and the reason of a provider may hold
/// anything.
pub(super) fn stored_error(error: &str) -> String {
    excerpt(error, MAX_ERROR_CHARS)
}

/// The errors with one more, the oldest dropped when there are too many.
pub(super) fn append_error(errors: Option<&Value>, attempt: i32, error: &str) -> Value {
    let mut errors = errors
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    errors.push(json!({ "attempt": attempt, "error": excerpt(error, 500) }));
    let surplus = errors.len().saturating_sub(MAX_ERRORS);
    errors.drain(..surplus);
    Value::Array(errors)
}

/// What `jobs.error_message` says after the last of several attempts.
pub(super) fn last_error_text(errors: &Value, last: &str, attempts: i32) -> String {
    if attempts <= 1 {
        return last.to_owned();
    }
    let mut text = format!("attempt {attempts}: {last}");
    let earlier = errors.as_array().into_iter().flatten().rev().skip(1);
    for error in earlier {
        let word = |key: &str| error.get(key).map(ToString::to_string).unwrap_or_default();
        let message = error
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let _ = write!(text, "; attempt {}: {message}", word("attempt"));
    }
    text
}
