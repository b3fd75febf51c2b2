//! What keeps a claimed job its worker's, and what becomes of one whose worker
//! is gone.

use std::time::Duration;

use outreach_domain::{JobId, JobStatus, excerpt};
use outreach_entity::job_runs;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SimpleExpr},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    ClaimStrategy, JobError, Run, RunToken,
    error_history::{append_error, last_error_text},
    finish::{Ending, job_to},
    queries::existing_job,
    retry::give_back,
    run::job_is_running_as_of_row,
};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// Expired leases that one transaction settles.
const EXPIRED_BATCH: u64 = 100;

/// Keys in one statement.
const BATCH: usize = 1000;

/// What a heartbeat found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extended {
    /// Runs that have lost their job: cancelled, ended by another backend, or
    /// claimed by another worker.
    pub lost: Vec<Run>,
    /// Runs whose row was locked at the moment, by a transaction of their own
    /// for one. They have their job, but not their lease anew;
    /// [`extend_locked_lease`] waits for it.
    pub locked: Vec<Run>,
}

/// Gives each of the runs its lease anew, counted from now, and says which
/// could not have it. Waits for no row. Commits.
pub async fn extend_leases<D: TransactionSource>(
    db: &D,
    runs: &[Run],
    lease: Duration,
) -> Result<Extended, JobError> {
    let mut extended = Extended::default();
    for batch in runs.chunks(BATCH) {
        let found = with_retrying_transaction(db, "extend leases", RetryPolicy::default(), |txn| {
            Box::pin(extend_in_txn(txn, batch, lease))
        })
        .await?;
        extended.lost.extend(found.lost);
        extended.locked.extend(found.locked);
    }
    Ok(extended)
}

/// Gives one run its lease anew, and waits for its row while it is locked, as
/// long as the [lock timeout](crate::connect::Tenant::with_lock_timeout) lets
/// it. In the queue for the row it comes before whoever would take the job away
/// later. False when the job is lost. Commits.
pub async fn extend_locked_lease<D: TransactionSource>(
    db: &D,
    run: Run,
    lease: Duration,
) -> Result<bool, JobError> {
    with_retrying_transaction(db, "extend lease", RetryPolicy::default(), |txn| {
        Box::pin(async move {
            let backend = txn.get_database_backend();
            let extend = Query::update()
                .table(job_runs::Entity)
                .value(
                    job_runs::Column::LeaseExpiresAt,
                    sql::now_plus(backend, lease),
                )
                .and_where(Expr::col(job_runs::Column::JobId).eq(run.job.as_uuid()))
                .and_where(Expr::col(job_runs::Column::RunToken).eq(run.token.as_uuid()))
                .and_where(job_is_running_as_of_row())
                .take();
            Ok(txn.execute(&extend).await?.rows_affected() == 1)
        })
    })
    .await
}

async fn extend_in_txn(
    txn: &mut Transaction<'_>,
    runs: &[Run],
    lease: Duration,
) -> Result<Extended, JobError> {
    let backend = txn.get_database_backend();
    let mut mine = Query::select()
        .column(job_runs::Column::JobId)
        .from(job_runs::Entity)
        .and_where(is_one_of_runs(backend, runs))
        .take();
    if backend == DbBackend::Postgres {
        // One run's long transaction must not hold up the leases of the others.
        mine.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let is_mine = match backend {
        DbBackend::Postgres => {
            sql::is_any_of_query(Expr::col((job_runs::Entity, job_runs::Column::JobId)), mine)
        }
        _ => is_one_of_runs(backend, runs),
    };
    let extend = Query::update()
        .table(job_runs::Entity)
        .value(
            job_runs::Column::LeaseExpiresAt,
            sql::now_plus(backend, lease),
        )
        .and_where(is_mine)
        .and_where(job_is_running_as_of_row())
        .returning(
            Query::returning().columns([job_runs::Column::JobId, job_runs::Column::RunToken]),
        )
        .take();
    let extended = pairs(&txn.query_all(&extend).await?)?;
    if runs.iter().all(|run| extended.contains(run)) {
        return Ok(Extended::default());
    }
    let look = Query::select()
        .columns([job_runs::Column::JobId, job_runs::Column::RunToken])
        .from(job_runs::Entity)
        .and_where(is_one_of_runs(backend, runs))
        .and_where(job_is_running_as_of_row())
        .take();
    let held = pairs(&txn.query_all(&look).await?)?;
    let (locked, lost) = runs
        .iter()
        .filter(|run| !extended.contains(run))
        .partition(|run| held.contains(run));
    Ok(Extended { lost, locked })
}

/// The keys and the tokens of the runs. A row matches whose token belongs to
/// another of the runs, which is this worker's too.
fn is_one_of_runs(backend: DbBackend, runs: &[Run]) -> Expr {
    sql::is_one_of(
        backend,
        (job_runs::Entity, job_runs::Column::JobId),
        runs.iter().map(|run| run.job.as_uuid()),
    )
    .and(sql::is_one_of(
        backend,
        (job_runs::Entity, job_runs::Column::RunToken),
        runs.iter().map(|run| run.token.as_uuid()),
    ))
}

fn pairs(rows: &[sea_orm::QueryResult]) -> Result<Vec<Run>, sea_orm::DbErr> {
    rows.iter()
        .map(|row| {
            Ok(Run {
                job: JobId::from_uuid(row.try_get("", "job_id")?),
                token: RunToken::from_uuid(row.try_get("", "run_token")?),
            })
        })
        .collect()
}

/// What became of a job whose lease had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredRun {
    /// The job.
    pub job: JobId,
    /// `Pending`: it waits for a worker again. `Failed`: that was its last
    /// attempt, or its time is over.
    pub became: JobStatus,
}

