//! How a worker takes jobs: the one transaction that gives it a token and a
//! lease for each, and moves them to running.
//!
//! A claim walks an index that holds the waiting rows alone, in its own order,
//! so that it costs the same whatever has ended before, and passes no row that
//! starts later (see [`due`]). Which rows two claims at once take is the
//! [`ClaimStrategy`]'s.

mod due;
mod portable;
mod skip_locked;
mod start;

use std::time::Duration;

use outreach_domain::{JobId, JobKind, JobStatus};
use outreach_entity::job_runs;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, QueryResult, QuerySelect,
    sea_query::{
        Alias, CaseStatement, Expr, ExprTrait, Order, Query, ReturningClause, SelectStatement,
        SimpleExpr, UnionType, UpdateStatement,
    },
};
use serde_json::Value;
use uuid::Uuid;

pub use self::due::{WaitingWork, waiting_work};
use self::{
    due::{Due, due},
    start::Start,
};
use super::{
    JobError, Run, RunToken, enqueue::insert_missing_run, finish::fail_job_in_txn,
    queries::existing_job,
};
use crate::{
    sql,
    transaction::{RetryPolicy, Transaction, TransactionSource, with_retrying_transaction},
};

/// Kinds and priorities that one claim looks through.
const MAX_DUE: usize = 200;

/// How two workers that claim at the same moment keep out of each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimStrategy {
    /// Locks the rows that it takes and skips those that others have locked.
    /// PostgreSQL; on SQLite it is [`Portable`](Self::Portable).
    SkipLocked,
    /// One UPDATE that asks again, of each row, whether it is still free. Works
    /// on any database; two at once may want the same rows, and then one gets
    /// fewer than there are.
    Portable,
}

impl ClaimStrategy {
    /// What suits a database.
    #[must_use]
    pub fn of(backend: DbBackend) -> Self {
        match backend {
            DbBackend::Postgres => Self::SkipLocked,
            _ => Self::Portable,
        }
    }

    /// What this strategy is on a database that may lack locks on rows.
    pub(super) fn on(self, backend: DbBackend) -> Self {
        match backend {
            DbBackend::Postgres => self,
            _ => Self::Portable,
        }
    }
}

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest<'a> {
    /// The kinds that it can work on.
    pub kinds: &'a [JobKind],
    /// The most jobs that it takes.
    pub limit: u32,
    /// Who it is, for people who look at the table.
    pub owner: &'a str,
    /// How long the jobs are its own without a heartbeat.
    pub lease: Duration,
    /// How it keeps out of the way of others.
    pub strategy: ClaimStrategy,
}

/// A job in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClaimedJob {
    /// The proof that it is the worker's.
    pub run: Run,
    /// What it does.
    pub kind: JobKind,
    /// What it is asked to do, as stored.
    pub params: Option<Value>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many there may be.
    pub max_attempts: u32,
    /// What is left until the deadline, by the database's clock at the claim;
    /// zero when it has passed.
    pub time_left: Option<Duration>,
    /// What earlier attempts have recorded.
    pub progress: Option<Value>,
}

/// Takes up to `limit` jobs that may start, most urgent first, each with the
/// token and a lease. Commits.
///
/// Jobs that another backend has ended meanwhile are not among them, and their
/// rows in `job_runs` are taken away.
pub async fn claim_jobs<D: TransactionSource>(
    db: &D,
    request: &ClaimRequest<'_>,
    token: RunToken,
) -> Result<Vec<ClaimedJob>, JobError> {
    claim_jobs_with(db, request, token, RetryPolicy::default()).await
}

/// [`claim_jobs`], tried as often as the policy says.
pub(crate) async fn claim_jobs_with<D: TransactionSource>(
    db: &D,
    request: &ClaimRequest<'_>,
    token: RunToken,
    policy: RetryPolicy,
) -> Result<Vec<ClaimedJob>, JobError> {
    if request.kinds.is_empty() || request.limit == 0 {
        return Ok(Vec::new());
    }
    with_retrying_transaction(db, "claim jobs", policy, |txn| {
        Box::pin(claim_in_txn(txn, request, token))
    })
    .await
}

async fn claim_in_txn(
    txn: &mut Transaction<'_>,
    request: &ClaimRequest<'_>,
    token: RunToken,
) -> Result<Vec<ClaimedJob>, JobError> {
    let backend = txn.get_database_backend();
    let mut due = due(txn, request.kinds).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    // SQLite takes 500; the most urgent of very many.
    due.sort_by_key(Due::priority);
    due.truncate(MAX_DUE);
    let candidates = candidates(backend, request, &due);
    let claim = match request.strategy.on(backend) {
        ClaimStrategy::SkipLocked => {
            skip_locked::restrict(take(backend, request, token), candidates)
        }
        ClaimStrategy::Portable => {
            portable::restrict(take(backend, request, token), candidates, backend)
        }
    };
    let start = Start {
        from: JobStatus::Pending,
        skips_locked: request.strategy.on(backend) == ClaimStrategy::SkipLocked,
    };
    start_claimed(txn, &claim, token, start).await
}

