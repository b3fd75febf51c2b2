//! One attempt at a job, from its claim to the record of how it ended.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use outreach_domain::{JobStatus, excerpt};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use super::{
    AttemptEnd, Completion, JobContext, JobFailure, JobHandler, Stop,
    bounded::{Cut, bounded},
    builder::Shared,
    completion::Recorded,
    handler::{Remedy, describe},
    heartbeat::HeldRun,
    place::Place,
};
use crate::{
    connect::Tenant,
    jobs::{
        ClaimedJob, CompletedRun, Interruption, JobError, Run, complete_run, fail_job, find_job,
        forget_run, interrupt_job, release_job, retry_job,
    },
    transaction::settle_unknown_outcome,
};

/// The most characters of a panic's message.
const MAX_PANIC_CHARS: usize = 300;

/// How long an interrupted job waits, a quarter more or less by chance.
const INTERRUPTION_DELAY: Duration = Duration::from_secs(1);

/// Runs the handler of a job and records how it ended. `claimed_at` is a time
/// before the claim was sent. Once `abandon` is cancelled, a job that is still
/// under way is given back.
pub(super) async fn attempt(
    shared: Arc<Shared>,
    place: Place,
    claimed: ClaimedJob,
    claimed_at: Instant,
    abandon: CancellationToken,
) -> AttemptEnd {
    let run = claimed.run;
    let span = info_span!(
        "job",
        job = %run.job,
        run = %run.token,
        kind = %claimed.kind,
        attempt = claimed.attempt,
        schema = place.schema_name(),
    );
    async move {
        let Place { tenant, own, beats } = place;
        let mut held = shared.heartbeats.hold(&beats, run, claimed_at);
        let outcome = handle(&shared, tenant, &claimed, &mut held, &abandon).await;
        let end = record(&shared, &own, &claimed, outcome, &mut held).await;
        info!(?end, "an attempt ended");
        end
    }
    .instrument(span)
    .await
}

async fn handle(
    shared: &Shared,
    tenant: Tenant,
    claimed: &ClaimedJob,
    held: &mut HeldRun,
    abandon: &CancellationToken,
) -> Result<Result<Completion, JobFailure>, Cut> {
    let Some(handler) = shared.handlers.get(&claimed.kind) else {
        // Only kinds with a handler are claimed; a job that was claimed by its
        // key may be of any.
        let reason = format!("this worker has no handler for {} jobs", claimed.kind);
        return Ok(Err(JobFailure::permanent(reason)));
    };
    let context = JobContext::new(claimed.clone(), tenant);
    let work = call(handler.as_ref(), &context);
    bounded(held, claimed.time_left, abandon, work).await
}

/// A handler that panics has failed, and takes nobody along.
async fn call(handler: &dyn JobHandler, context: &JobContext) -> Result<Completion, JobFailure> {
    let called = AssertUnwindSafe(handler.run(context)).catch_unwind().await;
    called.unwrap_or_else(|panic| {
        let message = excerpt(panic_message(panic.as_ref()), MAX_PANIC_CHARS);
        Err(JobFailure::retryable(format!(
            "the handler panicked: {message}"
        )))
    })
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(message) = panic.downcast_ref::<&str>() {
        message
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message
    } else {
        "no message"
    }
}

