use std::path::PathBuf;

use schema_audit::inspect::InspectError;
use sea_orm::DbErr;

use crate::{backup::BackupError, expected::ExpectedError};

/// Why a database could not be looked at or adopted. Unless it says otherwise,
/// nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The schema could not be read.
    #[error("the schema can't be read")]
    Inspect(#[from] InspectError),
    /// A statement that only reads failed.
    #[error("the database can't be read")]
    Read(#[source] DbErr),
    /// The recorded schemas of this build can't be used.
    #[error("the recorded schemas can't be used")]
    Expected(#[from] ExpectedError),
    /// There are conflicts.
    #[error("the database can't be adopted as it is (conflicts: {conflicts}); nothing was changed")]
    Refused {
        /// How many.
        conflicts: usize,
    },
    /// It is not the database any more that the plan was made for.
    #[error(
        "the database has changed since the plan was made; nothing was changed: look at the new \
         plan and start again"
    )]
    Changed,
    /// A table is not what the backup holds.
    #[error(
        "the backup does not hold {what} as it is: somebody has changed it meanwhile, or the backup \
         is a wrong copy; nothing was changed: stop whoever writes, and run it again{}",
        backup_at(.backup.as_ref())
    )]
    NotInBackup {
        /// What differs.
        what: String,
        /// The backup.
        backup: Option<PathBuf>,
    },
    /// No connection could be had.
    #[error("cannot connect")]
    Connect(#[source] outreach_service::connect::ConnectError),
    /// No backup could be made, or it could not be read back.
    #[error("no backup could be made and read back, so nothing was changed")]
    Backup(#[source] BackupError),
    /// The backup was read back and holds something else.
    #[error(
        "the backup `{}` does not hold what the database does, so nothing was changed: \
         {differences}", path.display()
    )]
    UnsoundBackup {
        /// The backup.
        path: PathBuf,
        /// Where it differs.
        differences: String,
    },
    /// Another session holds what is needed.
    #[error("{waited}; nothing was changed{}", backup_at(.backup.as_ref()))]
    Locked {
        /// What was waited for, how long, and who has it.
        waited: String,
        /// The backup that was made before.
        backup: Option<PathBuf>,
        /// What the database says.
        source: DbErr,
    },
    /// A statement of the transaction failed, and with it all of it.
    #[error("{doing} failed; nothing was changed{}", backup_at(.backup.as_ref()))]
    Failed {
        /// What was done.
        doing: String,
        /// The backup that was made before.
        backup: Option<PathBuf>,
        /// What the database says.
        source: DbErr,
    },
    /// The transaction came to its end and the outcome was not right.
    #[error("{reason}; everything was rolled back{}", backup_at(.backup.as_ref()))]
    NotRight {
        /// What is wrong.
        reason: String,
        /// The backup that was made before.
        backup: Option<PathBuf>,
    },
    /// The connection was lost during COMMIT. The adoption is done as a whole or
    /// not at all.
    #[error(
        "whether the database was adopted is unknown, it is so as a whole or not at all: look with \
         `outreach adopt`, or run it again{}",
        backup_at(.backup.as_ref())
    )]
    UnknownOutcome {
        /// The backup that was made before.
        backup: Option<PathBuf>,
        /// What the driver says.
        source: DbErr,
    },
}

impl AdoptError {
    pub(super) fn read(source: DbErr) -> Self {
        Self::Read(source)
    }

    /// Whether the answer is another state of the database or another request,
    /// rather than a failure.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Changed | Self::NotInBackup { .. }
        )
    }

    /// Names the backup that was made before.
    pub(super) fn with_backup(mut self, path: Option<&PathBuf>) -> Self {
        match &mut self {
            Self::NotInBackup { backup, .. }
            | Self::Locked { backup, .. }
            | Self::Failed { backup, .. }
            | Self::NotRight { backup, .. }
            | Self::UnknownOutcome { backup, .. } => *backup = path.cloned(),
            _ => {}
        }
        self
    }
}

fn backup_at(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| {
        format!("; the backup is `{}`", path.display())
    })
}
