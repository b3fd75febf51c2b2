//! The second half of a claim: of the rows that it took in `job_runs`, the jobs
//! that may start become running, and the others are given back.

use std::{collections::HashMap, time::Duration};

use outreach_domain::JobStatus;
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    prelude::DateTimeWithTimeZone,
    sea_query::{CaseStatement, Expr, ExprTrait, Func, LockBehavior, LockType, Query, SimpleExpr},
};
use serde_json::Value;
use uuid::Uuid;

use super::Taken;
use crate::{
    jobs::{JobError, retry::give_back},
    sql,
    transaction::Transaction,
};

/// How long a job is passed by whose row was locked.
const LOCKED_DELAY: Duration = Duration::from_secs(1);

/// The time limit counts from the first attempt, which this was not if there
/// has been none.
fn deadline_before() -> SimpleExpr {
    let is_first = Expr::col(job_runs::Column::Attempts).lte(1);
    CaseStatement::new()
        .case(is_first, Expr::val(Option::<DateTimeWithTimeZone>::None))
        .finally(Expr::col(job_runs::Column::DeadlineAt))
        .into()
}

/// Moves jobs that were claimed to running.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// A job of which another backend says that it runs is not taken from it:
    /// only one whose lease has ended may be running.
    pub(super) from: JobStatus,
    /// Passes by jobs whose rows others have locked, so that none of them keeps
    /// the others from starting.
    pub(super) skips_locked: bool,
}

impl Start {
    /// The jobs that were started, with their parameters as far as they can be
    /// read. The word is compared in small letters, because old rows mix them.
    pub(super) async fn start(
        self,
        txn: &mut Transaction<'_>,
        taken: &[Taken],
    ) -> Result<HashMap<Uuid, Result<Option<Value>, DbErr>>, JobError> {
        let backend = txn.get_database_backend();
        let is_taken = sql::is_one_of(backend, jobs::Column::Id, taken.iter().map(|run| run.job));
        let is_taken = if self.skips_locked {
            let mut free = Query::select()
                .column(jobs::Column::Id)
                .from(jobs::Entity)
                .and_where(is_taken)
                .take();
            free.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
            sql::is_any_of_query(Expr::col(jobs::Column::Id), free)
        } else {
            is_taken
        };
        let update = Query::update()
            .table(jobs::Entity)
            .value(jobs::Column::Status, JobStatus::Running.as_str())
            .value(jobs::Column::UpdatedAt, sql::now(backend))
            .and_where(is_taken)
            .and_where(self.has_status())
            .returning(Query::returning().columns([jobs::Column::Id, jobs::Column::Params]))
            .to_owned();
        let mut started = HashMap::with_capacity(taken.len());
        for row in txn.query_all(&update).await? {
            // PostgreSQL stores JSON that nobody else can read.
            started.insert(row.try_get("", "id")?, row.try_get("", "params"));
        }
        Ok(started)
    }

    /// Takes the rows of jobs away that another backend runs, or has ended, and
    /// lets those wait that it has locked.
    pub(super) async fn give_back(
        self,
        txn: &mut Transaction<'_>,
        not_started: Vec<Uuid>,
    ) -> Result<(), JobError> {
        let backend = txn.get_database_backend();
        let locked: Vec<Uuid> = if self.skips_locked {
            jobs::Entity::find()
                .select_only()
                .column(jobs::Column::Id)
                .filter(sql::is_one_of(
                    backend,
                    jobs::Column::Id,
                    not_started.iter().copied(),
                ))
                .filter(self.has_status())
                .into_tuple()
                .all(txn)
                .await?
        } else {
            Vec::new()
        };
        let gone: Vec<Uuid> = not_started
            .into_iter()
            .filter(|job| !locked.contains(job))
            .collect();
        if !locked.is_empty() {
            tracing::debug!(jobs = locked.len(), "jobs are locked by others");
            let mut update = give_back();
            update
                .value(
                    job_runs::Column::Attempts,
                    Expr::col(job_runs::Column::Attempts).sub(1),
                )
                .value(
                    job_runs::Column::RunAt,
                    sql::now_plus(backend, LOCKED_DELAY),
                )
                .value(job_runs::Column::DeadlineAt, deadline_before())
                .and_where(sql::is_one_of(backend, job_runs::Column::JobId, locked));
            txn.execute(&update).await?;
        }
        if !gone.is_empty() {
            tracing::warn!(
                jobs = gone.len(),
                "jobs were begun or ended by another backend"
            );
            job_runs::Entity::delete_many()
                .filter(job_runs::Column::JobId.is_in(gone))
                .exec(txn)
                .await?;
        }
        Ok(())
    }

    fn has_status(self) -> SimpleExpr {
        Expr::expr(Func::lower(Expr::col(jobs::Column::Status))).eq(self.from.as_str())
    }
}
