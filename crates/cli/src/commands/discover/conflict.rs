//! What to say when another discovery is active: which one it is, whether
//! anybody works on it, and the ways on.

use outreach_domain::{JobId, JobStatus, excerpt};
use outreach_service::{
    connect::Tenant,
    jobs::{JobError, JobRun, find_job, find_job_run},
};

use crate::{
    exit::Error,
    output::{self, seconds},
};

/// The refusal. Where the other job can't be read, it is named at least.
pub(super) async fn refusal(tenant: &Tenant, other: JobId) -> Error {
    let state = match state(tenant, other).await {
        Ok(state) => state,
        Err(error) => {
            return Error::from(error).context(format!("discovery job {other} is active"));
        }
    };
    Error::refused_because(format!(
        "another discovery is active: job {other} is {state}; `outreach work --results …` goes on \
         with it when nobody does, `outreach jobs cancel {other}` ends it, --allow-concurrent \
         searches beside it"
    ))
}

async fn state(tenant: &Tenant, id: JobId) -> Result<String, JobError> {
    let job = find_job(tenant, id).await?;
    let Some(job) = job else {
        return Ok("gone by now".to_owned());
    };
    let run = find_job_run(tenant, id).await?;
    Ok(match run {
        Some(run) if run.owner.is_some() => running(&run),
        Some(run) if job.status == JobStatus::Pending => {
            let start = output::time(Some(run.run_at));
            format!("pending, to start at {start}")
        }
        _ => job.status.to_string(),
    })
}

fn running(run: &JobRun) -> String {
    let owner = excerpt(run.owner.as_deref().unwrap_or_default(), 100);
    let until = output::time(run.lease_expires_at);
    match run.lease_seconds_left {
        Some(left) if left < 0.0 => format!(
            "running, but the lease of its worker {owner} ended {} ago ({until})",
            seconds(-left)
        ),
        _ => format!("running by {owner}, whose lease lasts until {until} if it is not renewed"),
    }
}
