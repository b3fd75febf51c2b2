//! The right to work on a job, and its proof.

use std::fmt;

use outreach_domain::{JobId, JobStatus};
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use serde_json::Value;
use uuid::Uuid;

use super::{JobError, queries::existing_job};
use crate::transaction::Transaction;

/// Proof that a worker owns a job. A new one is made at each claim, so that a
/// worker which lost the job can't be taken for the one that has it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunToken(Uuid);

impl RunToken {
    /// A token that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    pub(super) fn from_uuid(token: Uuid) -> Self {
        Self(token)
    }

    pub(super) fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RunToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job under way, in the hands of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The job.
    pub job: JobId,
    /// The proof that it is ours.
    pub token: RunToken,
}

/// The job's own status says that it runs. The other backend cancels a job
/// there and knows nothing of `job_runs`.
fn job_is_running(id: JobId) -> Expr {
    Expr::exists(
        Query::select()
            .expr(Expr::value(1))
            .from(jobs::Entity)
            .and_where(jobs::COLUMN.id.eq(id.as_uuid()))
            .and_where(jobs::COLUMN.status.eq(JobStatus::Running.as_str()))
            .take(),
    )
}

/// The job's own status is final. Old rows mix small and capital letters.
fn job_has_ended(id: JobId) -> Expr {
    let active = [JobStatus::Pending.as_str(), JobStatus::Running.as_str()];
    Expr::exists(
        Query::select()
            .expr(Expr::value(1))
            .from(jobs::Entity)
            .and_where(jobs::COLUMN.id.eq(id.as_uuid()))
            .and_where(Expr::expr(Func::lower(Expr::col(jobs::Column::Status))).is_not_in(active))
            .take(),
    )
}

/// [`job_is_running`] of the row of `job_runs` that a statement looks at.
pub(super) fn job_is_running_as_of_row() -> Expr {
    Expr::exists(
        Query::select()
            .expr(Expr::value(1))
            .from(jobs::Entity)
            .and_where(
                Expr::col((jobs::Entity, jobs::Column::Id))
                    .equals((job_runs::Entity, job_runs::Column::JobId)),
            )
            .and_where(jobs::COLUMN.status.eq(JobStatus::Running.as_str()))
            .take(),
    )
}

/// Takes the row of a run away that has lost its job, if it is still there.
pub(crate) async fn forget_run<C: ConnectionTrait>(db: &C, run: Run) -> Result<(), JobError> {
    job_runs::Entity::delete_many()
        .filter(job_runs::Column::JobId.eq(run.job.as_uuid()))
        .filter(job_runs::Column::RunToken.eq(run.token.as_uuid()))
        .filter(job_has_ended(run.job))
        .exec(db)
        .await?;
    Ok(())
}

/// Proves that the run still owns its job and stores how far it got, in one
/// statement; the row stays locked until the transaction ends, so the job can't
/// be cancelled in between. Meant as the first statement of a transaction, which
/// has to end within the lease: nothing renews that meanwhile.
///
/// # Errors
///
/// [`JobError::LostRun`] when the job was cancelled, has ended, or belongs to
/// another run.
pub async fn record_progress_in_txn(
    txn: &mut Transaction<'_>,
    run: Run,
    progress: Value,
) -> Result<(), JobError> {
    let proved = job_runs::Entity::update_many()
        .col_expr(job_runs::Column::Progress, Expr::value(progress))
        .filter(job_runs::Column::JobId.eq(run.job.as_uuid()))
        .filter(job_runs::Column::RunToken.eq(run.token.as_uuid()))
        .filter(job_is_running(run.job))
        .exec(txn)
        .await?;
    if proved.rows_affected == 1 {
        Ok(())
    } else {
        Err(lost(txn, run).await)
    }
}

/// Proves the run and ends it, in one statement.
pub(super) async fn end_in_txn(txn: &mut Transaction<'_>, run: Run) -> Result<(), JobError> {
    let ended = job_runs::Entity::delete_many()
        .filter(job_runs::Column::JobId.eq(run.job.as_uuid()))
        .filter(job_runs::Column::RunToken.eq(run.token.as_uuid()))
        .exec(txn)
        .await?;
    if ended.rows_affected == 1 {
        Ok(())
    } else {
        Err(lost(txn, run).await)
    }
}

pub(super) async fn lost<C: ConnectionTrait>(db: &C, run: Run) -> JobError {
    match existing_job(db, run.job).await {
        Ok(job) => JobError::LostRun {
            id: run.job,
            status: job.status,
        },
        Err(error) => error,
    }
}

/// Refuses when the run does not own its job any more. A look, not a proof: it
/// holds nothing.
pub(crate) async fn refuse_if_lost<C: ConnectionTrait>(db: &C, run: Run) -> Result<(), JobError> {
    let token: Option<Option<Uuid>> = job_runs::Entity::find_by_id(run.job.as_uuid())
        .select_only()
        .column(job_runs::Column::RunToken)
        .filter(job_is_running(run.job))
        .into_tuple()
        .one(db)
        .await?;
    if token.flatten() == Some(run.token.as_uuid()) {
        return Ok(());
    }
    Err(lost(db, run).await)
}
