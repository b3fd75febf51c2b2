use std::time::Duration;

use outreach_domain::{InvalidTransition, JobId, JobStatus};
use sea_orm::{DbErr, RuntimeErr};

use crate::{InconsistentRow, sql, transaction::TransactionError};

/// Why a command or a read of jobs failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// There is no such job.
    #[error("job {id} does not exist")]
    NotFound {
        /// The key that was asked for.
        id: JobId,
    },
    /// There is a job with this key already.
    #[error("job {id} exists already")]
    Exists {
        /// The key.
        id: JobId,
    },
    /// Another active job has the same key. The new one was not stored.
    #[error(
        "job {id} was not enqueued: job {other} is active and has the same key, `{}`",
        outreach_domain::excerpt(.key, 100)
    )]
    Conflict {
        /// The job that was to be enqueued.
        id: JobId,
        /// The key that both have.
        key: String,
        /// The job that has it.
        other: JobId,
    },
    /// The key changes hands faster than it can be taken. The new job was not
    /// stored; trying again may succeed.
    #[error(
        "job {id} was not enqueued: other jobs take the key `{}` all the time",
        outreach_domain::excerpt(.key, 100)
    )]
    KeyInUse {
        /// The job that was to be enqueued.
        id: JobId,
        /// The key.
        key: String,
    },
    /// The job can't be claimed now: it has ended, another worker has it, or
    /// its start is still to come.
    #[error("job {id} cannot be claimed: {reason}")]
    NotClaimable {
        /// The job.
        id: JobId,
        /// Why not.
        reason: &'static str,
    },
    /// The job's status does not allow the change. Nothing was changed.
    #[error("job {id} stays as it is")]
    Transition {
        /// The job.
        id: JobId,
        /// From which status to which.
        #[source]
        source: InvalidTransition<JobStatus>,
    },
    /// Somebody else has the job by now, or nobody: it was cancelled, or ended.
    /// What this run wanted to write was not written.
    #[error("the run of job {id} has ended, the job is {status} by now")]
    LostRun {
        /// The job.
        id: JobId,
        /// Its status at that moment.
        status: JobStatus,
    },
    /// A stored value can't be read.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentRow),
    /// The database failed.
    #[error("database failure in jobs")]
    Database(#[from] DbErr),
    /// The transaction could not begin or commit.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}

impl JobError {
    /// Whether the database could not be reached, so that the same call may
    /// succeed later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => sql::is_unreachable(error),
            Self::Transaction(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Whether the same call may succeed when it is made again: a serialization
    /// failure, a deadlock, a lock that could not be had in time, a busy SQLite.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database(error) => sql::is_retryable(error),
            Self::Transaction(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// Whether the same call would be answered in the same way.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Database(error) => sql::is_refused(error),
            Self::Transaction(error) => error.is_refused(),
            _ => true,
        }
    }

    /// The driver has panicked, at a value that it can't read.
    pub(crate) fn panicked(message: &str) -> Self {
        let message = outreach_domain::excerpt(message, 300);
        Self::Database(DbErr::Custom(format!("the driver panicked: {message}")))
    }

    /// The database was asked and has not answered for so long.
    pub(crate) fn no_answer(limit: Duration) -> Self {
        let text = format!("the database has not answered for {limit:?}");
        Self::Database(DbErr::Conn(RuntimeErr::Internal(text)))
    }
}
