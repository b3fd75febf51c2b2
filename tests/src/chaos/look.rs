//! What the database says of the workers, asked past the proxy.

use std::{collections::HashSet, path::Path, time::Duration};

use anyhow::{Context, bail};
use outreach_domain::JobStatus;
use outreach_entity::{job_runs, jobs};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Statement, Value,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    journal::{self, Event},
    team::NAME,
};

/// Between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A claimed job, and the worker that has it.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) job: Uuid,
    pub(crate) owner: String,
}

/// All jobs that workers have at this moment.
pub(crate) async fn holdings(db: &DatabaseConnection) -> anyhow::Result<Vec<Holding>> {
    let rows: Vec<(Uuid, Option<String>)> = job_runs::Entity::find()
        .select_only()
        .columns([job_runs::Column::JobId, job_runs::Column::Owner])
        .filter(job_runs::Column::RunToken.is_not_null())
        .order_by_asc(job_runs::Column::JobId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(job, owner)| Holding {
            job,
            owner: owner.unwrap_or_default(),
        })
        .collect())
}

impl Holding {
    /// Whether the process of this name has the job.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.owner
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(':'))
    }
}

/// The most jobs that one worker has.
pub(crate) fn most_of_one(holdings: &[Holding]) -> u64 {
    let of = |owner: &str| holdings.iter().filter(|h| h.owner == owner).count();
    let most = holdings.iter().map(|holding| of(&holding.owner)).max();
    most.unwrap_or_default() as u64
}

/// Jobs that have not ended, in the order of their keys.
pub(crate) async fn active_jobs(db: &DatabaseConnection) -> anyhow::Result<Vec<Uuid>> {
    Ok(active()
        .select_only()
        .column(jobs::Column::Id)
        .order_by_asc(jobs::Column::Id)
        .into_tuple()
        .all(db)
        .await?)
}

fn active() -> sea_orm::Select<jobs::Entity> {
    jobs::Entity::find().filter(
        jobs::Column::Status.is_in([JobStatus::Pending.as_str(), JobStatus::Running.as_str()]),
    )
}

/// Waits until all jobs have ended. False when they have not within the limit.
pub(crate) async fn all_ended(db: &DatabaseConnection, limit: Duration) -> anyhow::Result<bool> {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if active().count(db).await? == 0 {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY * 4).await;
    }
    Ok(false)
}

/// Ends a backend of a worker. Returns the name of the worker, when the backend
/// was there; `choose` chooses among so many.
pub(crate) async fn terminate_one(
    db: &DatabaseConnection,
    choose: impl FnOnce(&[(i32, String)]) -> Option<usize>,
) -> anyhow::Result<Option<String>> {
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pid, application_name::text AS name FROM pg_stat_activity \
             WHERE datname = current_database() AND starts_with(application_name, $1) \
             ORDER BY pid",
            [NAME.into()],
        ))
        .await?;
    let backends = rows
        .iter()
        .map(|row| Ok((row.try_get("", "pid")?, row.try_get("", "name")?)))
        .collect::<Result<Vec<(i32, String)>, sea_orm::DbErr>>()?;
    let Some((pid, name)) = choose(&backends).and_then(|index| backends.get(index)) else {
        return Ok(None);
    };
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_terminate_backend($1) AS ended",
            [Value::from(*pid)],
        ))
        .await?
        .context("a function has a result")?;
    let ended: bool = row.try_get("", "ended")?;
    Ok(ended.then(|| name.clone()))
}

/// Waits until each of the workers has asked the database something after this
/// call, and none is waiting for a database that it takes to be away.
pub(crate) async fn none_is_away(
    db: &DatabaseConnection,
    folder: &Path,
    names: &[String],
    limit: Duration,
) -> anyhow::Result<()> {
    let since = database_time(db).await?;
    let until = Instant::now() + limit;
    let mut here = HashSet::new();
    while Instant::now() < until {
        let rows = db
            .query_all_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT DISTINCT application_name::text AS name FROM pg_stat_activity \
                 WHERE datname = current_database() \
                 AND query_start > CAST(CAST($1 AS text) AS timestamptz)",
                [since.clone().into()],
            ))
            .await?;
        for row in rows {
            here.insert(row.try_get::<String>("", "name")?);
        }
        if names.iter().all(|name| here.contains(name)) {
            let away = away(&journal::read(&folder.join(journal::EVENTS))?);
            if !names.iter().any(|name| away.contains(name)) {
                return Ok(());
            }
        }
        // The journal is long, and the workers want the processors.
        tokio::time::sleep(LOOK_EVERY * 20).await;
    }
    bail!("not all of {names:?} have reached the database within {limit:?}")
}

/// The workers that have told last that they can't reach the database.
fn away(events: &[Event]) -> HashSet<String> {
    let mut away = HashSet::new();
    for event in events {
        match event.event.as_str() {
            "unreachable" => {
                away.insert(event.worker.clone());
            }
            "reachable" => {
                away.remove(&event.worker);
            }
            _ => {}
        }
    }
    away
}

async fn database_time(db: &DatabaseConnection) -> anyhow::Result<String> {
    let row = db
        .query_one_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT statement_timestamp()::text AS now",
        ))
        .await?
        .context("a function has a result")?;
    Ok(row.try_get("", "now")?)
}