async fn record(
    shared: &Shared,
    tenant: &Tenant,
    claimed: &ClaimedJob,
    outcome: Result<Result<Completion, JobFailure>, Cut>,
    held: &mut HeldRun,
) -> AttemptEnd {
    let run = claimed.run;
    let failure = match outcome {
        Err(Cut::Stopped(Stop::Lost)) => return lose(tenant, run).await,
        Err(Cut::Stopped(Stop::LeaseEnded)) => {
            let reason = "no heartbeat came through for as long as the lease is".to_owned();
            return AttemptEnd::Unrecorded { reason };
        }
        Err(Cut::Abandoned) => {
            return write(shared, tenant, run, held, Ending::Release, false).await;
        }
        Err(Cut::Overdue) => {
            let reason = "Job timed out: its deadline has passed".to_owned();
            JobFailure::permanent(reason)
        }
        Ok(Ok(Completion::Ended)) => return AttemptEnd::Completed,
        Ok(Ok(Completion::Done(result))) => {
            return complete(shared, tenant, CompletedRun { run, result }, held).await;
        }
        Ok(Err(failure)) => failure,
    };
    let JobFailure {
        reason,
        remedy,
        result,
    } = failure;
    let ending = match remedy {
        Remedy::Lost => return lose(tenant, run).await,
        Remedy::Resume => {
            warn!(reason, "a job was interrupted");
            // What is away may be something of the handler's own; then the job
            // would come back at once, again and again.
            Ending::Interrupt {
                reason,
                delay: shared.jittered(INTERRUPTION_DELAY),
                progress: claimed.progress.clone(),
            }
        }
        Remedy::None => Ending::Fail { reason, result },
        Remedy::Retry(delay) => Ending::Retry {
            delay: delay.unwrap_or_else(|| shared.backoff(claimed.attempt)),
            reason,
            result,
        },
    };
    write(shared, tenant, run, held, ending, false).await
}

/// A job that another backend has ended leaves its row in `job_runs`, which
/// this run takes away.
async fn lose(tenant: &Tenant, run: Run) -> AttemptEnd {
    if let Err(error) = forget_run(tenant, run).await {
        debug!(%error, "the row of a lost run stays");
    }
    AttemptEnd::Lost
}

async fn complete(
    shared: &Shared,
    tenant: &Tenant,
    completed: CompletedRun,
    held: &mut HeldRun,
) -> AttemptEnd {
    let run = completed.run;
    let ending = Ending::Complete {
        result: completed.result.clone(),
    };
    let limit = shared.answer_limit();
    let recorded = tokio::select! {
        biased;
        recorded = shared.completions.complete(tenant, completed, limit) => recorded,
        stop = held.stopped() => return stopped(tenant, run, &ending, stop).await,
    };
    match recorded {
        Recorded::Yes => AttemptEnd::Completed,
        Recorded::Lost => lose(tenant, run).await,
        Recorded::No | Recorded::Unknown => {
            let unknown = recorded == Recorded::Unknown;
            write(shared, tenant, run, held, ending, unknown).await
        }
    }
}

/// The end of an attempt that was stopped while it was recorded. The heartbeat
/// may have seen before this what was committed.
async fn stopped(tenant: &Tenant, run: Run, ending: &Ending, stop: Stop) -> AttemptEnd {
    match stop {
        Stop::Lost => match find_job(tenant, run.job).await {
            Ok(Some(job)) if ending.is_final_as(job.status) => ending.end(job.status),
            _ => AttemptEnd::Lost,
        },
        Stop::LeaseEnded => AttemptEnd::Unrecorded {
            reason: "the end could not be written until the lease ended".to_owned(),
        },
    }
}

/// What the transaction at the end of an attempt writes.
enum Ending {
    Complete {
        result: Option<Value>,
    },
    Fail {
        reason: String,
        result: Option<Value>,
    },
    Retry {
        reason: String,
        delay: Duration,
        result: Option<Value>,
    },
    Interrupt {
        reason: String,
        delay: Duration,
        progress: Option<Value>,
    },
    Release,
}

impl Ending {
    async fn send(&self, tenant: &Tenant, run: Run) -> Result<JobStatus, JobError> {
        match self {
            Self::Complete { result } => {
                complete_run(tenant, run, result.as_ref()).await?;
                Ok(JobStatus::Completed)
            }
            Self::Fail { reason, result } => {
                fail_job(tenant, run, reason, result.clone()).await?;
                Ok(JobStatus::Failed)
            }
            Self::Retry {
                reason,
                delay,
                result,
            } => retry_job(tenant, run, reason, *delay, result.clone()).await,
            Self::Interrupt {
                reason,
                delay,
                progress,
            } => {
                let interruption = Interruption {
                    reason,
                    delay: *delay,
                    progress: progress.as_ref(),
                };
                interrupt_job(tenant, run, interruption).await
            }
            Self::Release => {
                release_job(tenant, run, Duration::ZERO).await?;
                Ok(JobStatus::Pending)
            }
        }
    }

