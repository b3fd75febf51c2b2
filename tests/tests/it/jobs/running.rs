//! Workers under way in a test, and what is asked of them.

use std::sync::Arc;

use outreach_domain::JobStatus;
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect_tenant},
    jobs::find_job,
    worker::{AttemptEnd, WorkerBuilder, WorkerEvent, WorkerReport},
};
use outreach_tests::{JobDb, Proxy, Strategy, TestDb};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::handlers::LIMIT;
use crate::support::{job_id, tenant};

/// The status of the job with this number.
pub(super) async fn status(tenant: &Tenant, number: u64) -> JobStatus {
    find_job(tenant, job_id(number))
        .await
        .unwrap()
        .unwrap()
        .status
}

/// A worker that runs, and what it tells.
pub(super) struct Running {
    pub(super) shutdown: CancellationToken,
    pub(super) working: JoinHandle<WorkerReport>,
    pub(super) events: mpsc::UnboundedReceiver<WorkerEvent>,
}

impl Running {
    pub(super) fn start(builder: WorkerBuilder) -> Self {
        let (told, events) = mpsc::unbounded_channel();
        let worker = builder
            .watch(move |event| {
                // A test that has seen enough has dropped the other side.
                let _ = told.send(event.clone());
            })
            .build()
            .unwrap();
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        Self {
            shutdown,
            working: tokio::spawn(async move { worker.run(token).await }),
            events,
        }
    }

    /// What is wanted of the next event that has it.
    pub(super) async fn next<T>(&mut self, wanted: impl Fn(WorkerEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(super::handlers::next(&mut self.events).await) {
                return found;
            }
        }
    }

    /// How the next attempt ends.
    pub(super) async fn end(&mut self) -> AttemptEnd {
        self.next(|event| match event {
            WorkerEvent::Ended { end, .. } => Some(end),
            _ => None,
        })
        .await
    }

    /// Tells it to stop, and waits until it has.
    pub(super) async fn stop(self) -> WorkerReport {
        self.shutdown.cancel();
        tokio::time::timeout(LIMIT, self.working)
            .await
            .unwrap()
            .unwrap()
    }
}

/// Asks until it is so.
pub(super) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "{what}");
    }
}

/// A PostgreSQL database, and a tenant that reaches it through a proxy.
pub(super) struct Proxied {
    pub(super) jobs: JobDb,
    pub(super) direct: Tenant,
    pub(super) behind_proxy: Tenant,
    pub(super) proxy: Arc<Proxy>,
}

pub(super) async fn proxied() -> Proxied {
    let db = TestDb::postgres().await.unwrap();
    let proxy = Proxy::start(db.url()).await.unwrap();
    let options = DatabaseOptions::new(&proxy.url(db.url()).unwrap()).unwrap();
    let jobs = JobDb {
        db,
        strategy: Strategy::Default,
    };
    Proxied {
        direct: tenant(&jobs).await,
        behind_proxy: connect_tenant(&options).await.unwrap(),
        proxy: Arc::new(proxy),
        jobs,
    }
}

/// Whether somebody waits for a lock in the database.
pub(super) async fn waits(jobs: &JobDb) -> bool {
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    jobs.db.count(waits).await.unwrap() > 0
}
