use outreach_domain::{InvalidTransition, JobId, JobStatus};
use sea_orm::DbErr;

use crate::{InconsistentRow, transaction::TransactionError};

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
