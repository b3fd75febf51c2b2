//! Why a run did not happen, or failed.

use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};

use super::{Blocker, InvalidOption};
use crate::shown;

/// Begins the text of the error that [`is_unknown_outcome`] knows; SeaORM's
/// trait leaves no room for an error of our own.
const COMMIT_NOT_ANSWERED: &str = "COMMIT was not answered";

/// Why a run of the chain did not happen, or failed. Whatever it is, but for
/// [`RunError::UnknownOutcome`], nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The database is protected against what destroys data.
    #[error(
        "`{command}` is refused, because the database is protected: {reason}. Nothing was \
         changed; if its data may go, take the mark away with `outreach protect --off --confirm \
         NAME`, or give it another environment with `outreach protect --environment`"
    )]
    Protected {
        /// The command that would have destroyed data.
        command: &'static str,
        /// Why it is protected.
        reason: String,
    },
    /// The database belongs to another environment than the one that was given.
    #[error(
        "this is the database of the environment `{}`, not of `{given}`. Nothing was changed; \
         is the database URL right?", shown(.stored)
    )]
    OtherEnvironment {
        /// What the database says.
        stored: String,
        /// What the options say.
        given: String,
    },
    /// Somebody else holds a lock on a table for longer than the run may wait.
    #[error(
        "gave up after {} s of waiting for a lock that another session holds. Nothing was \
         changed. {}", .waited.as_secs_f64(), Blocker::list(.blockers)
    )]
    Locked {
        /// How long it waited.
        waited: Duration,
        /// Who holds locks on tables of the schema.
        blockers: Vec<Blocker>,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// A statement took longer than it may.
    #[error(
        "a statement took longer than {} s, the limit for one. Nothing was changed; \
         `--statement-timeout` or OUTREACH_STATEMENT_TIMEOUT gives it longer", .limit.as_secs_f64()
    )]
    TookTooLong {
        /// How long it may take.
        limit: Duration,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// Another process writes to the SQLite file.
    #[error(
        "another process writes to the database file, and did not end in time. Nothing was \
         changed; try again when it has ended"
    )]
    Busy(#[source] DbErr),
    /// The chain does not lead there from where the database is.
    #[error("{0}")]
    Target(String),
    /// A setting can't be used.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// The connection was lost during COMMIT. The run is done as a whole or not
    /// at all.
    #[error("whether the migration was done is unknown; look with `status`, or run it again")]
    UnknownOutcome(#[source] DbErr),
    /// The database refused a statement, or a revision refused the database.
    #[error("the migration failed; nothing was changed")]
    Database(#[from] DbErr),
}

impl From<RunError> for DbErr {
    /// For SeaORM's traits, which know no other error.
    fn from(error: RunError) -> Self {
        match error {
            RunError::Database(error) => error,
            RunError::UnknownOutcome(error) => {
                Self::Migration(format!("{COMMIT_NOT_ANSWERED}: {error}"))
            }
            error => Self::Migration(error.to_string()),
        }
    }
}

/// The code of the database's own error: an SQLSTATE, or a result code of SQLite.
pub(super) fn code(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source))
        | DbErr::Conn(RuntimeErr::SqlxError(source)) => {
            Some(source.as_database_error()?.code()?.into_owned())
        }
        _ => None,
    }
}

/// What a failed COMMIT means: a connection that is lost leaves open whether it
/// happened, and so does a server that says that it goes away.
pub(super) fn of_commit(error: DbErr) -> RunError {
    let lost = match &error {
        DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source))
        | DbErr::Conn(RuntimeErr::SqlxError(source)) => source
            .as_database_error()
            .is_none_or(|error| error.code().is_some_and(|code| is_disconnect(&code))),
        _ => false,
    };
    if lost {
        RunError::UnknownOutcome(error)
    } else {
        RunError::Database(error)
    }
}

fn is_disconnect(sqlstate: &str) -> bool {
    sqlstate.len() == 5
        && (sqlstate.starts_with("08") || matches!(sqlstate, "57P01" | "57P02" | "57P03"))
}
