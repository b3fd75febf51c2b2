//! Why a database could not be looked at.

use outreach_service::connect::ConnectError;
use schema_audit::inspect::InspectError;
use sea_orm::DbErr;

use crate::{backup::BackupError, expected::ExpectedError};

/// Why a database could not be looked at. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database can't be opened for reading.
    #[error(transparent)]
    Open(#[from] BackupError),
    /// The connection has no current schema.
    #[error("the connection has no current schema; name one that exists with --schema")]
    NoSchema,
    /// The schema could not be inspected.
    #[error("cannot inspect the schema")]
    Inspect(#[from] InspectError),
    /// What a revision leaves is not known.
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    /// A question to the database was not answered.
    #[error("{what} failed")]
    Database {
        /// What was asked.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
}

impl GuardError {
    pub(super) fn database(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Database { what, source }
    }
}
