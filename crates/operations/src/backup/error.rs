//! Why there is no backup, or no database from it.

use std::{io, path::PathBuf};

use outreach_service::{
    connect::{ConnectError, InvalidDatabaseUrl},
    sql::is_connection_lost,
};
use schema_audit::{inspect::InspectError, scratch::ScratchError};
use sea_orm::DbErr;

use super::Difference;
use crate::contents::ContentsError;

/// Why a backup could not be made, read back or restored. No variant carries a
/// password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The scratch database's URL can't be read.
    #[error(transparent)]
    Url(#[from] InvalidDatabaseUrl),
    /// The PostgreSQL schema is not there.
    #[error("the connection has no current schema; name one that exists")]
    NoSchema,
    /// A database in memory has no file.
    #[error("a database in memory can't be backed up or restored; name a file")]
    InMemory,
    /// A question to the database was not answered.
    #[error("{what} failed")]
    Database {
        /// What was asked.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
    /// The schema could not be inspected.
    #[error("cannot inspect the schema")]
    Inspect(#[from] InspectError),
    /// The rows could not be counted.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// No `pg_dump` that is new enough for the server.
    #[error(
        "backing up and restoring need `pg_dump` of PostgreSQL {server} or later, and {found}; \
         install it, or name it in the environment variable PG_DUMP"
    )]
    NoPgDump {
        /// The server's major version.
        server: u32,
        /// What was found instead.
        found: String,
    },
    /// No scratch database.
    #[error(transparent)]
    Scratch(ScratchError),
    /// `pg_dump` or `pg_restore` failed.
    #[error("`{program}` failed: {message}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it wrote to its standard error, without control characters.
        message: String,
    },
    /// `pg_restore` could not be run.
    #[error(
        "could not run `{program}`; install the programs of PostgreSQL, or name its pg_dump in \
         the environment variable PG_DUMP"
    )]
    Run {
        /// Its path.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {}", path.display(), remedy(source))]
    Write {
        /// The file, or the folder that it was to be in.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The SQLite file could not be copied.
    #[error("cannot write the copy of the database to `{}`: {}", path.display(), remedy)]
    Copy {
        /// The copy.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
        /// What SQLite says.
        source: DbErr,
    },
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The manifest is none.
    #[error("`{}` is not the manifest of a backup that this release can read", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A newer release wrote the manifest.
    #[error("`{}` has form {format}, which this release does not know", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its form.
        format: u32,
    },
    /// Something of that name is there already. Nothing is overwritten.
    #[error("`{}` exists already, and nothing is overwritten", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// A backup of PostgreSQL for SQLite, or the other way round.
    #[error("the backup is of {backup}, and the database is {database}; name another one")]
    OtherDialect {
        /// What the backup was made of.
        backup: &'static str,
        /// What was to be filled.
        database: &'static str,
    },
    /// A backup of another PostgreSQL schema.
    #[error("the backup holds the schema `{backup}`; restore it with `--schema {backup}`")]
    OtherSchema {
        /// The schema in the backup.
        backup: String,
    },
    /// The target has something in it.
    #[error("the database is not empty, nothing was changed; it has: {}", found.join(", "))]
    NotEmpty {
        /// Some of what it has.
        found: Vec<String>,
    },
    /// Somebody wrote after the backup of what is replaced.
    #[error("somebody has changed the table `{table}` meanwhile, nothing was changed; try again")]
    Changed {
        /// Its name.
        table: String,
    },
    /// The backup file is not the one that the manifest speaks of.
    #[error(
        "the backup `{}` is damaged, nothing was changed: {}",
        path.display(),
        joined(differences)
    )]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// What was restored is not what the manifest says.
    #[error(
        "what was restored differs from the manifest and was taken back, nothing was changed: {}",
        joined(differences)
    )]
    Differs {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The restore was refused by the database.
    #[error("cannot restore, nothing was changed{}", hint(source))]
    Restore {
        /// What the database says.
        source: DbErr,
    },
    /// The connection was lost during COMMIT. All of it is restored, or nothing.
    #[error(
        "the connection was lost during COMMIT, so that it is not known whether the backup was \
         restored: all of it or nothing; look at the database before it is run again"
    )]
    UnknownOutcome {
        /// What was the answer to COMMIT.
        source: DbErr,
    },
    /// Virtual tables can only be restored as a whole file.
    #[error("the backup has the virtual table `{table}`; restore it to a path where no file is")]
    VirtualTable {
        /// Its name.
        table: String,
    },
    /// The backup file is the database that it was to be restored to.
    #[error("the backup `{}` is the database itself; name another database", path.display())]
    OntoItself {
        /// The backup.
        path: PathBuf,
    },
    /// The process was told to end before the restore was committed.
    #[error("interrupted, nothing was changed")]
    Stopped,
    /// The process was told to end. What was scratch is removed.
    #[error("interrupted; the scratch database is removed")]
    Interrupted,
}

impl BackupError {
    /// Whether the remedy is another request, another file or another state of
    /// the database, rather than that something failed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NotEmpty { .. }
                | Self::Changed { .. }
                | Self::Damaged { .. }
                | Self::OtherDialect { .. }
                | Self::OtherSchema { .. }
                | Self::OntoItself { .. }
                | Self::VirtualTable { .. }
                | Self::Manifest { .. }
                | Self::Format { .. }
                | Self::InMemory
                | Self::Read { .. }
        )
    }

    pub(super) fn database(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { what, source }
    }

    /// What a failed COMMIT means: the server may have done it before the
    /// connection was lost.
    pub(super) fn commit(source: DbErr) -> Self {
        if is_connection_lost(&source) {
            Self::UnknownOutcome { source }
        } else {
            Self::Restore { source }
        }
    }

    pub(super) fn restore(source: impl Into<DbErr>) -> Self {
        Self::Restore {
            source: source.into(),
        }
    }
}

impl From<ScratchError> for BackupError {
    fn from(error: ScratchError) -> Self {
        match error {
            ScratchError::NoPgDump { server, found } => Self::NoPgDump { server, found },
            error => Self::Scratch(error),
        }
    }
}

fn joined(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn hint(error: &DbErr) -> &'static str {
    match outreach_service::sql::sqlstate(error).as_deref() {
        Some("42501") => "; the role needs CREATE on the database and on the schema",
        Some("42704") => {
            "; if it is a role that is missing, make it, or leave grants out with --no-privileges"
        }
        _ => "",
    }
}

/// What to do about a file that can't be written.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "the disk is full; make room, or name another folder"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "it may not be written by this user; change that, or name another folder"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "something else is in the way; name another folder"
        }
        _ => "is the folder there and writable?",
    }
}
