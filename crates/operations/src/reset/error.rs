//! Why a database was not reset.

use std::path::{Path, PathBuf};

use outreach_service::connect::ConnectError;
use schema_audit::inspect::InspectError;
use sea_orm::DbErr;

use crate::{
    backup::{BackupError, Difference},
    contents::ContentsError,
    expected::ExpectedError,
    guard::GuardError,
};

/// Why a database was not reset. Nothing was dropped, unless it is
/// [`UnknownOutcome`](Self::UnknownOutcome).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// No backup could be made.
    #[error("there is no backup, so nothing was dropped")]
    NoBackup {
        /// What is in the way of one.
        source: BackupError,
    },
    /// The backup could not be read back.
    #[error("the backup `{}` could not be read back, so nothing was dropped", path.display())]
    NotReadBack {
        /// The backup.
        path: PathBuf,
        /// What is in the way.
        source: BackupError,
    },
    /// The backup was read back, and is not what was in the database.
    #[error(
        "the backup `{}` differs from what was in the database, so nothing was dropped: {}",
        path.display(),
        joined(differences)
    )]
    Unsound {
        /// The backup.
        path: PathBuf,
        /// How it differs.
        differences: Vec<Difference>,
    },
    /// The backup that was to be brought back can't be, which was known before
    /// anything was done.
    #[error("`{}` can't be put in the place of what is there, nothing was changed", path.display())]
    NotRestorable {
        /// The backup.
        path: PathBuf,
        /// Why not.
        source: BackupError,
    },
    /// The backup that was to be brought back was read back, and is not what its
    /// manifest says.
    #[error(
        "the backup `{}` is not what its manifest says, nothing was changed: {}",
        path.display(),
        joined(differences)
    )]
    NotItsManifest {
        /// The backup.
        path: PathBuf,
        /// How it differs.
        differences: Vec<Difference>,
    },
    /// It failed after the backup, and all of it was taken back.
    #[error("nothing was changed; a backup that was read back is `{}`", backup.display())]
    RolledBack {
        /// The backup, which can be kept or removed.
        backup: PathBuf,
        /// Why.
        source: Cause,
    },
    /// The connection was lost during COMMIT. It is done as a whole or not at
    /// all.
    #[error(
        "whether the reset was done is unknown; look with `outreach verify`, or run it again. The \
         backup is `{}`", backup.display()
    )]
    UnknownOutcome {
        /// The backup of what was there.
        backup: PathBuf,
        /// What was the answer to COMMIT.
        source: DbErr,
    },
}

/// What went wrong inside of the transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The database can't be reached any more.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The backup could not be restored.
    #[error(transparent)]
    Open(#[from] BackupError),
    /// The second look failed.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The rows could not be counted.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The schema could not be inspected.
    #[error("cannot inspect the schema")]
    Inspect(#[from] InspectError),
    /// What the newest revision leaves is not known.
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    /// Somebody changed the database after it was listed or backed up.
    #[error("somebody has changed {what} meanwhile; stop them, and run it again")]
    Changed {
        /// What.
        what: String,
    },
    /// Others held locks for too long.
    #[error(
        "the tables are locked by others, connected are: {sessions}; `SELECT \
         pg_terminate_backend(PID)` ends a session"
    )]
    Locked {
        /// Who is connected.
        sessions: String,
        /// What the database says.
        source: DbErr,
    },
    /// Objects outside of the schema would have gone with it.
    #[error("{count} objects outside of the schema would go with it: {}", objects.join(", "))]
    DropsOutside {
        /// How many.
        count: usize,
        /// Some of them.
        objects: Vec<String>,
    },
    /// What somebody has put on the tables or the schema can't be put on the new
    /// ones: it needs what they don't have, or another role.
    #[error(
        "it can't be kept: {}; take it away, and make it again afterwards",
        objects.join(", ")
    )]
    NotKept {
        /// What, and what it needs that will not be there.
        objects: Vec<String>,
    },
    /// A statement was refused.
    #[error("{what} failed")]
    Database {
        /// What it was for.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
    /// What the chain made is not what it should be.
    #[error("the new schema is not that of the newest revision: {}", findings.join("; "))]
    Audit {
        /// How it differs.
        findings: Vec<String>,
    },
    /// The process was told to end.
    #[error("interrupted")]
    Interrupted,
}

impl Cause {
    pub(super) fn database(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { what, source }
    }

    fn is_refusal(&self) -> bool {
        match self {
            Self::Changed { .. } | Self::DropsOutside { .. } | Self::NotKept { .. } => true,
            Self::Open(source) => source.is_refusal(),
            _ => false,
        }
    }

    pub(super) fn changed(what: impl Into<String>) -> Self {
        Self::Changed { what: what.into() }
    }
}

impl ResetError {
    /// Whether the remedy is another request or another state of the database,
    /// rather than that something failed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotItsManifest { .. } => true,
            Self::NotRestorable { source, .. } => source.is_refusal(),
            Self::RolledBack { source, .. } => source.is_refusal(),
            _ => false,
        }
    }

    /// The backup, if one was made and is sound.
    #[must_use]
    pub fn backup(&self) -> Option<&Path> {
        match self {
            Self::RolledBack { backup, .. } | Self::UnknownOutcome { backup, .. } => Some(backup),
            _ => None,
        }
    }
}

fn joined(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
