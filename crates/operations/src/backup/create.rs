//! Makes a backup.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{schema::Dialect, scratch::pg_dump::find};
use sea_orm::{AccessMode, ConnectionTrait, DatabaseConnection, IsolationLevel, TransactionTrait};

use super::{
    Backup, BackupError, BackupOptions, Manifest, Progress, Step,
    facts::{Facts, State},
    manifest::checksum,
    name::stem,
    partial::Partial,
    pg_dump,
};
use crate::{
    sql::{row, rows},
    sqlite,
};

/// Makes a backup of a database, or of the PostgreSQL schema that the options
/// name, with a manifest beside it. The database is only read; on PostgreSQL
/// the dump and the manifest are of one snapshot, and on SQLite the manifest is
/// of the copy, which is of one moment. Nothing is overwritten; what is not
/// complete ends with `.partial`, and is removed unless the process is killed.
///
/// PostgreSQL needs `pg_dump` of the server's version or later. The files are
/// readable by their owner alone.
///
/// # Errors
///
/// [`BackupError`] says what is in the way. There is then no backup.
pub async fn create(
    database: &DatabaseOptions,
    options: &BackupOptions,
    progress: Progress<'_>,
) -> Result<Backup, BackupError> {
    let source = sqlite::reading(database)?;
    let db = connect::open(&source).await?;
    let made = if database.is_sqlite() {
        of_file(&db, database, options, progress).await
    } else {
        of_server(&db, database, options, progress).await
    };
    let closed = db.close().await;
    let backup = made?;
    closed.map_err(BackupError::database("closing the connection"))?;
    Ok(backup)
}

async fn of_server(
    db: &DatabaseConnection,
    database: &DatabaseOptions,
    options: &BackupOptions,
    progress: Progress<'_>,
) -> Result<Backup, BackupError> {
    let begun = db
        .begin_with_config(
            Some(IsolationLevel::RepeatableRead),
            Some(AccessMode::ReadOnly),
        )
        .await;
    let txn = begun.map_err(BackupError::database("the start of a transaction"))?;
    // Whatever the role has set: a large table takes its time.
    let unlimited = "SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0";
    txn.execute_unprepared(unlimited)
        .await
        .map_err(BackupError::database("the start of a transaction"))?;
    let facts = Facts::read(&txn, database).await?;
    let program = find(facts.major).await?;
    let mut partial = begin(&options.directory, &facts, progress)?;
    let snapshot: String = row(&txn, "SELECT pg_export_snapshot()", [])
        .await
        .and_then(|row| row.try_get_by_index(0))
        .map_err(BackupError::database("exporting the snapshot"))?;
    let dump = pg_dump::Dump {
        program: &program,
        url: &database.url().with_password(),
        schema: facts.schema.as_deref().unwrap_or_default(),
        snapshot: &snapshot,
    };
    let (state, ()) = tokio::try_join!(
        State::read(&txn, progress),
        dump.write_to(&mut partial, progress),
    )?;
    txn.commit()
        .await
        .map_err(BackupError::database("the end of the transaction"))?;
    finish(partial, facts, state, options, progress)
}

/// `VACUUM INTO` copies what one read transaction sees, the log included, while
/// others write. The driver does not offer SQLite's backup functions.
async fn of_file(
    db: &DatabaseConnection,
    database: &DatabaseOptions,
    options: &BackupOptions,
    progress: Progress<'_>,
) -> Result<Backup, BackupError> {
    let facts = Facts::read(db, database).await?;
    let partial = begin(&options.directory, &facts, progress)?;
    let path = sqlite::text(partial.path())?;
    rows(db, "VACUUM INTO $1", [path.into()])
        .await
        .map_err(|source| sqlite::copy_error(partial.path(), source))?;
    let copy = connect::open(&sqlite::file(partial.path())?).await?;
    let read = async {
        let txn = copy
            .begin()
            .await
            .map_err(BackupError::database("the start of a transaction"))?;
        let mut of_copy = Facts::read(&txn, database).await?;
        // Of the moment before the copy; the ledgers are those in it.
        of_copy.taken_at = facts.taken_at;
        Ok::<_, BackupError>((of_copy, State::read(&txn, progress).await?))
    };
    let read = read.await;
    let closed = copy.close().await;
    let (facts, state) = read?;
    closed.map_err(BackupError::database("closing the copy"))?;
    finish(partial, facts, state, options, progress)
}

fn begin(directory: &Path, facts: &Facts, progress: Progress<'_>) -> Result<Partial, BackupError> {
    let partial = Partial::new(directory, &stem(facts))?;
    progress(Step::Writing {
        path: partial.path().to_owned(),
    });
    Ok(partial)
}

/// The manifest first: a backup that has its name has a manifest.
fn finish(
    partial: Partial,
    facts: Facts,
    state: State,
    options: &BackupOptions,
    progress: Progress<'_>,
) -> Result<Backup, BackupError> {
    progress(Step::Checking {
        path: partial.path().to_owned(),
    });
    let stem = stem(&facts);
    let extension = match facts.dialect {
        Dialect::Postgres => "dump",
        Dialect::Sqlite => "db",
    };
    let manifest = facts.into_manifest(state, checksum(partial.path())?);
    let json = serde_json::to_vec_pretty(&manifest).map_err(|error| BackupError::Write {
        path: partial.path().to_owned(),
        source: error.into(),
    })?;
    let mut beside = Partial::new(&options.directory, &stem)?;
    beside.write(&json)?;
    let path = free(&options.directory, &stem, extension);
    let manifest_path = Manifest::path_of(&path);
    beside.keep(&manifest_path)?;
    if let Err(error) = partial.keep(&path) {
        // Best effort: a manifest alone is known for what it is.
        let _ = std::fs::remove_file(&manifest_path);
        return Err(error);
    }
    Ok(Backup { path, manifest })
}

/// Several backups may be made in one second.
fn free(directory: &Path, stem: &str, extension: &str) -> PathBuf {
    let numbered = |number: u32| {
        let mut name = OsString::from(stem);
        if number > 1 {
            name.push(format!("-{number}"));
        }
        name.push(format!(".{extension}"));
        directory.join(name)
    };
    let is_free = |path: &PathBuf| !path.exists() && !Manifest::path_of(path).exists();
    // Whoever takes the name in between is not overwritten: that is an error.
    (1..1000)
        .map(numbered)
        .find(is_free)
        .unwrap_or_else(|| numbered(1))
}
