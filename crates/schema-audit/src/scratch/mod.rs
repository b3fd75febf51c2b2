//! Scratch copies: an empty database with the schema of a live one, to try out
//! what must not be tried on the live one. Repairs are proved on it; other
//! checks that write use it too.
//!
//! One law: nothing is ever written to the live database, and a scratch copy
//! that could not be removed is named.

mod error;
pub mod pg_dump;
mod postgres;
mod sqlite;

pub use error::ScratchError;
use sea_orm::DatabaseConnection;
use secrecy::{ExposeSecret, SecretString};

/// Where and how a scratch copy is made.
#[derive(Debug, Clone, Default)]
pub struct ScratchOptions {
    /// Another server to make the copy on (PostgreSQL): the URL of any database
    /// there, under a role that may create databases. `None` is the server of
    /// the live database. Not used for SQLite.
    pub server: Option<SecretString>,
}

/// A scratch copy of a schema, without rows. Call [`remove`](Self::remove) when
/// done; what is dropped without it stays behind on a server.
#[derive(Debug)]
pub struct Scratch {
    db: DatabaseConnection,
    url: SecretString,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Postgres(postgres::ScratchDatabase),
    Sqlite(sqlite::ScratchFile),
}

impl Scratch {
    /// Makes a scratch copy of the schema that the database at this URL has.
    ///
    /// # Errors
    ///
    /// [`ScratchError`] says what failed. What was made until then is removed;
    /// if that fails too the error names it.
    pub async fn copy_of(
        url: &SecretString,
        options: &ScratchOptions,
    ) -> Result<Self, ScratchError> {
        if is_sqlite(url.expose_secret()) {
            let (file, url, db) = sqlite::copy_of(url).await?;
            let place = Place::Sqlite(file);
            return Ok(Self { db, url, place });
        }
        let (database, url, db) = postgres::copy_of(url, options.server.as_ref()).await?;
        let place = Place::Postgres(database);
        Ok(Self { db, url, place })
    }

    /// Makes an empty scratch database with the encoding, the collation and the
    /// search path of the database at this URL. PostgreSQL only.
    ///
    /// # Errors
    ///
    /// As [`copy_of`](Self::copy_of); [`ScratchError::Unsupported`] for SQLite,
    /// where a temporary file does.
    pub async fn empty(url: &SecretString, options: &ScratchOptions) -> Result<Self, ScratchError> {
        if is_sqlite(url.expose_secret()) {
            return Err(ScratchError::Unsupported);
        }
        let (database, url, db) = postgres::empty(url, options.server.as_ref()).await?;
        let place = Place::Postgres(database);
        Ok(Self { db, url, place })
    }

    /// A connection to the copy.
    #[must_use]
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.db
    }

    /// The copy's URL, for programs that connect by themselves.
    #[must_use]
    pub const fn url(&self) -> &SecretString {
        &self.url
    }

    /// Closes the connection and removes the copy.
    ///
    /// # Errors
    ///
    /// [`ScratchError`] names what is left behind.
    pub async fn remove(self) -> Result<(), ScratchError> {
        // Closed here: a database can't be dropped while someone is connected.
        let closed = self.db.close().await;
        match self.place {
            Place::Postgres(database) => database.remove().await?,
            Place::Sqlite(file) => file.remove()?,
        }
        closed.map_err(|source| ScratchError::Close { source })
    }
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// Ends when the process is told to end: Ctrl-C or SIGTERM. What is scratch is
/// to be removed then. Never ends where that cannot be waited for.
pub async fn interrupted() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
