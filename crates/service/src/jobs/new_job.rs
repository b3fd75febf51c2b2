use std::time::Duration;

use chrono::{DateTime, Utc};
use outreach_domain::{DiscoveryRequest, JobId, JobKind};
use serde_json::{Value, json};

/// The key that discoveries share, so that there is one at a time.
pub const DISCOVERY_KEY: &str = "discover";

/// Attempts that a job has when nothing else is said.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 5;

/// How long a discovery may take, from its first start.
pub const DISCOVERY_TIME_LIMIT: Duration = Duration::from_hours(2);

/// When a job may start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartAt {
    /// As soon as a worker is free.
    #[default]
    Now,
    /// So much after it was enqueued, by the database's clock.
    After(Duration),
    /// At this time.
    Time(DateTime<Utc>),
}

/// A job that is not stored yet.
///
/// ```
/// use outreach_domain::{JobId, JobKind};
/// use outreach_service::jobs::NewJob;
/// # use outreach_service::discovery::{IdGenerator, RandomIds};
///
/// let id = JobId::from_uuid(RandomIds.next_id());
/// let kind = JobKind::Application("crm.sync".parse()?);
/// let job = NewJob::new(id, kind, serde_json::json!({"account": 7}))
///     .unique_key("crm.sync:7")
///     .priority(-10)
///     .max_attempts(3);
/// # assert_eq!(job.max_attempts, 3);
/// # Ok::<(), outreach_domain::InvalidApplicationKind>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewJob {
    /// Its key. The caller's, so that enqueueing twice by mistake is noticed.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it is asked to do, in the shape of the kind.
    pub params: Value,
    /// Smaller is sooner; 0 unless said otherwise.
    pub priority: i16,
    /// When it may start.
    pub start: StartAt,
    /// How often it is begun before it has failed, at least 1. An attempt whose
    /// worker was lost counts; one that was interrupted by a shutdown does not.
    pub max_attempts: u32,
    /// How long it may take, from the start of its first attempt to its end,
    /// waits and later attempts included. Whole seconds.
    pub time_limit: Option<Duration>,
    /// Of the jobs with one key only one can be active (pending or running).
    pub unique_key: Option<String>,
}

impl NewJob {
    /// A job that starts as soon as it can, has [`DEFAULT_MAX_ATTEMPTS`], and
    /// as much time as it takes.
    #[must_use]
    pub fn new(id: JobId, kind: JobKind, params: Value) -> Self {
        Self {
            id,
            kind,
            params,
            priority: 0,
            start: StartAt::Now,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            time_limit: None,
            unique_key: None,
        }
    }

    /// A discovery job: one at a time ([`DISCOVERY_KEY`]), for at most
    /// [`DISCOVERY_TIME_LIMIT`].
    #[must_use]
    pub fn discover(id: JobId, request: &DiscoveryRequest) -> Self {
        let params = json!({
            "keywords": request.keywords_text(),
            "locations": request.locations(),
            "max_results": request.max_results(),
            "categories": request.categories(),
        });
        Self::new(id, JobKind::Discover, params)
            .unique_key(DISCOVERY_KEY)
            .time_limit(DISCOVERY_TIME_LIMIT)
    }

    /// Lets other jobs of its key be active at the same time.
    #[must_use]
    pub fn allow_concurrent(mut self) -> Self {
        self.unique_key = None;
        self
    }

    /// Sets the key that only one active job can have.
    #[must_use]
    pub fn unique_key(mut self, key: impl Into<String>) -> Self {
        self.unique_key = Some(key.into());
        self
    }

    /// Sets the priority; smaller is sooner.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Sets when the job may start.
    #[must_use]
    pub fn start(mut self, start: StartAt) -> Self {
        self.start = start;
        self
    }

    /// Sets the number of attempts, at least 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets how long the job may take from its first start, at least a second.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    pub(super) fn time_limit_seconds(&self) -> Option<i32> {
        let seconds = self.time_limit?.as_secs().max(1);
        Some(i32::try_from(seconds).unwrap_or(i32::MAX))
    }
}
