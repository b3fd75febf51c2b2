//! How far a run goes.

use sea_orm_migration::MigrationStatus;

use super::RunError;
use crate::{Revision, ledger::RevisionStatus, shown};

/// The way that a run takes along the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Applies revisions.
    Up,
    /// Takes them back.
    Down,
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// To the end of the chain: the newest revision going up, nothing at all
    /// going down.
    End,
    /// This many revisions, or as many as there are.
    Steps(u32),
    /// To this revision, which is then the newest that is applied; by its name.
    Revision(&'a str),
}

/// The revisions that a run would go through, in its order. Empty when the
/// database is there.
pub(crate) fn revisions(
    chain: &[RevisionStatus],
    direction: Direction,
    target: Target<'_>,
) -> Result<Vec<Revision>, RunError> {
    let applied = chain
        .iter()
        .take_while(|one| one.status == MigrationStatus::Applied)
        .count();
    let (left, end) = match direction {
        Direction::Up => (applied, chain.len()),
        Direction::Down => (0, applied),
    };
    let (from, to) = match target {
        Target::End => (left, end),
        Target::Steps(steps) => {
            let steps = usize::try_from(steps).unwrap_or(usize::MAX);
            match direction {
                Direction::Up => (applied, applied.saturating_add(steps).min(end)),
                Direction::Down => (applied.saturating_sub(steps), applied),
            }
        }
        Target::Revision(name) => {
            let place = chain.iter().position(|one| one.revision.name == name);
            let place = place.ok_or_else(|| {
                RunError::Target(format!(
                    "no revision is called `{}`. Nothing was changed",
                    shown(name)
                ))
            })?;
            match direction {
                Direction::Up if place + 1 < applied => return Err(wrong_way(name, "down")),
                Direction::Down if place + 1 > applied => return Err(wrong_way(name, "up")),
                Direction::Up => (applied, place + 1),
                Direction::Down => (place + 1, applied),
            }
        }
    };
    let mut revisions: Vec<Revision> = chain
        .iter()
        .take(to)
        .skip(from)
        .map(|one| one.revision)
        .collect();
    if direction == Direction::Down {
        revisions.reverse();
    }
    Ok(revisions)
}

fn wrong_way(name: &str, other: &str) -> RunError {
    let (place, command) = match other {
        "down" => ("behind", "down"),
        _ => ("ahead of", "up"),
    };
    RunError::Target(format!(
        "`{name}` is {place} where the database is; `{command} --to` leads there. Nothing was \
         changed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::REVISIONS;

    fn chain(applied: usize) -> Vec<RevisionStatus> {
        let status = |index| {
            if index < applied {
                MigrationStatus::Applied
            } else {
                MigrationStatus::Pending
            }
        };
        let one = |(index, revision): (usize, &Revision)| RevisionStatus {
            revision: *revision,
            status: status(index),
        };
        REVISIONS.iter().enumerate().map(one).collect()
    }

    fn places(applied: usize, direction: Direction, target: Target<'_>) -> Option<Vec<usize>> {
        let revisions = revisions(&chain(applied), direction, target).ok()?;
        let place = |revision: &Revision| REVISIONS.iter().position(|one| one == revision);
        Some(revisions.iter().filter_map(place).collect())
    }

    #[test]
    fn a_run_goes_as_far_as_it_is_told_in_its_own_order() {
        use Direction::{Down, Up};
        let all = u32::MAX;
        let name = |place: usize| Target::Revision(REVISIONS[place].name);
        let head = REVISIONS.len();
        assert_eq!(places(0, Up, Target::End), Some((0..head).collect()));
        assert_eq!(places(2, Up, Target::Steps(1)), Some(vec![2]));
        assert_eq!(places(2, Up, Target::Steps(all)), Some((2..head).collect()));
        assert_eq!(places(2, Up, name(3)), Some(vec![2, 3]));
        assert_eq!(places(4, Up, name(3)), Some(vec![]));
        assert_eq!(places(4, Up, name(2)), None);
        assert_eq!(places(3, Down, Target::End), Some(vec![2, 1, 0]));
        assert_eq!(places(3, Down, Target::Steps(2)), Some(vec![2, 1]));
        assert_eq!(places(3, Down, Target::Steps(all)), Some(vec![2, 1, 0]));
        assert_eq!(places(3, Down, name(0)), Some(vec![2, 1]));
        assert_eq!(places(3, Down, name(2)), Some(vec![]));
        assert_eq!(places(3, Down, name(3)), None);
        assert_eq!(places(3, Down, Target::Revision("nope")), None);
    }
}
