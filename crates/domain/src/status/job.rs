//! Where a job is in its life.

use super::{InvalidTransition, Lifecycle, stored_words};

stored_words! {
    /// Where a job is in its life; stored in `jobs.status`.
    ///
    /// `Completed`, `Failed` and `Cancelled` are final.
    pub enum JobStatus: "job status" {
        /// Enqueued by the application, or released by a worker that could not
        /// go on with it. A worker moves it on by claiming it; a person may
        /// cancel it first.
        Pending => "pending",
        /// Claimed by a worker, which moves it on. When the worker is lost, it
        /// is released after the lease has ended.
        Running => "running",
        /// The worker did all there was to do. Parts of the work may have
        /// failed; the job's result counts them.
        Completed => "completed",
        /// The worker gave up, the attempts or the time ran out, or nothing of
        /// the work succeeded. The job's error says which.
        Failed => "failed",
        /// A person asked for it to stop. What was saved until then stays.
        Cancelled => "cancelled",
    }
}

impl Lifecycle for JobStatus {
    const SUBJECT: &'static str = "job";

    fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Running, Self::Cancelled],
            Self::Running => &[
                Self::Pending,
                Self::Completed,
                Self::Failed,
                Self::Cancelled,
            ],
            Self::Completed | Self::Failed | Self::Cancelled => &[],
        }
    }
}

impl JobStatus {
    /// A worker claims the job: `Pending` becomes `Running`.
    pub fn start(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Running)
    }

    /// The run ends without the job: it is tried again later, the worker was
    /// stopped, or its lease ended. `Running` becomes `Pending`.
    pub fn release(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Pending)
    }

    /// The worker is done: `Running` becomes `Completed`.
    pub fn complete(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Completed)
    }

    /// The job cannot succeed: `Running` becomes `Failed`.
    pub fn fail(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Failed)
    }

    /// A person stops the job: `Pending` or `Running` becomes `Cancelled`.
    pub fn cancel(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Cancelled)
    }

    /// Whether the job is over and its status can no longer change.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::JobStatus::{self, Cancelled, Completed, Failed, Pending, Running};
    use super::Lifecycle;

    #[test]
    fn f38_a_job_changes_only_along_its_life() {
        for from in JobStatus::ALL {
            assert_eq!(from.start().is_ok(), from == Pending, "start {from}");
            assert_eq!(from.release().is_ok(), from == Running, "release {from}");
            assert_eq!(from.complete().is_ok(), from == Running, "complete {from}");
            assert_eq!(from.fail().is_ok(), from == Running, "fail {from}");
            assert_eq!(
                from.cancel().is_ok(),
                matches!(from, Pending | Running),
                "cancel {from}"
            );
        }
        assert_eq!(Pending.start(), Ok(Running));
        assert_eq!(Running.complete(), Ok(Completed));
        assert_eq!(Running.fail(), Ok(Failed));
        assert_eq!(Running.cancel(), Ok(Cancelled));
    }

    #[test]
    fn f32_a_cancelled_job_never_turns_completed() {
        assert!(Cancelled.complete().is_err());
        assert!(Cancelled.start().is_err());
    }

    #[test]
    fn a_final_status_has_no_successor_and_any_other_has() {
        for status in JobStatus::ALL {
            assert_eq!(status.is_final(), status.next().is_empty(), "{status}");
        }
    }
}
