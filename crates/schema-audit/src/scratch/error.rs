//! Why a scratch copy could not be made or removed.

use sea_orm::DbErr;

/// Why a scratch copy could not be made or removed. No variant carries the
/// password of a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// The URL can't be read.
    #[error("the database's URL cannot be read; write it as `postgres://user@host/database`")]
    Url,
    /// No connection to the server that the copy is to be made on, or to the
    /// copy.
    #[error("could not connect to `{place}` to make a scratch copy")]
    Connect {
        /// Host and database, without user and password.
        place: String,
        /// What the driver says.
        source: DbErr,
    },
    /// The scratch database could not be created.
    #[error(
        "could not create the scratch database `{name}`: the role needs CREATEDB on a server that \
         is not a standby, or name another server for it"
    )]
    Create {
        /// Its name.
        name: String,
        /// What the server says.
        source: DbErr,
    },
    /// A question about the live database was not answered.
    #[error("could not read the settings of the live database")]
    Settings {
        /// What the server says.
        source: DbErr,
    },
    /// No `pg_dump` that is new enough for the server.
    #[error(
        "a scratch copy needs `pg_dump` of PostgreSQL {server} or later, and {found}; install it, \
         or name it in the environment variable PG_DUMP"
    )]
    NoPgDump {
        /// The server's major version.
        server: u32,
        /// What was found instead.
        found: String,
    },
    /// `pg_dump` could not be run.
    #[error("could not run `{program}`")]
    RunPgDump {
        /// Its path.
        program: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// `pg_dump` failed.
    #[error("`pg_dump` failed: {message}")]
    PgDump {
        /// What it wrote to its standard error, without control characters.
        message: String,
    },
    /// The dump could not be loaded into the copy.
    #[error("could not load the live schema into the scratch database `{name}`")]
    Restore {
        /// The scratch database.
        name: String,
        /// What the server says.
        source: DbErr,
    },
    /// The scratch database is still there.
    #[error("the scratch database `{name}` could not be dropped; drop it by hand")]
    Remove {
        /// Its name.
        name: String,
        /// What the server says.
        source: DbErr,
    },
    /// Making the copy failed, and what was made of it is still there.
    #[error("the scratch database `{name}` could not be dropped after a failure; drop it by hand")]
    LeftBehind {
        /// Its name.
        name: String,
        /// What failed first.
        source: Box<ScratchError>,
    },
    /// The connection to the copy could not be closed.
    #[error("the connection to the scratch copy could not be closed")]
    Close {
        /// What the driver says.
        source: DbErr,
    },
    /// Not written for this kind of database.
    #[error("scratch copies of this kind of database are not supported")]
    Unsupported,
}
