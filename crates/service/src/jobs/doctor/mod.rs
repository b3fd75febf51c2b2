//! Jobs that nobody will end by themselves: their worker is gone and no other
//! one runs, the two tables say different things of them, or their time is
//! over.
//!
//! Looking writes nothing. Each job that is settled is settled in a transaction
//! of its own, by an UPDATE or DELETE that asks again for what was found, so
//! that a worker that comes meanwhile is not disturbed.

mod find;
mod settle;

use std::fmt;

use outreach_domain::JobId;
use serde::Serialize;

pub use self::{
    find::{MAX_IRREGULAR, find_irregular_jobs},
    settle::settle_irregular_job,
};

/// What is wrong with a job. A job is listed under one of them, the first that
/// fits in the order of [`Irregularity::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Irregularity {
    /// It has ended, and `job_runs` still has a row for it.
    RunOfEndedJob,
    /// Its deadline has passed, and it has not ended.
    Overdue,
    /// Its lease ended more than a minute ago and nobody has taken it over: no
    /// worker runs.
    Stuck,
    /// A worker has claimed it, and `jobs` says `pending`.
    ClaimedButPending,
    /// `jobs` says `pending`, and `job_runs` has no row, so that no worker sees
    /// it; another backend stored it.
    PendingWithoutRun,
    /// `jobs` has said `running` for 2 hours or longer, and nobody has claimed
    /// it.
    RunningWithoutRun,
    /// `jobs` has said `running` for less than 2 hours, and nobody has claimed
    /// it. Another backend may be at it, so it is left alone.
    RunningElsewhere,
}

impl Irregularity {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::RunOfEndedJob,
        Self::Overdue,
        Self::Stuck,
        Self::ClaimedButPending,
        Self::PendingWithoutRun,
        Self::RunningWithoutRun,
        Self::RunningElsewhere,
    ];
}

impl fmt::Display for Irregularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RunOfEndedJob => "ended, and still has a run",
            Self::Overdue => "past its deadline",
            Self::Stuck => "stuck: its lease has ended and no worker took it over",
            Self::ClaimedButPending => "claimed, and pending all the same",
            Self::PendingWithoutRun => "pending where no worker looks",
            Self::RunningWithoutRun => "running for 2 hours or longer without a worker of ours",
            Self::RunningElsewhere => "running without a worker of ours, perhaps elsewhere",
        })
    }
}

/// A job that something is wrong with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IrregularJob {
    /// The job.
    pub id: JobId,
    /// What is wrong.
    pub irregularity: Irregularity,
    /// `jobs.job_type` as stored.
    pub job_type: String,
    /// `jobs.status` as stored.
    pub status: String,
    /// The worker that has, or had, it.
    pub owner: Option<String>,
    /// Since when, in seconds before now: the end of the lease, the deadline,
    /// or the last change of the job. `None` where no time is stored.
    pub seconds_ago: Option<f64>,
}

/// The jobs with one irregularity.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IrregularJobs {
    /// What is wrong.
    pub irregularity: Irregularity,
    /// How many there are in all.
    pub count: u64,
    /// At most [`MAX_IRREGULAR`] of them, oldest first.
    pub jobs: Vec<IrregularJob>,
}

/// What became of an irregular job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Settlement {
    /// It waits for a worker.
    Pending,
    /// It has failed, with the reason in `jobs.error_message`.
    Failed,
    /// The row in `job_runs` was removed; the job stays as it ended.
    RunRemoved,
    /// It was regular by then.
    NothingToDo,
    /// It was left as it is: another backend may be at it, or its type is
    /// unknown to this build.
    LeftAlone,
}

impl Settlement {
    /// Whether nothing is wrong with the job any more.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self != Self::LeftAlone
    }
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "waits for a worker",
            Self::Failed => "failed",
            Self::RunRemoved => "its run was removed",
            Self::NothingToDo => "was settled meanwhile",
            Self::LeftAlone => "left alone",
        })
    }
}
