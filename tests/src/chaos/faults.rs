//! Does to the workers and to their database what the schedule says.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use outreach_domain::JobId;
use outreach_service::jobs::{JobError, cancel_job};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::time::Instant;

use super::{
    evidence::{Damage, Recovery},
    look::{LOOK_EVERY, active_jobs, holdings, most_of_one, none_is_away, terminate_one},
    schedule::{Harm, Schedule},
    team::Team,
};
use crate::{Fault, PostgresServer, Proxy};

/// How long a fault of the proxy may take to find its statement.
const LONGEST_FAULT: Duration = Duration::from_secs(5);

/// How long it may take until a worker holds a job.
const LONGEST_IDLE: Duration = Duration::from_secs(10);

/// What is beside the workers.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) server: &'a PostgresServer,
    pub(crate) proxy: &'a Proxy,
    /// Past the proxy.
    pub(crate) db: &'a DatabaseConnection,
    pub(crate) lease: Duration,
}

/// Makes faults until so many have happened.
#[derive(Debug)]
pub(crate) struct Harming<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) team: Team,
    pub(crate) schedule: Schedule,
    pub(crate) damage: Damage,
    pub(crate) happened: BTreeMap<&'static str, u64>,
}

impl Harming<'_> {
    /// Returns when so many faults have happened and no process is stopped.
    pub(crate) async fn harm(&mut self, faults: u64) -> anyhow::Result<()> {
        while self.happened.values().sum::<u64>() < faults {
            let (wait, harm) = self.schedule.next();
            tokio::time::sleep(wait).await;
            let happened = self
                .make(harm)
                .await
                .with_context(|| format!("while making the fault `{harm}`"))?;
            if happened {
                *self.happened.entry(harm.name()).or_default() += 1;
            }
            self.team.refuse_the_dead()?;
        }
        self.team.all_resumed().await
    }

    /// False when there was nothing to hit.
    async fn make(&mut self, harm: Harm) -> anyhow::Result<bool> {
        match harm {
            Harm::Kill => self.kill().await,
            Harm::MeasuredKill => self.measured_kill().await,
            Harm::Stop => self.stop().await,
            Harm::Terminate => self.terminate().await,
            Harm::Restart => self.restart().await,
            Harm::SwallowCommitReply => self.cut(Fault::SwallowReplyToWrites).await,
            Harm::DropBeforeCommit => self.cut(Fault::DropBeforeCommit).await,
            Harm::DropBeforeStatement { after } => {
                self.cut(Fault::DropBeforeStatement { after }).await
            }
            Harm::Cancel => self.cancel().await,
        }
    }

    /// A running process that has a job at this moment.
    async fn busy_worker(&mut self) -> anyhow::Result<(usize, String)> {
        let until = Instant::now() + LONGEST_IDLE;
        while Instant::now() < until {
            let holdings = holdings(self.scene.db).await?;
            let mut busy = self.team.running();
            busy.retain(|(_, name)| holdings.iter().any(|holding| holding.is_of(name)));
            if let Some(index) = self.schedule.choose(&busy) {
                return Ok(busy.swap_remove(index));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("no worker has had a job for {LONGEST_IDLE:?}")
    }

    async fn kill(&mut self) -> anyhow::Result<bool> {
        let (place, name) = self.busy_worker().await?;
        self.team.kill(place).await?;
        let held = holdings(self.scene.db).await?;
        let hit = held.iter().filter(|holding| holding.is_of(&name)).count();
        self.damage.attempts_hit += hit as u64;
        self.team.replace(place).await?;
        Ok(true)
    }

    async fn measured_kill(&mut self) -> anyhow::Result<bool> {
        self.team.all_resumed().await?;
        let names: Vec<String> = self
            .team
            .running()
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        none_is_away(self.scene.db, self.team.folder(), &names, LONGEST_IDLE).await?;
        let (place, name) = self.busy_worker().await?;
        let killed = Instant::now();
        self.team.kill(place).await?;
        let mut held = holdings(self.scene.db).await?;
        held.retain(|holding| holding.is_of(&name));
        self.damage.attempts_hit += held.len() as u64;
        self.team.replace(place).await?;
        let mut waiting: Vec<_> = held.iter().map(|holding| holding.job).collect();
        while !waiting.is_empty() && killed.elapsed() < LONGEST_IDLE {
            tokio::time::sleep(LOOK_EVERY).await;
            let active = active_jobs(self.scene.db).await?;
            let held = holdings(self.scene.db).await?;
            let is_anothers = |job| held.iter().any(|h| h.job == job && !h.is_of(&name));
            waiting.retain(|job| active.contains(job) && !is_anothers(*job));
        }
        self.damage.recoveries.push(Recovery {
            jobs: held.len(),
            took: killed.elapsed(),
        });
        Ok(!held.is_empty())
    }

    /// One process at a time, so that enough others are there to take its jobs.
    async fn stop(&mut self) -> anyhow::Result<bool> {
        self.team.all_resumed().await?;
        let (place, name) = self.busy_worker().await?;
        let time = self.scene.lease.mul_f64(self.schedule.leases_stopped());
        self.team.stop(place, time)?;
        let held = holdings(self.scene.db).await?;
        let hit = held.iter().filter(|holding| holding.is_of(&name)).count();
        self.damage.attempts_hit += hit as u64;
        Ok(hit > 0)
    }

    async fn terminate(&mut self) -> anyhow::Result<bool> {
        let held = holdings(self.scene.db).await?;
        let schedule = &mut self.schedule;
        let choose = |backends: &[(i32, String)]| schedule.choose(backends);
        let Some(name) = terminate_one(self.scene.db, choose).await? else {
            return Ok(false);
        };
        let hit = held.iter().filter(|holding| holding.is_of(&name)).count();
        self.damage.attempts_hit += hit as u64;
        Ok(true)
    }

    async fn restart(&mut self) -> anyhow::Result<bool> {
        self.damage.attempts_hit += holdings(self.scene.db).await?.len() as u64;
        let server = self.scene.server;
        tokio::task::block_in_place(|| {
            server.stop_immediate()?;
            server.start_again()
        })?;
        // Our own connections went with the server.
        let until = Instant::now() + LONGEST_IDLE;
        while let Err(error) = self.scene.db.execute_unprepared("SELECT 1").await {
            if Instant::now() > until {
                return Err(error.into());
            }
        }
        Ok(true)
    }

    /// Whose connection is cut is not known, so it is taken for that of the
    /// worker that has the most jobs.
    async fn cut(&mut self, fault: Fault) -> anyhow::Result<bool> {
        let proxy = self.scene.proxy;
        let before = proxy.faults_fired();
        let most = most_of_one(&holdings(self.scene.db).await?);
        proxy.set_fault(fault);
        let fired = tokio::time::timeout(LONGEST_FAULT, proxy.wait_for_faults(before + 1)).await;
        let happened = fired.is_ok_and(|fired| fired.is_ok());
        proxy.set_fault(Fault::None);
        let most = most.max(most_of_one(&holdings(self.scene.db).await?));
        self.damage.attempts_hit += u64::from(happened) * most;
        Ok(happened)
    }

    async fn cancel(&mut self) -> anyhow::Result<bool> {
        let active = active_jobs(self.scene.db).await?;
        let Some(index) = self.schedule.choose(&active) else {
            return Ok(false);
        };
        let job = active[index];
        match cancel_job(self.scene.db, JobId::from_uuid(job)).await {
            Ok(()) => {
                self.damage.cancelled.insert(job);
                Ok(true)
            }
            // It has ended meanwhile.
            Err(JobError::Transition { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
