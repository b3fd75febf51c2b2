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
    /// A look found something, or the last claim did.
    has_more: bool,
    /// A look is under way.
    is_looking: bool,
    /// A claim is under way.
    is_claiming: bool,
    /// It was woken while it was looked at, which may have been too early.
    woken: Option<Instant>,
}

impl Turns {
    /// All are due at once.
    pub(super) fn new(tenants: usize, now: Instant) -> Self {
        let turn = Turn {
            due: now,
            has_more: false,
            is_looking: false,
            is_claiming: false,
            woken: None,
        };
        Self {
            tenants: vec![turn; tenants],
            next: 0,
        }
    }

    fn in_turn(&self, is_wanted: impl Fn(&Turn) -> bool) -> Vec<usize> {
        let count = self.tenants.len();
        (0..count)
            .map(|offset| (self.next + offset) % count)
            .filter(|index| is_wanted(&self.tenants[*index]))
            .collect()
    }

    /// The tenants that are to be looked at now, first the one that has waited
    /// longest.
    pub(super) fn due(&self, now: Instant) -> Vec<usize> {
        let mut due = self.in_turn(|turn| !turn.is_looking && turn.due <= now);
        due.sort_by_key(|tenant| self.tenants[*tenant].due);
        due
    }

    /// The tenants that have something to claim, in their order.
    pub(super) fn claimable(&self) -> Vec<usize> {
        self.in_turn(|turn| !turn.is_claiming && turn.has_more)
    }

    /// The earliest time at which one is due; none while all are looked at.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self.tenants.iter().filter(|turn| !turn.is_looking);
        waiting.map(|turn| turn.due).min()
    }

    pub(super) fn begin_look(&mut self, tenant: usize) {
        let turn = &mut self.tenants[tenant];
        turn.is_looking = true;
        turn.woken = None;
    }

    /// A look has ended; the next one is at this time.
    pub(super) fn looked(&mut self, tenant: usize, has_more: bool, due: Instant) {
        let turn = &mut self.tenants[tenant];
        turn.is_looking = false;
        turn.has_more = has_more;
        turn.due = turn.woken.unwrap_or(due);
    }

    pub(super) fn begin_claim(&mut self, tenant: usize) {
        self.tenants[tenant].is_claiming = true;
    }

    /// A claim has ended. After one that took something the next tenant comes
    /// first.
    pub(super) fn claimed(&mut self, tenant: usize, took_any: bool) {
        let turn = &mut self.tenants[tenant];
        turn.is_claiming = false;
        turn.has_more = took_any;
        if took_any {
            self.next = (tenant + 1) % self.tenants.len();
        }
    }

    /// A claim has failed; nothing is claimed before the next look.
    pub(super) fn claim_failed(&mut self, tenant: usize, due: Instant) {
        let turn = &mut self.tenants[tenant];
        turn.is_claiming = false;
        turn.has_more = false;
        turn.due = due;
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

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_was_served_comes_last() {
        let now = Instant::now();
        let mut turns = Turns::new(3, now);
        assert_eq!(turns.due(now), [0, 1, 2]);
        for tenant in 0..3 {
            turns.begin_look(tenant);
            turns.looked(tenant, true, now + SECOND);
        }
        assert_eq!(turns.claimable(), [0, 1, 2]);
        turns.claimed(0, true);
        assert_eq!(turns.claimable(), [1, 2, 0]);
        turns.claimed(1, false);
        assert_eq!(turns.claimable(), [2, 0], "it took nothing");
        turns.claimed(2, true);
        assert_eq!(turns.claimable(), [0, 2]);
    }

    #[test]
    fn nobody_is_looked_at_or_claimed_from_twice_at_the_same_time() {
        let now = Instant::now();
        let mut turns = Turns::new(2, now);
        turns.begin_look(0);
        assert_eq!(turns.due(now), [1]);
        turns.begin_look(1);
        assert_eq!((turns.due(now), turns.next_due()), (vec![], None));
        turns.looked(1, true, now + SECOND);
        turns.begin_claim(1);
        assert!(turns.claimable().is_empty());
        assert_eq!(turns.next_due(), Some(now + SECOND));
        turns.claimed(1, true);
        assert_eq!(turns.claimable(), [1]);
    }

    #[test]
    fn a_look_keeps_no_tenant_from_its_turn() {
        let now = Instant::now();
        let mut turns = Turns::new(2, now);
        for tenant in 0..2 {
            turns.begin_look(tenant);
            turns.looked(tenant, true, now);
        }
        turns.begin_look(0);
        assert_eq!(turns.claimable(), [0, 1]);
    }

    #[test]
    fn who_has_waited_longest_is_looked_at_first() {
        let now = Instant::now();
        let mut turns = Turns::new(3, now);
        for (tenant, seconds) in [(0, 3), (1, 2), (2, 1)] {
            turns.begin_look(tenant);
            turns.looked(tenant, false, now + SECOND * seconds);
        }
        assert_eq!(turns.due(now + SECOND * 2), [2, 1]);
    }

    #[test]
    fn who_is_woken_is_due_at_once() {
        let now = Instant::now();
        let mut turns = Turns::new(2, now);
        for tenant in turns.due(now) {
            turns.looked(tenant, false, now + SECOND);
        }
        assert!(turns.due(now).is_empty());
        turns.wake(1, now);
        assert_eq!(turns.due(now), [1]);
        turns.begin_look(1);
        turns.wake(1, now);
        turns.looked(1, false, now + SECOND);
        assert_eq!(turns.due(now), [1], "woken while it was looked at");
    }
}
