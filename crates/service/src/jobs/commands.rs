use outreach_domain::{DiscoveryRequest, JobId, JobKind, JobStatus, excerpt};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, SqlErr,
    sea_query::{Expr, ExprTrait},
};
use serde_json::{Value, json};

use super::{JobError, Run, RunToken, queries::existing_job, run::end_in_txn};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, with_retrying_transaction},
};

/// The most characters of an error message that are stored.
const MAX_ERROR_CHARS: usize = 2000;

/// A job that is not stored yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its key. The caller's, so that enqueueing twice by mistake is noticed.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it is asked to do, in the shape of the kind.
    pub params: Value,
}

impl NewJob {
    /// A discovery job.
    #[must_use]
    pub fn discover(id: JobId, request: &DiscoveryRequest) -> Self {
        Self {
            id,
            kind: JobKind::Discover,
            params: json!({
                "keywords": request.keywords_text(),
                "locations": request.locations(),
                "max_results": request.max_results(),
                "categories": request.categories(),
            }),
        }
    }
}

/// Stores a job as pending, claimable from now on. Commits.
pub async fn enqueue_job(db: &DatabaseConnection, job: &NewJob) -> Result<(), JobError> {
    with_retrying_transaction(db, "enqueue job", RetryPolicy::default(), |txn| {
        Box::pin(enqueue_job_in_txn(txn, job))
    })
    .await
}

/// [`enqueue_job`] in the caller's transaction: no job if it rolls back.
pub async fn enqueue_job_in_txn(txn: &mut Transaction<'_>, job: &NewJob) -> Result<(), JobError> {
    let id = job.id;
    let row = jobs::ActiveModel {
        id: Set(id.as_uuid()),
        job_type: Set(job.kind.as_str().to_owned()),
        params: Set(Some(job.params.clone())),
        status: Set(JobStatus::Pending.as_str().to_owned()),
        ..Default::default()
    };
    jobs::Entity::insert(row)
        .exec_without_returning(txn)
        .await
        .map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => JobError::Exists { id },
            _ => error.into(),
        })?;
    insert_run(txn, id).await
}

/// Moves a pending job to running and takes it: what the run writes is proved
/// by the token. Commits.
///
/// # Errors
///
/// [`JobError::Transition`] when the job is not pending.
pub async fn start_job(
    db: &DatabaseConnection,
    id: JobId,
    token: RunToken,
) -> Result<Run, JobError> {
    with_retrying_transaction(db, "start job", RetryPolicy::default(), |txn| {
        Box::pin(start_job_in_txn(txn, id, token))
    })
    .await
}

/// [`start_job`] in the caller's transaction.
pub async fn start_job_in_txn(
    txn: &mut Transaction<'_>,
    id: JobId,
    token: RunToken,
) -> Result<Run, JobError> {
    // The run's row first, as everywhere: two that lock in one order can't
    // deadlock.
    let rows = take_run(txn, id, token).await?;
    change_status(
        txn,
        id,
        &[JobStatus::Pending],
        JobStatus::start,
        Ending::default(),
    )
    .await?;
    if rows == 0 {
        // A pending job of the backend that shares the tables has no row yet.
        insert_run(txn, id).await?;
        take_run(txn, id, token).await?;
    }
    Ok(Run { job: id, token })
}

/// Ends a run with success and stores its result. Commits.
pub async fn complete_job(
    db: &DatabaseConnection,
    run: Run,
    result: Value,
) -> Result<(), JobError> {
    with_retrying_transaction(db, "complete job", RetryPolicy::default(), |txn| {
        Box::pin(complete_job_in_txn(txn, run, result.clone()))
    })
    .await
}

/// [`complete_job`] in the caller's transaction.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled meanwhile.
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
    change_status(
        txn,
        run.job,
        &[JobStatus::Running],
        JobStatus::complete,
        ending,
    )
    .await
    .map_err(lost_if_ended)
}

/// Ends a run as failed, with the reason and with what it did until then.
/// Commits.
pub async fn fail_job(
    db: &DatabaseConnection,
    run: Run,
    reason: &str,
    result: Option<Value>,
) -> Result<(), JobError> {
    with_retrying_transaction(db, "fail job", RetryPolicy::default(), |txn| {
        Box::pin(fail_job_in_txn(txn, run, reason, result.clone()))
    })
    .await
}

