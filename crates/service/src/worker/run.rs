//! The loop of a worker: look, claim, run, until it is told to stop.
//!
//! Looks and claims of several tenants are under way at the same time, at most
//! one for each, so that a tenant whose tables are locked holds up no other. A
//! claim reserves the room that its jobs will take.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
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
    outages::Outages, serve::Served, turns::Turns, wake_up::listen,
};
use crate::jobs::{ClaimedJob, JobError, RunToken, release_owned};

/// How long jobs that have to be given back may take to do so.
const RELEASE_TIME: Duration = Duration::from_secs(5);

/// Looks at the same time; each takes a connection.
const MAX_LOOKS: usize = 4;

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
    /// gives back those that have not, and returns, at the latest five seconds
    /// after the grace.
    ///
    /// A database that goes away is waited for, however long it takes.
    pub async fn run(&self, shutdown: CancellationToken) -> WorkerReport {
        self.work(shutdown, Until::ShutDown).await
    }

    /// [`run`](Self::run), until there is nothing that it could start now and
    /// nothing of its own is under way. Jobs that start later, and those of
    /// other workers, are not waited for. A tenant whose jobs can't be looked
    /// for, three times in a row and with an answer of the database, is given
    /// up and [reported](WorkerReport::unserved).
    pub async fn run_until_idle(&self, shutdown: CancellationToken) -> WorkerReport {
        self.work(shutdown, Until::Idle).await
    }

    async fn work(&self, shutdown: CancellationToken, until: Until) -> WorkerReport {
        let mut state = State::new(self, until);
        info!(owner = &*self.owner, "a worker starts");
        while !shutdown.is_cancelled() {
            state.serve();
            if until == Until::Idle && state.is_idle() {
                break;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                () = state.next_event() => {}
            }
        }
        state.end(shutdown.is_cancelled()).await
    }
}

struct State<'w> {
    worker: &'w Worker,
    until: Until,
    attempts: Attempts,
    /// Looks and claims under way.
    serving: FuturesUnordered<BoxFuture<'w, Served>>,
    looks: usize,
    /// The jobs that the claims under way may bring.
    reserved: usize,
    turns: Turns,
    outages: Outages,
    /// Grows with each attempt that ends: what was seen before may have changed.
    epoch: u64,
    /// The last epoch in which each tenant had nothing to start.
    empty_in: Vec<Option<u64>>,
    /// Claims of each tenant that may have happened, and of which nobody knows.
    doubtful: Vec<Vec<RunToken>>,
    report: WorkerReport,
    woken: mpsc::Receiver<Option<String>>,
    /// Jobs that are still under way have to be given back.
    abandon: CancellationToken,
    is_ending: bool,
    /// Ends the task that listens.
    _listening: Option<JoinSet<()>>,
}

impl<'w> State<'w> {
    fn new(worker: &'w Worker, until: Until) -> Self {
        let (wake, woken) = mpsc::channel(64);
        let listening = worker.listens.then(|| {
            let mut task = JoinSet::new();
            task.spawn(listen(worker.places[0].own.pool().clone(), wake));
            task
        });
        let tenants = worker.places.len();
        Self {
            worker,
            until,
            attempts: JoinSet::new(),
            serving: FuturesUnordered::new(),
            looks: 0,
            reserved: 0,
            turns: Turns::new(tenants, Instant::now()),
            outages: Outages::new(tenants, worker.poll_interval),
            epoch: 0,
            empty_in: vec![None; tenants],
            doubtful: vec![Vec::new(); tenants],
            report: WorkerReport::default(),
            woken,
            abandon: CancellationToken::new(),
            is_ending: false,
            _listening: listening,
        }
    }

    fn room(&self) -> usize {
        let taken = self.attempts.len() + self.reserved;
        self.worker.concurrency.saturating_sub(taken)
    }

