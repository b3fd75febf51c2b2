//! Commands on jobs: `jobs`.

use clap::Subcommand;
use outreach_domain::{JobId, JobKind, JobStatus};
use outreach_service::jobs::JobCursor;

use super::PageArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, newest first
    List {
        /// Only jobs of this status
        #[arg(long)]
        status: Option<JobStatus>,
        /// Only jobs of this type
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<JobKind>,
        #[command(flatten)]
        page: PageArguments<JobCursor>,
    },
    /// Show a job
    Show {
        /// The job's id
        id: JobId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for jobs that nobody will end: their worker is gone, nobody sees
    /// them, or their time is over. Exit status 0: none, or all settled. 1:
    /// found and not settled. 2: could not look
    Doctor {
        /// Settle what is found, each job in a transaction of its own
        #[arg(long)]
        fix: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Cancel a job that is pending or running
    Cancel {
        /// The job's id
        id: JobId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
