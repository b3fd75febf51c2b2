//! The way to a database that is ready for this build: a pool whose
//! connections are safe to use, on a schema that the entities fit.
//!
//! [`connect`] refuses while revisions are pending, while the database is ahead
//! of this build, and while tables or columns are missing; the error names
//! them. [`open`] does not look, and is for migrating and auditing.

mod error;
mod options;
mod reach;
mod readiness;
mod tenant;
mod url;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

pub use error::{ConnectError, MissingObject};
pub use options::DatabaseOptions;
pub use readiness::check_schema;
pub use tenant::Tenant;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};

/// Connects and makes sure that the schema is the one this build was made for.
/// Needs no right to change the schema and writes nothing, except that a ready
/// SQLite file is switched to a write-ahead log.
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
    if options.may_write_sqlite() {
        use_write_ahead_log(&db).await;
    }
    Ok(db)
}

/// [`connect`] without anything that stays in a session: the schema of the
/// options is chosen for each transaction, so that several tenants can share
/// the pool ([`Tenant::schema`]) and a pooler in transaction mode may stand
/// before the server. It does when the URL turns the statement cache off
/// (`statement-cache-capacity=0`).
pub async fn connect_tenant(options: &DatabaseOptions) -> Result<Tenant, ConnectError> {
    let db = open(&options.clone().without_schema()).await?;
    let tenant = options.tenant(db);
    if let Err(error) = check_schema(&tenant).await {
        let _ = tenant.pool().clone().close().await;
        return Err(error);
    }
    if options.may_write_sqlite() {
        use_write_ahead_log(tenant.pool()).await;
    }
    Ok(tenant)
}

/// A schema of a pool that [`open`] made without one, for several tenants that
/// share it. The options are those of the pool. Makes sure that the schema is
/// the one this build was made for, and writes nothing.
pub async fn connect_schema(
    options: &DatabaseOptions,
    pool: &DatabaseConnection,
    schema: &str,
) -> Result<Tenant, ConnectError> {
    let options = options.clone().schema(schema);
    options.refuse_unusable_schema()?;
    let tenant = options.tenant(pool.clone());
    check_schema(&tenant).await?;
    Ok(tenant)
}

/// Readers and the writer of an SQLite file do not wait for each other with a
/// write-ahead log. The mode stays in the file; switching needs the file alone
/// and does not wait for it, so that another connection may be the one to
/// switch, and a file that can't be written is read as it is.
async fn use_write_ahead_log(db: &DatabaseConnection) {
    let mode = db
        .query_one_raw(Statement::from_string(
            DbBackend::Sqlite,
            "PRAGMA journal_mode",
        ))
        .await;
    let is_on = mode.is_ok_and(|row| {
        row.and_then(|row| row.try_get_by_index::<String>(0).ok())
            .is_some_and(|mode| mode == "wal")
    });
    if is_on {
        return;
    }
    if let Err(error) = db.execute_unprepared("PRAGMA journal_mode = WAL").await {
        tracing::debug!(%error, "the journal mode stays as it is");
    }
}

/// Connects without a look at the tables. The pool is the same as
/// [`connect`]'s: times out as told, hands out no connection that is inside a
/// transaction, and on SQLite has foreign keys on. Writes nothing.
pub async fn open(options: &DatabaseOptions) -> Result<DatabaseConnection, ConnectError> {
    options.refuse_missing_file()?;
    options.refuse_unusable_schema()?;
    let unreachable = |source| ConnectError::unreachable(options.url().redacted(), source);
    if options.is_told_at_once() {
        reach::refuse_silence(options).await.map_err(unreachable)?;
    }
    match sea_orm::Database::connect(options.to_sea_orm()).await {
        Ok(db) => Ok(db),
        Err(error) => Err(unreachable(reach::cause(options, error).await)),
    }
}
