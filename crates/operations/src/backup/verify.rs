//! Reads a backup back, and compares.

use std::{path::Path, pin::Pin};

use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    schema::Dialect,
    scratch::{Scratch, ScratchOptions, interrupted},
};
use sea_orm::TransactionTrait;
use secrecy::{ExposeSecret, SecretString};

use super::{
    BackupError, Difference, Manifest, Progress, Step,
    difference::differences,
    facts::State,
    restore::{
        Replaced, RestoreOptions,
        postgres::{Load, load},
    },
};
use crate::sqlite;

/// What came of reading a backup back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verification {
    /// The backup's manifest.
    pub manifest: Manifest,
    /// Where what was restored differs from the manifest; empty for a backup
    /// that can be relied on.
    pub differences: Vec<Difference>,
}

impl Verification {
    /// Whether the backup can be relied on.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Restores a backup to a scratch database and compares schema, row counts and
/// content hashes with the manifest. The file's length and checksum come first;
/// if they differ, nothing of it is run.
///
/// The scratch database of a PostgreSQL backup is a temporary one on the server
/// that `server` (the URL of any database there), or else `database` names; the
/// role needs CREATEDB. For SQLite it is a temporary file. It is removed at the
/// end, on Ctrl-C and on SIGTERM.
///
/// # Errors
///
/// When the backup could not be read back. A backup that was read back and
/// differs is a [`Verification`] with differences.
pub async fn verify(
    path: &Path,
    database: &DatabaseOptions,
    server: Option<&SecretString>,
    progress: Progress<'_>,
) -> Result<Verification, BackupError> {
    let manifest = Manifest::read(path)?;
    progress(Step::Checking {
        path: path.to_owned(),
    });
    let mut differences = manifest.check_file(path)?;
    if differences.is_empty() {
        differences = match manifest.dialect {
            // Boxed, so that a caller's future does not fill a thread's stack.
            Dialect::Sqlite => Box::pin(in_a_file(path, &manifest, progress)).await?,
            Dialect::Postgres => {
                let live = database.url().with_password();
                if database.is_sqlite() && server.is_none() {
                    return Err(BackupError::OtherDialect {
                        backup: "PostgreSQL",
                        database: "SQLite",
                    });
                }
                let live = server.cloned().unwrap_or(live);
                Box::pin(on_a_server(path, &manifest, &live, progress)).await?
            }
        };
    }
    Ok(Verification {
        manifest,
        differences,
    })
}

/// Whether the process was told to end. It is waited for from the start, so that
/// no moment is left in which a scratch database would stay.
struct Interrupt(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Interrupt {
    async fn watch() -> Result<Self, BackupError> {
        let mut told = Self(Box::pin(interrupted()));
        told.unless(async { Ok(()) }).await?;
        Ok(told)
    }

    /// The work's outcome, unless the process is told to end before.
    async fn unless<T>(
        &mut self,
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        tokio::select! {
            biased;
            () = &mut self.0 => Err(BackupError::Interrupted),
            done = work => done,
        }
    }
}

async fn on_a_server(
    path: &Path,
    manifest: &Manifest,
    server: &SecretString,
    progress: Progress<'_>,
) -> Result<Vec<Difference>, BackupError> {
    let mut interrupt = Interrupt::watch().await?;
    // Not cut short: a database that is half made could not be named.
    let scratch = Scratch::empty(server, &ScratchOptions::default()).await?;
    let url = scratch.url().clone();
    let loaded = interrupt.unless(async {
        let options = DatabaseOptions::new(url.expose_secret())?;
        progress(Step::Scratch {
            name: options.url().to_string(),
        });
        let options = RestoreOptions {
            privileges: false,
            ..RestoreOptions::default()
        };
        let load_it = Load {
            url: &url,
            path,
            manifest,
            options: &options,
            replaced: Replaced::default(),
            keep: false,
        };
        load(&load_it, progress).await
    });
    let loaded = loaded.await;
    scratch.remove().await?;
    loaded
}

async fn in_a_file(
    path: &Path,
    manifest: &Manifest,
    progress: Progress<'_>,
) -> Result<Vec<Difference>, BackupError> {
    let mut interrupt = Interrupt::watch().await?;
    let folder = tempfile::Builder::new()
        .prefix("outreach-backup-")
        .tempdir()
        .map_err(|source| BackupError::Write {
            path: std::env::temp_dir(),
            source,
        })?;
    let scratch = folder.path().join("scratch.db");
    progress(Step::Scratch {
        name: scratch.display().to_string(),
    });
    let read = interrupt.unless(async {
        progress(Step::Restoring);
        copy(path, &scratch).await?;
        of_file(&scratch, manifest, progress).await
    });
    let read = read.await;
    folder.close().map_err(|source| BackupError::Write {
        path: scratch,
        source,
    })?;
    read
}

/// Copies a file on a thread that may wait for the disk.
async fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let copied = tokio::fs::copy(from, to).await;
    copied.map(drop).map_err(|source| BackupError::Write {
        path: to.to_owned(),
        source,
    })
}

/// Holds an SQLite file against a manifest.
pub(super) async fn of_file(
    path: &Path,
    manifest: &Manifest,
    progress: Progress<'_>,
) -> Result<Vec<Difference>, BackupError> {
    let db = connect::open(&sqlite::file(path)?).await?;
    let read = async {
        let txn = db
            .begin()
            .await
            .map_err(BackupError::database("the start of a transaction"))?;
        progress(Step::Comparing);
        State::read(&txn, progress).await
    };
    let read = read.await;
    let closed = db.close().await;
    let state = read?;
    closed.map_err(BackupError::database("closing the copy"))?;
    Ok(differences(manifest, &state.schema, &state.contents))
}
