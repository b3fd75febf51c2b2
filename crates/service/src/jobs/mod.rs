//! Jobs: what users asked for, and what became of it.
//!
//! `jobs` is the users' record; `job_runs` has a row for each job that has not
//! ended. A status changes only by the guarded commands here: the UPDATE names
//! the status that it expects, and no row touched is an error that says what
//! was found. What a run writes, it writes after proving its [`RunToken`], in
//! the same transaction.

mod cancel;
mod claim;
mod doctor;
mod enqueue;
mod error;
mod error_history;
mod finish;
mod lease;
mod new_job;
mod queries;
mod retry;
mod row;
mod run;
mod run_state;

pub use cancel::{cancel_job, cancel_job_in_txn};
pub(crate) use claim::claim_jobs_with;
pub use claim::{
    ClaimRequest, ClaimStrategy, ClaimedJob, WaitingWork, claim_job, claim_job_in_txn, claim_jobs,
    waiting_work,
};
pub use doctor::{
    IrregularJob, IrregularJobs, Irregularity, MAX_IRREGULAR, Settlement, find_irregular_jobs,
    settle_irregular_job,
};
pub(crate) use enqueue::WAKE_UP_CHANNEL;
pub use enqueue::{enqueue_job, enqueue_job_in_txn, enqueue_jobs_in_txn, wake_workers_in_txn};
pub use error::JobError;
pub use finish::{
    CompletedRun, complete_job, complete_job_in_txn, complete_jobs, fail_job, fail_job_in_txn,
};
pub(crate) use finish::{complete_jobs_with, complete_run};
pub use lease::{
    ExpiredRun, Extended, extend_leases, extend_locked_lease, release_expired, release_owned,
};
pub(crate) use lease::{release_claims, release_expired_with};
pub use new_job::{DEFAULT_MAX_ATTEMPTS, DISCOVERY_KEY, DISCOVERY_TIME_LIMIT, NewJob, StartAt};
pub use queries::{JobCursor, JobFilter, count_jobs, find_job, list_jobs};
pub use retry::{Interruption, interrupt_job, release_job, retry_job, retry_job_in_txn};
pub use row::Job;
pub use run::{Run, RunToken, record_progress_in_txn};
pub(crate) use run::{forget_run, refuse_if_lost};
pub use run_state::{JobRun, find_job_run};
