//! How a job ends: it is completed, or has failed. Each proves the run first, in
//! the same transaction.

use outreach_domain::{JobId, JobStatus};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Func, Query, UpdateStatement},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    JobError, Run,
    error_history::stored_error,
    queries::existing_job,
    run::{end_in_txn, lost},
};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

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
    complete_run(db, run, Some(&result)).await
}

/// [`complete_job`], which leaves `jobs.result` alone without a result.
pub(crate) async fn complete_run<D: TransactionSource>(
    db: &D,
    run: Run,
    result: Option<&Value>,
) -> Result<(), JobError> {
    with_retrying_transaction(db, "complete job", RetryPolicy::default(), |txn| {
        Box::pin(complete_run_in_txn(txn, run, result.cloned()))
    })
    .await
}

/// [`complete_job`] in the caller's transaction.
pub async fn complete_job_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    result: Value,
) -> Result<(), JobError> {
    complete_run_in_txn(txn, run, Some(result)).await
}

async fn complete_run_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    result: Option<Value>,
) -> Result<(), JobError> {
    end_in_txn(txn, run).await?;
    let ending = Ending {
        result,
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
    complete_jobs_with(db, runs, RetryPolicy::default()).await
}

/// [`complete_jobs`], tried as often as the policy says.
pub(crate) async fn complete_jobs_with<D: TransactionSource>(
    db: &D,
    runs: &[CompletedRun],
    policy: RetryPolicy,
) -> Result<Vec<Run>, JobError> {
    let mut runs = runs.to_vec();
    let mut lost = Vec::new();
    loop {
        let outcome = with_retrying_transaction(db, "complete jobs", policy, |txn| {
            Box::pin(complete_in_txn(txn, &runs))
        })
        .await;
        match outcome {
            // One that would keep all from being written: without it again.
            Err(JobError::LostRun { id, .. }) => {
                let (its, others): (Vec<_>, Vec<_>) = runs
                    .into_iter()
                    .partition(|completed| completed.run.job == id);
                lost.extend(its.iter().map(|completed| completed.run));
                runs = others;
            }
            Err(error) => return Err(error),
            Ok(more) => {
                lost.extend(more);
                return Ok(lost);
            }
        }
    }
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
    // Somebody has changed the status without a look at the run. The row of a job
    // that has ended may go; one that waits again keeps its own.
    for run in &ended {
        if !kept.contains(&run.job.as_uuid()) {
            let job = existing_job(txn, run.job).await?;
            if !job.status.is_final() {
                return Err(JobError::LostRun {
                    id: job.id,
                    status: job.status,
                });
            }
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

pub(super) async fn end_as(
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
