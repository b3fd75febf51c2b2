//! Whose turn it is: tenants are served one after the other, beginning after
//! the one that was served last, so that none with many jobs keeps the others
//! from theirs.

use tokio::time::Instant;

/// When each tenant is to be looked at next, and which have jobs to claim.
#[derive(Debug)]
pub(super) struct Turns {
    tenants: Vec<Turn>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    due: Instant,
    /// A look found something, or the last claim took as many as it asked for.
    has_more: bool,
    /// A look or a claim is under way.
    is_busy: bool,
    /// It was woken while it was looked at, which may have been too early.
    woken: Option<Instant>,
}

impl Turns {
    /// All are due at once.
    pub(super) fn new(tenants: usize, now: Instant) -> Self {
        let turn = Turn {
            due: now,
            has_more: false,
            is_busy: false,
            woken: None,
        };
        Self {
            tenants: vec![turn; tenants],
            next: 0,
        }
    }

    /// Those that are not busy, in their order.
    fn in_turn(&self, is_wanted: impl Fn(&Turn) -> bool) -> Vec<usize> {
        let count = self.tenants.len();
        (0..count)
            .map(|offset| (self.next + offset) % count)
            .filter(|index| {
                let turn = &self.tenants[*index];
                !turn.is_busy && is_wanted(turn)
            })
            .collect()
    }

    /// The tenants that are to be looked at now.
    pub(super) fn due(&self, now: Instant) -> Vec<usize> {
        self.in_turn(|turn| turn.due <= now)
    }

    /// The tenants that have something to claim.
    pub(super) fn claimable(&self) -> Vec<usize> {
        self.in_turn(|turn| turn.has_more)
    }

    /// The earliest time at which one is due; none while all are busy.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self.tenants.iter().filter(|turn| !turn.is_busy);
        waiting.map(|turn| turn.due).min()
    }

    /// A look or a claim begins.
    pub(super) fn begin(&mut self, tenant: usize) {
        let turn = &mut self.tenants[tenant];
        turn.is_busy = true;
        turn.woken = None;
    }

    /// A look has ended; the next one is at this time.
    pub(super) fn looked(&mut self, tenant: usize, has_more: bool, due: Instant) {
        let turn = &mut self.tenants[tenant];
        turn.due = turn.woken.unwrap_or(due);
        turn.has_more = has_more;
        turn.is_busy = false;
    }

    /// A claim has ended. After one that took something the next tenant comes
    /// first.
    pub(super) fn claimed(&mut self, tenant: usize, took_any: bool, has_more: bool) {
        let turn = &mut self.tenants[tenant];
        turn.has_more = has_more;
        turn.is_busy = false;
        if took_any {
            self.next = (tenant + 1) % self.tenants.len();
        }
    }

    /// Somebody said that there is something to do.
    pub(super) fn wake(&mut self, tenant: usize, now: Instant) {
        let turn = &mut self.tenants[tenant];
        turn.due = now;
        turn.woken = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_was_served_comes_last() {
        let now = Instant::now();
        let mut turns = Turns::new(3, now);
        assert_eq!(turns.due(now), [0, 1, 2]);
        for tenant in 0..3 {
            turns.begin(tenant);
            turns.looked(tenant, true, now + Duration::from_secs(1));
        }
        assert_eq!(turns.claimable(), [0, 1, 2]);
        turns.claimed(0, true, true);
        assert_eq!(turns.claimable(), [1, 2, 0]);
        turns.claimed(1, false, false);
        assert_eq!(turns.claimable(), [2, 0], "it took nothing");
        turns.claimed(2, true, true);
        assert_eq!(turns.claimable(), [0, 2]);
    }

    #[test]
    fn who_is_busy_is_neither_looked_at_nor_waited_for() {
        let now = Instant::now();
        let mut turns = Turns::new(2, now);
        turns.begin(0);
        assert_eq!(turns.due(now), [1]);
        turns.begin(1);
        assert_eq!((turns.due(now), turns.next_due()), (vec![], None));
        let later = now + Duration::from_secs(5);
        turns.looked(1, true, later);
        turns.begin(1);
        assert!(turns.claimable().is_empty());
        turns.claimed(1, true, true);
        assert_eq!(
            (turns.claimable(), turns.next_due()),
            (vec![1], Some(later))
        );
    }

    #[test]
    fn who_is_woken_is_due_at_once() {
        let now = Instant::now();
        let mut turns = Turns::new(2, now);
        for tenant in turns.due(now) {
            turns.looked(tenant, false, now + Duration::from_secs(5));
        }
        assert!(turns.due(now).is_empty());
        turns.wake(1, now);
        assert_eq!(turns.due(now), [1]);
        turns.begin(1);
        turns.wake(1, now);
        turns.looked(1, false, now + Duration::from_secs(5));
        assert_eq!(turns.due(now), [1], "woken while it was looked at");
    }
}
