//! The discovery job from start to end.

use outreach_domain::{DiscoveryRequest, JobId, JobKind, JobStatus};
use sea_orm::DatabaseConnection;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Contacts, Counters, DiscoveryError, DiscoveryLimits, DiscoverySummary, IdGenerator, RandomIds,
    SearchProvider, searches::search_all,
};
use crate::{
    connect::Tenant,
    jobs::{
        ClaimRequest, ClaimStrategy, ClaimedJob, JobError, Run, RunToken, claim_job, complete_job,
        fail_job, find_job, forget_run,
    },
    transaction::{TransactionSource, settle_unknown_outcome},
    worker::{Cut, Heartbeats, Place, bounded, describe},
};

/// The lease of a discovery that runs without a worker.
const LEASE: std::time::Duration = std::time::Duration::from_secs(30);

/// What a discovery works with.
#[derive(Clone, Copy)]
pub struct Discovery<'a> {
    /// Where to search.
    pub search: &'a dyn SearchProvider,
    /// Where contacts come from, and what to do without one.
    pub contacts: Contacts<'a>,
    /// How many calls are made at the same time, and how often.
    pub limits: DiscoveryLimits,
    /// The keys of new rows.
    pub ids: &'a dyn IdGenerator,
    /// Told after each query.
    pub on_progress: &'a (dyn Fn(DiscoveryProgress) + Send + Sync),
}

impl<'a> Discovery<'a> {
    /// A discovery with random keys that tells nobody of its progress.
    #[must_use]
    pub fn new(search: &'a dyn SearchProvider, contacts: Contacts<'a>) -> Self {
        Self {
            search,
            contacts,
            limits: DiscoveryLimits::default(),
            ids: &RandomIds,
            on_progress: &|_| {},
        }
    }
}

/// How far a discovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoveryProgress {
    /// Queries that are done.
    pub queries_done: u64,
    /// Queries in all.
    pub queries_total: u64,
    /// What became of the results until now.
    pub counters: Counters,
}

/// Runs a pending discovery job to its end, here and now, without a worker: it
/// is claimed with a lease, which is renewed, and each query is saved in a
/// transaction of its own. Commits many times; what was saved stays saved
/// whatever comes later.
///
/// The job completes when a search succeeded, if some failed too, and fails
/// with the reason when all of them failed. It ends early when it has saved as
/// many as it was asked for. A query that has its row already is not searched
/// again. When the program is killed, a worker goes on with the job after the
/// lease.
///
/// # Errors
///
/// [`DiscoveryError`]. The job is failed with the same reason, if the database
/// can still be reached; after [`JobError::LostRun`] it is left as it is.
pub async fn run_discovery(
    db: &DatabaseConnection,
    id: JobId,
    discovery: &Discovery<'_>,
) -> Result<DiscoverySummary, DiscoveryError> {
    let Place { tenant, beats, .. } = Place::new(&Tenant::of(db.clone()), LEASE);
    let job = find_job(&tenant, id)
        .await?
        .ok_or(JobError::NotFound { id })?;
    if job.kind != JobKind::Discover {
        return Err(DiscoveryError::WrongKind { id, kind: job.kind });
    }
    let claimed_at = Instant::now();
    let claimed = claim(&tenant, id).await?;
    let heartbeats = Heartbeats::start(LEASE);
    let mut held = heartbeats.hold(&beats, claimed.run, claimed_at);
    let work = search_and_finish(&tenant, &claimed, discovery);
    // Whoever drops the future abandons the job.
    let never = CancellationToken::new();
    let outcome = match bounded(&mut held, claimed.time_left, &never, work).await {
        Ok(outcome) => outcome,
        Err(Cut::Overdue) => Err(DiscoveryError::TimedOut { id }),
        Err(Cut::Stopped(_) | Cut::Abandoned) => Err(lost(&tenant, id).await),
    };
    if let Err(error) = &outcome {
        give_up(&tenant, &claimed, error).await;
    }
    outcome
}

