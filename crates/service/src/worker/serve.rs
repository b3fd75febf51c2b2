//! What a worker does with a tenant: it looks whether there is something to do,
//! and claims it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::warn;

use super::{Worker, WorkerEvent, attempt::panic_message};
use crate::{
    jobs::{
        ClaimRequest, ClaimedJob, JobError, RunToken, claim_jobs_with, release_claims,
        release_expired_with, waiting_work,
    },
    transaction::RetryPolicy,
};

/// Another poll comes soon; until then the tenant holds room that others could
/// use.
const PATIENCE: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    first_delay: Duration::from_millis(10),
    max_delay: Duration::from_millis(100),
};

/// What a look or a claim brought. `tenant` is the place in the worker's list.
pub(super) enum Served {
    Looked {
        tenant: usize,
        /// That of the worker when it began.
        epoch: u64,
        /// Whether there is something to claim.
        found: Result<bool, JobError>,
        /// Claims that are still to be given back.
        doubtful: Vec<RunToken>,
    },
    Claimed {
        tenant: usize,
        /// How many were asked for.
        limit: usize,
        /// Before the claim was sent.
        claimed_at: Instant,
        token: RunToken,
        claimed: Result<Vec<ClaimedJob>, JobError>,
    },
}

impl Worker {
    /// First gives back the `doubtful` claims, whose answers were lost.
    pub(super) async fn look_at(
        &self,
        tenant: usize,
        epoch: u64,
        mut doubtful: Vec<RunToken>,
    ) -> Served {
        let found = self.answered(self.look(tenant, &mut doubtful)).await;
        Served::Looked {
            tenant,
            epoch,
            found,
            doubtful,
        }
    }

    /// Frees what lost workers had, and says whether there is something to
    /// claim.
    async fn look(&self, tenant: usize, doubtful: &mut Vec<RunToken>) -> Result<bool, JobError> {
        let own = &self.places[tenant].own;
        if !doubtful.is_empty() {
            release_claims(own, doubtful).await?;
            doubtful.clear();
        }
        let work = waiting_work(own, &self.kinds).await?;
        let mut freed = false;
        if work.expired {
            match release_expired_with(own, self.strategy, PATIENCE).await {
                Ok(released) => {
                    for expired in released {
                        warn!(job = %expired.job, became = %expired.became, "a lease ended");
                        self.shared.tell(&WorkerEvent::Expired { job: expired.job });
                        freed = true;
                    }
                }
                // One of their rows may be locked; the others can be claimed.
                Err(error) if !error.is_unreachable() => {
                    warn!(%error, "leases that have ended were not released");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(work.claimable || freed)
    }

    pub(super) async fn claim_from(&self, tenant: usize, limit: usize) -> Served {
        let own = &self.places[tenant].own;
        let request = ClaimRequest {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            ..self.claim_request()
        };
        let claimed_at = Instant::now();
        let token = RunToken::random();
        let claim = claim_jobs_with(own, &request, token, PATIENCE);
        let claimed = self.answered(claim).await;
        Served::Claimed {
            tenant,
            limit,
            claimed_at,
            token,
            claimed,
        }
    }

    /// A connection that has died without a word is not waited for: nothing but
    /// this limit tells.
    async fn answered<T>(
        &self,
        asked: impl Future<Output = Result<T, JobError>>,
    ) -> Result<T, JobError> {
        let limit = self.shared.answer_limit();
        // A row that a driver can't read must not end the worker of others.
        let asked = AssertUnwindSafe(asked).catch_unwind();
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(JobError::panicked(panic_message(panic.as_ref()))),
            Err(_) => Err(JobError::no_answer(limit)),
        }
    }
}
