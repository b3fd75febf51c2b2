//! The way to a database that is ready for this build: a pool whose
//! connections are safe to use, on a schema that the entities fit.
//!
//! [`connect`] refuses while revisions are pending, while the database is ahead
//! of this build, and while tables or columns are missing; the error names
//! them. [`open`] does not look, and is for migrating and auditing.

mod error;
mod options;
mod readiness;
mod url;

use sea_orm::DatabaseConnection;

pub use error::{ConnectError, MissingObject};
pub use options::DatabaseOptions;
pub use readiness::check_schema;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};

/// Connects and makes sure that the schema is the one this build was made for.
/// Writes nothing and needs no right to change the schema.
///
/// ```no_run
/// use outreach_service::connect::{DatabaseOptions, connect};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let options = DatabaseOptions::new("postgres://outreach:secret@localhost/outreach")?
///     .max_connections(10);
/// let db = connect(&options).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(options: &DatabaseOptions) -> Result<DatabaseConnection, ConnectError> {
    let db = open(options).await?;
    if let Err(error) = check_schema(&db).await {
        let _ = db.close().await;
        return Err(error);
    }
    Ok(db)
}

/// Connects without a look at the tables. The pool is the same as
/// [`connect`]'s: times out as told, hands out no connection that is inside a
/// transaction, and on SQLite has foreign keys on and a write-ahead log.
pub async fn open(options: &DatabaseOptions) -> Result<DatabaseConnection, ConnectError> {
    options.refuse_missing_file()?;
    sea_orm::Database::connect(options.to_sea_orm())
        .await
        .map_err(|source| ConnectError::unreachable(options.url().redacted(), source))
}
