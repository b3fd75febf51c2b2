//! Cancelling: what a person may do to a job at any time.

use outreach_domain::{InvalidTransition, JobId, JobStatus};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Func},
};

use super::{JobError, queries::existing_job};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// Cancels a job that is pending or running. A run of it notices at its next
/// transaction and writes nothing more. Commits.
///
/// # Errors
///
/// [`JobError::Transition`] when the job has ended already.
pub async fn cancel_job<D: TransactionSource>(db: &D, id: JobId) -> Result<(), JobError> {
    with_retrying_transaction(db, "cancel job", RetryPolicy::default(), |txn| {
        Box::pin(cancel_job_in_txn(txn, id))
    })
    .await
}

/// [`cancel_job`] in the caller's transaction.
pub async fn cancel_job_in_txn(txn: &mut Transaction<'_>, id: JobId) -> Result<(), JobError> {
    delete_run(txn, id).await?;
    let cancelled = JobStatus::Cancelled;
    let updated = jobs::Entity::update_many()
        .col_expr(jobs::Column::Status, Expr::value(cancelled.as_str()))
        .col_expr(
            jobs::Column::UpdatedAt,
            sql::now(txn.get_database_backend()),
        )
        .col_expr(
            jobs::Column::ErrorMessage,
            Expr::value("Job cancelled by user"),
        )
        .filter(jobs::Column::Id.eq(id.as_uuid()))
        .filter(
            // In small letters, because old rows mix them.
            Expr::expr(Func::lower(Expr::col(jobs::Column::Status)))
                .is_in([JobStatus::Pending.as_str(), JobStatus::Running.as_str()]),
        )
        .exec(txn)
        .await?;
    if updated.rows_affected == 0 {
        let from = existing_job(txn, id).await?.status;
        let source = InvalidTransition {
            from,
            to: cancelled,
        };
        return Err(JobError::Transition { id, source });
    }
    Ok(())
}

async fn delete_run(txn: &mut Transaction<'_>, id: JobId) -> Result<(), JobError> {
    job_runs::Entity::delete_many()
        .filter(job_runs::Column::JobId.eq(id.as_uuid()))
        .exec(txn)
        .await?;
    Ok(())
}
