//! The part of the chain that a database is held against.

use outreach_migration::{REVISIONS, Revision};

use crate::exit::Error;

/// The chain from its beginning to the revision that was asked for.
pub(super) struct Chain {
    revisions: &'static [Revision],
    /// The revision that was asked for.
    pub(super) head: &'static Revision,
}

impl Chain {
    /// The chain until this revision; `None` is the newest.
    pub(super) fn until(revision: Option<&'static Revision>) -> Result<Self, Error> {
        let place = revision
            .and_then(|wanted| REVISIONS.iter().position(|one| one.name == wanted.name))
            .unwrap_or(REVISIONS.len().saturating_sub(1));
        let revisions = REVISIONS.get(..=place).unwrap_or_default();
        let head = revisions
            .last()
            .ok_or_else(|| Error::failed_because("the chain has no revision"))?;
        Ok(Self { revisions, head })
    }

    /// Whether it is all that this build has.
    pub(super) fn is_whole(&self) -> bool {
        self.revisions.len() == REVISIONS.len()
    }

    /// Its revisions, oldest first.
    pub(super) fn revisions(&self) -> &'static [Revision] {
        self.revisions
    }

    /// The newest of its revisions that mirrors one of Alembic's.
    pub(super) fn mirrored(&self) -> Option<&'static Revision> {
        let mut newest_first = self.revisions.iter().rev();
        newest_first.find(|revision| revision.alembic.is_some())
    }
}
