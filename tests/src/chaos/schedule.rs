//! Which faults a run makes, drawn from its seed.

use std::{fmt, time::Duration};

use fastrand::Rng;

/// The shortest and the longest wait between two faults.
const WAITS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(170));

/// The latest statement to cut, counted over all connections.
const LATEST_STATEMENT: u64 = 60;

/// Something that is done to the workers or their database.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Harm {
    /// SIGKILL; another process takes the place.
    Kill,
    /// [`Harm::Kill`] while nothing else is wrong, and nothing else until the
    /// jobs of the dead worker are another one's: how long that takes is measured.
    MeasuredKill,
    /// SIGSTOP for longer than the lease, then SIGCONT.
    Stop,
    /// `pg_terminate_backend`.
    Terminate,
    /// The server is stopped without a checkpoint, and started again.
    Restart,
    /// A COMMIT is done and its reply is lost.
    SwallowCommitReply,
    /// A connection is cut in place of a COMMIT.
    DropBeforeCommit,
    /// A connection is cut in place of any statement.
    DropBeforeStatement {
        /// The statements that are passed on before.
        after: u64,
    },
    /// A user cancels a job.
    Cancel,
}

impl Harm {
    /// The name without the number of the statement.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::MeasuredKill => "measured kill",
            Self::Stop => "stop",
            Self::Terminate => "terminate",
            Self::Restart => "restart",
            Self::SwallowCommitReply => "swallow commit reply",
            Self::DropBeforeCommit => "drop before commit",
            Self::DropBeforeStatement { .. } => "drop before statement",
            Self::Cancel => "cancel",
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which kinds of harm are done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Harms {
    /// All.
    All,
    /// Only [`Harm::Stop`]: the one that lets a worker go on that has lost its
    /// jobs.
    Stops,
}

/// The draws of a run. The same seed draws the same.
#[derive(Debug)]
pub(crate) struct Schedule {
    random: Rng,
    harms: Harms,
}

impl Schedule {
    pub(crate) fn new(seed: u64, harms: Harms) -> Self {
        Self {
            random: Rng::with_seed(seed),
            harms,
        }
    }

    /// What is done next, and how long to wait before it.
    pub(crate) fn next(&mut self) -> (Duration, Harm) {
        let (shortest, longest) = WAITS;
        let wait = shortest + longest.saturating_sub(shortest).mul_f64(self.random.f64());
        (wait, self.harm())
    }

    fn harm(&mut self) -> Harm {
        if self.harms == Harms::Stops {
            return Harm::Stop;
        }
        match self.random.u32(..20) {
            0..3 => Harm::Kill,
            3..5 => Harm::MeasuredKill,
            5..7 => Harm::Stop,
            7..9 => Harm::Terminate,
            9 => Harm::Restart,
            10..12 => Harm::SwallowCommitReply,
            12..14 => Harm::DropBeforeCommit,
            14..18 => Harm::DropBeforeStatement {
                after: self.random.u64(..LATEST_STATEMENT),
            },
            _ => Harm::Cancel,
        }
    }

    /// Which of so many.
    pub(crate) fn choose<T>(&mut self, among: &[T]) -> Option<usize> {
        (!among.is_empty()).then(|| self.random.usize(..among.len()))
    }

    /// How many leases a process is stopped for.
    pub(crate) fn leases_stopped(&mut self) -> f64 {
        1.2 + self.random.f64() * 0.8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_one_something_else() {
        let draws = |seed| {
            let mut schedule = Schedule::new(seed, Harms::All);
            (0..60).map(|_| schedule.next()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn sixty_faults_of_ten_seeds_are_of_all_kinds() {
        let names: BTreeSet<&str> = (1..=10)
            .flat_map(|seed| {
                let mut schedule = Schedule::new(seed, Harms::All);
                (0..60).map(move |_| schedule.next().1.name())
            })
            .collect();
        assert_eq!(names.len(), 9, "{names:?}");
    }
}
