//! The job from its enqueueing to its end, here and now, as a worker does it.

use std::{fmt, time::Duration};

use outreach_domain::{DiscoveryRequest, JobId, JobKind, JobStatus, excerpt};
use outreach_service::{
    connect::Tenant,
    discovery::{DiscoveryHandler, DiscoverySummary},
    jobs::{
        ClaimedJob, Job, JobError, NewJob, RunToken, cancel_job, claim_job, claim_job_in_txn,
        enqueue_job_in_txn, find_job, find_job_run, release_owned,
    },
    transaction::{RetryPolicy, with_retrying_transaction},
    worker::{AttemptEnd, Backoff, Worker},
};
use tokio::time::Instant;

use super::{not_enqueued, progress::Progress, report::Outcome};
use crate::{
    commands::signals::{Signal, Signals},
    exit::Error,
    output::seconds,
};

/// Somebody waits at the terminal.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    max: Duration::from_secs(8),
};

/// Between two looks whether a job may be claimed again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A claim, with a time before it was sent.
type Held = (ClaimedJob, Instant);

/// Stores the job and claims it in one transaction, so that no worker takes it
/// before, and works on it until it has ended or a signal comes.
pub(super) async fn enqueue_and_work(
    tenant: &Tenant,
    job: &NewJob,
    request: &DiscoveryRequest,
    handler: DiscoveryHandler,
) -> Result<Outcome, Error> {
    let progress = Progress::begin(request);
    let shown = progress.clone();
    let worker = Worker::builder(tenant.clone())
        .handle(
            JobKind::Discover,
            handler.on_progress(move |_, now| shown.show(now)),
        )
        .name("discover")
        .backoff(BACKOFF)
        .build()?;
    let mut signals = Signals::catch().map_err(Error::failed)?;
    let held = match enqueue_and_claim(tenant, job, &worker).await {
        Ok(held) => held,
        Err(error) => {
            progress.end();
            return Err(not_enqueued(tenant, error).await);
        }
    };
    let ended = tokio::select! {
        ended = attempts(tenant, &worker, held, &progress) => ended,
        // The query under way is dropped, and with it its transaction.
        signal = signals.next() => Err(stopped(tenant, &worker, job.id, signal).await),
    };
    progress.end();
    ended?;
    let job = existing(tenant, job.id).await?;
    let summary = DiscoverySummary::load(tenant, job.id, request)
        .await
        .map_err(|error| in_job(job.id, error))?;
    Ok(Outcome { job, summary })
}

async fn enqueue_and_claim(
    tenant: &Tenant,
    job: &NewJob,
    worker: &Worker,
) -> Result<Held, JobError> {
    let policy = RetryPolicy::default();
    with_retrying_transaction(tenant, "enqueue and claim", policy, |txn| {
        Box::pin(async move {
            enqueue_job_in_txn(txn, job).await?;
            let claimed_at = Instant::now();
            let request = worker.claim_request();
            let claimed = claim_job_in_txn(txn, job.id, &request, RunToken::random()).await?;
            Ok((claimed, claimed_at))
        })
    })
    .await
}

/// One attempt after the other, until the job has ended.
async fn attempts(
    tenant: &Tenant,
    worker: &Worker,
    mut held: Held,
    progress: &Progress,
) -> Result<(), Error> {
    let id = held.0.run.job;
    loop {
        let (claimed, claimed_at) = held;
        let attempt = claimed.attempt;
        let wait = match worker.work_on(tenant, claimed, claimed_at).await {
            AttemptEnd::Completed | AttemptEnd::Failed { .. } => return Ok(()),
            AttemptEnd::Retried { reason, delay } => {
                progress.say(&format!(
                    "warning: attempt {attempt} failed: {}; the next one in {}",
                    excerpt(&reason, 300),
                    seconds(delay.as_secs_f64())
                ));
                delay
            }
            AttemptEnd::Released => {
                progress.say("warning: the database went away for a while; going on");
                LOOK_AGAIN
            }
            AttemptEnd::Lost => return Err(lost(tenant, id).await),
            AttemptEnd::Unrecorded { reason } => return Err(unrecorded(id, &reason)),
            end => return Err(unrecorded(id, &format!("{end:?}"))),
        };
        tokio::time::sleep(wait).await;
        match claim_again(tenant, worker, id).await? {
            Some(again) => held = again,
            None => return Ok(()),
        }
    }
}

/// Nothing when the job has ended meanwhile.
async fn claim_again(tenant: &Tenant, worker: &Worker, id: JobId) -> Result<Option<Held>, Error> {
    loop {
        let claimed_at = Instant::now();
        let request = worker.claim_request();
        match claim_job(tenant, id, &request, RunToken::random()).await {
            Ok(claimed) => return Ok(Some((claimed, claimed_at))),
            Err(JobError::NotClaimable { .. }) => {}
            Err(error) => return Err(in_job(id, error)),
        }
        if existing(tenant, id).await?.status.is_final() {
            return Ok(None);
        }
        let run = find_job_run(tenant, id).await;
        let run = run.map_err(|error| in_job(id, error))?;
        // By the clock of the database, which decides, it starts a bit later.
        if run.is_none_or(|run| run.owner.is_some()) {
            return Err(lost(tenant, id).await);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn existing(tenant: &Tenant, id: JobId) -> Result<Job, Error> {
    let job = find_job(tenant, id).await;
    job.and_then(|job| job.ok_or(JobError::NotFound { id }))
        .map_err(|error| in_job(id, error))
}

async fn lost(tenant: &Tenant, id: JobId) -> Error {
    match existing(tenant, id).await {
        Ok(job) if job.status.is_final() => {
            let status = job.status;
            in_job(id, JobError::LostRun { id, status })
        }
        Ok(_) => Error::failed_because(format!(
            "another worker has taken discovery job {id} over; `outreach jobs show {id}` tells how \
             it goes on"
        )),
        Err(error) => error,
    }
}

fn unrecorded(id: JobId, reason: &str) -> Error {
    Error::failed_because(format!(
        "discovery job {id} was left: {}; `outreach work --results …` goes on with it once its \
         lease has ended",
        excerpt(reason, 300)
    ))
}

/// Ends the job that a person has given up; gives back the one that the system
/// took the process from.
async fn stopped(tenant: &Tenant, worker: &Worker, id: JobId, signal: Signal) -> Error {
    match signal {
        Signal::Interrupt => match cancel_job(tenant, id).await {
            Ok(()) => Error::failed_because(format!(
                "interrupted: discovery job {id} was cancelled; what it had saved stays"
            )),
            Err(error) => in_job(id, error).context("interrupted"),
        },
        Signal::Terminate => match give_back(tenant, worker, id).await {
            Ok(JobStatus::Pending) => Error::failed_because(format!(
                "terminated: discovery job {id} is pending again and what it had saved stays; \
                 `outreach work --results …` goes on with it"
            )),
            Ok(status) => {
                Error::failed_because(format!("terminated: discovery job {id} is {status}"))
            }
            Err(error) => in_job(id, error).context("terminated"),
        },
    }
}

async fn give_back(tenant: &Tenant, worker: &Worker, id: JobId) -> Result<JobStatus, JobError> {
    release_owned(tenant, worker.owner()).await?;
    let job = find_job(tenant, id).await?;
    Ok(job.ok_or(JobError::NotFound { id })?.status)
}

/// From here on the request was taken, so whatever goes wrong has failed.
fn in_job(id: JobId, error: impl Into<anyhow::Error> + fmt::Display) -> Error {
    Error::failed(error).context(format!("discovery job {id}"))
}
