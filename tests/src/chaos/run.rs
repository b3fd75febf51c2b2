//! One run: a database, its workers, jobs, faults, and the verdict.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use outreach_service::connect::{DatabaseOptions, connect};
use tokio::time::Instant;

use super::{
    evidence::{Damage, Evidence},
    faults::{Harming, Scene},
    look::all_ended,
    schedule::{Harms, Schedule},
    team::Team,
    verdict::{Limits, Verdict, judge},
    work::{Supply, keys},
    worker::{Strategy, WorkerSettings},
};
use crate::{PostgresServer, Proxy, TestDb};

/// Worker processes of a run.
pub(crate) const WORKERS: usize = 4;

/// Jobs of a worker at the same time. Together the workers have room for more than
/// twice [`ACTIVE_JOBS`], so that the jobs of a dead one find a place at once.
pub(crate) const CONCURRENCY: u32 = 4;

/// Jobs that are active at the same time.
const ACTIVE_JOBS: u64 = 7;

/// Searches of a job at the same time.
pub(crate) const SEARCHES: usize = 3;

/// The longest time that a search takes.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_millis(250);

pub(crate) const LEASE: Duration = Duration::from_secs(1);

pub(crate) const POLL: Duration = Duration::from_millis(100);

/// What a recovery may take beyond the lease and the poll, on a machine that has
/// other things to do: two runs and a compiler on two cores took 770 ms.
const SLACK: Duration = Duration::from_millis(1_500);

/// How long the last jobs may take after the last fault.
pub(crate) const LONGEST_REST: Duration = Duration::from_mins(1);

/// Which run to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunSettings {
    pub(crate) seed: u64,
    pub(crate) faults: u64,
    pub(crate) strategy: Strategy,
    pub(crate) harms: Harms,
    pub(crate) fenced: bool,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct RunReport {
    pub(crate) settings: RunSettings,
    pub(crate) happened: BTreeMap<&'static str, u64>,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
    /// The journals, the workers' logs and the server's.
    pub(crate) folder: PathBuf,
}

/// The longest time that the jobs of a killed worker wait: the lease, a poll with
/// the quarter that chance adds, and a slack for the machine.
pub(crate) fn longest_recovery() -> Duration {
    LEASE + POLL.mul_f64(1.25) + SLACK
}

/// Makes a run in a new database of the server. What it leaves is in a folder of
/// its own below `parent`.
///
/// # Errors
///
/// When the run itself could not be made; what a verdict has against it is no
/// error.
pub(crate) async fn run(
    server: &PostgresServer,
    parent: &Path,
    settings: RunSettings,
) -> anyhow::Result<RunReport> {
    let folder = parent.join(name(&settings));
    fs::create_dir_all(&folder)?;
    let made = make(server, &folder, settings).await;
    fs::write(folder.join("server.log"), server.log())?;
    made.with_context(|| format!("the run {} broke off", name(&settings)))
}

fn name(settings: &RunSettings) -> String {
    let handler = if settings.fenced { "" } else { "unfenced-" };
    format!("{handler}{}-{}", settings.strategy, settings.seed)
}

async fn make(
    server: &PostgresServer,
    folder: &Path,
    settings: RunSettings,
) -> anyhow::Result<RunReport> {
    let database = chaos_database(server).await?;
    let db = connect(&DatabaseOptions::new(database.url())?).await?;
    let proxy = Proxy::start(database.url()).await?;
    let workers = WorkerSettings {
        url: proxy.url(database.url())?,
        folder: folder.to_owned(),
        strategy: settings.strategy,
        lease: LEASE,
        poll: POLL,
        concurrency: CONCURRENCY,
        searches: SEARCHES,
        longest_delay: LONGEST_DELAY,
        fenced: settings.fenced,
        seed: settings.seed,
    };
    let began = Instant::now();
    let supply = Supply::start(&db, ACTIVE_JOBS, u32::MAX);
    let mut harming = Harming {
        scene: Scene {
            server,
            proxy: &proxy,
            db: &db,
            lease: LEASE,
        },
        team: Team::start(workers, WORKERS).await?,
        schedule: Schedule::new(settings.seed, settings.harms),
        damage: Damage::default(),
        happened: BTreeMap::new(),
    };
    harming.harm(settings.faults).await?;
    let Harming {
        team,
        damage,
        happened,
        ..
    } = harming;
    let jobs = supply.end().await?;
    all_ended(&db, LONGEST_REST).await?;
    team.end().await?;
    let evidence = Evidence::gather(&db, folder, keys(jobs), damage).await?;
    let limits = Limits {
        searches: SEARCHES as u64,
        recovery: longest_recovery(),
    };
    Ok(RunReport {
        settings,
        happened,
        verdict: judge(&evidence, limits),
        took: began.elapsed(),
        folder: folder.to_owned(),
    })
}

/// Without the index that would refuse a query that is saved twice, so that
/// nothing but the fence is in its way.
pub(crate) async fn chaos_database(server: &PostgresServer) -> anyhow::Result<TestDb> {
    let database = TestDb::postgres_on(server).await?;
    database
        .sql("drop index uq_discovery_queries_job_id_keyword_location")
        .await?;
    Ok(database)
}
