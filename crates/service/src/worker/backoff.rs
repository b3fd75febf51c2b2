use std::time::Duration;

use fastrand::Rng;

/// How long a job that failed waits for its next attempt: twice as long each
/// time, up to a limit, and a random part of it, so that jobs that failed
/// together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first attempt; the shortest is half of it.
    pub first: Duration,
    /// The longest wait of all.
    pub max: Duration,
}

impl Default for Backoff {
    /// 5 to 10 seconds after the first attempt, at most an hour.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            max: Duration::from_hours(1),
        }
    }
}

impl Backoff {
    /// The wait after this attempt, counted from 1: between half of the
    /// doubled limit and all of it.
    #[must_use]
    pub fn after(&self, attempt: u32, random: &mut Rng) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let longest = self.first.saturating_mul(1 << doublings).min(self.max);
        longest.mul_f64(0.5 + random.f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit_and_is_never_less_than_half() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            max: Duration::from_secs(6),
        };
        let mut random = Rng::with_seed(7);
        for (attempt, longest) in [(1, 1), (2, 2), (3, 4), (4, 6), (5, 6), (u32::MAX, 6)] {
            let longest = Duration::from_secs(longest);
            let waits: Vec<Duration> = (0..100)
                .map(|_| backoff.after(attempt, &mut random))
                .collect();
            assert!(
                waits
                    .iter()
                    .all(|wait| (longest / 2..=longest).contains(wait))
            );
            assert!(waits.iter().any(|wait| *wait != waits[0]), "no jitter");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let mut random = Rng::with_seed(seed);
            (1..6)
                .map(|attempt| Backoff::default().after(attempt, &mut random))
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
