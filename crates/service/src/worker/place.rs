use std::time::Duration;

use crate::connect::Tenant;

/// The longest wait for a lock in a transaction of the worker's own.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// A tenant as a worker uses it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// For handlers. A process that is stopped in the middle of a transaction
    /// holds its locks no longer than its lease, so that others can go on.
    pub(crate) tenant: Tenant,
    /// For claims and ends: where somebody has locked the tables,
    /// they fail soon, and the worker's connections are not used up by waiting.
    pub(crate) own: Tenant,
    /// For heartbeats, which stay in the queue for a locked row until the next.
    pub(crate) beats: Tenant,
}

impl Place {
    pub(crate) fn new(tenant: &Tenant, lease: Duration) -> Self {
        let tenant = tenant.clone().with_idle_timeout(lease);
        let waiting = |longest: Duration| tenant.clone().with_lock_timeout(longest);
        Self {
            own: waiting(LOCK_TIMEOUT.min(lease / 3)),
            beats: waiting(lease / 3),
            tenant,
        }
    }

    /// The tenant's schema, when the worker names one.
    pub(crate) fn schema_name(&self) -> Option<&str> {
        self.own.schema_name()
    }
}