async fn claim(tenant: &Tenant, id: JobId) -> Result<ClaimedJob, JobError> {
    let owner = format!("discovery:{}", RandomIds.next_id().simple());
    let request = ClaimRequest {
        kinds: &[JobKind::Discover],
        limit: 1,
        owner: &owner,
        lease: LEASE,
        strategy: ClaimStrategy::Portable,
    };
    claim_job(tenant, id, &request, RunToken::random()).await
}

async fn lost(tenant: &Tenant, id: JobId) -> DiscoveryError {
    let status = match find_job(tenant, id).await {
        Ok(Some(job)) => job.status,
        _ => JobStatus::Running,
    };
    JobError::LostRun { id, status }.into()
}

async fn search_and_finish<D: TransactionSource + Clone>(
    db: &D,
    claimed: &ClaimedJob,
    discovery: &Discovery<'_>,
) -> Result<DiscoverySummary, DiscoveryError> {
    let (summary, request) = discover(db, claimed, discovery).await?;
    let run = claimed.run;
    match finish(db, run, &summary, &request).await {
        Err(JobError::Transaction(error)) => {
            if settle_unknown_outcome(db, &error).await.is_none() {
                return Err(JobError::Transaction(error).into());
            }
            // Again in any case: it says what the job is by now.
            match finish(db, run, &summary, &request).await {
                Err(JobError::LostRun { status, .. }) if status == summary.status => {}
                outcome => outcome?,
            }
        }
        outcome => outcome?,
    }
    Ok(summary)
}

/// Searches what is left to search, and sums up what is committed. The job
/// itself is left as it is.
pub(super) async fn discover<D: TransactionSource + Clone>(
    db: &D,
    claimed: &ClaimedJob,
    discovery: &Discovery<'_>,
) -> Result<(DiscoverySummary, DiscoveryRequest), DiscoveryError> {
    let id = claimed.run.job;
    let params = claimed.params.clone().unwrap_or_default();
    let request: DiscoveryRequest = serde_json::from_value(params)
        .map_err(|source| DiscoveryError::InvalidParams { id, source })?;
    search_all(db, claimed.run, &request, discovery).await?;
    let mut summary = DiscoverySummary::load(db, id, &request).await?;
    summary.reason = summary.total_failure();
    summary.status = match summary.reason {
        Some(_) => JobStatus::Failed,
        None => JobStatus::Completed,
    };
    Ok((summary, request))
}

async fn finish<D: TransactionSource>(
    db: &D,
    run: Run,
    summary: &DiscoverySummary,
    request: &DiscoveryRequest,
) -> Result<(), JobError> {
    let result = summary.to_json(request);
    match &summary.reason {
        Some(reason) => fail_job(db, run, reason, Some(result)).await,
        None => complete_job(db, run, result).await,
    }
}

/// Fails the job with the reason and with what was saved until then, as far as
/// that can still be done.
async fn give_up<D: TransactionSource>(db: &D, claimed: &ClaimedJob, error: &DiscoveryError) {
    let run = claimed.run;
    let outcome = if matches!(error, DiscoveryError::Job(JobError::LostRun { .. })) {
        forget_run(db, run).await
    } else {
        let result = committed_result(db, claimed).await;
        fail_job(db, run, &describe(error), result).await
    };
    if let Err(second) = outcome {
        warn!(job = %run.job, %error, %second, "the end of the job could not be recorded");
    }
}

/// `jobs.result` of what is committed, if it can be read.
pub(super) async fn committed_result<D: TransactionSource>(
    db: &D,
    claimed: &ClaimedJob,
) -> Option<Value> {
    let request: DiscoveryRequest = serde_json::from_value(claimed.params.clone()?).ok()?;
    let summary = DiscoverySummary::load(db, claimed.run.job, &request)
        .await
        .ok()?;
    Some(summary.to_json(&request))
}