    /// Begins the claims that there is room for, and the looks that are due if
    /// there is any. Both of one tenant may be under way, so that a look takes
    /// nobody's turn.
    fn serve(&mut self) {
        let worker = self.worker;
        let has_room = self.room() > 0;
        let claimable = self.turns.claimable();
        // Those that are looked at now may have something too.
        let mut waiting = claimable.len() + self.looks;
        for tenant in claimable {
            let share = self.room().div_ceil(waiting);
            let limit = share.min(worker.batch as usize);
            if limit == 0 {
                break;
            }
            waiting -= 1;
            self.reserved += limit;
            self.turns.begin_claim(tenant);
            let claim = worker.claim_from(tenant, limit);
            self.serving.push(Box::pin(claim));
        }
        if has_room {
            for tenant in self.turns.due(Instant::now()) {
                if self.looks == MAX_LOOKS {
                    break;
                }
                self.looks += 1;
                self.turns.begin_look(tenant);
                let doubtful = std::mem::take(&mut self.doubtful[tenant]);
                let look = worker.look_at(tenant, self.epoch, doubtful);
                self.serving.push(Box::pin(look));
            }
        }
    }

    /// Nothing is under way but looks, and no tenant had anything to start since.
    /// One that answers with errors is not waited for.
    fn is_idle(&self) -> bool {
        self.attempts.is_empty()
            && self.reserved == 0
            && (0..self.empty_in.len()).all(|tenant| {
                self.empty_in[tenant] == Some(self.epoch) || self.outages.is_given_up(tenant)
            })
    }