/// Takes one job by its key: one that may start, or whose lease has ended. A
/// pending job that another backend has stored, without a row in `job_runs`,
/// gets one. Commits.
///
/// # Errors
///
/// [`JobError::NotClaimable`] says why it can't be had.
pub async fn claim_job<D: TransactionSource>(
    db: &D,
    id: JobId,
    request: &ClaimRequest<'_>,
    token: RunToken,
) -> Result<ClaimedJob, JobError> {
    with_retrying_transaction(db, "claim job", RetryPolicy::default(), |txn| {
        Box::pin(claim_job_in_txn(txn, id, request, token))
    })
    .await
}

/// [`claim_job`] in the caller's transaction.
pub async fn claim_job_in_txn(
    txn: &mut Transaction<'_>,
    id: JobId,
    request: &ClaimRequest<'_>,
    token: RunToken,
) -> Result<ClaimedJob, JobError> {
    let backend = txn.get_database_backend();
    let is_it = Expr::col(job_runs::Column::JobId).eq(id.as_uuid());
    let mut waiting = take(backend, request, token);
    waiting.and_where(is_it.clone()).and_where(is_free(backend));
    let from = |from| Start {
        from,
        skips_locked: false,
    };
    let pending = from(JobStatus::Pending);
    if let Some(claimed) = start_claimed(txn, &waiting, token, pending).await?.pop() {
        return Ok(claimed);
    }
    let mut expired = take(backend, request, token);
    expired
        .and_where(is_it)
        .and_where(Expr::col(job_runs::Column::LeaseExpiresAt).lt(sql::now(backend)))
        // The last attempt was the last; a worker's poll fails the job.
        .and_where(
            Expr::col(job_runs::Column::Attempts).lt(Expr::col(job_runs::Column::MaxAttempts)),
        );
    let running = from(JobStatus::Running);
    if let Some(claimed) = start_claimed(txn, &expired, token, running).await?.pop() {
        return Ok(claimed);
    }
    let job = existing_job(txn, id).await?;
    let run: Option<Option<Uuid>> = job_runs::Entity::find_by_id(id.as_uuid())
        .select_only()
        .column(job_runs::Column::RunToken)
        .into_tuple()
        .one(txn)
        .await?;
    if run.is_none() && job.status == JobStatus::Pending {
        insert_missing_run(txn, &job).await?;
        if let Some(claimed) = start_claimed(txn, &waiting, token, pending).await?.pop() {
            return Ok(claimed);
        }
    }
    let reason = match run {
        _ if job.status.is_final() => "it has ended",
        None => "another backend runs it; `outreach jobs doctor` tells more",
        Some(Some(_)) => "another worker has it",
        Some(None) => "it starts later",
    };
    Err(JobError::NotClaimable { id, reason })
}

/// Sends the claim, and moves to running what it took.
async fn start_claimed(
    txn: &mut Transaction<'_>,
    claim: &UpdateStatement,
    token: RunToken,
    start: Start,
) -> Result<Vec<ClaimedJob>, JobError> {
    let rows = txn.query_all(claim).await?;
    let mut rows = rows
        .iter()
        .map(Taken::read)
        .collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut started = start.start(txn, &rows).await?;
    // The order of the claim; RETURNING has none.
    rows.sort_by(|one, other| {
        let start = |run: &Taken| run.run_order.unwrap_or(f64::NEG_INFINITY);
        (one.priority.cmp(&other.priority))
            .then(start(one).total_cmp(&start(other)))
            .then(one.job.cmp(&other.job))
    });
    let mut claimed = Vec::with_capacity(rows.len());
    let mut not_started = Vec::new();
    for run in rows {
        match started.remove(&run.job) {
            Some(Ok(params)) => claimed.push(run.claimed(token, params)?),
            Some(Err(error)) => {
                let run = Run {
                    job: JobId::from_uuid(run.job),
                    token,
                };
                let reason = format!("its parameters cannot be read: {error}");
                fail_job_in_txn(txn, run, &reason, None).await?;
            }
            None => not_started.push(run.job),
        }
    }
    if !not_started.is_empty() {
        start.give_back(txn, not_started).await?;
    }
    Ok(claimed)
}

