//! The loop of a worker: look, claim, run, until it is told to stop.

use std::{sync::Arc, time::Duration};

use outreach_domain::JobId;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    AttemptEnd, Worker, WorkerEvent, WorkerReport, attempt::attempt, handler::describe,
    turns::Turns, wake_up::listen,
};
use crate::jobs::{
    ClaimRequest, JobError, RunToken, claim_jobs, release_expired, release_owned, waiting_work,
};

/// The longest wait between two attempts to reach a database that is away.
const MAX_UNREACHABLE_WAIT: Duration = Duration::from_secs(5);

/// How long jobs that have to be given back may take to do so.
const RELEASE_TIME: Duration = Duration::from_secs(5);

/// When a worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    ShutDown,
    Idle,
}

type Attempts = JoinSet<(JobId, AttemptEnd)>;

impl Worker {
    /// Claims and runs jobs until `shutdown` is cancelled. Then it claims no
    /// more, lets its jobs end within the [grace](super::WorkerBuilder::grace),
    /// gives back those that have not, and returns.
    ///
    /// A database that goes away is waited for, however long it takes.
    pub async fn run(&self, shutdown: CancellationToken) -> WorkerReport {
        self.work(shutdown, Until::ShutDown).await
    }

    /// [`run`](Self::run), until there is nothing that it could start now and
    /// nothing of its own is under way. Jobs that start later, and those of
    /// other workers, are not waited for.
    pub async fn run_until_idle(&self, shutdown: CancellationToken) -> WorkerReport {
        self.work(shutdown, Until::Idle).await
    }

    async fn work(&self, shutdown: CancellationToken, until: Until) -> WorkerReport {
        let mut state = State::new(self);
        info!(owner = self.owner, "a worker starts");
        while !shutdown.is_cancelled() {
            // Whether an idle worker may end, each tenant has to say itself. One
            // that can't be reached is not asked more often for it.
            let may_end = until == Until::Idle && state.attempts.is_empty();
            if may_end && state.failures == 0 {
                state.turns.wake_all(Instant::now());
            }
            let found = state.serve_until(&shutdown).await;
            if may_end && found == Found::Nothing && state.failures == 0 {
                break;
            }
            state.wait(&shutdown).await;
        }
        state.end(shutdown.is_cancelled()).await
    }
}

/// What a round over the tenants brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing can be started now.
    Nothing,
    /// Something was claimed, may be there, or nobody could look.
    Something,
}

struct State<'w> {
    worker: &'w Worker,
    attempts: Attempts,
    turns: Turns,
    report: WorkerReport,
    woken: mpsc::Receiver<Option<String>>,
    failures: u32,
    /// The tenants that could not be looked at the last time.
    away: Vec<bool>,
    /// Ends the task that listens.
    _listening: Option<JoinSet<()>>,
}

impl<'w> State<'w> {
    fn new(worker: &'w Worker) -> Self {
        let (wake, woken) = mpsc::channel(64);
        let listening = worker.listens.then(|| {
            let mut task = JoinSet::new();
            task.spawn(listen(worker.tenants[0].pool().clone(), wake));
            task
        });
        Self {
            worker,
            attempts: JoinSet::new(),
            turns: Turns::new(worker.tenants.len(), Instant::now()),
            report: WorkerReport::default(),
            woken,
            failures: 0,
            away: vec![false; worker.tenants.len()],
            _listening: listening,
        }
    }

    fn room(&self) -> usize {
        self.worker.concurrency.saturating_sub(self.attempts.len())
    }

