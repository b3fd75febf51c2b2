//! Tenants that can't be looked at, and when they are tried again.

use std::time::Duration;

/// The longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Refusals in a row after which a worker that ends when it is idle does not
/// wait for the tenant.
const GIVEN_UP_AFTER: u32 = 3;

#[derive(Debug)]
pub(super) struct Outages {
    tenants: Vec<Outage>,
    poll_interval: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Outage {
    /// Failures in a row.
    failures: u32,
    /// Those at the end of them that the database itself has answered with.
    refusals: u32,
}

impl Outages {
    pub(super) fn new(tenants: usize, poll_interval: Duration) -> Self {
        Self {
            tenants: vec![Outage::default(); tenants],
            poll_interval,
        }
    }

    /// True when the tenant was away before.
    pub(super) fn reached(&mut self, tenant: usize) -> bool {
        std::mem::take(&mut self.tenants[tenant]).failures > 0
    }

    /// How long to wait before the next attempt. `refused` says that the
    /// database was there, and answered with an error.
    pub(super) fn failed(&mut self, tenant: usize, refused: bool) -> Duration {
        let outage = &mut self.tenants[tenant];
        let doublings = outage.failures.min(16);
        outage.failures = outage.failures.saturating_add(1);
        outage.refusals = if refused {
            outage.refusals.saturating_add(1)
        } else {
            0
        };
        self.poll_interval
            .saturating_mul(1 << doublings)
            .min(MAX_WAIT.max(self.poll_interval))
    }

    pub(super) fn is_away(&self, tenant: usize) -> bool {
        self.tenants[tenant].failures > 0
    }

    /// Whether it is not worth waiting for.
    pub(super) fn is_given_up(&self, tenant: usize) -> bool {
        self.tenants[tenant].refusals >= GIVEN_UP_AFTER
    }

    /// How many are away.
    pub(super) fn count(&self) -> u64 {
        let away = self.tenants.iter().filter(|outage| outage.failures > 0);
        away.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_waits_longer_for_its_own_failures_alone() {
        let poll = Duration::from_secs(1);
        let mut outages = Outages::new(2, poll);
        let waits: Vec<u64> = (0..5).map(|_| outages.failed(0, false).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        assert_eq!(outages.failed(1, false), poll);
        assert_eq!(outages.count(), 2);
        assert!(outages.reached(0) && !outages.reached(0));
        assert_eq!(outages.count(), 1);
        assert_eq!(outages.failed(0, false), poll);
    }

    #[test]
    fn who_refuses_three_times_in_a_row_is_given_up_and_who_is_away_never() {
        let mut outages = Outages::new(1, Duration::from_secs(1));
        for refused in [true, true, false, true, true] {
            outages.failed(0, refused);
            assert!(!outages.is_given_up(0));
        }
        outages.failed(0, true);
        assert!(outages.is_given_up(0));
        outages.reached(0);
        assert!(!outages.is_given_up(0) && !outages.is_away(0));
    }
}
