use std::{error::Error, time::Duration};

use async_trait::async_trait;
use outreach_domain::{JobId, JobKind};
use sea_orm::DbErr;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    connect::Tenant,
    jobs::{ClaimedJob, JobError, Run, record_progress_in_txn},
    sql,
    transaction::{RetryPolicy, TransactionError, with_retrying_transaction},
};

/// What a worker does with the jobs of a kind.
///
/// A handler may be dropped at any `await`: when its job is cancelled or lost,
/// its time is over, or the worker stops. What it had committed stays, and the
/// next attempt has to begin where that ends. Each transaction of it should
/// begin with [`record_progress_in_txn`], which proves the run, or end with
/// [`complete_job_in_txn`](crate::jobs::complete_job_in_txn). A transaction of
/// its [`tenant`](JobContext::tenant) in which nothing happens for as long as
/// the lease is ended by PostgreSQL. One that has proved the run has to end
/// within the lease, busy or not: the row is locked, so that no heartbeat
/// renews the lease, and with it the attempt ends.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// Does the job, or says why not.
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure>;
}

/// A job that a handler has to do.
#[derive(Debug, Clone)]
pub struct JobContext {
    claimed: ClaimedJob,
    tenant: Tenant,
}

impl JobContext {
    pub(super) fn new(claimed: ClaimedJob, tenant: Tenant) -> Self {
        Self { claimed, tenant }
    }

    /// The job's key.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.claimed.run.job
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> &JobKind {
        &self.claimed.kind
    }

    /// The proof that the job is this worker's.
    #[must_use]
    pub fn run(&self) -> Run {
        self.claimed.run
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.claimed.attempt
    }

    /// The job as it was claimed.
    #[must_use]
    pub fn claimed(&self) -> &ClaimedJob {
        &self.claimed
    }

    /// Where the job's tables are.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What the job is asked to do.
    ///
    /// # Errors
    ///
    /// A permanent failure when the stored parameters have another shape.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, JobFailure> {
        let params = self.claimed.params.clone().unwrap_or_default();
        serde_json::from_value(params).map_err(|error| {
            JobFailure::permanent(format!(
                "the parameters are not those of a {} job: {error}",
                self.kind()
            ))
        })
    }

    /// Stores how far the job is, after proving the run. Commits.
    pub async fn record_progress(&self, progress: &Value) -> Result<(), JobFailure> {
        let run = self.run();
        with_retrying_transaction(
            &self.tenant,
            "record progress",
            RetryPolicy::default(),
            |txn| Box::pin(record_progress_in_txn(txn, run, progress.clone())),
        )
        .await
        .map_err(JobFailure::from)
    }
}

/// How a handler came to its end.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Completion {
    /// All is done; the worker completes the job with this as `jobs.result`.
    Done(Option<Value>),
    /// The handler has ended the job in a transaction of its own.
    Ended,
}

/// Why a handler could not do a job, and whether it is worth another attempt.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct JobFailure {
    pub(super) reason: String,
    pub(super) remedy: Remedy,
    pub(super) result: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    Retry(Option<Duration>),
    Resume,
    Lost,
}

impl JobFailure {
    fn new(reason: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            reason: reason.into(),
            remedy,
            result: None,
        }
    }

    /// Another attempt would fail as well: the job has failed.
    #[must_use]
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::new(reason, Remedy::None)
    }

    /// Another attempt may succeed: the job is tried again after a while, as
    /// long as it has attempts left.
    #[must_use]
    pub fn retryable(reason: impl Into<String>) -> Self {
        Self::new(reason, Remedy::Retry(None))
    }

    /// [`retryable`](Self::retryable), after this time.
    #[must_use]
    pub fn retry_after(reason: impl Into<String>, delay: Duration) -> Self {
        Self::new(reason, Remedy::Retry(Some(delay)))
    }

    /// The job is not to blame: the database went away. It is given back and
    /// goes on after about a second; the attempt does not count, up to three
    /// times in a row without progress, and if the database is back before the
    /// lease ends.
    #[must_use]
    pub fn interrupted(reason: impl Into<String>) -> Self {
        Self::new(reason, Remedy::Resume)
    }

    /// What the job did until then, for `jobs.result`.
    #[must_use]
    pub fn with_result(mut self, result: Option<Value>) -> Self {
        self.result = result;
        self
    }
}

/// The error with its causes, in one line. A cause that the error tells itself,
/// as those of the database do, is not told again.
pub(crate) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}

impl From<DbErr> for JobFailure {
    fn from(error: DbErr) -> Self {
        let reason = describe(&error);
        if sql::is_unreachable(&error) {
            Self::interrupted(reason)
        } else {
            Self::retryable(reason)
        }
    }
}

impl From<TransactionError> for JobFailure {
    fn from(error: TransactionError) -> Self {
        let reason = describe(&error);
        if error.is_unreachable() {
            Self::interrupted(reason)
        } else {
            Self::retryable(reason)
        }
    }
}

impl From<JobError> for JobFailure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::LostRun { .. } => Self::new(error.to_string(), Remedy::Lost),
            JobError::KeyInUse { .. } => Self::retryable(error.to_string()),
            JobError::Database(error) => error.into(),
            JobError::Transaction(error) => error.into(),
            other => Self::permanent(describe(&other)),
        }
    }
}