/// Takes jobs from workers whose lease has ended, and lets others have them.
/// A job that has used up its attempts, or its time, has failed. At most 100
/// jobs in a call; those whose rows others hold are left for the next. Commits,
/// with the portable strategy once for each job.
pub async fn release_expired<D: TransactionSource>(
    db: &D,
    strategy: ClaimStrategy,
) -> Result<Vec<ExpiredRun>, JobError> {
    release_expired_with(db, strategy, RetryPolicy::default()).await
}

/// [`release_expired`], tried as often as the policy says.
pub(crate) async fn release_expired_with<D: TransactionSource>(
    db: &D,
    strategy: ClaimStrategy,
    policy: RetryPolicy,
) -> Result<Vec<ExpiredRun>, JobError> {
    if strategy.on(db.get_database_backend()) == ClaimStrategy::SkipLocked {
        return with_retrying_transaction(db, "release expired", policy, |txn| {
            Box::pin(async move {
                let mut settled = Vec::new();
                for row in expired_runs(txn, ClaimStrategy::SkipLocked).await? {
                    settled.extend(settle_expired(txn, &row).await?);
                }
                Ok(settled)
            })
        })
        .await;
    }
    // Each by itself: a row that somebody holds does not keep the others.
    let once = RetryPolicy {
        max_attempts: 1,
        ..policy
    };
    let mut settled = Vec::new();
    let mut refused = None;
    for row in &expired_runs(db, strategy).await? {
        let outcome = with_retrying_transaction(db, "release expired", once, |txn| {
            Box::pin(settle_expired(txn, row))
        })
        .await;
        match outcome {
            Ok(expired) => settled.extend(expired),
            Err(error) if error.is_retryable() => refused = refused.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match refused {
        Some(error) if settled.is_empty() => Err(error),
        _ => Ok(settled),
    }
}

/// What is needed of the row of a run whose lease has ended.
#[derive(Debug, FromQueryResult)]
pub(super) struct ExpiredRow {
    pub(super) job_id: Uuid,
    pub(super) run_token: Option<Uuid>,
    pub(super) owner: Option<String>,
    pub(super) attempts: i32,
    pub(super) max_attempts: i32,
    pub(super) errors: Option<Value>,
}

async fn expired_runs<C: ConnectionTrait>(
    db: &C,
    strategy: ClaimStrategy,
) -> Result<Vec<ExpiredRow>, JobError> {
    let mut expired = job_runs::Entity::find()
        .select_only()
        .columns([
            job_runs::Column::JobId,
            job_runs::Column::RunToken,
            job_runs::Column::Owner,
            job_runs::Column::Attempts,
            job_runs::Column::MaxAttempts,
            job_runs::Column::Errors,
        ])
        .filter(Expr::col(job_runs::Column::LeaseExpiresAt).lt(sql::now(db.get_database_backend())))
        .order_by_asc(job_runs::Column::LeaseExpiresAt)
        .limit(EXPIRED_BATCH);
    if strategy == ClaimStrategy::SkipLocked {
        expired = expired.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    Ok(expired.into_model().all(db).await?)
}

async fn settle_expired(
    txn: &mut Transaction<'_>,
    row: &ExpiredRow,
) -> Result<Option<ExpiredRun>, JobError> {
    let became = settle(txn, row).await?;
    Ok(became.map(|became| ExpiredRun {
        job: JobId::from_uuid(row.job_id),
        became,
    }))
}

/// Nothing when the worker was quicker, or another one was.
pub(super) async fn settle(
    txn: &mut Transaction<'_>,
    row: &ExpiredRow,
) -> Result<Option<JobStatus>, JobError> {
    let backend = txn.get_database_backend();
    let owner = excerpt(row.owner.as_deref().unwrap_or("unknown"), 100);
    let error = format!("the worker {owner} was lost: its lease ended");
    let errors = append_error(row.errors.as_ref(), row.attempts, &error);
    // The database's clock decides about the deadline too.
    let overdue = Expr::col(job_runs::Column::DeadlineAt).lte(sql::now(backend));
    let is_last = row.attempts >= row.max_attempts;
    let still_expired = |query: &mut sea_orm::sea_query::UpdateStatement| {
        query
            .and_where(Expr::col(job_runs::Column::JobId).eq(row.job_id))
            .and_where(Expr::col(job_runs::Column::RunToken).eq(row.run_token))
            .and_where(Expr::col(job_runs::Column::LeaseExpiresAt).lt(sql::now(backend)));
    };
    let mut release = give_back();
    release
        .value(job_runs::Column::Errors, errors.clone())
        .value(job_runs::Column::LastError, error.as_str())
        .returning(Query::returning().expr(Expr::case(overdue, 1).finally(0)));
    still_expired(&mut release);
    let Some(released) = txn.query_one(&release).await? else {
        return Ok(None);
    };
    let is_overdue = released.try_get_by_index::<i32>(0)? == 1;
    let became = if is_last || is_overdue {
        JobStatus::Failed
    } else {
        JobStatus::Pending
    };
    let reason = if is_overdue {
        format!("Job timed out: {error}")
    } else {
        last_error_text(&errors, &error, row.attempts)
    };
    let ending = Ending {
        result: Option::<Value>::None,
        error: (became == JobStatus::Failed).then_some(reason.as_str()),
    };
    let is_settled = job_to(txn, row.job_id, became, ending).await?;
    if !is_settled {
        let job = existing_job(txn, JobId::from_uuid(row.job_id)).await?;
        if job.status == JobStatus::Pending {
            // Somebody has set it back already, to be tried again whatever it
            // was, and it waits.
            return Ok(Some(JobStatus::Pending));
        }
    }
    // Ended now, or by another backend before.
    if became == JobStatus::Failed || !is_settled {
        job_runs::Entity::delete_by_id(row.job_id).exec(txn).await?;
    }
    Ok(is_settled.then_some(became))
}

/// Gives back what a worker has claimed and does not work on any more. The
/// attempts do not count. Returns the number of jobs. Commits.
pub async fn release_owned<D: TransactionSource>(db: &D, owner: &str) -> Result<u64, JobError> {
    let is_owned = Expr::col(job_runs::Column::Owner).eq(owner);
    release_claimed(db, "release owned", &is_owned).await
}

/// Gives back what was claimed with these tokens and has not begun: the answer
/// to the claim was lost. The attempts do not count. Commits.
pub(crate) async fn release_claims<D: TransactionSource>(
    db: &D,
    tokens: &[RunToken],
) -> Result<u64, JobError> {
    let is_claimed = sql::is_one_of(
        db.get_database_backend(),
        job_runs::Column::RunToken,
        tokens.iter().map(|token| token.as_uuid()),
    );
    release_claimed(db, "release claims", &is_claimed).await
}

async fn release_claimed<D: TransactionSource>(
    db: &D,
    context: &'static str,
    condition: &SimpleExpr,
) -> Result<u64, JobError> {
    with_retrying_transaction(db, context, RetryPolicy::default(), |txn| {
        Box::pin(async move {
            let mut release = give_back();
            release
                .value(
                    job_runs::Column::Attempts,
                    Expr::col(job_runs::Column::Attempts).sub(1),
                )
                // Only claimed rows have a lease, and an index.
                .and_where(Expr::col(job_runs::Column::LeaseExpiresAt).is_not_null())
                .and_where(condition.clone())
                .returning(Query::returning().column(job_runs::Column::JobId));
            let rows = txn.query_all(&release).await?;
            for row in &rows {
                let job: Uuid = row.try_get("", "job_id")?;
                job_to(txn, job, JobStatus::Pending, Ending::default()).await?;
            }
            Ok(rows.len() as u64)
        })
    })
    .await
}