    /// Waits until something has happened that [`serve`](Self::serve) has to
    /// know.
    async fn next_event(&mut self) {
        let can_look = self.room() > 0 && self.looks < MAX_LOOKS;
        let due = self.turns.next_due().filter(|_| can_look);
        let look_again = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(ended) = self.attempts.join_next(), if !self.attempts.is_empty() => {
                self.ended(ended);
                // Those that were completed together with it get as far, so
                // that one claim fills the room of all.
                tokio::task::yield_now().await;
                while let Some(ended) = self.attempts.try_join_next() {
                    self.ended(ended);
                }
            }
            Some(served) = self.serving.next(), if !self.serving.is_empty() => self.served(served),
            Some(schema) = self.woken.recv() => self.wake(schema.as_deref()),
            () = look_again => {}
        }
    }

    fn served(&mut self, served: Served) {
        match served {
            Served::Looked {
                tenant,
                epoch,
                found,
                doubtful,
            } => {
                self.looks -= 1;
                self.doubtful[tenant].extend(doubtful);
                let wait = match found {
                    Ok(found) => {
                        // What it found may be refused when it is claimed.
                        if !found {
                            self.reachable(tenant);
                        }
                        self.empty_in[tenant] = (!found).then_some(epoch);
                        self.worker.poll_interval
                    }
                    Err(ref error) => self.unreachable(tenant, error),
                };
                let due = Instant::now() + self.worker.shared.jittered(wait);
                self.turns.looked(tenant, matches!(found, Ok(true)), due);
            }
            Served::Claimed {
                tenant,
                limit,
                claimed_at,
                token,
                claimed,
            } => {
                self.reserved -= limit;
                match claimed {
                    Ok(jobs) => {
                        self.reachable(tenant);
                        self.turns.claimed(tenant, !jobs.is_empty());
                        for job in jobs {
                            self.begin(tenant, job, claimed_at);
                        }
                    }
                    Err(error) => {
                        if error.is_unreachable() {
                            self.doubtful[tenant].push(token);
                        }
                        let wait = self.unreachable(tenant, &error);
                        let due = Instant::now() + self.worker.shared.jittered(wait);
                        self.turns.claim_failed(tenant, due);
                    }
                }
            }
        }
    }

    fn begin(&mut self, tenant: usize, job: ClaimedJob, claimed_at: Instant) {
        let worker = self.worker;
        let place = worker.places[tenant].clone();
        self.report.claimed += 1;
        worker.shared.tell(&WorkerEvent::Claimed {
            job: job.run.job,
            kind: job.kind.clone(),
            attempt: job.attempt,
            schema: place.schema_name().map(str::to_owned),
        });
        let abandon = self.abandon.child_token();
        if self.is_ending {
            // Given back before it begins.
            abandon.cancel();
        }
        let shared = Arc::clone(&worker.shared);
        self.attempts.spawn(async move {
            let id = job.run.job;
            (id, attempt(shared, place, job, claimed_at, abandon).await)
        });
    }

    fn reachable(&mut self, tenant: usize) {
        if self.outages.reached(tenant) {
            let schema = self.schema_of(tenant);
            self.worker.shared.tell(&WorkerEvent::Reachable { schema });
        }
    }

    /// Returns how long to wait before the next look.
    fn unreachable(&mut self, tenant: usize, cause: &JobError) -> Duration {
        let (error, refused) = (describe(cause), !cause.is_unreachable());
        warn!(error, "jobs could not be claimed");
        let schema = self.schema_of(tenant);
        self.worker.shared.tell(&WorkerEvent::Unreachable {
            schema,
            error,
            refused,
        });
        self.outages.failed(tenant, refused)
    }

    fn schema_of(&self, tenant: usize) -> Option<String> {
        let name = self.worker.places[tenant].schema_name();
        name.map(str::to_owned)
    }

    /// A tenant whose schema is not named may be any.
    fn wake(&mut self, schema: Option<&str>) {
        let now = Instant::now();
        for (index, place) in self.worker.places.iter().enumerate() {
            let name = place.schema_name();
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
        self.epoch += 1;
        if self.until == Until::Idle && self.attempts.is_empty() {
            // Whether an idle worker may end, each tenant has to say again. One
            // that can't be reached is not asked more often for it.
            let now = Instant::now();
            for tenant in 0..self.empty_in.len() {
                if !self.outages.is_away(tenant) {
                    self.turns.wake(tenant, now);
                }
            }
        }
    }

    /// Lets the jobs end, or gives them back.
    async fn end(mut self, in_time: bool) -> WorkerReport {
        self.is_ending = true;
        let grace = self.worker.grace;
        let is_late = in_time && tokio::time::timeout(grace, self.drain()).await.is_err();
        let end = Instant::now() + RELEASE_TIME;
        if is_late {
            // A claim under way would take again what is given back before it ends.
            let _ = tokio::time::timeout(RELEASE_TIME / 4, self.claims_end()).await;
            self.abandon.cancel();
        }
        // Those that can't write their ends leave time for the others.
        let drained = tokio::time::timeout(RELEASE_TIME / 2, self.drain()).await;
        let released = tokio::time::timeout_at(end, self.release()).await;
        if drained.is_err() || released.is_err() {
            warn!("jobs could not be given back; others go on with them when their leases end");
        }
        self.report.unserved = self.outages.count();
        info!(owner = &*self.worker.owner, "a worker ends");
        self.report
    }

    /// What was claimed by a statement whose answer was lost has no attempt, and
    /// is given back too.
    async fn release(&mut self) {
        let worker = self.worker;
        let mut releases: FuturesUnordered<_> = worker
            .places
            .iter()
            .map(|place| release_owned(&place.own, &worker.owner))
            .collect();
        while let Some(released) = releases.next().await {
            match released {
                Ok(jobs) => self.report.released += jobs,
                Err(error) => warn!(%error, "jobs were not given back"),
            }
        }
    }

    async fn claims_end(&mut self) {
        while self.reserved > 0
            && let Some(served) = self.serving.next().await
        {
            self.served(served);
        }
    }

    /// A claim is not cut off: one whose answer is dropped would hold its jobs
    /// until their leases end.
    async fn drain(&mut self) {
        loop {
            tokio::select! {
                Some(ended) = self.attempts.join_next(), if !self.attempts.is_empty() => {
                    self.ended(ended);
                }
                Some(served) = self.serving.next(), if !self.serving.is_empty() => {
                    self.served(served);
                }
                else => return,
            }
        }
    }
}
