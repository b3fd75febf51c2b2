//! Renews the leases of all runs of a worker, one statement for each tenant,
//! and stops those that are lost.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tracing::warn;

use crate::{
    connect::Tenant,
    jobs::{Run, extend_leases},
};

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
    beating: JoinHandle<()>,
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
        let beating = tokio::spawn(beat(Arc::clone(&shared)));
        Self { shared, beating }
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

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.beating.abort();
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

    fn renewed(&self, runs: &[Run], lost: &[Run], sent: Instant) {
        for held in &mut *self.held() {
            if lost.contains(&held.run) {
                held.stop.send_replace(Some(Stop::Lost));
            } else if runs.contains(&held.run) {
                held.until = held.until.max(sent + self.lease);
            }
        }
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
    let period = (shared.lease / 3).max(Duration::from_millis(1));
    let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for (tenant, runs) in shared.by_tenant() {
            let sent = Instant::now();
            // A database that does not answer must not hide that leases end.
            let renewal = tokio::time::timeout(period, extend_leases(&tenant, &runs, shared.lease));
            match renewal.await {
                Ok(Ok(lost)) => shared.renewed(&runs, &lost, sent),
                Ok(Err(error)) => warn!(%error, runs = runs.len(), "leases were not renewed"),
                Err(_) => warn!(runs = runs.len(), "renewing leases took too long"),
            }
        }
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
