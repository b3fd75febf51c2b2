//! Renews the leases of all runs of a worker, one statement for each tenant,
//! and stops those that are lost.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tracing::warn;

use crate::{
    connect::Tenant,
    jobs::{Run, extend_leases, extend_locked_lease},
};

/// Rows that are waited for at the same time; each takes a connection.
const MAX_WAITING: usize = 2;

/// Why a run has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The job is not this run's any more.
    Lost,
    /// No heartbeat came through for as long as the lease is.
    LeaseEnded,
}

/// The runs that are under way, and the task that renews their leases. It ends
/// with this value.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    shared: Arc<Shared>,
    /// End with this value.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    lease: Duration,
    held: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    tenant: Tenant,
    run: Run,
    /// By the clock of this machine, counted from before the statement was
    /// sent, so that it is never later than the database's.
    until: Instant,
    stop: watch::Sender<Option<Stop>>,
}

impl Heartbeats {
    /// Starts the task; beats at a third of the lease.
    pub(crate) fn start(lease: Duration) -> Self {
        let shared = Arc::new(Shared {
            lease,
            held: Mutex::new(Vec::new()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(beat(Arc::clone(&shared)));
        tasks.spawn(stop_in_time(Arc::clone(&shared)));
        Self {
            shared,
            _tasks: tasks,
        }
    }

    /// Holds a run until the guard is dropped. `claimed` is a time before its
    /// claim was sent.
    pub(crate) fn hold(&self, tenant: &Tenant, run: Run, claimed: Instant) -> HeldRun {
        let (stop, stopped) = watch::channel(None);
        self.shared.held().push(Held {
            tenant: tenant.clone(),
            run,
            until: claimed + self.shared.lease,
            stop,
        });
        HeldRun {
            shared: Arc::clone(&self.shared),
            run,
            stopped,
        }
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runs by tenant. The tenants of a worker are clones of few values, and
    /// are told apart by their schema.
    fn by_tenant(&self) -> Vec<(Tenant, Vec<Run>)> {
        let mut tenants: Vec<(Tenant, Vec<Run>)> = Vec::new();
        for held in &*self.held() {
            let schema = held.tenant.schema_name();
            match tenants.iter_mut().find(|(t, _)| t.schema_name() == schema) {
                Some((_, runs)) => runs.push(held.run),
                None => tenants.push((held.tenant.clone(), vec![held.run])),
            }
        }
        tenants
    }

    fn renewed(&self, runs: &[Run], sent: Instant) {
        for held in &mut *self.held() {
            if runs.contains(&held.run) {
                held.until = held.until.max(sent + self.lease);
            }
        }
    }

    fn lost(&self, runs: &[Run]) {
        for held in &*self.held() {
            if runs.contains(&held.run) {
                held.stop.send_replace(Some(Stop::Lost));
            }
        }
    }

    /// When the first of the leases ends.
    fn first_end(&self) -> Option<Instant> {
        let held = self.held();
        let going = held.iter().filter(|held| held.stop.borrow().is_none());
        going.map(|held| held.until).min()
    }

    fn stop_overdue(&self) {
        let now = Instant::now();
        for held in &*self.held() {
            if held.until <= now {
                held.stop.send_if_modified(|stop| {
                    let is_new = stop.is_none();
                    stop.get_or_insert(Stop::LeaseEnded);
                    is_new
                });
            }
        }
    }
}

async fn beat(shared: Arc<Shared>) {
    let period = period(shared.lease);
    let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // No tenant waits for another one whose tables are locked.
        let mut renewals = JoinSet::new();
        for (tenant, runs) in shared.by_tenant() {
            let shared = Arc::clone(&shared);
            renewals.spawn(async move {
                let count = runs.len();
                let renewal = renew(&shared, &tenant, runs);
                if tokio::time::timeout(period, renewal).await.is_err() {
                    warn!(runs = count, "renewing leases takes too long");
                }
            });
        }
        while renewals.join_next().await.is_some() {}
    }
}

/// A third of the lease.
fn period(lease: Duration) -> Duration {
    (lease / 3).max(Duration::from_millis(1))
}

/// First those whose rows are free, then the others, each by itself.
async fn renew(shared: &Shared, tenant: &Tenant, runs: Vec<Run>) {
    let sent = Instant::now();
    let extended = match extend_leases(tenant, &runs, shared.lease).await {
        Ok(extended) => extended,
        Err(error) => {
            warn!(%error, runs = runs.len(), "leases were not renewed");
            return;
        }
    };
    let renewed: Vec<Run> = runs
        .into_iter()
        .filter(|run| !extended.lost.contains(run) && !extended.locked.contains(run))
        .collect();
    shared.renewed(&renewed, sent);
    shared.lost(&extended.lost);
    let locked = stream::iter(extended.locked).map(async |run| {
        let sent = Instant::now();
        match extend_locked_lease(tenant, run, shared.lease).await {
            Ok(true) => shared.renewed(&[run], sent),
            // It may have ended meanwhile, which the run itself knows.
            Ok(false) => {}
            Err(error) => warn!(%error, job = %run.job, "a lease was not renewed"),
        }
    });
    locked.buffer_unordered(MAX_WAITING).collect::<()>().await;
}

/// Stops runs when their leases end, whatever the database does.
async fn stop_in_time(shared: Arc<Shared>) {
    loop {
        let latest = Instant::now() + period(shared.lease);
        let next = shared.first_end().map_or(latest, |end| end.min(latest));
        tokio::time::sleep_until(next).await;
        shared.stop_overdue();
    }
}

/// A run whose lease is renewed until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldRun {
    shared: Arc<Shared>,
    run: Run,
    stopped: watch::Receiver<Option<Stop>>,
}

impl HeldRun {
    /// Waits until the run has to stop.
    pub(crate) async fn stopped(&mut self) -> Stop {
        let stop = self.stopped.wait_for(Option::is_some).await;
        stop.ok().and_then(|stop| *stop).unwrap_or(Stop::LeaseEnded)
    }
}

impl Drop for HeldRun {
    fn drop(&mut self) {
        self.shared.held().retain(|held| held.run != self.run);
    }
}
