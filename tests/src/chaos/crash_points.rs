//! A worker is killed before each statement of a run, one after the other, and
//! after each COMMIT; another worker finishes the job each time.
//!
//! The points are those that the proxy recorded of a whole run, from the look for
//! work to the job's end. Leases are long here, so that no heartbeat is among
//! them, and end by an UPDATE.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use outreach_domain::excerpt;
use outreach_service::connect::{DatabaseOptions, connect};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::time::Instant;

use super::{
    evidence::{Damage, Evidence},
    look::{LOOK_EVERY, all_ended},
    run::{POLL, chaos_database},
    team::Team,
    verdict::{Limits, judge},
    work::ChaosJob,
    worker::{Strategy, WorkerSettings},
};
use crate::{Fault, PostgresServer, Proxy, TestDb};

/// Five queries, of which two or three reach the limit.
const JOB: ChaosJob = ChaosJob(8);

/// Long enough for no heartbeat.
const LONG_LEASE: Duration = Duration::from_mins(10);

/// How long a point may take.
const LONGEST_POINT: Duration = Duration::from_secs(30);

/// Searches at the same time; one, so that the statements have one order.
const SEARCHES: usize = 1;

/// How often the same point is tried to be reached.
const MOST_TRIES: u32 = 8;

/// When the worker is killed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Moment {
    /// The statement has not reached the server.
    Before,
    /// It was a COMMIT, which is done, and the worker does not know.
    After,
    /// The statement is held, another worker does the job to its end, and then
    /// the statement reaches the server after all. No heartbeat tells its worker
    /// that the job is lost: the fence alone is in its way.
    Overtaken,
}

/// A point, and what came of it.
#[derive(Debug)]
pub(crate) struct CrashPoint {
    /// The number of the statement and its first words.
    pub(crate) name: String,
    /// Each invariant that was broken.
    pub(crate) broken: Vec<String>,
}

/// Kills a worker at each point of a run.
///
/// # Errors
///
/// When a point could not be reached, or the database failed by itself.
pub(crate) async fn crash_everywhere(
    server: &PostgresServer,
    parent: &Path,
    strategy: Strategy,
) -> anyhow::Result<Vec<CrashPoint>> {
    let database = chaos_database(server).await?;
    let db = connect(&DatabaseOptions::new(database.url())?).await?;
    let stage = Stage {
        proxy: Proxy::start(database.url()).await?,
        folder: parent.join(format!("crash-points-{strategy}")),
        strategy,
        database,
        db,
    };
    let (first, statements) = stage.record().await?;
    let mut points = Vec::new();
    for (index, statement) in statements.iter().enumerate().skip(first) {
        let number = index - first + 1;
        for moment in [Moment::Before, Moment::Overtaken] {
            points.push(stage.crash(index, number, moment, statement).await?);
        }
        if statement.starts_with("COMMIT") {
            points.push(stage.crash(index, number, Moment::After, statement).await?);
        }
    }
    Ok(points)
}

struct Stage {
    proxy: Proxy,
    folder: PathBuf,
    strategy: Strategy,
    database: TestDb,
    /// Past the proxy.
    db: DatabaseConnection,
}

impl Stage {
    /// The statements of a whole run from a worker's start on, and the index of
    /// the look that found the job.
    async fn record(&self) -> anyhow::Result<(usize, Vec<String>)> {
        self.prepare().await?;
        let team = self.team(&self.folder.join("recorded")).await?;
        if !all_ended(&self.db, LONGEST_POINT).await? {
            bail!("the job that was to be recorded has not ended");
        }
        team.end().await?;
        let statements = self.proxy.statements();
        let first = statements
            .iter()
            .position(|sql| sql.starts_with("WITH RECURSIVE priorities_0"))
            .context("a run begins with a look for work")?;
        // What comes after it is the worker's next look.
        let last = statements
            .iter()
            .enumerate()
            .skip(first)
            .rev()
            .filter(|(_, sql)| sql.starts_with("UPDATE \"jobs\""))
            .find_map(|(index, _)| {
                let rest = &statements[index..];
                rest.iter()
                    .position(|sql| sql.starts_with("COMMIT"))
                    .map(|n| index + n)
            })
            .context("a run ends with a commit")?;
        Ok((first, statements[..=last].to_vec()))
    }

    async fn crash(
        &self,
        index: usize,
        number: usize,
        moment: Moment,
        statement: &str,
    ) -> anyhow::Result<CrashPoint> {
        let folder = self.folder.join(format!("{number:02}-{moment:?}"));
        let (held, broken) = self
            .crash_at(index, moment, statement, &folder)
            .await
            .with_context(|| format!("at the crash point {number}, `{statement}`"))?;
        let words = excerpt(&held, 50);
        let name = match moment {
            Moment::Before => format!("{number:02} before {words}"),
            Moment::After => format!("{number:02} after {words}"),
            Moment::Overtaken => format!("{number:02} overtaken {words}"),
        };
        Ok(CrashPoint { name, broken })
    }

