//! Brings a backup back.

pub(super) mod postgres;
mod script;
mod sqlite;

use std::path::Path;

use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::schema::Dialect;
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
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            privileges: true,
            held: None,
        }
    }
}

/// Restores a backup into an empty database, or into an empty or new schema of
/// a PostgreSQL database, and compares what is there then with the manifest.
/// One transaction: whatever fails, and whenever the process is killed, the
/// target is as empty as it was. An SQLite file that is not there appears once
/// it is complete.
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
    let manifest = Manifest::read(path)?;
    progress(Step::Checking {
        path: path.to_owned(),
    });
    let differences = manifest.check_file(path)?;
    if !differences.is_empty() {
        return Err(BackupError::Damaged { differences });
    }
    match (manifest.dialect, target.is_sqlite()) {
        (Dialect::Sqlite, true) => {
            let replaced = Replaced {
                tables: replaced,
                held: options.held.as_ref(),
            };
            // Boxed, so that a caller's future does not fill a thread's stack.
            Box::pin(sqlite::restore(
                path, &manifest, target, &replaced, progress,
            ))
            .await?;
        }
        (Dialect::Postgres, false) => {
            refuse_other_schema(&manifest, target).await?;
            let load_it = Load {
                url: &target.url().with_password(),
                path,
                manifest: &manifest,
                privileges: options.privileges,
                replaced: Replaced {
                    tables: replaced,
                    held: options.held.as_ref(),
                },
                keep: true,
            };
            let differences = Box::pin(load(&load_it, progress)).await?;
            if !differences.is_empty() {
                return Err(BackupError::Differs { differences });
            }
        }
        (Dialect::Sqlite, false) => {
            return Err(BackupError::OtherDialect {
                backup: "SQLite",
                database: "PostgreSQL",
            });
        }
        (Dialect::Postgres, true) => {
            return Err(BackupError::OtherDialect {
                backup: "PostgreSQL",
                database: "SQLite",
            });
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