    /// [`serve`](Self::serve), which is not cut off by a shutdown: a claim whose
    /// answer is dropped would hold its jobs until their leases end.
    async fn serve_until(&mut self, shutdown: &CancellationToken) -> Found {
        let grace = self.worker.grace;
        let late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            found = self.serve(shutdown) => found,
            () = late => Found::Something,
        }
    }

    /// Looks at the tenants whose turn it is, and claims as much as there is
    /// room for.
    async fn serve(&mut self, shutdown: &CancellationToken) -> Found {
        let mut found = Found::Nothing;
        let ready = self.turns.ready(Instant::now());
        let mut waiting = ready.len();
        for tenant in ready {
            if shutdown.is_cancelled() {
                return Found::Something;
            }
            match self.serve_one(tenant, waiting).await {
                Ok(looked) => {
                    self.reachable(tenant);
                    if looked == Found::Something {
                        found = Found::Something;
                    }
                }
                Err(error) => {
                    found = Found::Something;
                    self.unreachable(tenant, &error);
                }
            }
            waiting -= 1;
        }
        found
    }

    /// `waiting` tenants share the room that there is, this one included.
    async fn serve_one(&mut self, tenant: usize, waiting: usize) -> Result<Found, JobError> {
        let now = Instant::now();
        let mut found = Found::Something;
        if self.turns.is_due(tenant, now) {
            found = self.look(tenant).await?;
            let again_after = self.worker.shared.jittered(self.worker.poll_interval);
            self.turns.looked(tenant, now, again_after);
        }
        let share = self.room().div_ceil(waiting.max(1));
        let limit = share.min(self.worker.batch as usize);
        if found == Found::Nothing || limit == 0 {
            return Ok(found);
        }
        let claimed = self.claim(tenant, limit).await?;
        if claimed > 0 {
            self.turns.served(tenant);
        }
        self.turns.set_more(tenant, claimed == limit);
        Ok(found)
    }

    /// Frees what lost workers had, and says whether there is something to
    /// claim.
    async fn look(&mut self, tenant: usize) -> Result<Found, JobError> {
        let worker = self.worker;
        let place = &worker.tenants[tenant];
        let work = waiting_work(place, &worker.kinds).await?;
        let mut freed = false;
        if work.expired {
            for expired in release_expired(place, worker.strategy).await? {
                warn!(job = %expired.job, became = %expired.became, "a lease ended");
                worker
                    .shared
                    .tell(&WorkerEvent::Expired { job: expired.job });
                freed = true;
            }
        }
        if work.claimable || freed {
            return Ok(Found::Something);
        }
        self.turns.set_more(tenant, false);
        Ok(Found::Nothing)
    }

    async fn claim(&mut self, tenant: usize, limit: usize) -> Result<usize, JobError> {
        let worker = self.worker;
        let place = &worker.tenants[tenant];
        let request = ClaimRequest {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            ..worker.claim_request()
        };
        let claimed_at = Instant::now();
        let claimed = claim_jobs(place, &request, RunToken::random()).await?;
        let count = claimed.len();
        for job in claimed {
            self.report.claimed += 1;
            worker.shared.tell(&WorkerEvent::Claimed {
                job: job.run.job,
                kind: job.kind.clone(),
                attempt: job.attempt,
                schema: place.schema_name().map(str::to_owned),
            });
            let (shared, place) = (Arc::clone(&worker.shared), place.clone());
            self.attempts.spawn(async move {
                let id = job.run.job;
                (id, attempt(shared, place, job, claimed_at).await)
            });
        }
        Ok(count)
    }

    fn schema_of(&self, tenant: usize) -> Option<String> {
        let name = self.worker.tenants[tenant].schema_name();
        name.map(str::to_owned)
    }

    fn reachable(&mut self, tenant: usize) {
        self.failures = 0;
        if std::mem::take(&mut self.away[tenant]) {
            let schema = self.schema_of(tenant);
            self.worker.shared.tell(&WorkerEvent::Reachable { schema });
        }
    }

    fn unreachable(&mut self, tenant: usize, cause: &JobError) {
        let error = describe(cause);
        warn!(error, "jobs could not be claimed");
        let schema = self.schema_of(tenant);
        self.worker
            .shared
            .tell(&WorkerEvent::Unreachable { schema, error });
        self.away[tenant] = true;
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let wait = self
            .worker
            .poll_interval
            .saturating_mul(1 << doublings)
            .min(MAX_UNREACHABLE_WAIT.max(self.worker.poll_interval));
        self.turns.set_more(tenant, false);
        let wait = self.worker.shared.jittered(wait);
        self.turns.looked(tenant, Instant::now(), wait);
    }

    /// Waits until there is a reason to look again.
    async fn wait(&mut self, shutdown: &CancellationToken) {
        loop {
            let is_full = self.room() == 0;
            if !is_full && self.turns.any_has_more() {
                return;
            }
            let due = self.turns.next_due(Instant::now());
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(ended) = self.attempts.join_next(), if !self.attempts.is_empty() => {
                    self.ended(ended);
                    // Those that were completed together with it get as far, so
                    // that one claim fills the room of all.
                    tokio::task::yield_now().await;
                    while let Some(ended) = self.attempts.try_join_next() {
                        self.ended(ended);
                    }
                    // The last one may have been what an idle worker waited for.
                    if self.attempts.is_empty() {
                        return;
                    }
                }
                Some(schema) = self.woken.recv() => self.wake(schema.as_deref()),
                () = tokio::time::sleep_until(due), if !is_full => return,
            }
        }
    }

    /// A tenant whose schema is not named may be any.
    fn wake(&mut self, schema: Option<&str>) {
        let now = Instant::now();
        for (index, tenant) in self.worker.tenants.iter().enumerate() {
            let name = tenant.schema_name();
            if schema.is_none() || name.is_none() || name == schema {
                self.turns.wake(index, now);
            }
        }
    }

    fn ended(&mut self, ended: Result<(JobId, AttemptEnd), JoinError>) {
        match ended {
            Ok((job, end)) => {
                self.report.count(&end);
                self.worker.shared.tell(&WorkerEvent::Ended { job, end });
            }
            // Handlers that panic are caught; this is a defect of ours, and the
            // job goes on when its lease ends.
            Err(join) => {
                error!(%join, "an attempt broke off");
                self.report.unrecorded += 1;
            }
        }
    }

    /// Lets the jobs end, or gives them back.
    async fn end(mut self, in_time: bool) -> WorkerReport {
        if in_time {
            let grace = self.worker.grace;
            if tokio::time::timeout(grace, self.drain()).await.is_err() {
                self.worker.shared.abandon.cancel();
            }
        }
        if tokio::time::timeout(RELEASE_TIME, self.release())
            .await
            .is_err()
        {
            warn!("jobs could not be given back; others go on with them when their leases end");
        }
        info!(owner = self.worker.owner, "a worker ends");
        self.report
    }

    /// What was claimed by a statement whose answer was lost has no attempt, and
    /// is given back too.
    async fn release(&mut self) {
        self.drain().await;
        for tenant in &self.worker.tenants {
            match release_owned(tenant, &self.worker.owner).await {
                Ok(0) => {}
                Ok(jobs) => self.report.released += jobs,
                Err(error) => warn!(%error, "jobs were not given back"),
            }
        }
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.attempts.join_next().await {
            self.ended(ended);
        }
    }
}
