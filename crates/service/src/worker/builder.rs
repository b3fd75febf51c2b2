use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use outreach_domain::JobKind;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    AttemptEnd, Backoff, Heartbeats, JobHandler, WorkerEvent, attempt::attempt,
    completion::Completions, place::Place,
};
use crate::{
    connect::Tenant,
    jobs::{ClaimRequest, ClaimStrategy, ClaimedJob},
};

type Watch = dyn Fn(&WorkerEvent) + Send + Sync;

/// A worker that is not running yet.
///
/// ```no_run
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use outreach_domain::JobKind;
/// use outreach_service::{
///     connect::{DatabaseOptions, connect_tenant},
///     worker::{Completion, JobContext, JobFailure, JobHandler, Worker},
/// };
/// use tokio_util::sync::CancellationToken;
///
/// struct SyncCrm;
///
/// #[async_trait]
/// impl JobHandler for SyncCrm {
///     async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
///         let account: u64 = job.params()?;
///         println!("account {account}, attempt {}", job.attempt());
///         Ok(Completion::Done(None))
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let options = DatabaseOptions::new("postgres://outreach:secret@localhost/outreach")?;
/// let worker = Worker::builder(connect_tenant(&options).await?)
///     .handle(JobKind::Application("crm.sync".parse()?), SyncCrm)
///     .concurrency(8)
///     .lease(Duration::from_secs(30))
///     .build()?;
/// let shutdown = CancellationToken::new();
/// let report = worker.run(shutdown).await;
/// println!("{} jobs completed", report.completed);
/// # Ok(())
/// # }
/// ```
pub struct WorkerBuilder {
    tenants: Vec<Tenant>,
    handlers: HashMap<JobKind, Arc<dyn JobHandler>>,
    name: String,
    concurrency: u32,
    batch: u32,
    lease: Duration,
    poll_interval: Duration,
    grace: Duration,
    backoff: Backoff,
    strategy: Option<ClaimStrategy>,
    listens: bool,
    seed: Option<u64>,
    watch: Arc<Watch>,
}

/// Why a worker can't be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It would claim nothing.
    #[error("the worker has no handler; give it one with `handle`")]
    NoHandler,
    /// It has nowhere to look.
    #[error("the worker has no tenant; give it one with `tenant`")]
    NoTenant,
    /// It would take the runs of one for those of the other.
    #[error("the worker has two tenants with the same schema, {}; name each once", named(.0.as_deref()))]
    TenantTwice(Option<String>),
    /// A lease that ends before a heartbeat can be sent.
    #[error("a lease of {0:?} is too short; take at least {MIN_LEASE:?}")]
    LeaseTooShort(Duration),
}

fn named(schema: Option<&str>) -> String {
    match schema {
        Some(schema) => format!("`{}`", schema.escape_debug()),
        None => "which neither names".to_owned(),
    }
}

/// The shortest lease; shorter ones end while a statement is under way.
pub(super) const MIN_LEASE: Duration = Duration::from_millis(100);

/// Transactions that wait for locks, and are tried again, take seconds.
const MIN_ANSWER_LIMIT: Duration = Duration::from_secs(5);

impl WorkerBuilder {
    fn new(tenants: Vec<Tenant>) -> Self {
        Self {
            tenants,
            handlers: HashMap::new(),
            name: "worker".to_owned(),
            concurrency: 4,
            batch: 100,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_secs(1),
            grace: Duration::from_secs(20),
            backoff: Backoff::default(),
            strategy: None,
            listens: false,
            seed: None,
            watch: Arc::new(|_| {}),
        }
    }

