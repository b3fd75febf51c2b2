use outreach_domain::{JobId, JobKind};
use sea_orm::DbErr;

use super::ProviderError;
use crate::{jobs::JobError, transaction::TransactionError};

/// Why a discovery did not come to its end. Queries that were saved before stay
/// saved; the job says what happened, unless the database could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The job does something else.
    #[error("job {id} is a {kind} job, not a discovery")]
    WrongKind {
        /// The job.
        id: JobId,
        /// What it does.
        kind: JobKind,
    },
    /// The stored parameters are not those of a discovery. The job failed.
    #[error("job {id} has parameters that no discovery can have")]
    InvalidParams {
        /// The job.
        id: JobId,
        /// What is wrong with them.
        #[source]
        source: serde_json::Error,
    },
    /// A provider can answer nothing until it is configured. The job failed.
    #[error("discovery job {id} failed")]
    NotConfigured {
        /// The job.
        id: JobId,
        /// Which provider, and what to set.
        #[source]
        source: ProviderError,
    },
    /// The time that the job may take is over. The job failed.
    #[error("discovery job {id} timed out: its deadline has passed")]
    TimedOut {
        /// The job.
        id: JobId,
    },
    /// The counters of a query do not add up; nothing of it was saved. A defect
    /// of this library.
    #[error(
        "the results of the query `{keyword}` do not add up: {found} found, {disposed} accounted for"
    )]
    Unbalanced {
        /// The query.
        keyword: String,
        /// Results that the search gave.
        found: u64,
        /// Results with an end.
        disposed: u64,
    },
    /// The job was not there, not pending, cancelled meanwhile, or its row
    /// could not be read.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The database failed.
    #[error("database failure in discovery")]
    Database(#[from] DbErr),
    /// A transaction could not begin or commit.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}
