//! Resets a database: outreach's tables are dropped and made anew, empty.
//!
//! In this order: the guards have let pass ([`Clearance`]); a backup is made and
//! read back; then one transaction drops what the backup holds and nothing else,
//! runs the chain, puts the marks and privileges back, and audits the outcome.
//! Killed at any point it leaves the database as it was, or done.

mod error;
mod keep;
mod replace;
mod schema;
mod work;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use outreach_service::{
    connect::{self, DatabaseOptions},
    sql::{is_connection_lost, sqlstate},
};
use schema_audit::scratch::interrupted;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use secrecy::SecretString;

use self::work::Work;
pub use self::{
    error::{Cause, ResetError},
    replace::{Replacement, check, replace},
};
use crate::{
    backup::{self, Backup, BackupOptions},
    guard::{Clearance, sessions},
    sql::read_committed,
};

/// How a reset is done.
#[derive(Debug, Clone)]
pub struct ResetOptions {
    /// The folder that the backup is written to.
    pub backup_directory: PathBuf,
    /// The server for the scratch database of the backup's reading back, if not
    /// the database's own (PostgreSQL).
    pub scratch: Option<SecretString>,
    /// The longest wait for a table that another session holds; zero waits
    /// without end.
    pub lock_timeout: Duration,
    /// The longest time for one statement; zero is no limit (PostgreSQL).
    pub statement_timeout: Duration,
}

impl ResetOptions {
    /// Backups to this folder; 5 s for a lock, 10 minutes for a statement.
    #[must_use]
    pub fn new(backup_directory: impl Into<PathBuf>) -> Self {
        Self {
            backup_directory: backup_directory.into(),
            scratch: None,
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_mins(10),
        }
    }
}

/// What a reset did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reset {
    /// The backup of what was there, which was read back.
    pub backup: Backup,
    /// The tables that were dropped and made anew.
    pub dropped: Vec<String>,
    /// The revision that the database is at now.
    pub revision: &'static str,
}

/// Is called with each step, from the task that works; must not block.
pub type Progress<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A step of the backup or its reading back.
    Backup(backup::Step),
    /// The backup was read back and is sound.
    BackedUp {
        /// Its path.
        path: PathBuf,
    },
    /// The tables are locked.
    Locking,
    /// What is there is compared with the backup.
    Comparing,
    /// Tables are dropped, in a transaction.
    Dropping {
        /// How many.
        tables: usize,
    },
    /// The chain is run, in the same transaction.
    Migrating,
    /// The outcome is audited, in the same transaction.
    Auditing,
    /// All of it is committed.
    Committing,
    /// It is done.
    Done,
}

/// Makes a backup, reads it back, and resets the database that was cleared.
///
/// Commits once. On Ctrl-C and SIGTERM what is not committed is taken back.
///
/// # Errors
///
/// [`ResetError`] says whether there is a backup, and that nothing was dropped.
pub async fn reset(
    database: &DatabaseOptions,
    clearance: &Clearance,
    options: &ResetOptions,
    progress: Progress<'_>,
) -> Result<Reset, ResetError> {
    // Boxed, so that a caller's future does not fill a thread's stack.
    let backup = Box::pin(secure(
        database,
        &options.backup_directory,
        options.scratch.as_ref(),
        progress,
    ))
    .await?;
    match in_one_transaction(database, clearance, &backup, options, progress).await {
        Ok(Ended::Committed(revision)) => {
            progress(Step::Done);
            let dropped = clearance.inventory().table_names();
            Ok(Reset {
                backup,
                dropped,
                revision,
            })
        }
        Ok(Ended::Unknown(source)) => Err(ResetError::UnknownOutcome {
            backup: backup.path,
            source,
        }),
        Err(source) => Err(ResetError::RolledBack {
            backup: backup.path,
            source,
        }),
    }
}

/// Makes a backup and reads it back.
///
/// # Errors
///
/// [`ResetError`] without a backup that could be relied on.
pub async fn secure(
    database: &DatabaseOptions,
    directory: &Path,
    scratch: Option<&SecretString>,
    progress: Progress<'_>,
) -> Result<Backup, ResetError> {
    let to = BackupOptions {
        directory: directory.to_owned(),
    };
    let step = |step| progress(Step::Backup(step));
    let made = tokio::select! {
        made = backup::create(database, &to, &step) => made,
        () = interrupted() => Err(backup::BackupError::Interrupted),
    };
    let backup = made.map_err(|source| ResetError::NoBackup { source })?;
    let read = Box::pin(backup::verify(&backup.path, database, scratch, &step)).await;
    let read = read.map_err(|source| ResetError::NotReadBack {
        path: backup.path.clone(),
        source,
    })?;
    if !read.is_sound() {
        return Err(ResetError::Unsound {
            path: backup.path,
            differences: read.differences,
        });
    }
    progress(Step::BackedUp {
        path: backup.path.clone(),
    });
    Ok(backup)
}

/// How the transaction ended.
enum Ended {
    Committed(&'static str),
    Unknown(sea_orm::DbErr),
}

async fn in_one_transaction(
    database: &DatabaseOptions,
    clearance: &Clearance,
    backup: &Backup,
    options: &ResetOptions,
    progress: Progress<'_>,
) -> Result<Ended, Cause> {
    let one = database.clone().max_connections(1).create_if_missing(false);
    let db = connect::open(&one).await?;
    let work = Work {
        database,
        clearance,
        backup,
        options,
        progress,
    };
    let ended = run(&db, &work).await;
    let ended = match ended {
        Err(Cause::Database { source, .. }) if sqlstate(&source).as_deref() == Some("55P03") => {
            Err(locked(&db, source).await)
        }
        ended => ended,
    };
    // What was not committed goes with the connection.
    let _ = db.close().await;
    ended
}

async fn run(db: &DatabaseConnection, work: &Work<'_>) -> Result<Ended, Cause> {
    if work.database.is_sqlite() {
        // To drop a table would otherwise delete rows that point to it. It can't
        // be changed inside of a transaction.
        let off = db.execute_unprepared("PRAGMA foreign_keys = OFF").await;
        off.map_err(Cause::database("the start"))?;
    }
    let begun = db
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            // What was committed while the locks were waited for has to be seen.
            isolation_level: read_committed(db),
            ..TransactionOptions::default()
        })
        .await;
    let txn = begun.map_err(Cause::database("the start of the transaction"))?;
    let revision = tokio::select! {
        done = Box::pin(work.run(&txn)) => done,
        () = interrupted() => Err(Cause::Interrupted),
    };
    let revision = match revision {
        Ok(revision) => revision,
        Err(error) => {
            // If it can't be rolled back, the connection is gone, and it with it.
            let _ = txn.rollback().await;
            return Err(error);
        }
    };
    (work.progress)(Step::Committing);
    match txn.commit().await {
        Ok(()) => Ok(Ended::Committed(revision)),
        Err(error) if is_connection_lost(&error) => Ok(Ended::Unknown(error)),
        Err(error) => Err(Cause::database("the commit")(error)),
    }
}

async fn locked(db: &DatabaseConnection, source: sea_orm::DbErr) -> Cause {
    let found = sessions(db).await.unwrap_or_default();
    let texts: Vec<String> = found.iter().map(|one| format!("[{one}]")).collect();
    let sessions = if texts.is_empty() {
        "nobody any more".to_owned()
    } else {
        texts.join(", ")
    };
    Cause::Locked { sessions, source }
}
