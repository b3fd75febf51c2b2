//! Whose turn it is: tenants are served one after the other, beginning after
//! the one that was served last, so that none with many jobs keeps the others
//! from theirs.

use std::time::Duration;

use tokio::time::Instant;

/// When each tenant is to be looked at next.
#[derive(Debug)]
pub(super) struct Turns {
    tenants: Vec<Turn>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    due: Instant,
    /// The last claim took as many as it asked for.
    has_more: bool,
}

impl Turns {
    /// All are due at once.
    pub(super) fn new(tenants: usize, now: Instant) -> Self {
        let turn = Turn {
            due: now,
            has_more: false,
        };
        Self {
            tenants: vec![turn; tenants],
            next: 0,
        }
    }

    /// The tenants that are to be looked at now, in their order.
    pub(super) fn ready(&self, now: Instant) -> Vec<usize> {
        let count = self.tenants.len();
        (0..count)
            .map(|offset| (self.next + offset) % count)
            .filter(|index| self.tenants[*index].has_more || self.tenants[*index].due <= now)
            .collect()
    }

    /// Whether the tenant is due for a look, and not only for more of what it
    /// had.
    pub(super) fn is_due(&self, tenant: usize, now: Instant) -> bool {
        self.tenants[tenant].due <= now
    }

    /// The earliest time at which one is due.
    pub(super) fn next_due(&self, now: Instant) -> Instant {
        let due = self.tenants.iter().map(|turn| turn.due).min();
        due.unwrap_or(now)
    }

    /// Whether a tenant has more to claim as soon as there is room.
    pub(super) fn any_has_more(&self) -> bool {
        self.tenants.iter().any(|turn| turn.has_more)
    }

    /// A claim took something; the next tenant comes first from now on.
    pub(super) fn served(&mut self, tenant: usize) {
        self.next = (tenant + 1) % self.tenants.len();
    }

    pub(super) fn set_more(&mut self, tenant: usize, has_more: bool) {
        self.tenants[tenant].has_more = has_more;
    }

    pub(super) fn looked(&mut self, tenant: usize, now: Instant, again_after: Duration) {
        self.tenants[tenant].due = now + again_after;
    }

    /// All are to be looked at.
    pub(super) fn wake_all(&mut self, now: Instant) {
        for turn in &mut self.tenants {
            turn.due = now;
        }
    }

    /// Somebody said that there is something to do.
    pub(super) fn wake(&mut self, tenant: usize, now: Instant) {
        self.tenants[tenant].due = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_with_many_jobs_comes_after_one_that_is_due() {
        let now = Instant::now();
        let mut turns = Turns::new(3, now);
        for tenant in turns.ready(now) {
            turns.looked(tenant, now, Duration::from_secs(1));
        }
        turns.set_more(0, true);
        turns.served(0);
        assert_eq!(turns.ready(now), [0], "the others have nothing yet");
        let later = now + Duration::from_secs(1);
        assert_eq!(turns.ready(later), [1, 2, 0]);
        turns.served(1);
        assert_eq!(turns.ready(later), [2, 0, 1]);
    }

    #[test]
    fn who_is_woken_is_due_at_once() {
        let now = Instant::now();
        let mut turns = Turns::new(2, now);
        for tenant in turns.ready(now) {
            turns.looked(tenant, now, Duration::from_secs(5));
        }
        assert_eq!(turns.next_due(now), now + Duration::from_secs(5));
        turns.wake(1, now);
        assert_eq!(turns.ready(now), [1]);
    }
}
