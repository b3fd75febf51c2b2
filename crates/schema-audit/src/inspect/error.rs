//! Why a schema could not be read.

use sea_orm::{DbBackend, DbErr};

/// Why a schema could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The database refused a statement, or could not be reached.
    #[error("could not read {what} from the database's catalog")]
    Query {
        /// What was being read: `columns`, `the table list`…
        what: &'static str,
        /// Why not.
        #[source]
        source: DbErr,
    },
    /// The connection is to a kind of database that this crate does not know.
    #[error("{backend:?} is not supported: connect to PostgreSQL or SQLite")]
    UnsupportedBackend {
        /// The kind of database.
        backend: DbBackend,
    },
    /// The server is older than what this crate can read.
    #[error("version {version} of the server is not supported: {required} or later is needed")]
    UnsupportedVersion {
        /// The version, as the server gives it.
        version: String,
        /// The oldest version that works.
        required: &'static str,
    },
    /// There is no schema of that name, or it is one of the system's own.
    #[error("schema `{schema}` does not exist, or is one of the system's: name another one")]
    SchemaMissing {
        /// The name that was asked for.
        schema: String,
    },
    /// The connection's search path leads to no schema.
    #[error("the search path leads to no schema: name the schema, or set the search path")]
    NoCurrentSchema,
    /// The database's own text of a definition was not understood.
    #[error("the definition of `{object}` was not understood: {reason}")]
    Definition {
        /// The table or index, with the schema where the scope has several.
        object: String,
        /// What was not understood.
        reason: String,
    },
}

impl InspectError {
    /// For `map_err`: a statement failed while `what` was read.
    pub(super) fn query(what: &'static str) -> impl FnOnce(DbErr) -> Self {
        move |source| Self::Query { what, source }
    }
}