    /// The run is gone after a commit of which nobody knew: that was it, if the
    /// job is what it would be.
    fn kept(&self, status: JobStatus) -> AttemptEnd {
        let fits = match self {
            Self::Complete { .. } | Self::Fail { .. } => self.is_final_as(status),
            // Another worker may have it already.
            Self::Retry { .. } | Self::Interrupt { .. } | Self::Release => {
                status != JobStatus::Cancelled
            }
        };
        if fits {
            self.end(status)
        } else {
            AttemptEnd::Lost
        }
    }

    /// Whether it ends the job, and the job is what it makes of it.
    fn is_final_as(&self, status: JobStatus) -> bool {
        match self {
            Self::Complete { .. } => status == JobStatus::Completed,
            Self::Fail { .. } => status == JobStatus::Failed,
            Self::Retry { .. } | Self::Interrupt { .. } | Self::Release => false,
        }
    }

    fn end(&self, became: JobStatus) -> AttemptEnd {
        match self {
            Self::Complete { .. } => AttemptEnd::Completed,
            Self::Release => AttemptEnd::Released,
            Self::Interrupt { .. } if became != JobStatus::Failed => AttemptEnd::Released,
            Self::Retry { reason, delay, .. } if became != JobStatus::Failed => {
                AttemptEnd::Retried {
                    reason: reason.clone(),
                    delay: *delay,
                }
            }
            Self::Fail { reason, .. }
            | Self::Retry { reason, .. }
            | Self::Interrupt { reason, .. } => AttemptEnd::Failed {
                reason: reason.clone(),
            },
        }
    }
}

/// Tries as long as the run is held: the database may be away for a while, or
/// somebody may have locked the rows, and what the attempt did should not be
/// done again. A result that the database refuses fails the job.
/// `unknown` says that a commit of the same ending may have happened already.
async fn write(
    shared: &Shared,
    tenant: &Tenant,
    run: Run,
    held: &mut HeldRun,
    mut ending: Ending,
    mut unknown: bool,
) -> AttemptEnd {
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build();
    loop {
        let sent = tokio::select! {
            biased;
            sent = tokio::time::timeout(shared.answer_limit(), ending.send(tenant, run)) => sent,
            stop = held.stopped() => return stopped(tenant, run, &ending, stop).await,
        };
        let error = match sent {
            Ok(Ok(became)) => return ending.end(became),
            Ok(Err(JobError::LostRun { status, .. })) if unknown => return ending.kept(status),
            Ok(Err(JobError::LostRun { .. })) => return AttemptEnd::Lost,
            Ok(Err(error)) => error,
            Err(_) => {
                // It may be committed, whatever comes of the next.
                unknown = true;
                JobError::no_answer(shared.answer_limit())
            }
        };
        if let JobError::Transaction(error) = &error
            && error.is_outcome_unknown()
        {
            unknown = true;
        } else if error.is_refused() {
            let reason = describe(&error);
            warn!(reason, "the end of a job was refused");
            match ending {
                Ending::Complete { result: Some(_) } => {
                    let reason = format!("the result cannot be stored: {reason}");
                    ending = Ending::Fail {
                        reason,
                        result: None,
                    };
                }
                _ => return AttemptEnd::Unrecorded { reason },
            }
        }
        debug!(%error, "recording the end of a job again");
        let delay = delays.next().unwrap_or(Duration::from_secs(2));
        let pause = async {
            if let JobError::Transaction(error) = &error {
                settle_unknown_outcome(tenant, error).await;
            }
            tokio::time::sleep(delay).await;
        };
        tokio::select! {
            biased;
            () = pause => {}
            stop = held.stopped() => return stopped(tenant, run, &ending, stop).await,
        }
    }
}