/// The rows that a claim may take, in its order: for each kind and priority a
/// walk over its part of the index, so that other jobs are not passed by.
fn candidates(backend: DbBackend, request: &ClaimRequest<'_>, due: &[Due<'_>]) -> SelectStatement {
    let limit = u64::from(request.limit);
    let mut arms = due.iter().enumerate().map(|(number, due)| {
        let mut arm = Query::select()
            .columns([
                job_runs::Column::JobId,
                job_runs::Column::Priority,
                job_runs::Column::RunAt,
            ])
            .from(job_runs::Entity)
            .and_where(due.condition())
            .and_where(is_free(backend))
            .order_by(job_runs::Column::Priority, Order::Asc)
            .order_by(job_runs::Column::RunAt, Order::Asc)
            .order_by(job_runs::Column::JobId, Order::Asc)
            .limit(limit)
            .take();
        if request.strategy.on(backend) == ClaimStrategy::SkipLocked {
            skip_locked::lock(&mut arm);
        }
        Query::select()
            .columns([
                job_runs::Column::JobId,
                job_runs::Column::Priority,
                job_runs::Column::RunAt,
            ])
            .from_subquery(arm, Alias::new(format!("due_{number}")))
            .take()
    });
    let mut all = arms.next().unwrap_or_default();
    for arm in arms {
        all.union(UnionType::All, arm);
    }
    Query::select()
        .column(job_runs::Column::JobId)
        .from_subquery(all, Alias::new("candidates"))
        .order_by(job_runs::Column::Priority, Order::Asc)
        .order_by(job_runs::Column::RunAt, Order::Asc)
        .order_by(job_runs::Column::JobId, Order::Asc)
        .limit(limit)
        .take()
}

/// Nobody has it, and its start has come.
fn is_free(backend: DbBackend) -> SimpleExpr {
    Expr::col(job_runs::Column::RunToken)
        .is_null()
        .and(Expr::col(job_runs::Column::RunAt).lte(sql::now(backend)))
}

/// The UPDATE that gives rows to the worker, without its condition.
fn take(backend: DbBackend, request: &ClaimRequest<'_>, token: RunToken) -> UpdateStatement {
    Query::update()
        .table(job_runs::Entity)
        .value(job_runs::Column::RunToken, token.as_uuid())
        .value(job_runs::Column::Owner, request.owner)
        .value(
            job_runs::Column::Attempts,
            Expr::col(job_runs::Column::Attempts).add(1),
        )
        .value(
            job_runs::Column::LeaseExpiresAt,
            sql::now_plus(backend, request.lease),
        )
        .value(job_runs::Column::DeadlineAt, deadline(backend))
        .returning(returned(backend))
        .take()
}

/// Set by the first attempt.
fn deadline(backend: DbBackend) -> SimpleExpr {
    let known = Expr::col(job_runs::Column::DeadlineAt).is_not_null();
    CaseStatement::new()
        .case(known, Expr::col(job_runs::Column::DeadlineAt))
        .finally(sql::now_plus_column(backend, "time_limit_seconds"))
        .into()
}

fn returned(backend: DbBackend) -> ReturningClause {
    let column = |column: job_runs::Column| Expr::col(column);
    Query::returning().exprs([
        column(job_runs::Column::JobId),
        column(job_runs::Column::JobType),
        column(job_runs::Column::Priority),
        sql::sortable(backend, "run_at", "run_order"),
        column(job_runs::Column::Attempts),
        column(job_runs::Column::MaxAttempts),
        column(job_runs::Column::Progress),
        sql::seconds_until(backend, "deadline_at", "seconds_left"),
    ])
}

/// A row as the claim returned it.
struct Taken {
    job: Uuid,
    kind: String,
    priority: i16,
    /// The start, as a number: not every time that a database holds is one of
    /// chrono's.
    run_order: Option<f64>,
    attempts: i32,
    max_attempts: i32,
    progress: Option<Value>,
    seconds_left: Option<f64>,
}

impl Taken {
    fn read(row: &QueryResult) -> Result<Self, sea_orm::DbErr> {
        Ok(Self {
            job: row.try_get("", "job_id")?,
            kind: row.try_get("", "job_type")?,
            priority: row.try_get("", "priority")?,
            run_order: row.try_get("", "run_order")?,
            attempts: row.try_get("", "attempts")?,
            max_attempts: row.try_get("", "max_attempts")?,
            progress: row.try_get("", "progress")?,
            seconds_left: row.try_get("", "seconds_left")?,
        })
    }

    fn claimed(self, token: RunToken, params: Option<Value>) -> Result<ClaimedJob, JobError> {
        let kind = JobKind::parse(&self.kind).ok_or_else(|| {
            crate::InconsistentRow::new("job_runs", "job_type", self.job, &self.kind)
        })?;
        Ok(ClaimedJob {
            run: Run {
                job: JobId::from_uuid(self.job),
                token,
            },
            kind,
            params,
            attempt: u32::try_from(self.attempts).unwrap_or(1),
            max_attempts: u32::try_from(self.max_attempts).unwrap_or(1),
            time_left: self
                .seconds_left
                .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
            progress: self.progress,
        })
    }
}