    /// Returns the statement that was held, and what was broken.
    async fn crash_at(
        &self,
        index: usize,
        moment: Moment,
        statement: &str,
        folder: &Path,
    ) -> anyhow::Result<(String, Vec<String>)> {
        let (mut team, held) = self.hold(index, statement, folder).await?;
        if moment == Moment::After && held.starts_with("COMMIT") {
            let fired = self.proxy.faults_fired();
            self.proxy.set_fault(Fault::SwallowCommitReply);
            self.proxy.wait_for_faults(fired + 1).await?;
            // It asks what became of the COMMIT, and is not to go on.
            self.proxy.set_fault(Fault::Stall);
        }
        if moment == Moment::Overtaken {
            self.overtake(&mut team).await?;
        } else {
            team.kill(0).await?;
            self.proxy.set_fault(Fault::None);
            team.replace(0).await?;
        }
        self.until_ended().await?;
        team.end().await?;
        let damage = Damage {
            attempts_hit: 1,
            ..Damage::default()
        };
        let enqueued = BTreeSet::from([JOB.id().as_uuid()]);
        let evidence = Evidence::gather(&self.db, folder, enqueued, damage).await?;
        let limits = Limits {
            searches: SEARCHES as u64,
            recovery: Duration::ZERO,
        };
        Ok((held, judge(&evidence, limits).broken))
    }

    /// Lets another worker do the job, and then the held one go on. A transaction
    /// of the held one that has proved its run has the row locked; then nobody
    /// can overtake it, and it goes on at once.
    async fn overtake(&self, team: &mut Team) -> anyhow::Result<()> {
        let free = self
            .database
            .sql("select 1 from job_runs for update skip locked")
            .await?;
        team.add().await?;
        if !free.is_empty() {
            self.end_leases().await?;
            all_ended(&self.db, LONGEST_POINT).await?;
        }
        self.proxy.set_fault(Fault::None);
        Ok(())
    }

    /// Ends the leases of the first worker that nobody has locked.
    async fn end_leases(&self) -> anyhow::Result<()> {
        self.db
            .execute_unprepared(
                "UPDATE job_runs SET lease_expires_at = statement_timestamp() - interval '1 s' \
                 WHERE job_id IN (SELECT job_id FROM job_runs \
                 WHERE owner LIKE 'chaos-w0p1:%' FOR UPDATE SKIP LOCKED)",
            )
            .await?;
        Ok(())
    }

    /// A worker that is held before the statement. The pool may ask a connection
    /// once more or less whether it is free, which moves the numbers; then the
    /// same is tried again, and at last what is there is taken.
    async fn hold(
        &self,
        index: usize,
        statement: &str,
        folder: &Path,
    ) -> anyhow::Result<(Team, String)> {
        let mut tries = 0;
        loop {
            tries += 1;
            // Without the journals of the try before.
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            self.prepare().await?;
            let fired = self.proxy.faults_fired();
            self.proxy.set_fault(Fault::HoldBeforeStatement {
                after: index as u64,
            });
            let mut team = self.team(folder).await?;
            self.proxy.wait_for_faults(fired + 1).await?;
            let held = self.proxy.statements();
            let held = held.get(index).cloned().unwrap_or_default();
            if held == statement || tries == MOST_TRIES {
                return Ok((team, held));
            }
            team.kill(0).await?;
            self.proxy.set_fault(Fault::None);
        }
    }

    /// The transaction of the dead worker may commit after its death, so leases
    /// are ended again and again.
    async fn until_ended(&self) -> anyhow::Result<()> {
        let until = Instant::now() + LONGEST_POINT;
        while !all_ended(&self.db, LOOK_EVERY * 20).await? {
            if Instant::now() > until {
                // Then the verdict says that the job has not ended.
                break;
            }
            self.end_leases().await?;
        }
        Ok(())
    }

    /// The same rows and the same statements each time.
    async fn prepare(&self) -> anyhow::Result<()> {
        self.database
            .sql("truncate jobs, job_runs, discovery_queries, prospects cascade")
            .await?;
        JOB.enqueue(&self.db).await?;
        self.proxy.clear_statements();
        Ok(())
    }

    async fn team(&self, folder: &Path) -> anyhow::Result<Team> {
        fs::create_dir_all(folder)?;
        let settings = WorkerSettings {
            url: self.proxy.url(self.database.url())?,
            folder: folder.to_owned(),
            strategy: self.strategy,
            lease: LONG_LEASE,
            poll: POLL,
            concurrency: 1,
            searches: SEARCHES,
            longest_delay: Duration::ZERO,
            fenced: true,
            seed: 1,
        };
        Team::start(settings, 1).await
    }
}
