//! Brings a backup back.

pub(super) mod postgres;
mod script;
mod sqlite;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{schema::Dialect, scratch::interrupted};
use sea_orm::{ConnectionTrait, TransactionTrait};

use self::postgres::{Load, load};
use super::{BackupError, Manifest, Progress, Step, facts::Facts};
use crate::contents::{self, Contents};

/// How a backup is restored.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Give roles the privileges that they had (PostgreSQL). All of them have to
    /// be there. Objects belong to whoever restores, in any case.
    pub privileges: bool,
    /// What the tables that are replaced have to hold when they are dropped, so
    /// that nothing goes that a backup of them lacks; `None` does not look.
    pub held: Option<Contents>,
    /// The longest wait for a table that another session holds; zero waits
    /// without end (PostgreSQL).
    pub lock_timeout: Duration,
    /// The longest time for one statement; zero is no limit (PostgreSQL).
    pub statement_timeout: Duration,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            privileges: true,
            held: None,
            lock_timeout: Duration::from_mins(1),
            statement_timeout: Duration::ZERO,
        }
    }
}

/// Restores a backup into an empty database, or into an empty or new schema of
/// a PostgreSQL database, and compares what is there then with the manifest.
/// One transaction: whatever fails, and whenever the process is killed, the
/// target is as empty as it was. An SQLite file that is not there appears once
/// it is complete. Commits once; Ctrl-C and SIGTERM take back what is not being
/// committed already.
///
/// # Errors
///
/// [`BackupError::NotEmpty`] names what is there. No error leaves anything
/// behind.
pub async fn restore(
    path: &Path,
    target: &DatabaseOptions,
    options: &RestoreOptions,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    restore_replacing(path, target, &[], options, progress).await
}

/// As [`restore`], in the place of these tables of the target, which are dropped
/// in the same transaction. Nothing else is dropped: what else is there is a
/// [`BackupError::NotEmpty`], and an object that depends on a dropped table is
/// the database's error; the target is then as it was. Asks no guard: whoever
/// calls it has.
///
/// # Errors
///
/// As [`restore`].
pub async fn restore_replacing(
    path: &Path,
    target: &DatabaseOptions,
    replaced: &[String],
    options: &RestoreOptions,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    let is_committing = AtomicBool::new(false);
    let step = |step| {
        if step == Step::Committing {
            is_committing.store(true, Ordering::SeqCst);
        }
        progress(step);
    };
    // Boxed, so that a caller's future does not fill a thread's stack.
    let mut work = Box::pin(in_one_transaction(path, target, replaced, options, &step));
    tokio::select! {
        biased;
        restored = &mut work => restored,
        () = interrupted() => {
            // Whether a COMMIT that was sent is done is only known by its answer.
            if is_committing.load(Ordering::SeqCst) {
                return work.await;
            }
            Err(BackupError::Stopped)
        }
    }
}

/// Whether a backup can be restored to this database, as far as that is known
/// without a look into the database: the file is the one that its manifest
/// speaks of, it is of the same kind of database, and it is not the database
/// itself. Reads the whole file.
///
/// # Errors
///
/// [`BackupError`] says why not.
pub fn check(path: &Path, target: &DatabaseOptions) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(path)?;
    let differences = manifest.check_file(path)?;
    if !differences.is_empty() {
        return Err(BackupError::Damaged {
            path: path.to_owned(),
            differences,
        });
    }
    let (backup, database) = match (manifest.dialect, target.is_sqlite()) {
        (Dialect::Sqlite, false) => ("SQLite", "PostgreSQL"),
        (Dialect::Postgres, true) => ("PostgreSQL", "SQLite"),
        (Dialect::Postgres, false) => return Ok(manifest),
        (Dialect::Sqlite, true) => {
            let file = target.url().sqlite_path().ok_or(BackupError::InMemory)?;
            if is_the_same(path, file.as_ref()) {
                return Err(BackupError::OntoItself {
                    path: path.to_owned(),
                });
            }
            return Ok(manifest);
        }
    };
    Err(BackupError::OtherDialect { backup, database })
}

/// Whether two paths lead to one file, by whatever links.
fn is_the_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let file = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
        if let (Ok(one), Ok(other)) = (file(one), file(other)) {
            return one == other;
        }
    }
    let paths = (fs::canonicalize(one), fs::canonicalize(other));
    matches!(paths, (Ok(one), Ok(other)) if one == other)
}

async fn in_one_transaction(
    path: &Path,
    target: &DatabaseOptions,
    replaced: &[String],
    options: &RestoreOptions,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    progress(Step::Checking {
        path: path.to_owned(),
    });
    let manifest = check(path, target)?;
    let replaced = Replaced {
        tables: replaced,
        held: options.held.as_ref(),
    };
    if target.is_sqlite() {
        sqlite::restore(path, &manifest, target, &replaced, progress).await?;
    } else {
        refuse_other_schema(&manifest, target).await?;
        let load_it = Load {
            url: &target.url().with_password(),
            path,
            manifest: &manifest,
            options,
            replaced,
            keep: true,
        };
        let differences = Box::pin(load(&load_it, progress)).await?;
        if !differences.is_empty() {
            return Err(BackupError::Differs { differences });
        }
    }
    Ok(manifest)
}

/// What is dropped first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Replaced<'a> {
    pub(super) tables: &'a [String],
    pub(super) held: Option<&'a Contents>,
}

impl Replaced<'_> {
    /// In the transaction that drops them, with whatever locks keep them as they
    /// are.
    async fn refuse_changes(&self, txn: &impl ConnectionTrait) -> Result<(), BackupError> {
        let Some(held) = self.held else {
            return Ok(());
        };
        for table in contents::of(txn, self.tables).await?.tables {
            if held.table(&table.table) != Some(&table) {
                let table = table.table;
                return Err(BackupError::Changed { table });
            }
        }
        Ok(())
    }
}

/// A dump knows the schema that it is of; where the options name none, the
/// connection's own has to be the same.
async fn refuse_other_schema(
    manifest: &Manifest,
    target: &DatabaseOptions,
) -> Result<(), BackupError> {
    let backup = manifest.schema.clone().unwrap_or_default();
    let wanted = if let Some(schema) = target.schema_name() {
        schema.to_owned()
    } else {
        let db = connect::open(&target.clone().max_connections(1)).await?;
        let asked = async {
            let txn = db.begin().await?;
            Ok(Facts::read(&txn, target).await)
        };
        let asked = asked.await;
        let closed = db.close().await;
        let facts = asked.map_err(BackupError::database("the start of a transaction"))?;
        closed.map_err(BackupError::database("closing the connection"))?;
        match facts {
            Ok(facts) => facts.schema.unwrap_or_default(),
            Err(BackupError::NoSchema) => backup.clone(),
            Err(error) => return Err(error),
        }
    };
    if wanted == backup {
        return Ok(());
    }
    Err(BackupError::OtherSchema { backup })
}
