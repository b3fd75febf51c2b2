//! What may start now, without a walk over what may not.
//!
//! The index of the waiting rows has the priority before the start, so that a
//! claim walks it in its own order. Jobs that are urgent and start later, or
//! wait for another attempt, come first in it: a walk would pass all of them,
//! at each claim and each poll of an idle worker. So the priorities are asked
//! for first, one step down the index for each, and then the rows of each
//! priority, up to now.

use std::fmt::Write as _;

use outreach_domain::JobKind;
use outreach_entity::job_runs;
use sea_orm::{
    ConnectionTrait, DbBackend, Statement,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

use crate::{jobs::JobError, sql};

/// Priorities of a kind that are told apart; those after them are walked over
/// together.
const MAX_PRIORITIES: usize = 16;

/// What is there to do, as far as a look tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingWork {
    /// A job may start.
    pub claimable: bool,
    /// A lease has ended.
    pub expired: bool,
}

/// Looks whether there is something to claim or to release. One statement that
/// reads, so that an idle worker writes nothing.
pub async fn waiting_work<C: ConnectionTrait>(
    db: &C,
    kinds: &[JobKind],
) -> Result<WaitingWork, JobError> {
    let mut work = WaitingWork::default();
    for row in db
        .query_all_raw(statement(db.get_database_backend(), kinds, true))
        .await?
    {
        match row.try_get::<Option<i32>>("", "kind")? {
            Some(_) => work.claimable = true,
            None => work.expired = true,
        }
    }
    Ok(work)
}

/// Jobs of a kind with a priority that may start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due<'a> {
    kind: &'a JobKind,
    priority: i16,
    /// All that are less urgent than this priority, in place of those that have
    /// it.
    is_rest: bool,
}

/// Where there are jobs that may start now.
pub(super) async fn due<'a, C: ConnectionTrait>(
    db: &C,
    kinds: &'a [JobKind],
) -> Result<Vec<Due<'a>>, JobError> {
    let rows = db
        .query_all_raw(statement(db.get_database_backend(), kinds, false))
        .await?;
    rows.iter()
        .map(|row| {
            let kind = row.try_get::<i32>("", "kind")?;
            let kind = usize::try_from(kind).ok().and_then(|kind| kinds.get(kind));
            Ok(Due {
                kind: kind.ok_or_else(|| sea_orm::DbErr::Custom("no such kind".to_owned()))?,
                priority: row.try_get("", "priority")?,
                is_rest: row.try_get::<i32>("", "is_rest")? == 1,
            })
        })
        .collect()
}

impl Due<'_> {
    /// The smallest, if it is several.
    pub(super) fn priority(&self) -> i16 {
        self.priority
    }

    /// Of a row of `job_runs`, beside that it is free.
    pub(super) fn condition(&self) -> SimpleExpr {
        let priority = Expr::col(job_runs::Column::Priority);
        let is_it = if self.is_rest {
            priority.gt(self.priority)
        } else {
            priority.eq(self.priority)
        };
        Expr::col(job_runs::Column::JobType)
            .eq(self.kind.as_str())
            .and(is_it)
    }
}

/// A row for each priority with jobs that may start now, and one without a kind
/// if a lease has ended and that is asked for.
///
/// Each look is for the first row by the index. EXISTS would drop the order, and
/// read the table until it meets a row by chance.
fn statement(backend: DbBackend, kinds: &[JobKind], with_expired: bool) -> Statement {
    let now = sql::now_text(backend);
    let mark = match backend {
        DbBackend::Sqlite => '?',
        _ => '$',
    };
    let mut with = String::new();
    let mut looks = Vec::new();
    for number in 0..kinds.len() {
        let free = format!("job_type = {mark}{} AND run_token IS NULL", number + 1);
        let word = if number == 0 { "WITH RECURSIVE " } else { ", " };
        let _ = write!(
            with,
            "{word}priorities_{number}(priority, place) AS (\
             SELECT (SELECT priority FROM job_runs WHERE {free} \
             ORDER BY priority, run_at, job_id LIMIT 1), 1 \
             UNION ALL \
             SELECT (SELECT job_runs.priority FROM job_runs \
             WHERE {free} AND job_runs.priority > p.priority \
             ORDER BY job_runs.priority, run_at, job_id LIMIT 1), p.place + 1 \
             FROM priorities_{number} AS p \
             WHERE p.priority IS NOT NULL AND p.place < {MAX_PRIORITIES})"
        );
        for (is_rest, sign, which) in [
            (0, "=", String::new()),
            (1, ">", format!(" AND p.place = {MAX_PRIORITIES}")),
        ] {
            looks.push(format!(
                "SELECT {number} AS kind, p.priority AS priority, {is_rest} AS is_rest \
                 FROM priorities_{number} AS p WHERE p.priority IS NOT NULL{which} AND \
                 (SELECT 1 FROM job_runs WHERE {free} AND job_runs.priority {sign} p.priority \
                 AND run_at <= {now} ORDER BY job_runs.priority, run_at, job_id LIMIT 1) = 1"
            ));
        }
    }
    if with_expired {
        looks.push(format!(
            "SELECT CAST(NULL AS integer) AS kind, NULL, NULL WHERE (SELECT 1 FROM job_runs \
             WHERE lease_expires_at < {now} ORDER BY lease_expires_at LIMIT 1) = 1"
        ));
    }
    let sql = format!("{with} {}", looks.join(" UNION ALL "));
    let kinds = kinds.iter().map(|kind| kind.as_str().into());
    Statement::from_sql_and_values(backend, sql, kinds)
}
