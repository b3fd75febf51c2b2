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
    /// Cancel a job that is pending or running
    Cancel {
        /// The job's id
        id: JobId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
