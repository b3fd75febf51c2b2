use std::time::Duration;

use outreach_domain::{JobId, JobKind};
use serde::Serialize;

/// How an attempt at a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// The job is completed.
    Completed,
    /// The job has failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// The job is tried again.
    Retried {
        /// Why.
        reason: String,
        /// After this time.
        delay: Duration,
    },
    /// The job was given back and goes on elsewhere; the attempt does not
    /// count, unless it is one of many in a row that were interrupted.
    Released,
    /// The job was cancelled, ended by another backend, or is another worker's
    /// by now. Nothing was written.
    Lost,
    /// The end could not be recorded; the job goes on when the lease ends, if
    /// there still is one.
    Unrecorded {
        /// Why.
        reason: String,
    },
}

/// What happens in a worker, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A job was claimed and begins.
    Claimed {
        /// The job.
        job: JobId,
        /// What it does.
        kind: JobKind,
        /// Which attempt it is, from 1.
        attempt: u32,
        /// The tenant's schema, when the worker names one.
        schema: Option<String>,
    },
    /// An attempt ended.
    Ended {
        /// The job.
        job: JobId,
        /// How.
        end: AttemptEnd,
    },
    /// A lease of a lost worker ended, and the job is free or has failed.
    Expired {
        /// The job.
        job: JobId,
    },
    /// The database can't be reached, or a tenant's tables can't be read; the
    /// worker goes on trying. Told at each attempt.
    Unreachable {
        /// The tenant's schema, when the worker names one.
        schema: Option<String>,
        /// What it says.
        error: String,
        /// The database was there, and answered with the error.
        refused: bool,
    },
    /// After [`Unreachable`](Self::Unreachable): jobs are looked for again.
    Reachable {
        /// The tenant's schema, when the worker names one.
        schema: Option<String>,
    },
}

/// What a worker did until it stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WorkerReport {
    /// Attempts that were begun.
    pub claimed: u64,
    /// Jobs that were completed.
    pub completed: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Attempts that are made again.
    pub retried: u64,
    /// Jobs that were given back.
    pub released: u64,
    /// Jobs that were cancelled or lost to another worker.
    pub lost: u64,
    /// Attempts whose end could not be recorded.
    pub unrecorded: u64,
    /// Tenants whose jobs could not be looked for when the worker ended.
    pub unserved: u64,
}

impl WorkerReport {
    pub(super) fn count(&mut self, end: &AttemptEnd) {
        *match end {
            AttemptEnd::Completed => &mut self.completed,
            AttemptEnd::Failed { .. } => &mut self.failed,
            AttemptEnd::Retried { .. } => &mut self.retried,
            AttemptEnd::Released => &mut self.released,
            AttemptEnd::Lost => &mut self.lost,
            AttemptEnd::Unrecorded { .. } => &mut self.unrecorded,
        } += 1;
    }
}