/// [`fail_job`] in the caller's transaction. The reason is cut to 2,000
/// characters.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled meanwhile.
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
    change_status(txn, run.job, &[JobStatus::Running], JobStatus::fail, ending)
        .await
        .map_err(lost_if_ended)
}

/// The other backend ends a job without a look at its run.
fn lost_if_ended(error: JobError) -> JobError {
    match error {
        JobError::Transition { id, source } => JobError::LostRun {
            id,
            status: source.from,
        },
        other => other,
    }
}

/// Cancels a job that is pending or running. A run of it notices at its next
/// transaction and writes nothing more. Commits.
///
/// # Errors
///
/// [`JobError::Transition`] when the job has ended already.
pub async fn cancel_job(db: &DatabaseConnection, id: JobId) -> Result<(), JobError> {
    with_retrying_transaction(db, "cancel job", RetryPolicy::default(), |txn| {
        Box::pin(cancel_job_in_txn(txn, id))
    })
    .await
}

/// [`cancel_job`] in the caller's transaction.
pub async fn cancel_job_in_txn(txn: &mut Transaction<'_>, id: JobId) -> Result<(), JobError> {
    delete_run(txn, id).await?;
    let ending = Ending {
        result: None,
        error: Some("Job cancelled by user"),
    };
    change_status(
        txn,
        id,
        &[JobStatus::Pending, JobStatus::Running],
        JobStatus::cancel,
        ending,
    )
    .await?;
    // A start that was under way has had its row inserted while this waited for
    // the job's.
    delete_run(txn, id).await
}

async fn delete_run(txn: &mut Transaction<'_>, id: JobId) -> Result<(), JobError> {
    job_runs::Entity::delete_many()
        .filter(job_runs::Column::JobId.eq(id.as_uuid()))
        .exec(txn)
        .await?;
    Ok(())
}

/// What a change of status writes beside it.
#[derive(Default)]
struct Ending<'a> {
    result: Option<Value>,
    error: Option<&'a str>,
}

/// The guarded transition: one UPDATE that names the statuses it may come from,
/// and a look at the row when it touched none.
async fn change_status(
    txn: &mut Transaction<'_>,
    id: JobId,
    from: &[JobStatus],
    transition: fn(JobStatus) -> Result<JobStatus, outreach_domain::InvalidTransition<JobStatus>>,
    ending: Ending<'_>,
) -> Result<(), JobError> {
    let source = |source| JobError::Transition { id, source };
    let [first, ..] = from else {
        return Err(JobError::NotFound { id });
    };
    let to = transition(*first).map_err(source)?;
    let mut update = jobs::Entity::update_many()
        .col_expr(jobs::Column::Status, Expr::value(to.as_str()))
        .col_expr(
            jobs::Column::UpdatedAt,
            sql::now(txn.get_database_backend()),
        )
        .filter(jobs::Column::Id.eq(id.as_uuid()))
        .filter(jobs::Column::Status.is_in(from.iter().map(|status| status.as_str())));
    if let Some(result) = ending.result {
        update = update.col_expr(jobs::Column::Result, Expr::value(result));
    }
    if let Some(error) = ending.error {
        // Escaped too: PostgreSQL stores no NUL, and the reason of a provider
        // may hold anything.
        let error = excerpt(error, MAX_ERROR_CHARS);
        update = update.col_expr(jobs::Column::ErrorMessage, Expr::value(error));
    }
    if update.exec(txn).await?.rows_affected == 1 {
        return Ok(());
    }
    let found = existing_job(txn, id).await?.status;
    transition(found).map_err(source)?;
    // The status allows the change after all: it is stored in letters of
    // another case, which the UPDATE did not match.
    Err(crate::InconsistentRow::new("jobs", "status", id, found.as_str()).into())
}

async fn insert_run(txn: &mut Transaction<'_>, id: JobId) -> Result<(), JobError> {
    let row = job_runs::ActiveModel {
        job_id: Set(id.as_uuid()),
        ..Default::default()
    };
    job_runs::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

async fn take_run(txn: &mut Transaction<'_>, id: JobId, token: RunToken) -> Result<u64, JobError> {
    let result = job_runs::Entity::update_many()
        .col_expr(job_runs::Column::RunToken, Expr::value(token.as_uuid()))
        .col_expr(
            job_runs::Column::Attempts,
            Expr::col(job_runs::Column::Attempts).add(1),
        )
        .filter(job_runs::Column::JobId.eq(id.as_uuid()))
        .exec(txn)
        .await?;
    Ok(result.rows_affected)
}