    /// Adds a tenant: another schema of the same pool. All are served alike.
    #[must_use]
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenants.push(tenant);
        self
    }

    /// Sets what is done with the jobs of a kind. Jobs of other kinds are left
    /// alone.
    #[must_use]
    pub fn handle(mut self, kind: JobKind, handler: impl JobHandler) -> Self {
        self.handlers.insert(kind, Arc::new(handler));
        self
    }

    /// A name for people who look at `job_runs.owner`; a random part is added.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many jobs it runs at the same time, at least 1; 4 unless said
    /// otherwise.
    #[must_use]
    pub fn concurrency(mut self, jobs: u32) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// The most jobs of one claim, at least 1; 100 unless said otherwise.
    #[must_use]
    pub fn batch(mut self, jobs: u32) -> Self {
        self.batch = jobs.max(1);
        self
    }

    /// How long a claimed job is this worker's without a heartbeat; 30 seconds
    /// unless said otherwise. Heartbeats come at a third of it. Other workers
    /// take a job of a dead one over after the lease and one poll.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often it looks for jobs when it has nothing to do, a quarter more or
    /// less by chance; a second unless said otherwise.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How long jobs may go on after a shutdown was asked for, before they are
    /// given back; 20 seconds unless said otherwise.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long failed attempts wait.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How it claims; what suits the database unless said otherwise.
    #[must_use]
    pub fn strategy(mut self, strategy: ClaimStrategy) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Also wakes up when it is told that a job was enqueued (PostgreSQL's
    /// LISTEN, on a connection that it takes from the pool for good). A hint: jobs are found without it,
    /// at the next poll. Not to be used behind a pooler in transaction mode.
    #[must_use]
    pub fn listen(mut self, listens: bool) -> Self {
        self.listens = listens;
        self
    }

    /// Makes waits and turns repeatable.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Tells of what happens. Called in the worker's own tasks, so it has to be
    /// quick.
    #[must_use]
    pub fn watch(mut self, watch: impl Fn(&WorkerEvent) + Send + Sync + 'static) -> Self {
        self.watch = Arc::new(watch);
        self
    }

    /// Checks the settings and makes the worker. Starts the task of the
    /// heartbeats, so it has to be called inside a Tokio runtime.
    pub fn build(self) -> Result<Worker, WorkerError> {
        let Some(first) = self.tenants.first() else {
            return Err(WorkerError::NoTenant);
        };
        if self.handlers.is_empty() {
            return Err(WorkerError::NoHandler);
        }
        let schemas: Vec<_> = self.tenants.iter().map(Tenant::schema_name).collect();
        for (number, schema) in schemas.iter().enumerate() {
            if schemas[..number].contains(schema) {
                return Err(WorkerError::TenantTwice(schema.map(str::to_owned)));
            }
        }
        if self.lease < MIN_LEASE {
            return Err(WorkerError::LeaseTooShort(self.lease));
        }
        let backend = first.get_database_backend();
        let mut kinds: Vec<JobKind> = self.handlers.keys().cloned().collect();
        // The same statement from each worker with the same handlers.
        kinds.sort();
        let places = self.tenants.iter();
        Ok(Worker {
            places: places
                .map(|tenant| Place::new(tenant, self.lease))
                .collect(),
            kinds,
            batch: self.batch,
            concurrency: self.concurrency as usize,
            poll_interval: self.poll_interval,
            grace: self.grace,
            strategy: self.strategy.unwrap_or_else(|| ClaimStrategy::of(backend)),
            listens: self.listens && backend == DbBackend::Postgres,
            // Random for each start, so that a restarted worker is another one.
            owner: format!("{}:{}", self.name, Uuid::new_v4().simple()),
            shared: Arc::new(Shared {
                handlers: self.handlers,
                heartbeats: Heartbeats::start(self.lease),
                completions: Completions::default(),
                lease: self.lease,
                backoff: self.backoff,
                random: Mutex::new(self.seed.map_or_else(Rng::new, Rng::with_seed)),
                watch: self.watch,
            }),
        })
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("name", &self.name)
            .field("tenants", &self.tenants.len())
            .field("kinds", &self.handlers.keys())
            .finish_non_exhaustive()
    }
}

/// Claims jobs and runs them. See [`WorkerBuilder`].
pub struct Worker {
    pub(super) places: Vec<Place>,
    pub(super) kinds: Vec<JobKind>,
    pub(super) batch: u32,
    pub(super) concurrency: usize,
    pub(super) poll_interval: Duration,
    pub(super) grace: Duration,
    pub(super) strategy: ClaimStrategy,
    pub(super) listens: bool,
    pub(super) owner: String,
    pub(super) shared: Arc<Shared>,
}

/// What a worker's attempts share.
pub(super) struct Shared {
    pub(super) handlers: HashMap<JobKind, Arc<dyn JobHandler>>,
    pub(super) heartbeats: Heartbeats,
    pub(super) completions: Completions,
    pub(super) lease: Duration,
    backoff: Backoff,
    random: Mutex<Rng>,
    watch: Arc<Watch>,
}

impl Shared {
    pub(super) fn tell(&self, event: &WorkerEvent) {
        (self.watch)(event);
    }

    /// How long an answer of the database is waited for.
    pub(super) fn answer_limit(&self) -> Duration {
        self.lease.max(MIN_ANSWER_LIMIT)
    }

    pub(super) fn backoff(&self, attempt: u32) -> Duration {
        self.with_random(|random| self.backoff.after(attempt, random))
    }

    /// Between three quarters of the time and five quarters.
    pub(super) fn jittered(&self, time: Duration) -> Duration {
        self.with_random(|random| time.mul_f64(0.75 + random.f64() / 2.0))
    }

    fn with_random<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Worker {
    /// A worker for the jobs of a tenant.
    #[must_use]
    pub fn builder(tenant: impl Into<Tenant>) -> WorkerBuilder {
        WorkerBuilder::new(vec![tenant.into()])
    }

    /// A worker for the jobs of several tenants: schemas of one pool.
    #[must_use]
    pub fn builder_for(tenants: Vec<Tenant>) -> WorkerBuilder {
        WorkerBuilder::new(tenants)
    }

    /// Who it is in `job_runs.owner`.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What it would claim, for claims by somebody else that it is to
    /// [work on](Self::work_on).
    #[must_use]
    pub fn claim_request(&self) -> ClaimRequest<'_> {
        ClaimRequest {
            kinds: &self.kinds,
            limit: self.batch,
            owner: &self.owner,
            lease: self.shared.lease,
            strategy: self.strategy,
        }
    }

    /// Runs one job that was claimed with its
    /// [`claim_request`](Self::claim_request), here and now, as
    /// [`run`](Self::run) does with those that it claims itself. `claimed_at`
    /// is a time before the claim was sent.
    pub async fn work_on(
        &self,
        tenant: &Tenant,
        claimed: ClaimedJob,
        claimed_at: Instant,
    ) -> AttemptEnd {
        let place = Place::new(tenant, self.shared.lease);
        let shared = Arc::clone(&self.shared);
        attempt(shared, place, claimed, claimed_at, CancellationToken::new()).await
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("owner", &self.owner)
            .field("kinds", &self.kinds)
            .field("tenants", &self.places.len())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
