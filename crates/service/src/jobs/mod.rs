//! Jobs: what users asked for, and what became of it.
//!
//! `jobs` is the users' record; `job_runs` has a row for each job that has not
//! ended. A status changes only by the guarded commands here: the UPDATE names
//! the status that it expects, and no row touched is an error that says what
//! was found. What a run writes, it writes after proving its [`RunToken`], in
//! the same transaction.

mod commands;
mod error;
mod queries;
mod row;
mod run;

pub use commands::{
    NewJob, cancel_job, cancel_job_in_txn, complete_job, complete_job_in_txn, enqueue_job,
    enqueue_job_in_txn, fail_job, fail_job_in_txn, start_job, start_job_in_txn,
};
pub use error::JobError;
pub use queries::{JobCursor, JobFilter, count_jobs, find_job, list_jobs};
pub use row::Job;
pub use run::{Run, RunToken, record_progress_in_txn};
pub(crate) use run::{forget_run, refuse_if_lost};
