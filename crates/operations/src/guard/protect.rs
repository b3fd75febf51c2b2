//! The marks that keep a database from being destroyed.

use outreach_migration::properties::{self, Properties, Property};
use outreach_service::connect::{self, ConnectError, DatabaseOptions};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};

use crate::{backup::BackupError, sqlite};

/// The most characters of an environment's name.
const LONGEST_NAME: usize = 40;

/// Why a mark could not be read or set. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The database can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database can't be opened for reading.
    #[error(transparent)]
    Open(#[from] BackupError),
    /// There is no table for marks yet.
    #[error(
        "the database has no table `database_properties` to keep it in; run `outreach migrate up` \
         first"
    )]
    NoTable,
    /// No environment can be called so.
    #[error(
        "`{name}` can't be the name of an environment; take up to {LONGEST_NAME} small letters, \
         digits, `-` and `_`"
    )]
    InvalidName {
        /// What was given.
        name: String,
    },
    /// A question to the database was not answered.
    #[error("{what} failed")]
    Database {
        /// What was asked.
        what: &'static str,
        /// What the database says.
        source: DbErr,
    },
}

fn failed(what: &'static str) -> impl FnOnce(DbErr) -> ProtectError {
    move |source| ProtectError::Database { what, source }
}

/// The marks of a database. Reads only.
///
/// # Errors
///
/// [`ProtectError`].
pub async fn properties(database: &DatabaseOptions) -> Result<Properties, ProtectError> {
    let db = connect::open(&sqlite::reading(database)?).await?;
    let read = properties::read(&db).await;
    let closed = db.close().await;
    let read = read.map_err(failed("reading the marks"))?;
    closed.map_err(failed("closing the connection"))?;
    Ok(read)
}

/// Marks a database as protected, for this reason, which may be empty: `reset`,
/// `restore --replace`, and the destroying commands of the chain refuse then.
/// Commits.
///
/// # Errors
///
/// [`ProtectError::NoTable`] where the revision that brings the table for it is
/// not applied.
pub async fn protect(database: &DatabaseOptions, reason: &str) -> Result<(), ProtectError> {
    change(database, async |txn| {
        properties::set_in_txn(txn, Property::Protected, reason).await
    })
    .await
}

/// Takes the mark off, and says whether it was there. Commits.
///
/// # Errors
///
/// As [`protect`].
pub async fn unprotect(database: &DatabaseOptions) -> Result<bool, ProtectError> {
    change(database, async |txn| {
        properties::remove_in_txn(txn, Property::Protected).await
    })
    .await
}

/// Stores what the database is for, in place of what was stored. Commits.
///
/// # Errors
///
/// As [`protect`], and [`ProtectError::InvalidName`].
pub async fn set_environment(database: &DatabaseOptions, name: &str) -> Result<(), ProtectError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(ProtectError::InvalidName {
            name: name.to_owned(),
        });
    }
    change(database, async |txn| {
        properties::set_in_txn(txn, Property::Environment, name).await
    })
    .await
}

async fn change<T>(
    database: &DatabaseOptions,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr>,
) -> Result<T, ProtectError> {
    let db = connect::open(&database.clone().max_connections(1)).await?;
    let changed = in_a_transaction(&db, work).await;
    let closed = db.close().await;
    let changed = changed?;
    closed.map_err(failed("closing the connection"))?;
    Ok(changed)
}

async fn in_a_transaction<T>(
    db: &DatabaseConnection,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr>,
) -> Result<T, ProtectError> {
    let txn = db
        .begin()
        .await
        .map_err(failed("the start of a transaction"))?;
    let there = outreach_migration::ledger::table_exists(&txn, "database_properties").await;
    if !there.map_err(failed("looking for the table"))? {
        return Err(ProtectError::NoTable);
    }
    let done = work(&txn).await.map_err(failed("writing the mark"))?;
    txn.commit().await.map_err(failed("the commit"))?;
    Ok(done)
}
