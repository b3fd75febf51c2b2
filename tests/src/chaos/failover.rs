//! A standby takes over while jobs run: what the primary had confirmed is there,
//! and nothing is done twice.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use anyhow::bail;
use outreach_domain::JobStatus;
use outreach_entity::jobs;
use outreach_service::connect::{DatabaseOptions, connect};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::{
    evidence::{Damage, Evidence},
    look::{LOOK_EVERY, all_ended, holdings},
    run::{
        CONCURRENCY, LEASE, LONGEST_DELAY, LONGEST_REST, POLL, SEARCHES, WORKERS, chaos_database,
        longest_recovery,
    },
    team::Team,
    verdict::{Limits, Verdict, judge},
    work::{ChaosJob, keys},
    worker::{Strategy, WorkerSettings},
};
use crate::{PostgresServer, Proxy};

const JOBS: u32 = 200;

/// How many have completed when the primary goes.
const COMPLETED_BEFORE: u64 = 50;

/// What came of a failover.
#[derive(Debug)]
pub(crate) struct Failover {
    pub(crate) jobs: u32,
    /// As the primary had confirmed.
    pub(crate) completed_before: usize,
    pub(crate) verdict: Verdict,
    /// From the end of the primary until workers were sent to the standby.
    pub(crate) outage: Duration,
}

/// Stops the primary hard while 200 jobs run, promotes its synchronous standby,
/// and sends the workers there.
///
/// # Errors
///
/// When a server does not come up, or the workers do not get to work.
pub(crate) async fn fail_over(parent: &Path, strategy: Strategy) -> anyhow::Result<Failover> {
    let folder = parent.join(format!("failover-{strategy}"));
    fs::create_dir_all(&folder)?;
    let primary = PostgresServer::start().await?;
    let database = chaos_database(&primary).await?;
    let db = connect(&DatabaseOptions::new(database.url())?).await?;
    for number in 1..=JOBS {
        ChaosJob(number).enqueue(&db).await?;
    }
    let standby = primary.start_synchronous_standby().await?;
    let proxy = Proxy::start(database.url()).await?;
    let workers = WorkerSettings {
        url: proxy.url(database.url())?,
        folder: folder.clone(),
        strategy,
        lease: LEASE,
        poll: POLL,
        concurrency: CONCURRENCY,
        searches: SEARCHES,
        longest_delay: LONGEST_DELAY,
        fenced: true,
        seed: 1,
    };
    let team = Team::start(workers, WORKERS).await?;
    let confirmed = wait_for_completed(&db).await?;
    let damage = Damage {
        attempts_hit: holdings(&db).await?.len() as u64,
        ..Damage::default()
    };
    let began = Instant::now();
    primary.stop_immediate()?;
    standby.promote()?;
    let name = Url::parse(database.url())?;
    let url = standby.url(name.path().trim_start_matches('/'));
    proxy.set_upstream(&url)?;
    proxy.sever_all().await;
    let outage = began.elapsed();

    let db = connect(&DatabaseOptions::new(&url)?).await?;
    all_ended(&db, LONGEST_REST * 2).await?;
    team.end().await?;
    let evidence = Evidence::gather(&db, &folder, keys(JOBS), damage).await?;
    let limits = Limits {
        searches: SEARCHES as u64,
        recovery: longest_recovery(),
    };
    let mut verdict = judge(&evidence, limits);
    let completed = completed(&db).await?;
    for lost in confirmed.difference(&completed) {
        verdict
            .broken
            .push(format!("job {lost} had completed before the failover"));
    }
    Ok(Failover {
        jobs: JOBS,
        completed_before: confirmed.len(),
        verdict,
        outage,
    })
}

async fn wait_for_completed(db: &DatabaseConnection) -> anyhow::Result<BTreeSet<Uuid>> {
    let until = Instant::now() + LONGEST_REST;
    while Instant::now() < until {
        if is_completed().count(db).await? >= COMPLETED_BEFORE {
            return completed(db).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("{COMPLETED_BEFORE} jobs have not completed within {LONGEST_REST:?}")
}

fn is_completed() -> sea_orm::Select<jobs::Entity> {
    jobs::Entity::find().filter(jobs::Column::Status.eq(JobStatus::Completed.as_str()))
}

async fn completed(db: &DatabaseConnection) -> anyhow::Result<BTreeSet<Uuid>> {
    let rows = is_completed().all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
