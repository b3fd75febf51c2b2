//! The jobs of a run, and the task that keeps workers busy with them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use outreach_domain::{DiscoveryRequest, JobId, Location};
use outreach_entity::job_runs;
use outreach_service::jobs::{JobError, NewJob, enqueue_job};
use sea_orm::{DatabaseConnection, EntityTrait, PaginatorTrait};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::search::keyword;

/// How often the jobs are counted.
const COUNT_EVERY: Duration = Duration::from_millis(40);

/// More than there are faults.
const ATTEMPTS: u32 = 1_000_000;

/// What jobs save at most that are meant to reach their limit.
const SMALL_LIMIT: u32 = 11;

/// A job that can be recognised by its keywords.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ChaosJob(pub(crate) u32);

impl ChaosJob {
    pub(crate) fn id(self) -> JobId {
        JobId::from_uuid(Uuid::from_u128(u128::from(self.0)))
    }

    /// The job that has this key.
    pub(crate) fn of(id: Uuid) -> Option<Self> {
        u32::try_from(id.as_u128()).ok().map(Self)
    }

    /// The job that a query's keyword belongs to.
    pub(crate) fn of_keyword(keyword: &str) -> Option<Self> {
        let (job, _) = keyword.strip_prefix('j')?.split_once(' ')?;
        job.parse().ok().map(Self)
    }

    /// Each fourth job reaches its limit; each third searches in two places.
    pub(crate) fn request(self) -> anyhow::Result<DiscoveryRequest> {
        let queries = 5 + self.0 as usize % 4;
        let keywords: Vec<String> = (0..queries).map(|n| keyword(self.0, n)).collect();
        let locations = if self.0.is_multiple_of(3) {
            vec![Location::Usa, Location::Germany]
        } else {
            vec![Location::Usa]
        };
        let limit = if self.0.is_multiple_of(4) {
            SMALL_LIMIT
        } else {
            1_000
        };
        let request = DiscoveryRequest::new(&keywords.join(", "), locations, vec![], limit);
        request.context("the jobs of a run are valid")
    }

    /// Enqueues the job. Commits.
    pub(crate) async fn enqueue(self, db: &DatabaseConnection) -> anyhow::Result<()> {
        Ok(enqueue_job(db, &self.new_job()?).await?)
    }

    fn new_job(self) -> anyhow::Result<NewJob> {
        Ok(NewJob::discover(self.id(), &self.request()?)
            .allow_concurrent()
            .max_attempts(ATTEMPTS))
    }
}

/// The task that enqueues a job for each one that ends.
#[derive(Debug)]
pub(crate) struct Supply {
    enough: Arc<AtomicBool>,
    task: JoinHandle<anyhow::Result<u32>>,
}

impl Supply {
    /// Keeps so many jobs active until [`end`](Self::end), or until so many have
    /// been enqueued.
    pub(crate) fn start(db: &DatabaseConnection, active: u64, most: u32) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(supply(db.clone(), active, most, Arc::clone(&enough)));
        Self { enough, task }
    }

    /// Enqueues no more, and returns how many jobs there are.
    pub(crate) async fn end(self) -> anyhow::Result<u32> {
        self.enough.store(true, Ordering::SeqCst);
        self.task.await?
    }
}

async fn supply(
    db: DatabaseConnection,
    active: u64,
    most: u32,
    enough: Arc<AtomicBool>,
) -> anyhow::Result<u32> {
    let mut last = 0;
    while last < most && !enough.load(Ordering::SeqCst) {
        // The server may be stopped at the moment.
        let missing = match job_runs::Entity::find().count(&db).await {
            Ok(count) => active.saturating_sub(count),
            Err(_) => 0,
        };
        for _ in 0..missing.min(u64::from(most - last)) {
            if !enqueued(&db, ChaosJob(last + 1)).await? {
                break;
            }
            last += 1;
        }
        tokio::time::sleep(COUNT_EVERY).await;
    }
    // The outcome of the last one may be unknown.
    while !enqueued(&db, ChaosJob(last + 1)).await? {
        tokio::time::sleep(COUNT_EVERY).await;
    }
    Ok(last + 1)
}

/// False when the database could not be reached: the job may be there or not.
async fn enqueued(db: &DatabaseConnection, job: ChaosJob) -> anyhow::Result<bool> {
    match enqueue_job(db, &job.new_job()?).await {
        Ok(()) | Err(JobError::Exists { .. }) => Ok(true),
        Err(error) if error.is_unreachable() => Ok(false),
        Err(JobError::Transaction(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The keys of all jobs of a run.
pub(crate) fn keys(jobs: u32) -> BTreeSet<Uuid> {
    (1..=jobs).map(|n| ChaosJob(n).id().as_uuid()).collect()
}
