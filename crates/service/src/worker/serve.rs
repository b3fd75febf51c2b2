//! What a worker does with a tenant: it looks whether there is something to do,
//! and claims it.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::{Worker, WorkerEvent};
use crate::{
    jobs::{
        ClaimRequest, ClaimedJob, JobError, RunToken, claim_jobs_with, release_expired_with,
        waiting_work,
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
    },
    Claimed {
        tenant: usize,
        /// How many were asked for.
        limit: usize,
        /// Before the claim was sent.
        claimed_at: Instant,
        claimed: Result<Vec<ClaimedJob>, JobError>,
    },
}

impl Worker {
    pub(super) async fn look_at(&self, tenant: usize, epoch: u64) -> Served {
        let found = self.look(tenant).await;
        Served::Looked {
            tenant,
            epoch,
            found,
        }
    }

    /// Frees what lost workers had, and says whether there is something to
    /// claim.
    async fn look(&self, tenant: usize) -> Result<bool, JobError> {
        let own = &self.places[tenant].own;
        let work = waiting_work(own, &self.kinds).await?;
        let mut freed = false;
        if work.expired {
            for expired in release_expired_with(own, self.strategy, PATIENCE).await? {
                warn!(job = %expired.job, became = %expired.became, "a lease ended");
                self.shared.tell(&WorkerEvent::Expired { job: expired.job });
                freed = true;
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
        let claimed = claim_jobs_with(own, &request, RunToken::random(), PATIENCE).await;
        Served::Claimed {
            tenant,
            limit,
            claimed_at,
            claimed,
        }
    }
}
